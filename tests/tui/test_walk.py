"""The walk: a server is made by the form, its cloud stopped, stepped and turned back, and another future compared with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from lab.tui.app import GlassApp
from lab.tui.screens.branch import Branch
from lab.tui.screens.compare import Compare
from lab.tui.screens.resources import ResourcesRoom
from lab.tui.screens.timeline import TimelineRoom
from lab.tui.widgets.form import Form
from lab.watch.child import start
from lab.watch.compare import outcome

WORLD = """
title: {en: An empty cloud, ko: 빈 클라우드}
datacenter: {racks: 1, hosts_per_rack: 2}
workload:
  - image: {name: cirros, size_mib: 20}
  - flavor: {name: m1.tiny, vcpus: 1, ram_mib: 512, disk_gib: 1}
  - network: {name: blue, cidr: 10.0.0.0/24}
expect: []
"""
BUILD = "build_and_run_instance"
PATIENCE_S = 60.0


async def until(pilot: Pilot[None], there: Callable[[], object], what: str) -> None:
    """Wait until something is there."""
    for _ in range(int(PATIENCE_S / 0.05)):
        if there():
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{what} did not come within {PATIENCE_S:g} s")


async def create(app: GlassApp, pilot: Pilot[None]) -> ResourcesRoom:
    """Make the server 'shop' by the form, and watch it become ACTIVE."""
    await pilot.press("5")
    room = app.screen
    assert isinstance(room, ResourcesRoom)
    await until(pilot, lambda: room.is_mounted and all(room.known.of(kind) for kind in ("flavor", "image", "subnet")), "the workload")
    await pilot.press("c")
    assert isinstance(app.screen, Form)
    await pilot.press(*["backspace"] * 4, *"shop", "f2")
    await until(pilot, lambda: any(s.name == "shop" and s.state == "active/None" for s in room.known.of("server")), "ACTIVE")
    assert "POST /compute/v2.1/servers" in [call.words for call in room.calls]
    assert room.thing is not None
    assert room.thing.name == "shop"
    return room


async def step_and_turn_back(app: GlassApp, pilot: Pilot[None]) -> None:
    """Stop, step ten messages, and go back five."""
    desk = app.desk
    await pilot.press("space")
    await until(pilot, lambda: desk.clock.get("paused"), "the pause")
    await pilot.pause(0.3)
    for _ in range(10):
        before = desk.film.last_seq
        await pilot.press("n")
        await until(pilot, lambda before=before: desk.film.last_seq > before, "a message")  # type: ignore[misc]
    await pilot.pause(0.3)
    lines = [entry.line() for entry in desk.film.slice(0)]
    for _ in range(5):
        before = desk.film.last_seq
        await pilot.press("b")
        await until(pilot, lambda before=before: desk.film.last_seq < before, "the past")  # type: ignore[misc]
    assert desk.run == 5
    assert [entry.line() for entry in desk.film.slice(0)] == lines[: len(desk.film)]


async def branch(app: GlassApp, pilot: Pilot[None]) -> None:
    """Let a future begin in which the build message is lost, and compare."""
    cast = next(entry for entry in app.desk.film.slice(0) if entry.name == BUILD)
    await pilot.press("6")
    room = app.screen
    assert isinstance(room, TimelineRoom)
    await until(pilot, lambda: room.is_mounted and len(room.lanes.view), "the timeline")
    room.scrubber.seq = cast.seq
    await pilot.press("x")
    assert isinstance(app.screen, Branch)
    options = app.screen.query_one(OptionList)
    options.highlighted = next(i for i, option in enumerate(options.options) if option.id == "drop")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, Compare), "the comparison")
    screen = app.screen
    assert isinstance(screen, Compare)
    await until(pilot, lambda: screen.parted is not None, "a difference")
    was, now = screen.parted or (0, 0)
    lost = screen.branch.film.get(now)
    assert was == cast.seq + 1
    assert lost is not None
    assert (lost.kind, lost.name) == ("fault", f"drop {BUILD}")
    one, other = (outcome(desk.film, desk.names, cast.seq - 1) for desk in screen.desks)
    assert one.servers["shop"].startswith("active")
    assert other.servers["shop"].startswith("building")
    await pilot.press("escape")
    await pilot.pause(0.2)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_walk(tmp_path: Path) -> None:
    world = tmp_path / "empty.yaml"
    world.write_text(WORLD, encoding="utf-8")

    async def walk() -> None:
        feed = await start("--scenario", str(world), "--seed", "7", "--speed", "20")
        try:
            app = GlassApp(feed, "ko")
            async with app.run_test(size=(120, 40)) as pilot:
                await create(app, pilot)
                await step_and_turn_back(app, pilot)
                await branch(app, pilot)
        finally:
            await feed.close()

    asyncio.run(walk())
