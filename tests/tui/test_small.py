"""Terminals that are too small: one plain message, nothing behind it moves, and all goes on when there is room again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.containers import ScrollableContainer
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from lab.tui.rooms import ROOMS
from lab.tui.screens.inspector import Inspector
from lab.tui.screens.too_small import LEAST, TooSmall
from tests.tui.conftest import app_of, play, settled


def shown(pilot: Pilot[None]) -> str:
    """The lines on the screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return " ".join("".join(segment.text for segment in line).strip() for line in lines)


@pytest.mark.parametrize(("lang", "words"), [("ko", "창을 키우십시오"), ("en", "Enlarge the window")])
@pytest.mark.parametrize("size", [(20, 5), (40, 12), (LEAST.width - 1, 50), (200, LEAST.height - 1)])
def test_it_says_how_large_it_is_and_how_large_it_must_be(recording: Path, size: tuple[int, int], lang: str, words: str) -> None:
    app = app_of(recording, lang)

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert isinstance(app.screen, TooSmall)
        text = shown(pilot)
        for part in (f"{size[0]}x{size[1]}", f"{LEAST.width}x{LEAST.height}", *words.split()):
            assert part in text
        await pilot.press("2", "n", "enter", "escape", "question_mark", "slash")
        assert isinstance(app.screen, TooSmall)
        await pilot.resize_terminal(*LEAST)
        await pilot.pause()
        assert app.screen is room
        assert app.is_running

    play(app, story)


def test_the_tiniest_terminal_comes_to_rest(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, laid_out = app_of(recording), 0
    lay_out = Screen._refresh_layout

    def counted(screen: Screen[object], *given: object, **named: object) -> None:
        nonlocal laid_out
        laid_out += 1
        lay_out(screen, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Screen, "_refresh_layout", counted)

    async def story(pilot: Pilot[None]) -> None:
        nonlocal laid_out
        for size in ((1, 1), (2, 1), (1, 5)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            laid_out = 0
            await asyncio.sleep(0.25)
            assert laid_out < 3, f"scroll bars come and go at {size}: {laid_out} times in a quarter of a second"

    play(app, story)


def test_what_lay_over_a_room_comes_back(recording: Path) -> None:
    app = app_of(recording)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("up", "enter")
        inspector = app.screen
        assert isinstance(inspector, Inspector)
        for size in ((30, 8), (20, 5), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
        await pilot.pause()
        assert app.screen is inspector

    play(app, story)


@pytest.mark.parametrize("door", [door.name for door in ROOMS])
def test_at_the_least_size_a_room_is_whole(recording: Path, door: str) -> None:
    app = app_of(recording, "ko", door)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert not isinstance(app.screen, TooSmall)
        for widget in app.screen.query("*"):
            rolls = any(isinstance(above, ScrollableContainer) for above in widget.ancestors)
            if widget.display and isinstance(widget, Static) and widget.region.height and not rolls:
                assert widget.region.bottom <= LEAST.height
                assert widget.region.right <= LEAST.width

    play(app, story, (LEAST.width, LEAST.height))


def test_news_that_come_while_it_closes_are_no_error(recording: Path) -> None:
    app = app_of(recording)

    async def close() -> None:
        async with app.run_test() as pilot:
            await settled(pilot)
        app._changed = True
        app.tell()

    asyncio.run(close())
