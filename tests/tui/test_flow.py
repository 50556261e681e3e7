"""Flow: arrows between lanes, filters, following, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lab.journal.formats import svg
from lab.tui.screens.flow import FlowRoom
from lab.tui.widgets.arrows import SHAPES
from lab.watch.film import ANSWERS
from tests.tui.conftest import FACES, app_of, play


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
