"""What tests of the face share: a recorded journal, an application on it, and snapshots at two sizes in two languages."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from textual.pilot import Pilot

from lab.tui.app import GlassApp
from lab.watch.feed import ClockNow, Entries, Feed, Seen
from lab.watch.line import entry_of
from lab.watch.recorded import RecordedFeed

# The plugin names its files by an attribute that newer syrupy spells otherwise; as .svg they can be looked at.
SVGImageExtension.file_extension = "svg"

SIZES = ((80, 24), (120, 40))
LANGS = ("ko", "en")
FACES = [pytest.param(size, lang, id=f"{size[0]}x{size[1]}-{lang}") for size in SIZES for lang in LANGS]
"""Parameters `size, lang` of every snapshot."""


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the journal of one server's creation."""
    path = tmp_path_factory.mktemp("journal") / "web.jsonl"
    path.write_bytes(gzip.decompress(Path(__file__).with_name("web.jsonl.gz").read_bytes()))
    return path


class StubFeed(Feed):
    """A live cloud that answers what it is told to and remembers what it is asked; its clock stands still."""

    live = True
    title = "stub"

    def __init__(self, path: Path, answers: Mapping[str, Any] | None = None, upto: int = 10**9) -> None:
        super().__init__()
        self.entries = [entry for entry in map(entry_of, path.read_bytes().splitlines()) if entry.seq <= upto]
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, str, Any]] = []

    async def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """The entries, and a stopped clock."""
        yield Entries([entry for entry in self.entries if entry.seq > since])
        yield ClockNow({"t_s": self.entries[-1].t / 1e9, "paused": True, "speed": 1, "busy": 0, "steps": 1, "utc": ""})

    async def ask(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """One of the answers, by 'GET datacenter' or 'datacenter'."""
        self.asked.append((method, what, body))
        return self.answers.get(f"{method} {what}", self.answers.get(what))


def app_of(feed: Feed | Path, lang: str = "en", room: str = "flow") -> GlassApp:
    """An application on a feed or on a recorded file, in a room."""
    return GlassApp(RecordedFeed(feed) if isinstance(feed, Path) else feed, lang, room=room)


async def settled(pilot: Pilot[None]) -> None:
    """Wait until what the feed gives at first is shown."""
    app = pilot.app
    assert isinstance(app, GlassApp)
    while not app.desk.whole:
        await pilot.pause(0.01)
    app.tell()
    await pilot.pause()


def play(app: GlassApp, story: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    """Open the application at a size and do what the story says."""

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            await story(pilot)

    asyncio.run(run())


@pytest.fixture
def snap(snap_compare: Callable[..., bool]) -> Callable[..., bool]:
    """`assert snap(app, size, *keys)`: the picture after these keys is as it was when somebody looked at it."""

    def compare(app: GlassApp, size: tuple[int, int], *keys: str) -> bool:
        async def before(pilot: Pilot[None]) -> None:
            await settled(pilot)
            await pilot.press(*keys)
            await settled(pilot)

        return snap_compare(app, terminal_size=size, run_before=before)

    return compare
