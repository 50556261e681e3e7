"""A REST request and its answer, the same on both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import orjson

from lab.body import encode
from lab.journal import LazyBody
from lab.rest.routes import Found, Route, Version

if TYPE_CHECKING:
    from lab.rest.body import Schema

NO_PARAMS: Mapping[str, str] = MappingProxyType({})

BODY_LIMIT = 2**21
"""Bytes of a body that are kept, but of an upload's: more than the dispatcher takes (max_request_body_bytes), so that it refuses it."""

STREAMED = "x-glasscloud-stream"
"""The header of an answer between programs whose body is handed on as it comes."""


def parse_query(text: str) -> dict[str, list[str]]:
    """The query's values by name, in order; blank values are kept."""
    found: dict[str, list[str]] = {}
    if not text:
        return found
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        found.setdefault(name, []).append(value)
    return found


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; one that is sent several times is one list. Source: RFC 9110, 5.3."""
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def whole(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """A body in one piece; of a longer one than the limit only so much that the dispatcher sees that it is."""
    parts, size = [], 0
    async for piece in pieces:
        size += len(piece)
        if size <= limit:
            parts.append(piece)
    body = b"".join(parts)
    return body if size <= limit else body.ljust(limit + 1)


class Stream:
    """A body that is not held as one piece: `size` bytes (None: not known before), read by `open`."""

    __slots__ = ("open", "size")

    def __init__(self, open: Callable[[], AsyncIterator[bytes]], size: int | None) -> None:
        self.open, self.size = open, size


class Served:
    """How an API serves requests of one method, path pattern and asked version; worked out once."""

    __slots__ = ("handler", "headers", "headers_of_json", "label", "pace", "public", "route", "schema", "version")

    def __init__(self, label: str, pace: Callable[[], int], version: Version, headers: dict[str, str], route: Route | None) -> None:
        self.label = label
        """How timing tables name them: method and route pattern, or the bare method."""
        self.pace = pace
        """Says how long a worker is held by the next one."""
        self.version, self.headers, self.route = version, headers, route
        """The headers are those of every answer in this version."""
        self.headers_of_json = {**headers, "Content-Type": "application/json"}
        self.handler: Any = None
        self.public = False
        self.schema: type[Schema] | None = None


class Request:
    """What a handler sees of a request."""

    __slots__ = (
        "_query",
        "body",
        "data",
        "found",
        "headers",
        "method",
        "params",
        "path",
        "query_string",
        "served",
        "source",
        "stream",
        "target",
        "version",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes = b"",
        source: str = "",
        stream: Stream | None = None,
    ) -> None:
        self.method = method
        self.target = target
        """Path and query."""
        self.path, _, self.query_string = target.partition("?")
        self.headers = headers
        self.body = body
        self.source = source
        self.stream = stream
        self.version: Version = (0, 0)
        self.params: Mapping[str, str] = NO_PARAMS
        self.data: Any = None
        self.found: Found | None = None
        self.served: Served | None = None
        self._query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

    def arg(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        values = self.query.get(name)
        return values[0] if values else None

    def args(self, name: str) -> list[str]:
        """All values of a query parameter."""
        return self.query.get(name, [])


class Response:
    """An answer. `body` may be given as JSON values; it leaves as bytes, a lazy body or a stream."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers: dict[str, str] = headers if headers is not None else {}
        if body is None:
            body = b""
        elif isinstance(body, (dict, list)):
            body = encode(body)
        self.body: bytes | LazyBody | Stream = body

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def content(self) -> bytes:
        """The body's bytes, rendered when it was lazy. A stream has none."""
        if isinstance(self.body, LazyBody):
            return self.body.render()
        return self.body if isinstance(self.body, bytes) else b""

    async def open(self) -> AsyncIterator[bytes]:
        """The body piece by piece, a stream or not; a stream can be read once."""
        if isinstance(self.body, Stream):
            async for piece in self.body.open():
                yield piece
        else:
            yield self.content()

    def json(self) -> Any:
        """The body decoded; None when it is empty."""
        body = self.body
        data = body if type(body) is bytes else self.content()
        return orjson.loads(data) if data else None
