"""One journal out of many: the entries of several programs packed, shipped, put in order of time and numbered anew.

Each program numbers its entries in a space of its own, so that a cause can be named across programs; the merged journal has
dense numbers as that of a single program, with causes renamed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson

from lab.journal.entry import Entry, LazyBody
from lab.journal.log import Journal
from lab.runtime import NANOSECOND

SPACE = 32
"""Bits of a number within one program's space."""
ROWS_MAX = 100
"""Lazy bodies of more rows than that stay where they are: rendering and sending them would cost more than the request did."""
WINDOW_NS = NANOSECOND // 2
"""How long an entry waits for those that happened before it: several times what it takes to ship one."""
KNOWN = 500_000
"""Entries whose new numbers are remembered, for causes that come later."""

Row = tuple[Any, ...]
_SEQ, _T, _PARENT, _BODY = (Entry._fields.index(name) for name in ("seq", "t", "parent", "body"))


def pack(entries: list[Entry], head: dict[str, Any]) -> bytes:
    """Entries and what goes with them as bytes: one line of JSON, then the bodies end to end."""
    rows, bodies = [], []
    for entry in entries:
        body = entry.body
        if isinstance(body, LazyBody):
            body = body.render() if body.rows <= ROWS_MAX else None
        rows.append((*entry[:_BODY], -1 if body is None else len(body), entry.note))
        if body:
            bodies.append(body)
    return b"".join((orjson.dumps({**head, "entries": rows}), b"\n", *bodies))


def unpack(data: bytes) -> tuple[dict[str, Any], list[Row]]:
    """What `pack` made bytes of. Raises ValueError or KeyError when it did not."""
    line, _, bodies = data.partition(b"\n")
    head = orjson.loads(line)
    rows, at = [], 0
    for row in head.pop("entries"):
        size = row[_BODY]
        rows.append((*row[:_BODY], None if size < 0 else bodies[at : at + size], row[_BODY + 1]))
        at += max(0, size)
    return head, rows


class Merger:
    """Puts entries in order of time into one journal.

    An entry that comes later than the window goes to the end, at the time of the entry before it. A cause that never
    comes (its program was killed before it was sent) is told in the note: {"cause": "lost"}.
    """

    def __init__(self, journal: Journal, finish: Callable[[Row], Row] = lambda row: row) -> None:
        self.journal = journal
        self._finish = finish
        """Completes a row when it is written, with what is known by then."""
        self._heap: list[tuple[int, int, Row]] = []
        self._pending: dict[int, Row] = {}
        self._dense: dict[int, int] = {}
        self._last_t = 0

    def put(self, row: Row) -> None:
        """Take an entry."""
        seq = row[_SEQ]
        if seq not in self._dense and seq not in self._pending:
            self._pending[seq] = row
            heapq.heappush(self._heap, (row[_T], seq, row))

    def release(self, until_ns: int) -> None:
        """Write all entries up to that time."""
        while self._heap and self._heap[0][0] <= until_ns:
            _, seq, row = heapq.heappop(self._heap)
            if seq in self._pending:
                waits = row[_PARENT] in self._pending
                for each in reversed(list(self._causes(row))) if waits else (row,):
                    self._write(each)
        if len(self._dense) > KNOWN:
            for seq in list(islice(self._dense, KNOWN // 2)):
                del self._dense[seq]

    @property
    def waiting(self) -> int:
        """How many entries wait for their time."""
        return len(self._pending)

    def _causes(self, row: Row) -> Iterator[Row]:
        """The entry, and before it those of its causes that wait too: clocks of two machines may differ."""
        while True:
            yield row
            cause = self._pending.get(row[_PARENT])
            if cause is None or cause[_SEQ] == row[_SEQ]:
                return
            row = cause

    def _write(self, row: Row) -> None:
        del self._pending[row[_SEQ]]
        seq, t, kind, source, target, name, where, status, duration, request_id, parent, body, note = self._finish(row)
        self._last_t = t = max(t, self._last_t)
        dense = self._dense.get(parent, 0)
        if parent and not dense:
            note = {**(note or {}), "cause": "lost"}
        self._dense[seq] = self.journal.add(
            kind, source, target, name, where, status, duration, request_id, dense, body, note, t
        )
