"""`/glasscloud/*`: health for everyone; the journal and the clock for administrators. It never waits for the clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.context import Context
from lab.journal import Entry, Journal
from lab.journal.export import trace

JOURNAL_PAGE = 50_000
"""Entries that one answer looks at; the caller goes on with `since`, from the answer's X-Glasscloud-Seq."""
CLOCK_USAGE = 'send {"paused": true or false, "speed": a number above 0 or "max", "step": a number of messages}'


class Watched(Protocol):
    """What is asked about a running cloud."""

    journal: Journal

    def who(self, token: str) -> Context | None: ...

    def health(self) -> dict[str, Any]: ...

    def clock(self, change: dict[str, Any]) -> dict[str, Any]: ...


class Control:
    """Answers questions about one cloud, and changes its pace."""

    def __init__(self, world: Watched) -> None:
        self.world = world

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """One request."""
        what, world = request.path_params["what"], self.world
        if what == "health":
            health = world.health()
            return reply(200 if health["ready"] else 503, health)
        ctx = world.who(request.headers.get("x-auth-token", ""))
        if ctx is None:
            return fault(401, "a valid token is needed in X-Auth-Token")
        if not ctx.is_admin:
            return fault(403, "only an administrator may look into the cloud")
        if what == "journal" and request.method == "GET":
            return self._journal(request)
        if what == "clock":
            return await self._clock(request)
        return fault(404, f"no {request.method} /glasscloud/{what}; known: health, journal, clock, docs, openapi.json")

    def _journal(self, request: HttpRequest) -> HttpResponse:
        text = request.query_params.get("since", "0")
        form = request.query_params.get("format", "native")
        if not (text.isascii() and text.isdecimal()) or form not in ("native", "trace"):
            return fault(400, "since is a sequence number, format is native or trace")
        page = list(islice(self.world.journal.since(int(text)), JOURNAL_PAGE))
        if form == "trace":
            rows = trace([*self._begun_before(page), *page], polls=True)
            lines = [orjson.dumps(row) for row in rows if row["kind"] != "rest" or row["status"] is not None]
        else:
            lines = [entry.line() for entry in page]
        last = page[-1].seq if page else int(text)
        data = b"".join(line + b"\n" for line in lines)
        return HttpResponse(data, 200, {"X-Glasscloud-Seq": str(last)}, "application/jsonl")

    def _begun_before(self, page: list[Entry]) -> Iterator[Entry]:
        """The requests that were answered on this page but sent before it: who reads on page by page misses none."""
        if page:
            first = page[0].seq
            for seq in sorted(e.parent for e in page if e.kind == "rest_reply" and 0 < e.parent < first):
                yield self.world.journal.get(seq)

    async def _clock(self, request: HttpRequest) -> HttpResponse:
        change: dict[str, Any] = {}
        if request.method == "PUT":
            try:
                change = parse_clock(orjson.loads(await request.body()))
            except ValueError as error:
                return fault(400, f"{error}; {CLOCK_USAGE}")
        return reply(200, self.world.clock(change))


def parse_clock(given: object) -> dict[str, Any]:
    """A change of the clock as a client sends it. Raises ValueError for what is none."""
    if not isinstance(given, dict) or set(given) - {"paused", "speed", "step"}:
        raise ValueError("this is no change of the clock")
    change = {key: value for key, value in given.items() if value is not None}
    speed, step = change.get("speed"), change.get("step")
    if speed == "max":
        change["speed"] = math.inf
    elif speed is not None and (isinstance(speed, bool) or not isinstance(speed, (int, float)) or not speed > 0):
        raise ValueError(f"{speed!r} is no speed")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 1):
        raise ValueError(f"{step!r} is no number of messages")
    if not isinstance(change.get("paused", False), bool):
        raise ValueError("paused is true or false")
    return change


def reply(status: int, body: dict[str, Any]) -> HttpResponse:
    """JSON."""
    return HttpResponse(orjson.dumps(body), status, media_type="application/json")


def fault(status: int, message: str) -> HttpResponse:
    """An error of the edge's own."""
    return reply(status, {"error": {"code": status, "message": message}})
