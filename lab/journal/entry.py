"""One journal entry, and bodies that are rendered only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

KINDS = (
    "world",
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

FROM_OUTSIDE = frozenset({"rest", "rest_reply", "input"})
"""Kinds of entries whose bodies we may not have written ourselves."""


REMEMBERED = 8192
"""Bytes of a body up to which it is remembered whether it fits into a line."""


class LazyBody:
    """A big answer kept as what it takes to make it; `view` serves consumers in the same process.

    The maker promises that `render` gives the same bytes whenever it is called. They are not kept: who reads
    the whole journal would else fill the memory with answers of megabytes.
    """

    __slots__ = ("_render", "rows", "view")

    def __init__(self, render: Callable[[], bytes], view: Any = None, rows: int = 0) -> None:
        self._render = render
        self.view = view
        self.rows = rows
        """About how many rows it will have: what it costs to make it grows with them."""

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

    def line(self, rows_max: int | None = None) -> bytes:
        """The entry as one JSON line, keys in order of the fields, the body last.

        A lazy body of more than `rows_max` rows is left out: the line has null for it, and "left_out" says how many rows
        it has. JSON that our own processes wrote goes in as it is; what comes from outside is looked at first.
        """
        seq, t, kind, source, target, name, where, status, duration, request_id, parent, body, note = self
        shown: Any = None
        left_out = 0
        if not body:
            pass
        elif kind not in FROM_OUTSIDE and type(body) is bytes:
            shown = orjson.Fragment(body)
        elif not isinstance(body, LazyBody):
            shown = self._checked(body)
        elif rows_max is not None and body.rows > rows_max:
            left_out = body.rows
        else:
            shown = orjson.Fragment(body.render())
        row = {
            "seq": seq, "t": t, "kind": kind, "source": source, "target": target, "name": name, "where": where,
            "status": status, "duration": duration, "request_id": request_id, "parent": parent, "note": note,
        }  # fmt: skip
        if left_out:
            row["left_out"] = left_out
        row["body"] = shown
        return orjson.dumps(row)

    def _checked(self, body: bytes) -> Any:
        """The body of a REST message or input: clients may send what is no JSON, or JSON of several lines."""
        fits = _known_to_fit(body) if len(body) <= REMEMBERED else _fits(body)
        return orjson.Fragment(body) if fits else self.json()


def _fits(body: bytes) -> bool:
    """Whether the body is JSON of one line, so that it can stand in another as it is."""
    if b"\n" in body or b"\r" in body:
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


_known_to_fit = lru_cache(maxsize=512)(_fits)
"""More than half of what services tell each other they have told before: a token's owner, a port, a schema."""
