"""`/glasscloud/*`: health for everyone; for administrators the journal, its stream, the clock, what there is and what is broken.

It never waits for the clock, except for steps and pings that are asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.errors import Conflict, LabError, NotFound
from lab.journal import Entry
from lab.journal.export import trace
from lab.rest import events, journey, orders
from lab.rest.numbers import number
from lab.rest.watched import Watched, fault, reply

JOURNAL_PAGE = 50_000
"""Entries that one answer looks at; the caller goes on with `since`, from the answer's X-Glasscloud-Seq."""
METHODS = ("GET", "PUT", "POST", "DELETE")
Handler = Callable[[Watched, HttpRequest], Awaitable[HttpResponse]]


class Control:
    """Answers questions about one cloud, and does to it what is ordered."""

    def __init__(self, world: Watched) -> None:
        self.world = world

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """One request; what is refused becomes a fault. A RuntimeError is a world that has stopped."""
        try:
            return await self.answer(request)
        except (LabError, RuntimeError) as error:
            return fault(status_of(error), str(error))

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer to one request. Raises what the world refuses."""
        what, world = request.path_params["what"], self.world
        if what == "health":
            health = world.health()
            return reply(200 if health["ready"] else 503, health)
        if (what, request.method) == ("login", "POST"):
            return await orders.login(world, request)
        ctx = await world.who(request.headers.get("x-auth-token", ""))
        if ctx is None:
            return fault(401, "a valid token is needed in X-Auth-Token")
        if not ctx.is_admin:
            return fault(403, "only an administrator may look into the cloud")
        handler = HANDLERS.get((request.method, what.partition("/")[0]))
        if handler is None:
            known = ", ".join(["health", "login", *dict.fromkeys(name for _, name in HANDLERS), "docs", "openapi.json"])
            return fault(404, f"no {request.method} /glasscloud/{what}; known: {known}")
        return await handler(world, request)


def status_of(error: Exception) -> int:
    """What a refusal is in HTTP."""
    match error:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case LabError():
            return 400
    return 500


async def journal(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET journal?since=SEQ&limit=N&format=native|trace: entries as JSON Lines."""
    asked = request.query_params
    since, limit = number(asked.get("since", "0")), number(asked.get("limit", str(JOURNAL_PAGE)))
    form = asked.get("format", "native")
    if since is None or limit is None or form not in ("native", "trace"):
        return fault(400, "since is a sequence number, limit a number of entries, format is native or trace")
    page = list(islice(world.journal.since(since), min(limit, JOURNAL_PAGE)))
    if form == "trace":
        rows = trace([*begun_before(world, page), *page], polls=True)
        lines = [orjson.dumps(row) for row in rows if row["kind"] != "rest" or row["status"] is not None]
    else:
        lines = [entry.line() for entry in page]
    last = page[-1].seq if page else since
    data = b"".join(line + b"\n" for line in lines)
    return HttpResponse(data, 200, {"X-Glasscloud-Seq": str(last)}, "application/jsonl")


def begun_before(world: Watched, page: list[Entry]) -> Iterator[Entry]:
    """The requests that were answered on this page but sent before it: who reads on page by page misses none."""
    if page:
        first = page[0].seq
        for seq in sorted(e.parent for e in page if e.kind == "rest_reply" and 0 < e.parent < first):
            yield world.journal.get(seq)


async def stream(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET events: the journal as it goes on."""
    return events.stream(world, request)


async def datacenter(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET datacenter: machines, cables, networks and processes as they are now."""
    return reply(200, await world.datacenter())


async def queues(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET queues: what lies in the message queues, and who takes it."""
    return reply(200, await world.queues())


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "journal"): journal,
    ("GET", "events"): stream,
    ("GET", "clock"): orders.clock,
    ("PUT", "clock"): orders.clock,
    ("GET", "datacenter"): datacenter,
    ("GET", "queues"): queues,
    ("GET", "faults"): orders.faults,
    ("POST", "faults"): orders.break_it,
    ("DELETE", "faults"): orders.mend,
    ("POST", "ping"): orders.ping,
    ("GET", "history"): journey.history,
    ("POST", "travel"): journey.travel,
}
