"""The journal as a stream of server-sent events: a watcher is a cursor into the journal and nothing else.

Nothing is kept for a watcher, and whoever does not read is not written to: the stream stops at what the connection takes.
A watcher that fell far behind is told what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.rest.numbers import number
from lab.rest.watched import Watched, fault

PAUSE_S = 0.02
"""The shortest time between two events of entries, unless more are there than a page takes."""
REST = 4.0
"""A watcher that catches up rests so many times as long as its page took to make: the cloud needs the processor too."""
FAR = 100_000
"""A watcher this many entries behind misses some; it goes on with the newer half."""
CLOCK_S = 1.0
KEEP_ALIVE_S = 15
USAGE = "since, run and Last-Event-ID are whole numbers: the entry and the run to go on from"


def stream(world: Watched, request: HttpRequest) -> HttpResponse:
    """Answer GET /glasscloud/events."""
    since = number(request.headers.get("last-event-id") or request.query_params.get("since") or "0")
    run = number(request.query_params.get("run") or str(len(world.travels)))
    if since is None or run is None:
        return fault(400, USAGE)
    watcher = Watcher(world, since, run)
    return EventSourceResponse(watcher.events(), ping=KEEP_ALIVE_S, ping_message_factory=lambda: ServerSentEvent(comment="keep-alive"))


class Watcher:
    """One reader of the stream: it has seen the entries up to `seq` of the run with that number."""

    def __init__(self, world: Watched, seq: int, run: int) -> None:
        self.world, self.seq, self.run = world, seq, run
        if seq > world.journal.seq or run > len(world.travels):
            # What it has seen is of another cloud, or of a future that was left: it begins anew.
            self.seq, self.run = 0, -1
        self._clock: dict[str, Any] = {}
        self._clock_at = 0.0

    async def events(self) -> AsyncIterator[bytes]:
        """The stream, for ever."""
        loop, world = asyncio.get_running_loop(), self.world
        while True:
            for each in self._left():
                yield each
            started = loop.time()
            page = self._page()
            took = loop.time() - started
            if page:
                yield page
            more = self.seq < world.journal.seq
            clock = self._clock_event(loop.time(), more)
            if clock:
                yield clock
            if page and more:
                await asyncio.sleep(min(took * REST, PAUSE_S))
            elif page:
                await asyncio.sleep(max(0.0, started + PAUSE_S - loop.time()))
            elif not more:
                await world.bell.wait(max(0.0, self._clock_at + CLOCK_S - loop.time()))

    def _left(self) -> list[bytes]:
        """What it has to be told before it goes on: futures that were left, and entries that it misses."""
        found = []
        travels, journal = self.world.travels, self.world.journal
        if self.run < 0:
            self.run = len(travels)
            found.append(event("travel", {"to": 0, "run": self.run}, 0))
        while self.run < len(travels):
            to = travels[self.run]
            self.run += 1
            self.seq = min(self.seq, to)
            found.append(event("travel", {"to": to, "run": self.run}, self.seq))
        if journal.seq - self.seq > FAR:
            to = journal.seq - FAR // 2
            found.append(event("missed", {"from": self.seq + 1, "to": to}, to))
            self.seq = to
        return found

    def _page(self) -> bytes:
        """The next entries as one event; empty when there are none."""
        self.seq, page = self.world.pages.after(self.seq)
        return page

    def _clock_event(self, now: float, more: bool) -> bytes:
        """The clock, when a second has passed, or when it was ordered anew and what happened until then is told."""
        early = now - self._clock_at < CLOCK_S
        if early and more:
            return b""
        clock = self.world.clock({})
        if early and all(clock[key] == self._clock.get(key) for key in _ordered(clock)):
            return b""
        self._clock, self._clock_at = clock, now
        return event("clock", clock)


def _ordered(clock: dict[str, Any]) -> tuple[str, ...]:
    """What of the clock only an order changes: a paused one stands still unless it is told to step."""
    return ("paused", "speed", "run", "steps") if clock["paused"] else ("paused", "speed", "run")


def event(name: str, data: dict[str, Any], seq: int | None = None) -> bytes:
    """An event; with a `seq` the reader goes on from there when it comes again."""
    place = b"" if seq is None else b"id: %d\n" % seq
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), place, orjson.dumps(data))
