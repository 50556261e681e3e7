"""Every form of the Resources room against a cloud that is served: made, attached, detached, stopped, started and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select

from lab.tui.app import GlassApp
from lab.tui.screens.resources import ResourcesRoom
from lab.tui.widgets.form import Form, Menu
from lab.watch.child import start
from lab.watch.orders import DO, MAKE
from lab.watch.resources import Thing
from tests.tui.test_walk import WORLD, create, until


class Hands:
    """Does orders in the room as a person would, and waits for what comes of them."""

    def __init__(self, app: GlassApp, pilot: Pilot[None], room: ResourcesRoom) -> None:
        self.app, self.pilot, self.room = app, pilot, room
        self.done: set[str] = set()

    def thing(self, kind: str, name: str) -> Thing | None:
        """A thing that is there."""
        return next((each for each in self.room.known.of(kind) if each.label == name), None)

    def state(self, kind: str, name: str) -> str:
        """Its state without 'None'."""
        thing = self.thing(kind, name)
        return thing.state.replace("/None", "") if thing else "gone"

    async def make(self, kind: str, then: Callable[[], object], **given: str) -> None:
        """By the key c."""
        self.room.action_pick(kind)
        await self.pilot.press("c")
        await self._send(MAKE[kind].key, given, then)

    async def do(self, kind: str, label: str, key: str, then: Callable[[], object], **given: str) -> None:
        """By the menu of a thing."""
        self.room.action_pick(kind)
        await self.pilot.pause()
        self.room.list.choose(next(row for row, thing in enumerate(self.room.shown) if thing.label == label))
        await self.pilot.press("a")
        menu = self.app.screen
        assert isinstance(menu, Menu)
        options = menu.query_one(OptionList)
        options.highlighted = next(at for at, option in enumerate(options.options) if option.id == key)
        await self.pilot.press("enter")
        await self._send(key, given, then)

    async def _send(self, key: str, given: dict[str, str], then: Callable[[], object]) -> None:
        form = self.app.screen
        assert isinstance(form, Form), self.app.screen
        for name, value in given.items():
            field = form.query_one(f"#f-{name}")
            if isinstance(field, Input):
                field.value = value
            elif isinstance(field, Select):
                field.value = next(found for label, found in field._options if str(label).startswith(value))
        told = len(self.app._notifications)
        await self.pilot.press("f2")
        await until(self.pilot, then, f"{key} {given}")
        assert isinstance(self.app.screen, ResourcesRoom)
        assert [note.message for note in self.app._notifications][told:] == []
        self.done.add(key)


async def networks(hands: Hands) -> None:
    """A network with its subnet, another subnet, a port, and all of it away again."""
    there = hands.thing
    await hands.make("network", lambda: there("network", "green") and there("subnet", "green-subnet"), name="green", cidr="10.7.0.0/24")
    await hands.do("network", "green", "subnet.create", lambda: there("subnet", "more"), name="more", cidr="10.8.0.0/24")
    await hands.make("port", lambda: there("port", "plug"), name="plug", network="green")
    await hands.do("port", "plug", "port.delete", lambda: not there("port", "plug"))
    await hands.do("network", "green", "subnet.delete", lambda: not there("subnet", "more"), subnet="more")
    await hands.do("network", "green", "network.delete", lambda: not there("network", "green"))


async def volumes(hands: Hands) -> None:
    """A volume made, attached and detached from both sides, and deleted."""
    def volume(state: str) -> Callable[[], bool]:
        return lambda: hands.state("volume", "disk") == state

    await hands.make("volume", volume("available"), name="disk", size="1")
    for kind, name, other in (("server", "shop", {"volume": "disk"}), ("volume", "disk", {"server": "shop"})):
        await hands.do(kind, name, f"{kind}.attach", volume("in-use"), **other)
        await hands.do(kind, name, f"{kind}.detach", volume("available"), **other)
    await hands.do("volume", "disk", "volume.delete", volume("gone"))


async def servers(hands: Hands) -> None:
    """A server stopped, started, paused, let go on, rebooted and deleted, and the image it came from."""
    def server(state: str) -> Callable[[], bool]:
        return lambda: hands.state("server", "shop") == state

    await hands.do("server", "shop", "server.stop", server("stopped"))
    await hands.do("server", "shop", "server.start", server("active"))
    await hands.do("server", "shop", "server.pause", server("paused"))
    await hands.do("server", "shop", "server.unpause", server("active"))
    await hands.do("server", "shop", "server.reboot", lambda: hands.state("server", "shop").startswith("active/reboot"))
    await until(hands.pilot, server("active"), "the end of the reboot")
    await hands.do("server", "shop", "server.delete", server("gone"))
    await hands.do("image", "cirros", "image.delete", lambda: not hands.thing("image", "cirros"))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("lang", "size"), [("ko", (80, 24)), ("en", (120, 40))])
def test_every_form_does_what_it_says(tmp_path: Path, lang: str, size: tuple[int, int]) -> None:
    world = tmp_path / "empty.yaml"
    world.write_text(WORLD, encoding="utf-8")

    async def all_of_them() -> None:
        feed = await start("--scenario", str(world), "--seed", "7", "--speed", "20")
        try:
            app = GlassApp(feed, lang)
            async with app.run_test(size=size) as pilot:
                hands = Hands(app, pilot, await create(app, pilot))
                await networks(hands)
                await volumes(hands)
                await servers(hands)
                every = {order.key for order in MAKE.values()} | {order.key for orders in DO.values() for order in orders}
                assert every - hands.done == {"server.create"}  # which `create` has done
        finally:
            await feed.close()

    asyncio.run(all_of_them())
