"""A TCP connection that is cut at a given byte: between a program and a server, on loopback."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple


class Cut(NamedTuple):
    """Where a connection ends: after so many bytes of one side, by a reset or in good order."""

    of_server: bool
    after: int
    reset: bool


class Cutter:
    """Passes connections on; each takes the next of `cuts`, or stands until `cut`."""

    def __init__(self, port: int) -> None:
        self.to, self.cuts = port, deque[Cut]()
        self._ends: list[asyncio.StreamWriter] = []

    async def open(self) -> int:
        """Listen; answers the port."""
        self._server = await asyncio.start_server(self._came, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Cut what stands."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def close(self) -> None:
        """Cut what stands and listen no more."""
        self._server.close()
        self.cut()

    async def _came(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        cut = self.cuts.popleft() if self.cuts else None
        server, to_server = await asyncio.open_connection("127.0.0.1", self.to)
        ends = [to_client, to_server]
        self._ends += ends

        async def carry(source: asyncio.StreamReader, to: asyncio.StreamWriter, of_server: bool) -> None:
            left = cut.after if cut is not None and cut.of_server == of_server else None
            with suppress(OSError):
                while data := await source.read(1 << 16):
                    to.write(data if left is None else data[:left])
                    await to.drain()
                    if left is not None and cut is not None:
                        left = max(0, left - len(data))
                        if not left:
                            await asyncio.sleep(0.002)  # what was written before arrives
                            for end in ends if cut.reset else ():
                                end.transport.abort()
                            break
            for end in ends:
                end.close()

        await asyncio.gather(carry(client, to_server, False), carry(server, to_client, True))
