"""Long lists that the stream leaves out: fetched when somebody looks, said when they cannot be had."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lab.errors import LabError
from lab.journal import Entry
from lab.tui.desk import Desk
from lab.tui.screens.inspector import Inspector
from lab.tui.screens.scheduler import SchedulerRoom
from lab.tui.trouble import error_words
from lab.tui.widgets.page import Page
from lab.watch.feed import Unable
from lab.watch.line import entry_of, left_out
from lab.watch.remote import RemoteFeed
from tests.tui.conftest import StubFeed, app_of, play


class Terse(StubFeed):
    """Leaves the decision's table of hosts out, and gives it when `open`, asked for by `entry`."""

    def __init__(self, path: Path, why: LabError | None = None) -> None:
        super().__init__(path)
        self.why, self.gate = why, asyncio.Event()
        at = next(i for i, entry in enumerate(self.entries) if entry.kind == "decision")
        self.whole = self.entries[at]
        self.entries[at] = self.whole._replace(body=None, note={**(self.whole.note or {}), "left_out": 40})

    async def entry(self, seq: int) -> Entry:
        """The whole one, or why not."""
        await self.gate.wait()
        if self.why is not None:
            raise self.why
        assert seq == self.whole.seq
        return self.whole


async def until(pilot: Pilot[None], words: str, where: type[Page] | str) -> None:
    """Wait until the words stand there."""
    for _ in range(200):
        widget = pilot.app.screen.query_one(where)
        text = widget.text if isinstance(widget, Page) else str(widget.content) if isinstance(widget, Static) else ""
        if words in text:
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{words!r} does not come; there is {text!r}")


@pytest.mark.parametrize(("lang", "waits", "fails"), [("en", "being fetched", "no more"), ("ko", "가져오는 중", "이제 이 항목이 없습니다")])
@pytest.mark.parametrize("good", [True, False])
def test_the_inspector_fetches_it(recording: Path, lang: str, waits: str, fails: str, good: bool) -> None:
    feed = Terse(recording, None if good else Unable("entry", "moved"))
    app = app_of(feed, lang)

    async def story(pilot: Pilot[None]) -> None:
        await app.push_screen(Inspector(feed.whole.seq))
        await until(pilot, waits, Page)
        feed.gate.set()
        await until(pilot, "hosts: [" if good else fails, Page)
        kept = app.desk.film.get(feed.whole.seq)
        assert kept is not None
        assert (left_out(kept) == 0) is good
        if not good:  # looking again asks again
            feed.why = None
            await pilot.press("escape")
            await app.push_screen(Inspector(feed.whole.seq))
            await until(pilot, "hosts: [", Page)

    play(app, story)


@pytest.mark.parametrize("good", [True, False])
def test_the_scheduler_fetches_its_table(recording: Path, good: bool) -> None:
    feed = Terse(recording, None if good else LabError("on fire"))
    app = app_of(feed, "en", "scheduler")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, SchedulerRoom)
        await until(pilot, "40 rows is being fetched", "#stages")
        assert room.hosts == []
        feed.gate.set()
        await until(pilot, "1 Compute" if good else "could not be fetched. on fire", "#stages")
        assert bool(room.hosts) is good

    play(app, story)


def test_a_remote_cloud_is_asked_for_one_entry_of_its_journal(recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        since = int(request.url.params["since"])
        return httpx.Response(200, content=b"".join(line + b"\n" for line in lines[since : since + 1]))

    async def ask() -> None:
        feed = RemoteFeed("http://cloud:1", token="token")
        feed._surface.http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        assert await feed.entry(7) == entry_of(lines[6])
        with pytest.raises(Unable) as caught:
            await feed.entry(len(lines) + 1)
        assert error_words(Desk(feed, "ko"), caught.value).startswith("클라우드에 이제")
        await feed.close()

    asyncio.run(ask())
    assert asked[0] == "http://cloud:1/glasscloud/journal?since=6&limit=1"
