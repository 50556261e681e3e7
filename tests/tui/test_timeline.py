"""Timeline: the scrubber, orders to the clock, going back, and two futures side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from lab.journal import Entry
from lab.tui.desk import Desk
from lab.tui.messages import Came
from lab.tui.screens.branch import Branch, Choice, choices
from lab.tui.screens.compare import Compare
from lab.tui.screens.timeline import TimelineRoom
from lab.watch.compare import first_difference
from lab.watch.feed import Entries, Travelled
from lab.watch.film import Film
from lab.watch.line import entry_of
from tests.tui.conftest import FACES, StubFeed, app_of, play


def dropped(path: Path) -> tuple[StubFeed, int]:
    """A branch in which build_and_run_instance never arrived, and where it begins."""
    feed = StubFeed(path)
    cast = next(entry for entry in feed.entries if entry.name == "build_and_run_instance")
    feed.entries = [entry for entry in feed.entries if entry.seq < cast.seq]
    feed.entries.append(cast._replace(kind="fault", status="dropped"))
    return feed, cast.seq


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(StubFeed(recording), lang, "timeline"), size, *["left"] * 12)


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_two_futures_look_as_they_did(
    snap_compare: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str
) -> None:
    app = app_of(StubFeed(recording), lang)

    async def before(pilot: Pilot[None]) -> None:
        feed, seq = dropped(recording)
        await app.push_screen(Compare(Desk(feed, lang), Choice(seq - 1, {}, "build_and_run_instance ✖")))
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, Compare)
        while not screen.branch.clock:
            await pilot.pause(0.01)
        screen.tell()
        await pilot.pause()
        assert screen.parted == (seq, seq)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_keys_are_orders_to_the_clock(recording: Path) -> None:
    feed = StubFeed(recording, {"PUT clock": {"t_s": 20.0, "paused": True, "speed": 1}, "POST travel": {"seq": 1, "same": True}})
    app = app_of(feed, room="timeline")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, TimelineRoom)
        await pilot.press("home", "right", "space", "n", "N", "right_square_bracket", "g")
        await pilot.pause()
        here = room.here
        assert 1 < here < app.desk.film.last_seq
        assert feed.asked == [
            ("PUT", "clock", {"paused": False}), ("PUT", "clock", {"step": 1}), ("PUT", "clock", {"step_events": 1}),
            ("PUT", "clock", {"speed": 2}), ("POST", "travel", {"to": here}),
        ]

    play(app, story)


def test_when_time_goes_back_the_rooms_forget_the_future(recording: Path) -> None:
    app = app_of(StubFeed(recording), room="timeline")

    async def story(pilot: Pilot[None]) -> None:
        app.desk.take(Travelled(100, 1))
        room = app.screen
        assert isinstance(room, TimelineRoom)
        room.catch_up()
        assert app.desk.film.last_seq == 100
        assert room.lanes.entry is not None
        assert room.lanes.entry.seq <= 100
        assert app.desk.names.servers == {}
        app.desk.take(Entries([e._replace(name="other") for e in StubFeed(recording).entries if e.seq == 101]))
        room.catch_up()
        assert app.desk.film[-1].name == "other"

    play(app, story)


def test_a_message_can_be_lost_in_the_other_future(recording: Path) -> None:
    feed = StubFeed(recording)
    cast = next(entry for entry in feed.entries if entry.name == "build_and_run_instance")
    app = app_of(feed, room="timeline")
    chosen: list[Choice] = []

    async def story(pilot: Pilot[None]) -> None:
        await app.push_screen(Branch(cast), lambda choice: chosen.append(choice) if choice else None)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()

    play(app, story)
    assert chosen[0].to == cast.seq - 1
    assert chosen[0].then["fault"]["act"] == "drop"
    assert chosen[0].then["fault"]["match"]["name"] == "build_and_run_instance"
    assert [key for key, *_ in choices(cast)] == ["drop", "delay", "duplicate", "kill"]


@pytest.mark.parametrize(("lang", "words"), [("ko", "아무도 기다리지"), ("en", "Nobody waits")])
def test_what_cannot_be_lost_is_not_offered_and_said(recording: Path, lang: str, words: str) -> None:
    feed = StubFeed(recording)
    notice = next(entry for entry in feed.entries if entry.kind == "notify")
    app = app_of(feed, lang, "timeline")

    async def story(pilot: Pilot[None]) -> None:
        await app.push_screen(Branch(notice))
        await pilot.pause()
        assert words in str(app.screen.query_one("#whole", Static).content)
        keys = [option.id for option in app.screen.query_one(OptionList).options]
        assert set(keys) <= {"kill", "seed"}

    play(app, story)


def test_an_answer_is_broken_by_what_it_answers(recording: Path) -> None:
    feed = StubFeed(recording)
    reply = next(entry for entry in feed.entries if entry.kind == "rpc_reply")
    app = app_of(feed, room="timeline")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, TimelineRoom)
        room.scrubber.seq = reply.seq
        await pilot.press("x")
        assert isinstance(app.screen, Branch)
        assert [then["fault"]["match"]["kinds"] for _, _, then, _ in app.screen._choices[:1]] == [["rpc_call"]]

    play(app, story)


@pytest.mark.parametrize(("room", "shown"), [("flow", False), ("timeline", False), ("queues", True)])
def test_a_step_that_is_hidden_is_said(recording: Path, room: str, shown: bool) -> None:
    everything = StubFeed(recording).entries
    notice = next(entry for entry in everything if entry.kind == "notify")
    visible = next(entry for entry in everything if entry.seq > notice.seq and entry.kind == "rest")
    feed = StubFeed(recording, {"PUT clock": {"t_s": 20.0, "paused": True, "speed": 1}}, upto=notice.seq - 1)
    app = app_of(feed, "ko", room)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        app.post_message(Came(app.desk, Entries([notice])))
        await pilot.pause()
        told = [note.message for note in app._notifications if f"#{notice.seq} notify" in note.message]
        assert len(told) == (not shown)
        await pilot.press("n")
        app.post_message(Came(app.desk, Entries([visible])))
        await pilot.pause()
        assert len([note for note in app._notifications if "한 메시지 진행" in note.message]) == len(told)

    play(app, story)


def test_a_recording_says_why_it_cannot_go_back(recording: Path) -> None:
    app = app_of(recording, "ko", "timeline")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("b")
        await pilot.pause()
        assert any("기록된 저널" in note.message for note in app._notifications)

    play(app, story)


def test_where_two_films_part(recording: Path) -> None:
    entries = [entry_of(line) for line in recording.read_bytes().splitlines()]
    feed, seq = dropped(recording)
    assert first_difference(Film(entries), Film(entries)) is None
    assert first_difference(Film(entries), Film(entries[:50])) is None
    assert first_difference(Film(entries), Film(feed.entries)) == (seq, seq)
    later = [e._replace(t=e.t + 5, request_id="req-other") for e in entries]
    assert first_difference(Film(entries), Film(later)) is None


def test_a_future_that_was_entered_before_the_entry_asked_for_is_compared_from_there(recording: Path) -> None:
    entries = [entry_of(line) for line in recording.read_bytes().splitlines()]
    feed, seq = dropped(recording)
    order = entries[0]._replace(seq=seq - 3, kind="input", name="fault drop build_and_run_instance")

    def film(after: list[Entry]) -> Film:
        moved = [e._replace(seq=e.seq + (e.seq >= order.seq)) for e in after]
        return Film(sorted([*moved, order], key=lambda e: e.seq))

    assert first_difference(Film(entries), film(entries), seq - 1) is None
    assert first_difference(Film(entries), film(feed.entries), seq - 1) == (seq, seq + 1)
