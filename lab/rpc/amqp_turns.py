"""What a request tells others leaves one after another, each when RabbitMQ has confirmed the one before.

Who is answered may then rely on it that all were told. Source: oslo.messaging's rabbit driver publishes with `confirm_publish`
and waits. A call goes after the casts that were told before it, but nothing waits for its confirmation: its answer says more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class Key(NamedTuple):
    """Who tells, and for which request."""

    request_id: str
    process: str


class Turns:
    """The casts of this program that wait for their turn."""

    def __init__(self) -> None:
        self._lines: dict[Key, deque[Callable[[], None]]] = {}
        """By key, while one of its casts is on its way: those that go after it."""
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._on_way: set[Key] = set()

    def go(self, key: Key, send: Callable[[], None]) -> None:
        """Send now, or when all that is before it in its line is confirmed; `send` says `left` when it is on its way."""
        line = self._lines.get(key)
        if line is not None:
            line.append(send)
            return
        self._lines[key] = deque()
        self._send(key, send)

    def after(self, key: Key, send: Callable[[], None]) -> None:
        """Send what nobody waits for to be confirmed: now, or after what waits in that line."""
        line = self._lines.get(key)
        if line:
            line.append(send)
        else:
            send()

    def left(self, key: Key) -> None:
        """What is being sent is on its way: `done` will come."""
        self._on_way.add(key)

    def done(self, key: Key) -> None:
        """One was confirmed, or never will be: the next one's turn has come."""
        self._on_way.discard(key)
        line = self._lines.get(key)
        if line:
            self._send(key, line.popleft())
        elif line is not None:
            del self._lines[key]
            self._tell(key.request_id)

    def _send(self, key: Key, send: Callable[[], None]) -> None:
        try:
            send()
        finally:
            if key not in self._on_way:  # a call, or its sender is gone, or a fault holds it back
                self.done(key)

    def give_up(self) -> None:
        """Nobody shall wait for a connection that broke: what waits is sent, as it was told."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            for send in line:
                send()
        for request_id in list(self._waiters):
            self._tell(request_id)

    def _tell(self, request_id: str) -> None:
        if any(key.request_id == request_id for key in self._lines):
            return
        for waiter in self._waiters.pop(request_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, request_id: str) -> None:
        """Wait until all that was told for a request is confirmed, or given up."""
        if any(key.request_id == request_id for key in self._lines):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(request_id, []).append(waiter)
            await waiter
