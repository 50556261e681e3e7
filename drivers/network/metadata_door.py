"""The door at 169.254.169.254: HTTP in the namespaces of DHCP servers, brought to whoever knows the answers.

The sockets are made inside the namespaces and served by this process, so no process of its own is needed for a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from drivers.network import namespaces
from lab.services.network.driver import MetadataRequest

PORT = 80
HEAD_MAX = 16384
PATIENCE_S = 30.0
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Door:
    """All doors of one host; a request is handed to `callback`, which answers it."""

    def __init__(self) -> None:
        self.callback: Callable[[MetadataRequest], None] | None = None
        self._servers: dict[str, asyncio.Server] = {}

    async def open(self, network_id: str, namespace: str, address: str) -> None:
        """Listen in a network's namespace; a repeat does nothing."""
        if network_id in self._servers:
            return

        def listen() -> socket.socket:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, PORT))
            listener.listen(128)
            return listener

        listener = await namespaces.inside(namespace, listen)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._serve(network_id, reader, writer)
            writer.close()

        self._servers[network_id] = await asyncio.start_server(serve, sock=listener, limit=HEAD_MAX)

    async def shut(self, network_id: str) -> None:
        """Stop listening for a network; none is no error."""
        server = self._servers.pop(network_id, None)
        if server is not None:
            server.close()

    async def close(self) -> None:
        """Stop listening everywhere."""
        for network_id in list(self._servers):
            await self.shut(network_id)

    async def _serve(self, network_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        method, _, rest = head.partition("\r\n")[0].partition(" ")
        path = rest.rpartition(" ")[0] or rest
        status, kind, body = await self._ask(network_id, writer.get_extra_info("peername")[0], method, path)
        text = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        writer.write(text.encode() + b"Connection: close\r\n\r\n" + (b"" if method == "HEAD" else body))
        await writer.drain()

    async def _ask(self, network_id: str, address: str, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, "text/plain", b"only GET is served here\n"
        if self.callback is None:
            return 503, "text/plain", b"the metadata service is not there yet; ask again\n"
        answer: asyncio.Future[tuple[int, str, bytes]] = asyncio.get_running_loop().create_future()

        def settle(status: int, kind: str, body: bytes) -> None:
            if not answer.done():
                answer.set_result((status, kind, body))

        self.callback(MetadataRequest(network_id, address, path, settle))
        return await answer
