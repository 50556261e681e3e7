"""The runtime of a real cloud: asyncio's own loop, the machine's clock and its randomness."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from lab.errors import LabError
from lab.runtime import NANOSECOND, SCENARIO_EPOCH, Handle, Runtime


class RealRuntime(Runtime):
    """Wall time. The epoch is fixed, so that all programs of one cloud, today and tomorrow, count from the same instant.

    The clock is set by the machine's once, and runs evenly from there on whatever is done to that one.
    """

    eager = False

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, epoch: datetime = SCENARIO_EPOCH) -> None:
        super().__init__(secrets.token_hex(16), 0, epoch)
        self.loop = loop or asyncio.get_running_loop()
        self.loop.set_exception_handler(self._unexpected)
        since = time.time_ns() - round(epoch.timestamp()) * NANOSECOND
        self._origin_ns = time.monotonic_ns() - since

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._origin_ns

    def after(self, delay_ns: int, callback: Callable[..., object], *args: object) -> Handle:
        if delay_ns <= 0:
            return self.loop.call_soon(callback, *args)
        return self.loop.call_later(delay_ns / NANOSECOND, callback, *args)

    def hop(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        self.after(delay_ns, callback, *args)

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str, owner: object) -> asyncio.Task[Any]:
        return self.loop.create_task(coro, name=name)

    def freeze(self, owner: object) -> None:
        raise LabError("a process of a real cloud cannot be hung from inside; stop its program with SIGSTOP")

    def thaw(self, owner: object) -> None:
        return

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what a callback or a forgotten task raised, and tell it as asyncio does."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.errors.append(error)
        loop.default_exception_handler(context)
