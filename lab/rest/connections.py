"""HTTP/1.1 connections to the other services, kept open and used again.

A request and its answer on a kept connection cost 60 µs here and 300 to 900 with a general client library, and a server
create makes more than thirty of them. Parsing is httptools' (llhttp); only what the services need of HTTP is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

from lab.errors import LabError, Unreachable
from lab.rest.message import Response, Stream

CONNECT_S = 5.0
IDLE_S = 30.0
"""A connection that lay still for longer is not used again: the server may be about to close it."""
STREAMED = "x-glasscloud-stream"
"""The header of an answer whose body is handed on as it comes."""
HIGH_WATER = 1 << 20
"""Bytes of a streamed body that may lie here unread before the sender has to wait."""


class Headers(dict[str, str]):
    """Headers of an answer, asked for in any case: servers may send their names in lower case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default."""
        return super().get(name.lower(), default)

    def pop(self, name: str, default: Any = None) -> Any:
        """Take a header out."""
        return super().pop(name.lower(), default)

    def setdefault(self, name: str, default: str = "") -> str:
        """The value, set now if it was not there."""
        return super().setdefault(name.lower(), default)


class Connections:
    """The connections of one program, by where they lead."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[Connection]] = {}

    async def connection(self, host: str, port: int) -> Connection:
        """One that is free. Raises Unreachable."""
        idle = self._idle.setdefault((host, port), [])
        loop = asyncio.get_running_loop()
        while idle:
            found = idle.pop()
            if found.usable(loop.time() - IDLE_S):
                return found
            found.end()
        made = Connection(idle)
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: made, host, port)
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{host}:{port} takes no connection: {str(error) or 'it does not answer'}") from error
        return made

    def close(self) -> None:
        """Close all that are free."""
        for idle in self._idle.values():
            while idle:
                idle.pop().end()


def place(url: str) -> tuple[str, int, str]:
    """Host, port and path of a service's URL. Raises LabError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise LabError(f"{url!r} is no URL of a service; use http://HOST:PORT/PATH")
    return parts.hostname, parts.port or 80, parts.path.rstrip("/")


class Connection(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, idle: list[Connection]) -> None:
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._since = 0.0
        self._answer: asyncio.Future[Response] | None = None
        self._headers = Headers()
        self._parts: list[bytes] = []
        self._head_only = False
        self._sending = False
        self._stream: Incoming | None = None
        self._writable: asyncio.Event | None = None

    def usable(self, since: float) -> bool:
        """Whether it stands and was last used after that time of the loop."""
        return self._transport is not None and self._since > since

    def end(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # -- the request --------------------------------------------------------------------------

    def ask(self, method: str, head: bytes, body: bytes, answer: asyncio.Future[Response]) -> None:
        """Send a request; `answer` gets the response, or Unreachable."""
        self._answer, self._head_only = answer, method == "HEAD"
        self._headers, self._parts, self._stream = Headers(), [], None
        self._parser = httptools.HttpResponseParser(self)
        self._write(head + body)

    async def send(self, stream: Stream) -> None:
        """Send a request's body as it is read, in chunks, no faster than it is taken."""
        self._sending = True
        async for piece in stream.open():
            if piece:
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self._writable is not None:
                await self._writable.wait()
            if self._transport is None:  # it broke, or was answered before the end: the caller knows
                return
        self._sending = False
        self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
        else:
            self._fail("the connection was closed")

    # -- the answer, as the parser sees it ----------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        text, key = value.decode("latin-1"), name.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """All headers: a streamed body is handed on from here."""
        if self._parser.get_status_code() < 200:
            return
        if self._head_only:
            self._respond(b"")
            self.end()  # its parser would wait for the body that the headers tell of
        elif self._headers.pop(STREAMED, ""):
            size = self._headers.get("content-length", "")
            self._stream = Incoming(cast("asyncio.Transport", self._transport))
            self._respond(Stream(self._stream.read, int(size) if size.isdecimal() else None))

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._stream is not None:
            self._stream.put(piece)
        else:
            self._parts.append(piece)

    def on_message_complete(self) -> None:
        """The end of the answer: the connection is free, unless the server said otherwise."""
        if self._head_only or self._parser.get_status_code() < 200:
            return
        if self._stream is not None:
            self._stream.put(b"")
        else:
            parts = self._parts
            self._respond(parts[0] if len(parts) == 1 else b"".join(parts))
        if self._parser.should_keep_alive() and not self._sending:
            self._since = self._loop.time()
            self._idle.append(self)
        else:
            self.end()

    def _respond(self, body: bytes | Stream) -> None:
        response = Response(self._parser.get_status_code(), None, self._headers)
        response.body = body
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(response)

    def _fail(self, reason: str) -> None:
        error = Unreachable(reason)
        if self._stream is not None:
            self._stream.put(error)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)

    # -- the transport ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.end()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is no HTTP: {error}")
            self.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self in self._idle:
            self._idle.remove(self)
        self.resume_writing()
        self._fail(f"the connection was closed without an answer{f': {error}' if error else ''}")

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None


class Incoming:
    """A streamed body on its way in; what is not read yet makes the sender wait."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._size = 0
        self._paused = False

    def put(self, piece: bytes | Exception) -> None:
        """A piece; an empty one is the end."""
        self._pieces.put_nowait(piece)
        if isinstance(piece, bytes):
            self._size += len(piece)
            if self._size > HIGH_WATER and not self._paused:
                self._paused = True
                self._transport.pause_reading()

    async def read(self) -> AsyncIterator[bytes]:
        """All pieces. Raises Unreachable when the connection breaks before the end."""
        while True:
            piece = await self._pieces.get()
            if isinstance(piece, Exception):
                raise piece
            if not piece:
                return
            self._size -= len(piece)
            if self._paused and self._size <= HIGH_WATER:
                self._paused = False
                self._transport.resume_reading()
            yield piece
