"""What the application says at the bottom: whole, over nothing, and in every room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from lab.tui.rooms import ROOMS
from tests.tui.conftest import app_of, settled

WORDS = "실제 클라우드입니다. 시계가 현실의 시계라서 멈추거나 되돌릴 수 없습니다."


@pytest.mark.parametrize("room", [door.name for door in ROOMS])
def test_no_wide_letter_is_lost_and_all_lines_are_as_wide_as_the_screen(recording: Path, room: str) -> None:
    app = app_of(recording, "ko", room)

    async def lines(pilot: Pilot[None], words: str) -> list[str]:
        app.clear_notifications()
        app.notify(words, timeout=60)
        await pilot.pause(0.2)
        return [strip.text for strip in app.screen._compositor.render_strips()]

    async def look() -> None:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settled(pilot)
            for shift in range(2):  # so that each border of the room below would go through a letter once
                shown = await lines(pilot, "x" * shift + WORDS)
                assert {cell_len(line) for line in shown} == {80}
                assert any(WORDS in line for line in shown)

    asyncio.run(look())
