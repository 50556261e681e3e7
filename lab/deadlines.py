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

    __slots__ = ("_armed", "_error", "_queue", "_runtime", "timeout_ns")

    def __init__(self, runtime: Runtime, timeout_s: float, error: Callable[[Any], Exception]) -> None:
        self._runtime = runtime
        self._error = error
        self.timeout_ns = round(timeout_s * NANOSECOND)
        self._queue: deque[tuple[int, asyncio.Future[Any], Any]] = deque()
        self._armed: Handle | None = None

    def add(self, future: asyncio.Future[Any], subject: Any, now_ns: int) -> None:
        """Expire the future when its time is up; the one who awaits it sees to it that it is done, and calls `done` then."""
        self._queue.append((now_ns + self.timeout_ns, future, subject))
        if self._armed is None:
            self._armed = self._runtime.after(self.timeout_ns, self._fire)

    def done(self) -> None:
        """A waiter is done: forget those before whom none waits. With the last the timer goes, so that it never moves the clock."""
        queue = self._queue
        while queue and queue[0][1].done():
            queue.popleft()
        if not queue and self._armed is not None:
            self._armed.cancel()
            self._armed = None

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
