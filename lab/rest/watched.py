"""What the control endpoints need of a running cloud, and the forms of their answers."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import orjson
from starlette.responses import Response as HttpResponse

from lab.context import Context
from lab.journal import Journal
from lab.rest.pages import Pages


class Bell:
    """Rung whenever something may have happened; who waits for it looks for himself what it was."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake all that wait now."""
        if self._waiting:
            woken, self._waiting = self._waiting, []
            for each in woken:
                if not each.done():
                    each.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Wait until it rings, at most so long."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(heard)
        await asyncio.wait((heard,), timeout=timeout_s)
        if not heard.done():
            self._waiting.remove(heard)


class Watched(Protocol):
    """A running cloud as `/glasscloud` serves it. Nothing here waits for the clock, unless it says so."""

    journal: Journal
    pages: Pages
    """Those of this journal."""
    bell: Bell
    """Rung when the journal has grown or the clock was ordered."""
    travels: list[int]
    """The entries to which the world was gone back so far: after each of them another future begins."""

    async def who(self, token: str) -> Context | None: ...

    def login(self, password: str) -> str | None:
        """A token for `/glasscloud` alone, which the world knows nothing of; None when the password is not the administrator's."""

    def health(self) -> dict[str, Any]: ...

    def clock(self, change: dict[str, Any]) -> dict[str, Any]: ...

    async def arrived(self) -> None:
        """Wait until the world is where it was told to go: it is not on its way to another point of its time."""

    async def stepped(self) -> None:
        """Wait until all steps that were ordered are made. Raises Conflict when the world goes elsewhere before they are."""

    async def datacenter(self) -> dict[str, Any]: ...

    async def queues(self) -> dict[str, Any]: ...

    def faults(self) -> dict[str, Any]: ...

    async def enter(self, kind: str, what: dict[str, Any]) -> Any:
        """Do to the world what comes from outside, as a journaled input. Raises LabError, and does nothing, when it cannot be done.

        kind: 'fault' with {"act", "match", "delay_s"} or {"plant", …}, 'disarm' with {"number"}, 'ping' with {"server", "target"},
        which waits until the clock has gone so far.
        """

    def history(self) -> dict[str, Any]:
        """All that it takes to repeat the run, as JSON values. Raises Conflict when it cannot be repeated."""

    async def travel(self, to: int, history: dict[str, Any] | None = None, then: dict[str, Any] | None = None) -> dict[str, Any]:
        """Repeat the world up to a journal entry and stop there: 'seq', 't_s', 'run', 'same', 'differs_at'.

        Raises BadRequest for an entry that there is not and a history that is none, Conflict when the cloud cannot travel.
        """


def reply(status: int, body: dict[str, Any]) -> HttpResponse:
    """JSON."""
    return HttpResponse(orjson.dumps(body), status, media_type="application/json")


def fault(status: int, message: str) -> HttpResponse:
    """An error of the edge's own."""
    return reply(status, {"error": {"code": status, "message": message}})
