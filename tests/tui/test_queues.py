"""Queues: what the journal knows of them, what the broker adds, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lab.journal import Entry
from lab.tui.screens.inspector import Inspector
from lab.tui.screens.queues import QueuesRoom
from lab.watch.chart import bar, fit, spark
from lab.watch.film import Film
from lab.watch.line import entry_of
from lab.watch.queues import Board
from tests.tui.conftest import FACES, StubFeed, app_of, play


def told(name: str, consumers: list[str], depth: int = 0, unacked: int = 0, published: int = 0, exchange: str = "nova") -> dict[str, Any]:
    delivered = published - depth
    return {"exchange": exchange, "name": name, "consumers": consumers, "depth": depth, "unacked": unacked,
            "published": published, "delivered": delivered}  # fmt: skip


ANSWER = {
    "queues": [
        told("conductor", ["nova-conductor@controller-1"], published=33),
        told("scheduler", ["nova-scheduler@controller-1"], published=1),
        told("compute.compute-1", ["nova-compute@compute-1"], depth=0, unacked=1, published=1),
        told("compute.compute-2", [], depth=2, published=2),
        told("compute", ["nova-compute@compute-1", "nova-compute@compute-2"]),
        told("q-plugin", ["neutron-rpc@controller-1"], published=10, exchange="neutron"),
        told("scheduler_fanout_nova-scheduler@controller-1", ["nova-scheduler@controller-1"], published=1),
    ]
}


@pytest.fixture(scope="module")
def entries(recording: Path) -> list[Entry]:
    return [entry_of(line) for line in recording.read_bytes().splitlines()]


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(StubFeed(recording, {"queues": ANSWER}), lang, "queues"), size, "wait:200", "down")


def test_a_recording_looks_as_it_did(snap: Callable[..., bool], recording: Path) -> None:
    assert snap(app_of(recording, "ko", "queues"), (80, 24), "o", "end")


def test_what_was_published_is_counted_by_queue_and_over_time(entries: list[Entry]) -> None:
    board = Board(Film(entries))
    while not board.advance():
        pass
    rows = {row.name: row for row in board.rows()}
    sent = [entry for entry in entries if entry.kind in ("rpc_call", "rpc_cast") and entry.where == "conductor"]
    conductor = rows["conductor"]
    assert (conductor.exchange, conductor.published, conductor.depth) == ("nova", len(sent), None)
    assert conductor.consumers == ("nova-conductor@controller-1",)
    parts = board.published(conductor, 0, entries[-1].t + 1, 7)
    assert (len(parts), sum(parts)) == (7, len(sent))
    assert board.rate(conductor, sent[0].t) == sum(entry.t == sent[0].t for entry in sent) / 10
    assert rows["reply_nova-compute"].kind == "reply"
    assert rows["scheduler_fanout"].kind == "fanout"


def test_a_call_is_open_until_it_is_answered(entries: list[Entry]) -> None:
    reply = next(entry for entry in entries if entry.kind == "rpc_reply")
    film = Film(entry for entry in entries if entry.seq < reply.seq)
    board = Board(film)
    board.advance()
    asked = next(entry for entry in entries if entry.seq == reply.parent)
    assert asked.seq in board.traffic[asked.where].open
    film.extend([reply])
    board.advance()
    assert asked.seq not in board.traffic[asked.where].open


def test_the_broker_knows_depth_and_consumers_and_its_past_is_kept(entries: list[Entry]) -> None:
    board = Board(Film(entries))
    board.advance()
    board.polled(ANSWER, 10)
    rows = {row.name: row for row in board.rows(unused=True)}
    stuck = rows["compute.compute-2"]
    assert (stuck.depth, stuck.delivered, stuck.consumers, stuck.stuck) == (2, 0, (), True)
    assert not rows["conductor"].stuck
    assert "compute" not in {row.name for row in board.rows()}
    assert board.rows("depth")[0].name == "compute.compute-2"
    assert board.rows("busy")[0].name == "conductor"
    board.polled({"queues": [told("compute.compute-2", [], depth=5, published=5)]}, 30)
    assert board.depths(stuck, 0, 40, 4) == [None, 2, 2, 5]
    board.polled({"queues": [told("compute.compute-2", [], depth=1, published=1)]}, 20)  # time went back
    assert board.depths(stuck, 0, 40, 4) == [None, None, 1, 1]


def test_the_chosen_queue_stays_chosen_in_another_order_and_opens_its_last_message(recording: Path) -> None:
    app = app_of(StubFeed(recording, {"queues": ANSWER}), room="queues")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, QueuesRoom)
        while not room.board.live:
            await pilot.pause(0.01)
        names = [queue.name for queue in room.queues]
        await pilot.press("home", *["down"] * names.index("scheduler"), "o")
        assert room.queue is not None
        assert room.queue.name == "scheduler"
        assert room.rows.row != names.index("scheduler")
        await pilot.press("u")
        assert "compute" in {queue.name for queue in room.queues}
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Inspector)
        entry = app.desk.film.get(app.screen.seq)
        assert entry is not None
        assert entry.where == "scheduler"

    play(app, story)


def test_charts_keep_their_width_and_show_what_is_not_zero() -> None:
    assert spark([0, 1, 1000, 500, None]) == "·▁█▄ "
    assert bar(1, 1000, 4) == "▏░░░"
    assert (bar(0, 4, 4), bar(2, 4, 4), bar(4, 4, 4), bar(3.99, 4, 4)) == ("░░░░", "██░░", "████", "███▉")
    assert fit("하이퍼바이저", 7) == "하이퍼…"
    assert (fit("하이", 6, right=True), fit("abc", 5)) == ("  하이", "abc  ")
