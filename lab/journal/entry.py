"""One journal entry, and bodies that are rendered only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

KINDS = (
    "rest",
    "rest_reply",
    "rpc_call",
    "rpc_reply",
    "rpc_cast",
    "notify",
    "state",
    "decision",
    "driver",
    "driver_reply",
    "log",
    "frame",
    "fault",
    "error",
    "input",
    "process",
)


class LazyBody:
    """A big answer kept as what it takes to make it; `view` serves consumers in the same process.

    The maker promises that `render` gives the same bytes whenever it is called. They are not kept: who reads
    the whole journal would else fill the memory with answers of megabytes.
    """

    __slots__ = ("_render", "view")

    def __init__(self, render: Callable[[], bytes], view: Any = None) -> None:
        self._render = render
        self.view = view

    def render(self) -> bytes:
        """The JSON bytes, made now."""
        return self._render()


class Entry(NamedTuple):
    """One thing that happened. Times are nanoseconds of the cloud's clock; `parent` is the seq of its cause."""

    seq: int
    t: int
    kind: str
    source: str
    target: str
    name: str
    where: str
    status: str
    duration: int
    request_id: str
    parent: int
    body: bytes | LazyBody | None
    note: dict[str, Any] | None

    def body_bytes(self) -> bytes:
        """The body as bytes, rendered if it was lazy; empty when there is none."""
        body = self.body
        if body is None:
            return b""
        return body.render() if isinstance(body, LazyBody) else body

    def json(self) -> Any:
        """The body decoded, or its text when it is not JSON, or None."""
        data = self.body_bytes()
        if not data:
            return None
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return data.decode("utf-8", "replace")

    def line(self) -> bytes:
        """The entry as one JSON line, keys in order of the fields."""
        row: dict[str, Any] = {name: value for name, value in zip(Entry._fields, self, strict=True) if name != "body"}
        row["body"] = self.json()
        return orjson.dumps(row)
