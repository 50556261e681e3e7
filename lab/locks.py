"""Locks by name: so many holders at a time, first come first served; a name that nobody wants is forgotten."""

from __future__ import annotations

import asyncio
from collections import deque


class Locks:
    """The locks of one process; nova's `synchronized(instance.uuid)`."""

    def __init__(self, places: int = 1) -> None:
        self._places = places
        self._holders: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def hold(self, name: str) -> Hold:
        """Hold the lock of that name: `async with locks.hold(name):`."""
        return Hold(self, name)

    async def take(self, name: str) -> None:
        """Take a place under that name; `give` it back."""
        holders = self._holders.get(name, 0)
        if holders < self._places:
            self._holders[name] = holders + 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # its turn came in the instant in which it was called off
                self.give(name)
            turn.cancel()
            raise

    def give(self, name: str) -> None:
        """Give a place back: to the next who still waits for it."""
        waiting = self._waiting.get(name)
        while waiting:
            turn = waiting.popleft()
            if not waiting:
                del self._waiting[name]
            if not turn.done():
                turn.set_result(None)
                return
        holders = self._holders[name] - 1
        if holders:
            self._holders[name] = holders
        else:
            del self._holders[name]


class Hold:
    """One holder's time; a class, because a context manager made of a generator costs thrice as much."""

    __slots__ = ("_locks", "_name")

    def __init__(self, locks: Locks, name: str) -> None:
        self._locks, self._name = locks, name

    async def __aenter__(self) -> None:
        await self._locks.take(self._name)

    async def __aexit__(self, *failure: object) -> None:
        self._locks.give(self._name)
