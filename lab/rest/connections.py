"""HTTP to the other services by aiohttp: connections kept open and used again, bodies in one piece or as they come.

A general client makes a request three times as dear as one of our own did; it is HTTP that others keep well. aiohttp asks
once more where a kept connection turns out closed and the method may be repeated (RFC 9110, 9.2.2); else that is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from io import BytesIO
from typing import cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from lab.errors import Unreachable
from lab.rest.message import STREAMED, Response, Stream, headers_of

CONNECT_S = 5.0
IDLE_S = 30.0
"""A connection that lay still for longer is not used again: the server may be about to close it."""
HIGH_WATER = 1 << 19
"""Bytes of a streamed body that may lie here unread before the sender has to wait; twice as many in the worst case."""
LONGEST_HEADER = 1 << 16
ONE_PIECE = 1 << 20
OWN_HEADERS = ("accept", "accept-encoding", "content-type", "user-agent")
"""What aiohttp would add of its own: a request has the headers that it is given."""


class Connections:
    """The connections of one program."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=OWN_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),  # how long an answer may take, the caller knows
            read_bufsize=HIGH_WATER,
            max_field_size=LONGEST_HEADER,
        )

    async def close(self) -> None:
        """Close all."""
        await self._session.close()

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes, stream: Stream | None = None) -> Response:
        """Send a request and wait for the answer's head, and for its body unless that is a stream.

        Raises Unreachable when there is none, and what reading `stream` raised: then the receiver does not take it for whole.
        """
        upload = Upload(stream) if stream is not None else None
        sent = {name: on_wire(value) for name, value in headers.items()}
        try:
            answer = await self._session.request(
                method, URL(url, encoded=True), headers=sent, data=upload.pieces() if upload else carried(body), allow_redirects=False
            )
            found = CIMultiDict(headers_of(answer.raw_headers))
            # A mapping as any other, of one value for each name; its keys are found in any case.
            response = Response(answer.status, None, cast("dict[str, str]", found))
            if found.pop(STREAMED, ""):
                size = found.get("content-length", "")
                response.body = Stream(lambda: pieces(answer), int(size) if size.isdecimal() else None)
            else:
                response.body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if upload is not None and upload.error is not None:
                raise upload.error from None
            raise Unreachable(said(error)) from error
        return response


class Upload:
    """A request's body that is read while it is sent."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.error: Exception | None = None
        """What broke it off: aiohttp tells that as a broken connection."""

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it; an empty piece would be its end."""
        try:
            async for piece in self.stream.open():
                if piece:
                    yield piece
        except Exception as error:
            self.error = error
            raise


async def pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of an answer as it comes. Raises Unreachable when the connection breaks before its end."""
    try:
        async for piece in answer.content.iter_any():
            yield piece
    except aiohttp.ClientError as error:
        raise Unreachable(said(error)) from error
    finally:
        answer.close()  # what is left unread would be taken for the next one's answer


def carried(body: bytes) -> bytes | BytesIO | None:
    """A body as aiohttp wants it: a long one in pieces, so that others have their turn."""
    return (body if len(body) <= ONE_PIECE else BytesIO(body)) if body else None


def on_wire(value: str) -> str:
    """A header's value such that aiohttp, which sends UTF-8, sends the bytes that Latin-1 has for it: the services' own reading."""
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def said(error: Exception) -> str:
    """Why there is no answer."""
    match error:
        case aiohttp.ClientConnectorError():
            return f"{error.host}:{error.port} takes no connection: {error.os_error}"
        case aiohttp.ConnectionTimeoutError():
            return "it takes no connection: it does not answer"
        case aiohttp.ClientResponseError():
            return f"the answer is no HTTP: {error.message}"
        case aiohttp.ClientPayloadError():
            return f"the connection was closed in the middle of the answer: {error}"
        case ValueError():
            return f"it cannot be sent: {error}"
    return f"the connection was closed without an answer: {error}"
