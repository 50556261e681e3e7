"""The journal's memory: an open chunk, a bounded window of chunks, and packed segments in a file.

Entries are never changed. In memory they are plain tuples, which the garbage collector leaves alone (a NamedTuple
it would walk again and again), and become an `Entry` for whoever reads them. The newest `window`
entries lie in memory as they are; older chunks are packed and appended to a file with an index, and queries read both
alike. Packed means zstandard over marshal: it takes plain values only, in half of pickle's time, and what it made is
read by this process and no other.
"""

from __future__ import annotations

import marshal
import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import zstandard

from lab.errors import LabError
from lab.journal.entry import Entry, LazyBody
from lab.runtime import Runtime

CHUNK = 4096
"""Entries per chunk: what one segment holds and what one old look-up unpacks."""
WINDOW = 200_000
"""Entries in memory."""
PLAIN = 32_768
"""Those of them that lie there unpacked: what faces and tests look at again and again."""

Row = tuple[Any, ...]
"""An entry's fields in order."""

_new = tuple.__new__
_SEQ, _BODY = Entry._fields.index("seq"), Entry._fields.index("body")


class Journal:
    """Append-only log of one cloud."""

    def __init__(self, runtime: Runtime, window: int = WINDOW) -> None:
        self.runtime = runtime
        self.seq = self.first = 0
        """The newest seq, and the one before the oldest: not 0 in a program that has a number space of its own."""
        self._open: list[Row] = []
        self._chunks: deque[list[Row]] = deque()
        self._keep = max(1, min(window, PLAIN) // CHUNK)
        self._packed: deque[bytes] = deque()
        """Packed chunks in memory; before them come those in the file."""
        self._keep_packed = max(0, window // CHUNK - self._keep)
        self._file: IO[bytes] | None = None
        self._places: list[tuple[int, int]] = []
        """Offset and size of each chunk in the file."""
        self._firsts: list[int] = []
        """The first seq of each packed chunk, wherever it lies."""
        self._packer = zstandard.ZstdCompressor(level=1)
        self._sinks: list[Callable[[Entry], None]] = []
        self._unpacked: tuple[int, list[Row]] | None = None
        self._lazy: dict[int, LazyBody] = {}
        """The lazy bodies of packed entries by seq."""
        self.packed_bytes = 0

    def number(self, first: int) -> None:
        """Number the entries from `first` + 1 on. Only for a journal that is empty."""
        if self.seq != self.first:
            raise RuntimeError("a journal that has entries cannot be numbered anew")
        self.seq = self.first = first

    def add(
        self,
        kind: str,
        source: str,
        target: str,
        name: str,
        where: str = "",
        status: str = "",
        duration: int = 0,
        request_id: str = "",
        parent: int = 0,
        body: bytes | LazyBody | None = None,
        note: dict[str, Any] | None = None,
        t: int | None = None,
    ) -> int:
        """Append an entry and answer its seq (from 1). Whoever has just looked at the clock gives the time too."""
        self.seq = seq = self.seq + 1
        if t is None:
            t = self.runtime.now_ns()
        chunk = self._open
        chunk.append((seq, t, kind, source, target, name, where, status, duration, request_id, parent, body, note))
        if not seq % CHUNK:
            self._close_chunk()
        if self._sinks:
            entry = _new(Entry, chunk[-1])
            for sink in tuple(self._sinks):  # one may leave while it is told
                sink(entry)
        return seq

    def _close_chunk(self) -> None:
        self._chunks.append(self._open)
        self._open = []
        if len(self._chunks) > self._keep:
            self._pack(self._chunks.popleft())

    def _pack(self, chunk: list[Row]) -> None:
        # A lazy body stays what it takes to make it: rendering all of them would cost more than the cloud itself.
        for place in [place for place, row in enumerate(chunk) if type(row[_BODY]) is LazyBody]:
            row = chunk[place]
            body = row[_BODY]
            body.view = None
            self._lazy[row[_SEQ]] = body
            chunk[place] = (*row[:_BODY], None, *row[_BODY + 1 :])
        # A copy: what zstandard answers keeps the room that it had to write in, megabytes.
        data = bytes(memoryview(self._packer.compress(marshal.dumps(chunk))))
        self._firsts.append(chunk[0][_SEQ])
        self._packed.append(data)
        self.packed_bytes += len(data)
        if len(self._packed) > self._keep_packed:
            self._write(self._packed.popleft())

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="glasscloud-journal-")  # noqa: SIM115 (kept open for the journal's life)
        self._places.append((self._file.seek(0, 2), len(data)))
        self._file.write(data)

    def _read(self, number: int) -> bytes:
        in_file = len(self._places)
        if number >= in_file:
            return self._packed[number - in_file]
        if self._file is None:
            raise RuntimeError("the journal's segment file is closed")
        offset, size = self._places[number]
        self._file.seek(offset)
        return self._file.read(size)

    def _unpack(self, number: int) -> list[Row]:
        if self._unpacked is not None and self._unpacked[0] == number:
            return self._unpacked[1]
        raw = zstandard.ZstdDecompressor().decompress(self._read(number))
        lazy = self._lazy
        chunk = [
            (*row[:_BODY], lazy[row[_SEQ]], *row[_BODY + 1 :]) if row[_SEQ] in lazy else row
            for row in marshal.loads(raw)  # noqa: S302 (what this journal packed itself)
        ]
        self._unpacked = (number, chunk)
        return chunk

    # -- reading ------------------------------------------------------------------------------

    @property
    def first_unpacked(self) -> int:
        """The oldest seq that is not packed."""
        for chunk in (*self._chunks, self._open):
            if chunk:
                return chunk[0][_SEQ]  # type: ignore[no-any-return]
        return self.seq + 1

    def since(self, seq: int = 0) -> Iterator[Entry]:
        """All entries after `seq`, oldest first, from the file and from memory; a negative one means from the start."""
        for row in self._rows(seq):
            yield _new(Entry, row)

    def _rows(self, seq: int) -> Iterator[Row]:
        seq = max(0, seq)
        # Whoever reads may pause while chunks are packed, so where the next entry lies is asked anew for each chunk.
        seq = max(seq, self.first)
        while seq < self.seq:
            chunk = self._holding(seq + 1)
            rows = chunk[seq + 1 - chunk[0][_SEQ] :]
            yield from rows
            seq += len(rows)

    def _holding(self, seq: int) -> list[Row]:
        """The chunk with this entry, from wherever it lies."""
        if seq < self.first_unpacked:
            return self._unpack(bisect_right(self._firsts, seq) - 1)
        return next(chunk for chunk in (*self._chunks, self._open) if chunk and chunk[-1][_SEQ] >= seq)

    def get(self, seq: int) -> Entry:
        """The entry with this seq. Raises KeyError when there is none."""
        for entry in self.since(seq - 1):
            if entry.seq == seq:
                return entry
            break
        raise KeyError(f"the journal has no entry {seq}; it ends at {self.seq}")

    def find(self, since: int = 0, **wanted: object) -> Iterator[Entry]:
        """Entries after `since` whose fields equal the wanted ones; the text '*' at an end matches a prefix.

        Raises LabError for a field that entries do not have.
        """
        unknown = [name for name in wanted if name not in Entry._fields]
        if unknown:
            raise LabError(f"an entry of the journal has no {', '.join(unknown)}; known: {', '.join(Entry._fields)}")
        return self._find(since, wanted)

    def _find(self, since: int, wanted: Mapping[str, object]) -> Iterator[Entry]:
        tests: list[tuple[int, object]] = [(Entry._fields.index(name), value) for name, value in wanted.items()]
        for row in self._rows(since):
            if all(_matches(row[i], value) for i, value in tests):
                yield _new(Entry, row)

    def subscribe(self, sink: Callable[[Entry], None]) -> Callable[[], None]:
        """Hand every new entry to `sink` as it is written; the answer takes the subscription back."""
        self._sinks.append(sink)
        return lambda: self._sinks.remove(sink)

    def close(self) -> None:
        """Give the segment file back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _matches(value: object, wanted: object) -> bool:
    if isinstance(wanted, str) and wanted.endswith("*") and isinstance(value, str):
        return value.startswith(wanted[:-1])
    return value == wanted
