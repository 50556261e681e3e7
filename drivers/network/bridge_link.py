"""A bridge of Open vSwitch over OpenFlow: its flows are changed, and a daemon that starts anew, without its flows, is noticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from drivers.network import openflow
from drivers.network.openflow import CLOSE, COMMIT, DISCARD, HEAD, OPEN
from lab.errors import DriverTimeout, NetworkError

FORGET = "delete "
"""How a line begins that removes the flows of a mark."""
AGAIN_S = 0.2
"""How long until a daemon that went is looked for again."""


class BridgeLink:
    """Holds on to the socket of one bridge."""

    def __init__(self, socket: Path, timeout_s: float) -> None:
        self.socket, self.timeout_s = socket, timeout_s
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._born_again: Callable[[], Awaitable[None]] | None = None
        self._programming: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._refused: dict[int, str] = {}
        self._number = 0
        self._turn = asyncio.Lock()
        self._known: dict[str, list[str]] = {}
        """What was programmed on this connection: the line that removes the flows of a mark, and those that came after it."""

    async def hold(self, born_again: Callable[[], Awaitable[None]]) -> None:
        """Connect, and have `born_again` called whenever the daemon is there again after it was not; a repeat does nothing.

        Raises NetworkError when it is not there.
        """
        if self._task is not None:
            return
        self._born_again = born_again
        try:
            async with asyncio.timeout(self.timeout_s):
                reader = await self._connect()
        except OSError as error:
            raise self._gone(error.strerror or "no answer") from None
        self._task = asyncio.get_running_loop().create_task(self._hold(reader))

    async def let_go(self) -> None:
        """Hold no more."""
        tasks = [task for task in (self._programming, self._task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._programming = None

    async def program(self, lines: list[str]) -> None:
        """Change flows, all or none; what is so already is not sent. Raises NetworkError with the switch's reason, DriverTimeout."""
        groups: list[list[str]] = []
        for line in lines:
            if line.startswith(FORGET):
                groups.append([])
            groups[-1].append(line)
        async with self._turn:
            new = {head: flows for head, *flows in groups if self._known.get(head) != flows}
            if not new:
                return
            for head in new:
                self._known.pop(head, None)  # until it is known to be so
            try:
                async with asyncio.timeout(self.timeout_s):
                    await self._program([line for head, flows in new.items() for line in (head, *flows)])
                self._known.update((head, flows) for head, flows in new.items() if flows)
            except TimeoutError:
                raise DriverTimeout(f"Open vSwitch's bridge {self.socket} did not change its flows within {self.timeout_s:g} s") from None

    async def _program(self, lines: list[str]) -> None:
        bundle, self._refused = self._next(), {}
        asked = {self._next(): line for line in lines}
        changes = [openflow.bundled(bundle, line, number) for number, line in asked.items()]
        # Its close is answered after all changes were looked at; so is its opening, should that be refused.
        await self._ask(bundle, CLOSE, openflow.control(bundle, OPEN, self._next()) + b"".join(changes))
        refused = [f"{asked[number]!r}: {why}" for number, why in self._refused.items() if number in asked]
        if refused:
            await self._ask(bundle, DISCARD)
            raise NetworkError(f"Open vSwitch refused the flow {refused[0]}")
        await self._ask(bundle, COMMIT)

    async def _ask(self, bundle: int, what: int, before: bytes = b"") -> None:
        number = self._next()
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._write(before + openflow.control(bundle, what, number))
            await answered
        finally:
            del self._waiting[number]

    def _write(self, data: bytes) -> None:
        if self._writer is None:
            raise self._gone("not connected")
        self._writer.write(data)

    def _next(self) -> int:
        self._number = self._number % 0xFFFFFFFF + 1
        return self._number

    def _gone(self, why: str) -> NetworkError:
        return NetworkError(f"Open vSwitch's bridge {self.socket} does not answer ({why}); does ovs-vswitchd run?")

    # -- the connection ------------------------------------------------------------------------

    async def _connect(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_unix_connection(str(self.socket))
        self._write(openflow.message(openflow.HELLO, self._next()))
        return reader

    async def _hold(self, reader: asyncio.StreamReader | None) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if reader is None:
                    reader = await self._connect()
                    self._programming = asyncio.get_running_loop().create_task(self._again())
                try:
                    await self._live(reader)
                finally:
                    self._lost()
            reader = None
            await asyncio.sleep(AGAIN_S)

    async def _again(self) -> None:
        if self._born_again is not None:
            await self._born_again()

    async def _live(self, reader: asyncio.StreamReader) -> None:
        """Take answers, and answer what is asked to see whether we live; ends with the connection."""
        while True:
            _, kind, length, number = HEAD.unpack(await reader.readexactly(HEAD.size))
            body = await reader.readexactly(length - HEAD.size)
            answered = self._waiting.get(number)
            if kind == openflow.ECHO_REQUEST:
                self._write(openflow.message(openflow.ECHO_REPLY, number, body))
            elif kind == openflow.BUNDLE_CONTROL and answered is not None and not answered.done():
                answered.set_result(None)
            elif kind == openflow.ERROR:
                why = openflow.told(body)
                self._refused[number] = why
                if answered is not None and not answered.done():
                    answered.set_exception(NetworkError(f"Open vSwitch's bridge {self.socket} refused a change of its flows: {why}"))

    def _lost(self) -> None:
        self._known.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(self._gone("the connection broke"))
