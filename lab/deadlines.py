"""Timeouts of the wires: one first-in-first-out queue and one armed timer for each distinct timeout.

A timer for each call would leave tens of thousands of dead ones in the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from lab.runtime import NANOSECOND, Handle, Runtime


class Deadlines:
    """All futures with the same timeout; they expire in order of asking, with the error made for their subject."""

    __slots__ = ("_armed", "_error", "_pending", "_queue", "_runtime", "timeout_ns")

    def __init__(self, runtime: Runtime, timeout_s: float, error: Callable[[Any], Exception]) -> None:
        self._runtime = runtime
        self._error = error
        self.timeout_ns = round(timeout_s * NANOSECOND)
        self._queue: deque[tuple[int, asyncio.Future[Any], Any]] = deque()
        self._armed: Handle | None = None
        self._pending = 0

    def add(self, future: asyncio.Future[Any], subject: Any, now_ns: int) -> None:
        """Expire the future when its time is up; the one who awaits it calls `done` afterwards."""
        self._pending += 1
        self._queue.append((now_ns + self.timeout_ns, future, subject))
        if self._armed is None:
            self._armed = self._runtime.after(self.timeout_ns, self._fire)

    def done(self) -> None:
        """One waiter is done; with the last the timer goes, so that it never moves the clock."""
        self._pending -= 1
        if not self._pending:
            self._queue.clear()
            if self._armed is not None:
                self._armed.cancel()
                self._armed = None
        elif len(self._queue) > 2 * self._pending + 64:
            self._queue = deque(entry for entry in self._queue if not entry[1].done())

    def _fire(self) -> None:
        self._armed = None
        now, queue = self._runtime.now_ns(), self._queue
        while queue:
            deadline, future, subject = queue[0]
            if future.done():
                queue.popleft()
            elif deadline <= now:
                queue.popleft()
                future.set_exception(self._error(subject))
            else:
                self._armed = self._runtime.after(deadline - now, self._fire)
                return
