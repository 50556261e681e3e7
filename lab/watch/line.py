"""One journal line as bytes, read into an Entry without decoding its body: bodies are most of a journal, and few are looked at."""

from __future__ import annotations

import sys
from operator import itemgetter
from typing import Any

import orjson

from lab.errors import LabError
from lab.journal import Entry

MARK = b',"body":'
"""`Entry.line` writes the body last."""
_intern = sys.intern
_new = tuple.__new__
_fields = itemgetter(*Entry._fields[: Entry._fields.index("body")])


class ForeignLine(LabError):
    """A line that is no entry of a journal."""


def entry_of(line: bytes) -> Entry:
    """Read one line, such as `Entry.line` writes it or any JSON object with an entry's fields.

    The body stays the bytes that stand in the line; texts that come again and again are kept once.

    Raises:
        ForeignLine: the line is cut, no JSON, or lacks a field of an entry.
    """
    place = line.find(MARK)
    try:
        if place > 0 and line.endswith(b"}"):
            row = orjson.loads(line[:place] + b"}")
            body: bytes | None = line[place + len(MARK) : -1]
            if "body" in row or "note" not in row:
                raise ValueError("two bodies, or one that does not stand last")
        else:
            row = orjson.loads(line)
            body = orjson.dumps(row.pop("body", None))
    except (ValueError, AttributeError, TypeError):
        return _slowly(line)
    return _made(row, body, line)


def left_out(entry: Entry) -> int:
    """How many rows the list has that the stream left out of the entry; 0 when the entry is whole."""
    return int((entry.note or {}).get("left_out", 0)) if entry.body is None else 0


def _slowly(line: bytes) -> Entry:
    """The mark stood elsewhere, in a note or a text: decode the whole line."""
    try:
        row = orjson.loads(line)
        body = orjson.dumps(row.pop("body"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ForeignLine(f"this is no line of a journal: {line[:60].decode('utf-8', 'replace')!r}") from None
    return _made(row, body, line)


def _made(row: dict[str, Any], body: bytes | None, line: bytes) -> Entry:
    note = row.get("note")
    if "left_out" in row:  # a list so long that the cloud did not render it for watchers
        note = {**(note or {}), "left_out": row["left_out"]}
    # A journal of a hundred thousand lines is opened by this: all fields at once, and no constructor with names.
    try:
        seq, t, kind, source, target, name, where, status, duration, request_id, parent = _fields(row)
        return _new(Entry, (
            seq, t, _intern(kind), _intern(source), _intern(target), _intern(name), _intern(where), _intern(status), duration,
            _intern(request_id), parent, None if body == b"null" else body, note,
        ))  # fmt: skip
    except (KeyError, TypeError):
        raise ForeignLine(f"this is no line of a journal: {line[:60].decode('utf-8', 'replace')!r}") from None
