"""Who outside of a driven world waits for what happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sim.course import Settle


class WorldStopped(RuntimeError):
    """The simulated world stopped on an error."""


@dataclass(slots=True)
class _Call:
    enter: Callable[[Settle], None]
    """Lets it into the world; what came of it is told to whom it is given."""
    future: asyncio.Future[Any]


class Callers:
    """Calls that have to enter, callers that wait for an answer, and those that wait for steps."""

    def __init__(self) -> None:
        self.answers: dict[asyncio.Future[Any], None] = {}
        """Those that wait for an answer."""
        self.insisting: dict[asyncio.Future[Any], None] = {}
        """Those of them for whom a paused clock steps."""
        self._inbox: list[_Call] = []
        self._stepping: list[asyncio.Future[None]] = []

    def post(self, host: asyncio.AbstractEventLoop, enter: Callable[[Settle], None], insists: bool) -> asyncio.Future[Any]:
        """Keep a call until the world's turn comes; the future has its answer."""
        future: asyncio.Future[Any] = host.create_future()
        self.answers[future] = None
        if insists:
            self.insisting[future] = None
        self._inbox.append(_Call(enter, future))
        return future

    async def answer(self, future: asyncio.Future[Any]) -> Any:
        """Wait for an answer; who does not wait any more is forgotten."""
        try:
            return await future
        finally:
            self._forget(future)

    async def steps(self) -> None:
        """Wait until all steps are made."""
        done = asyncio.get_running_loop().create_future()
        self._stepping.append(done)
        await done

    def let_in(self) -> None:
        """Let the calls into the world, in order."""
        inbox, self._inbox = self._inbox, []
        for call in inbox:
            call.enter(partial(self._settle, call.future))

    def all_stepped(self) -> None:
        """All steps are made."""
        waiting, self._stepping = self._stepping, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def fail(self, error: Exception) -> None:
        """Tell all that wait that nothing comes any more."""
        for future in (*self.answers, *self._stepping):
            if not future.done():
                future.set_exception(error)
                future.exception()  # who still waits hears it; that nobody does is no news
        self._stepping.clear()
        self._inbox.clear()

    def _settle(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._forget(future)
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error if isinstance(error, Exception) else WorldStopped(repr(error)))

    def _forget(self, future: asyncio.Future[Any]) -> None:
        self.answers.pop(future, None)
        self.insisting.pop(future, None)
