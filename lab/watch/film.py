"""The film: every entry that was seen, append-only until time travel cuts it, and incremental views of it.

Vocabulary: a film has rows (plain tuples, an entry's fields in order, which the garbage collector leaves alone); a row
is asked for by its index, 0…len-1, or by its seq, the journal's number. A cut makes a new `version`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from lab.journal import Entry
from lab.journal.export import PERIODIC, TRACED
from lab.watch.dial import SECONDS, Dial

Row = tuple[Any, ...]
_new = tuple.__new__
_SEQ, _T, _KIND, _SOURCE, _TARGET, _NAME, _WHERE, _STATUS, _, _REQUEST, _PARENT, _BODY, _ = range(len(Entry._fields))
SLICE = 20_000
"""Rows that one turn of a view looks at, so that a key is answered in between."""


class Film:
    """Entries in order of their seq. Gaps are allowed (what a watcher missed); repeated entries are left out."""

    def __init__(self, entries: Iterable[Entry] = (), dial: Dial = SECONDS) -> None:
        self.dial = dial
        """How the instants of its entries are written."""
        # Lists rather than arrays: their numbers are those of the rows, so they take little memory, and less time to fill.
        self._rows: list[Row] = []
        self._seqs: list[int] = []
        self._parents: list[int] = []
        self._quiet = bytearray()
        """Whether each row is a notification, periodic work, repeated polling, or was caused by one of these."""
        self._polled: set[str] = set()
        self.times: list[int] = []
        """When each entry happened, in ns; they only grow."""
        self._rest, self._mq = [0], [0]
        """How many REST requests, and messages by queue, there were before each entry."""
        self.marks: list[int] = []
        """Indices of what a timeline marks: states, decisions, faults, errors, inputs."""
        self.version = 0
        self.extend(entries)

    def extend(self, entries: Iterable[Entry]) -> int:
        """Append the entries that are newer than the last one, oldest first, and answer how many they were."""
        before, last = len(self._rows), self.last_seq
        # Plain tuples, and notes of plain values within them, are left alone by the garbage collector.
        rows: list[Row] = [entry[:] for entry in entries if entry.seq > last]
        self._rows += rows
        self._seqs += [row[_SEQ] for row in rows]
        self.times += [row[_T] for row in rows]
        self._parents += [row[_PARENT] for row in rows]
        kinds = [row[_KIND] for row in rows]
        self._rest += accumulate((kind == "rest" for kind in kinds), initial=self._rest.pop())
        self._mq += accumulate((kind in MQ for kind in kinds), initial=self._mq.pop())
        self.marks += [at for at, kind in enumerate(kinds, before) if kind in MARKED]
        for row in rows:
            self._quiet.append(row[_KIND] == "notify" or row[_NAME] in PERIODIC or self._is_polling(row))
        return len(rows)

    def tally(self, way: str, start: int, stop: int) -> int:
        """How many messages by 'rest' or 'mq' there are from one index up to another one."""
        sums = self._rest if way == "rest" else self._mq
        return sums[stop] - sums[start]

    def _is_polling(self, row: Row) -> bool:
        """Whether it looks again at what was looked at before, was asked for by nobody, or was caused by what is quiet."""
        parent = row[_PARENT]
        if not parent and row[_KIND] == "driver":
            return True  # an agent looks at its device by a clock of its own
        if parent:
            at = self.index(parent)
            return at < len(self._quiet) and self._seqs[at] == parent and bool(self._quiet[at])
        if row[_KIND] == "rest" and row[_NAME] == "GET" and row[_SOURCE].startswith("client"):
            # The first look at something is part of the story; that the client looks again and again is not.
            if row[_WHERE] in self._polled:
                return True
            self._polled.add(row[_WHERE])
        return False

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Entry:
        return _new(Entry, self._rows[index])

    @property
    def last_seq(self) -> int:
        """The newest entry's seq, 0 for an empty film."""
        return self._seqs[-1] if self._seqs else 0

    def index(self, seq: int) -> int:
        """Where the entry with this seq stands, or the first one after it."""
        return bisect_left(self._seqs, seq)

    def get(self, seq: int) -> Entry | None:
        """The entry with this seq, or None."""
        at = self.index(seq)
        return self[at] if at < len(self._seqs) and self._seqs[at] == seq else None

    def slice(self, start: int, stop: int | None = None) -> Iterator[Entry]:
        """The entries from one index up to another one."""
        for index in range(start, len(self._rows) if stop is None else min(stop, len(self._rows))):
            yield self[index]

    def before_message(self) -> int:
        """The seq to go back to so that the last message has not happened; 0 when there is none."""
        for index in range(len(self._rows) - 1, -1, -1):
            if self._rows[index][_KIND] in TRACED:
                return int(self._seqs[index]) - 1
        return 0

    def children(self, seq: int) -> list[Entry]:
        """What this entry caused directly, its answer among it."""
        found: list[Entry] = []
        at = self.index(seq)
        parents = self._parents
        while True:
            try:
                at = parents.index(seq, at)
            except ValueError:
                return found
            found.append(self[at])
            at += 1

    def answer(self, entry: Entry) -> Entry | None:
        """The reply to a request or call, if it has come."""
        wanted = ANSWERS.get(entry.kind)
        return next((child for child in self.children(entry.seq) if child.kind == wanted), None) if wanted else None

    def of_request(self, request_id: str) -> list[Entry]:
        """All that one request of a user brought about, in order."""
        return [self[i] for i, row in enumerate(self._rows) if row[_REQUEST] == request_id]

    def fill(self, entry: Entry) -> None:
        """Put an entry whose body had been left out in its place, whole. One that is not there, or is another one, changes nothing."""
        at = self.index(entry.seq)
        if at < len(self._rows) and self._rows[at][:_BODY] == entry[:_BODY]:
            self._rows[at] = entry[:]

    def cut(self, seq: int) -> None:
        """Forget what came after this seq: time went back to it."""
        end = self.index(seq + 1)
        if end < len(self._rows):
            for column in (self._rows, self._seqs, self._parents, self._quiet, self.times):
                del column[end:]
            del self._rest[end + 1 :], self._mq[end + 1 :]
            del self.marks[bisect_left(self.marks, end) :]
            self.version += 1


MQ = frozenset({"rpc_call", "rpc_cast", "rpc_reply"})
"""Kinds that lie in queues."""
MARKED = frozenset({"state", "decision", "fault", "error", "input"})
ANSWERS = {"rest": "rest_reply", "rpc_call": "rpc_reply", "driver": "driver_reply"}
"""Kind of a question -> kind of its answer."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown. Empty sets and texts let everything pass; they are joined by 'and'."""

    services: frozenset[str] = frozenset()
    """Process names without their host; a message passes when it comes from one of them or goes there."""
    kinds: frozenset[str] = frozenset()
    request_id: str = ""
    """A request id or its beginning."""
    text: str = ""
    """Looked for, in any case, in names, paths, states, ids and bodies."""
    quiet: bool = False
    """Without notifications, periodic work and repeated polling."""

    def test(self) -> Callable[[Row], bool] | None:
        """A function that says whether a row passes; None when all do. (What is quiet the film knows.)"""
        tests: list[Callable[[Row], bool]] = []
        if self.kinds:
            tests.append(lambda row, kinds=self.kinds: row[_KIND] in kinds)  # type: ignore[misc]
        if self.services:
            tests.append(self._of_services)
        if self.request_id:
            tests.append(lambda row, wanted=self.request_id: row[_REQUEST].startswith(wanted))  # type: ignore[misc]
        if self.text:
            tests.append(_holds(self.text))
        if len(tests) < 2:
            return tests[0] if tests else None
        return lambda row: all(test(row) for test in tests)

    def _of_services(self, row: Row) -> bool:
        services = self.services
        return row[_SOURCE].partition("@")[0] in services or row[_TARGET].partition("@")[0] in services

    def __bool__(self) -> bool:
        return self != Filter()


def _holds(text: str) -> Callable[[Row], bool]:
    folded, raw = text.casefold(), text.lower().encode()

    def holds(row: Row) -> bool:
        for value in row[_SOURCE:_STATUS + 1]:
            if folded in value.casefold():
                return True
        body = row[_BODY]
        return folded in row[_REQUEST] or (isinstance(body, bytes) and raw in body.lower())

    return holds


class View:
    """The rows of a film that pass a filter: `len(view)` and `view[i]` in constant time, grown by `advance`."""

    def __init__(self, film: Film, wanted: Filter | None = None) -> None:
        self.film = film
        self.filter = wanted or Filter()
        self._start_over()

    def _start_over(self) -> None:
        self._found = array("q")
        self._looked = 0
        self._version = self.film.version
        self._test = self.filter.test()

    def advance(self, most: int = SLICE) -> bool:
        """Look at up to that many rows that were not looked at yet; whether all have been."""
        film = self.film
        if self._version != film.version:
            self._start_over()
        if not self.filter:
            self._looked = len(film)
            return True
        start, stop = self._looked, min(len(film), self._looked + most)
        test, rows, quiet = self._test, film._rows, film._quiet
        passing = [i for i in range(start, stop) if not quiet[i]] if self.filter.quiet else range(start, stop)
        self._found.extend(passing if test is None else [i for i in passing if test(rows[i])])
        self._looked = stop
        return stop == len(film)

    def __len__(self) -> int:
        return len(self._found) if self.filter else self._looked

    def __getitem__(self, index: int) -> Entry:
        return self.film[self.index(index)]

    def index(self, index: int) -> int:
        """The film's index of a row of the view."""
        return self._found[index] if self.filter else index

    def shows(self, seq: int) -> bool:
        """Whether the entry with this seq passes the filter."""
        film, at = self.film, self.film.index(seq)
        if at >= len(film) or (self.filter.quiet and film._quiet[at]):
            return False
        return self._test is None or self._test(film._rows[at])

    def nearest(self, seq: int) -> int:
        """The row of the view with this seq, or the first one after it, or the last one."""
        at = self.film.index(seq)
        found = bisect_left(self._found, at) if self.filter else at
        return max(0, min(found, len(self) - 1))
