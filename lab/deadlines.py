"""Timeouts of the wires: one line and one armed timer for each distinct timeout.

A timer for each call would leave tens of thousands of dead ones in the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lab.runtime import NANOSECOND, Handle, Runtime
from lab.strand import give


class Deadlines:
    """All futures with the same timeout; they expire in order of asking, with the error made for their subject."""

    __slots__ = ("_armed", "_error", "_runtime", "_waiting", "timeout_ns")

    def __init__(self, runtime: Runtime, timeout_s: float, error: Callable[[Any], Exception]) -> None:
        self._runtime = runtime
        self._error = error
        self.timeout_ns = round(timeout_s * NANOSECOND)
        self._waiting: dict[asyncio.Future[Any], tuple[int, Any]] = {}
        """Deadline and subject of each, oldest first."""
        self._armed: Handle | None = None

    def add(self, future: asyncio.Future[Any], subject: Any, now_ns: int) -> None:
        """Expire the future when its time is up; the one who awaits it calls `done` afterwards."""
        self._waiting[future] = (now_ns + self.timeout_ns, subject)
        if self._armed is None:
            self._armed = self._runtime.after(self.timeout_ns, self._fire)

    def done(self, future: asyncio.Future[Any]) -> None:
        """Nobody awaits it any more. With the last one the timer goes, so that it never moves the clock."""
        waiting = self._waiting
        del waiting[future]
        if not waiting and self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _fire(self) -> None:
        self._armed = None
        now, due = self._runtime.now_ns(), []
        for future, (deadline, subject) in self._waiting.items():
            if future.done():
                continue
            if deadline > now:
                self._armed = self._runtime.after(deadline - now, self._fire)
                break
            due.append((future, subject))
        for future, subject in due:
            give(future, None, self._error(subject))
