"""Flow: arrows between lanes, filters, following, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from lab.journal.formats import svg
from lab.tui.screens.flow import FlowRoom
from lab.tui.widgets.arrows import SHAPES
from lab.watch.film import ANSWERS, Film, Filter, View
from lab.watch.line import entry_of
from tests.tui.conftest import FACES, app_of, play


def test_steps_that_are_hidden_are_told_one_at_a_time(recording: Path) -> None:
    app = app_of(recording)

    async def story(pilot: Pilot[None]) -> None:
        for _ in range(3):
            assert app.step_came(app.desk, 0, lambda seq: True)
            await pilot.pause()
        assert len(app._notifications) == 1

    play(app, story)


def test_what_an_agent_does_by_its_clock_is_no_part_of_the_story(recording: Path) -> None:
    entries = [entry_of(line) for line in recording.read_bytes().splitlines()]
    asked = next(entry for entry in entries if entry.kind == "driver" and entry.parent)
    own = asked._replace(seq=asked.seq + 1, parent=0)
    film = Film([asked, own, own._replace(seq=own.seq + 1, kind="driver_reply", parent=own.seq)])
    view = View(film, Filter(quiet=True))
    view.advance()
    assert [view[row].seq for row in range(len(view))] == [asked.seq]


@pytest.mark.parametrize(("lang", "words"), [("en", "a room, or what a key does"), ("ko", "방 이름")])
def test_the_palette_speaks_the_language(recording: Path, lang: str, words: str) -> None:
    app = app_of(recording, lang)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert words in app.screen.query_one(Input).placeholder

    play(app, story)


@pytest.mark.parametrize(("lang", "words"), [("en", "Nothing is called so."), ("ko", "그런 이름이 없습니다.")])
def test_the_palette_says_in_the_language_that_it_found_nothing(recording: Path, lang: str, words: str) -> None:
    app = app_of(recording, lang)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p", *"zzqq")
        for _ in range(100):
            await pilot.pause(0.02)
            options = app.screen.query_one(OptionList).options
            if len(options) == 1:
                break
        assert words in str(options[0].prompt)

    play(app, story)


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(recording, lang), size, "home", *["pagedown"] * 8, "up")


def test_the_letters_are_those_of_the_exports() -> None:
    page = Path(svg.__file__).with_name("page.html").read_text(encoding="utf-8")
    for kind, letter in svg.LETTERS.items():
        assert SHAPES[kind].letter == letter
        assert f"{kind}: '{letter}'" in page
        if kind in ANSWERS:
            assert SHAPES[ANSWERS[kind]].letter == letter.lower()


def test_a_filter_shows_only_what_passes(recording: Path) -> None:
    app = app_of(recording)

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, FlowRoom)
        everything = len(room.lanes.view)
        await pilot.press("slash", *"service:placement", "space", *"kind:rest", "enter")
        shown = [room.lanes.view[i] for i in range(len(room.lanes.view))]
        assert 0 < len(shown) < everything
        assert all("placement" in entry.source + entry.target and entry.kind.startswith("rest") for entry in shown)
        await pilot.press("escape")
        assert len(room.lanes.view) == everything

    play(app, story)
