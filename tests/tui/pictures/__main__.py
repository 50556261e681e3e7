"""Draw every room of the application: `python -m tests.tui.pictures docs/screens`, or `make screenshots`.

A simulated cloud with a fixed seed and date plays the default scenario; its clock is moved by steps alone, so the same program
draws the same pictures. The application is the real one, connected to that cloud over HTTP and driven by Textual's pilot.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from lab.cli.running import PORT, bound, quiet_server
from lab.cli.up import build, play
from lab.config import Config
from lab.rest.http import Edge
from lab.rest.message import Response
from lab.serve import Origin, Served
from lab.teach.scenario import find
from lab.tui.app import GlassApp
from lab.tui.rooms import ROOMS
from lab.watch.remote import RemoteFeed
from sim.runner import Runner
from tests.tui.pictures.svg import picture

SIZE = (120, 36)
PASSWORD = "glass"
PUBLIC_URL = f"http://127.0.0.1:{PORT}"
MESSAGES_AFTER = 24
EPOCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTLED_S = 0.4
"""Longer than the application waits before it tells a room what came."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: a room, and what is pressed in it. `late`: when the scenario has been played, not in the middle of a build."""

    room: str
    keys: tuple[str, ...] = ()
    late: bool = False
    name: str = ""

    @property
    def title(self) -> str:
        """What the picture is called."""
        return self.name or self.room


SHOTS = {
    "flow": Shot("flow", ("end", *["up"] * 6)),
    "datacenter": Shot("datacenter", ("down",) * 13, late=True),
    "timeline": Shot("timeline", tuple(["left"] * 20)),
}
"""What shows something worth seeing, by room; a room without a line is entered and drawn late."""
MORE = (Shot("flow", ("end", "slash", *"build_and_run_instance", "enter", "home", "enter"), name="inspector"),)
FACES = (("en", "dark", None), ("ko", "dark", {"flow", "inspector", "datacenter", "scheduler", "lessons"}), ("en", "light", {"flow"}))
"""Language, theme, and which pictures (None: all)."""


class Cloud:
    """A cloud that moves only by steps."""

    def __init__(self, served: Served, url: str, token: str) -> None:
        self.served, self.url, self.token = served, url, token

    async def until(self, task: asyncio.Future[object]) -> None:
        """Move until something is done."""
        while not task.done():
            await step(self.served)

    async def ask(self, service: str, method: str, target: str, body: object = None) -> Response:
        """Ask an API of the cloud, as clients do."""
        headers = {"content-type": "application/json", **({"x-auth-token": self.token} if self.token else {})}
        asked = self.served.request(service, method, target, headers, b"" if body is None else json.dumps(body).encode())
        task = asyncio.ensure_future(asked)
        await self.until(task)
        return task.result()

    async def past(self, name: str, messages: int) -> None:
        """Move until a message of that name was sent, and some messages further."""
        journal = self.served.journal
        while not any(entry.name == name for entry in journal.since(max(0, journal.seq - 200))):
            await step(self.served)
        self.served.runner.step(messages)
        await self.served.runner.stepped()

    def feed(self) -> RemoteFeed:
        """Watches it."""
        feed = RemoteFeed(self.url, token=self.token)
        feed.title = PUBLIC_URL.partition("://")[2]  # the port is another one each time
        return feed


async def step(served: Served, events: int = 64) -> None:
    """Let so many events happen."""
    served.runner.step(0, events)
    await served.runner.stepped()
    await asyncio.sleep(0)


@asynccontextmanager
async def cloud() -> AsyncIterator[Cloud]:
    """The default scenario's cloud, booted and stopped."""
    story = find("default")
    with bound(0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Config().but(public_url=PUBLIC_URL, admin_password=PASSWORD, token_lifetime_factor=50_000.0)
        origin = Origin(story.seed, EPOCH, settings, story.datacenter)
        made = build(origin)
        served = Served(made, Runner(made.world.loop, made.journal, speed=1.0), origin, build, play)
        served.begin()
        served.runner.pause()
        here = Cloud(served, url, "")
        await here.until(asyncio.ensure_future(served.booted()))
        here.token = await logged_in(here)
        server = quiet_server(Edge(served))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            yield here
        finally:
            server.force_exit = server.should_exit = True
            await serving
            await served.end()


async def logged_in(here: Cloud) -> str:
    """An administrator's token, asked for as clients do."""
    domain = {"id": "default"}
    body = {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": domain, "password": PASSWORD}}},
        "scope": {"project": {"name": "admin", "domain": domain}},
    }}
    answer = await here.ask("identity", "POST", "/v3/auth/tokens", body)
    return {name.lower(): value for name, value in answer.headers.items()}["x-subject-token"]


async def shop(here: Cloud) -> None:
    """One more server, whose host the scheduler chooses among all: in the scenario an administrator names them."""
    nouns = (("image", "/v2/images", "images"), ("compute", "/v2.1/flavors", "flavors"), ("network", "/v2.0/networks", "networks"))
    image, flavor, network = [json.loads((await here.ask(service, "GET", path)).body)[noun][0]["id"] for service, path, noun in nouns]
    server = {"name": "shop", "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}
    made = json.loads((await here.ask("compute", "POST", "/v2.1/servers", {"server": server})).body)["server"]["id"]
    journal = here.served.journal
    while not any(e.kind == "state" and e.where == made and e.status == "active/None" for e in journal.since(max(0, journal.seq - 200))):
        await step(here.served)


async def draw(here: Cloud, shot: Shot, face: tuple[str, str], folder: Path) -> None:
    """One picture of the cloud as it stands."""
    lang, theme = face
    feed = here.feed()
    await feed.connect()
    app = GlassApp(feed, lang, theme, shot.room)
    try:
        async with app.run_test(size=SIZE) as pilot:
            await settled(pilot, here)
            for key in shot.keys:
                await pilot.press(key)
            await settled(pilot, here)
            name = f"{shot.title}-{lang}-{theme}"
            (folder / f"{name}.svg").write_text(picture(app, f"Glasscloud: {app.say('room.' + shot.room)}"), encoding="utf-8")
            print(name, flush=True)
    finally:
        await feed.close()


async def settled(pilot: Pilot[None], here: Cloud) -> None:
    """Wait until all that has happened is shown."""
    app = pilot.app
    assert isinstance(app, GlassApp)
    while app.desk.film.last_seq < here.served.journal.seq or not app.desk.clock:
        await pilot.pause(0.02)
    await pilot.pause(SETTLED_S)
    while any(worker.is_running and worker.group == "order" for worker in app.workers):
        await pilot.pause(0.02)
    await pilot.pause()


def wanted(only: list[str]) -> list[Shot]:
    """The pictures to draw, those of the running build first."""
    rooms = [SHOTS.get(door.name, Shot(door.name, late=True)) for door in ROOMS]
    shots = sorted([*rooms, *MORE], key=lambda shot: shot.late)
    return [shot for shot in shots if not only or shot.title in only]


async def main(folder: Path, only: list[str]) -> None:
    """Draw them all."""
    async with cloud() as here:
        playing = asyncio.ensure_future(here.served.perform("default"))
        try:
            await here.past("build_and_run_instance", MESSAGES_AFTER)
            for shot in wanted(only):
                if shot.late and not playing.done():
                    await here.until(playing)
                    await shop(here)
                for lang, theme, which in FACES:
                    if which is None or shot.title in which:
                        await draw(here, shot, (lang, theme), folder)
        finally:
            playing.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("only", nargs="*", help="names of pictures; all when left out")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(given.folder, given.only))
