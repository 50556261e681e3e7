"""Pages of the event stream: the journal's entries as bytes, encoded once for all who watch.

A class that watches one cloud costs it hardly more than one watcher: who comes to a place from which a page was made
gets that page, and a new page ends where another one begins, so that watchers soon turn the same pages.
"""

from __future__ import annotations

from itertools import islice

from lab.journal import Journal

ENTRIES = 500
"""Entries of one page."""
BYTES = 2**18
"""Bytes after which a page is closed before it has that many."""
ROWS_MAX = 8
"""Rows of a lazy body up to which it is rendered for watchers, who ask for a longer one when they look at it: the two tables of one
create cost a tenth of the create on 16 hosts, and as much as the create on 200."""
KEPT = 32
"""Pages that are kept; the oldest go first."""


class Pages:
    """The newest pages of one journal, whose entries never change."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._made: dict[int, tuple[int, bytes]] = {}
        """By the entry after which a page begins: its last entry, and the event."""

    def after(self, seq: int) -> tuple[int, bytes]:
        """The next entries after this one as one event, and the last of them; no bytes when there are none."""
        if seq >= self._journal.seq:
            return seq, b""
        page = self._made.get(seq)
        if page is None:
            page = self._made[seq] = self._make(seq, min((first for first in self._made if first > seq), default=seq + ENTRIES))
            if len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
        return page

    def _make(self, seq: int, end: int) -> tuple[int, bytes]:
        lines, size, last = [b""], 0, seq
        for entry in islice(self._journal.since(seq), min(end - seq, ENTRIES)):
            line = entry.line(ROWS_MAX)
            lines.append(line)
            size += len(line)
            last = entry.seq
            if size >= BYTES:
                break
        lines[0] = b"event: entries\nid: %d" % last
        lines[-1] += b"\n\n"
        return last, b"\ndata: ".join(lines)
