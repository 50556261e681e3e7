"""A connection to a bridge of Open vSwitch that is only held: when it breaks the daemon died, and its flows with it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

VERSION, HELLO, ECHO_REQUEST, ECHO_REPLY = 5, 0, 2, 3
"""OpenFlow 1.4 and its messages. Source: the specification, section 7.1."""
HEAD = struct.Struct("!BBHI")
AGAIN_S = 0.2


class Lifeline:
    """Holds on to the socket of one bridge."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._task: asyncio.Task[None] | None = None

    def hold(self, born_again: Callable[[], Awaitable[None]]) -> None:
        """Call `born_again` whenever the daemon is there again after it was not; a repeat does nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._hold(born_again))

    async def let_go(self) -> None:
        """Hold no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _hold(self, born_again: Callable[[], Awaitable[None]]) -> None:
        first = True
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_unix_connection(str(self.socket))
                try:
                    if not first:
                        await born_again()
                    first = False
                    await _live(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(AGAIN_S)


async def _live(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say hello, and answer what is asked to see whether we live; ends with the connection."""
    writer.write(HEAD.pack(VERSION, HELLO, HEAD.size, 1))
    while True:
        _, kind, length, number = HEAD.unpack(await reader.readexactly(HEAD.size))
        body = await reader.readexactly(length - HEAD.size)
        if kind == ECHO_REQUEST:
            writer.write(HEAD.pack(VERSION, ECHO_REPLY, length, number) + body)
