"""A recorded journal as a feed: JSON Lines, as `/glasscloud/journal` answers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from lab.errors import LabError
from lab.journal import Entry
from lab.watch.feed import ABILITIES, Entries, Feed, Lost, Seen
from lab.watch.line import ForeignLine, entry_of

BLOCK = 1 << 20
"""Bytes that are read and decoded at a time, in a thread."""


class RecordedFeed(Feed):
    """Entries from a file. It can be watched, and nothing else."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises LabError when its first line is no entry, OSError when it cannot be read."""
        super().__init__()
        self.path = path
        self.title = path.name
        self.unable = dict.fromkeys(ABILITIES, "recorded")
        with path.open("rb") as file:
            first = file.readline()
        if not first.strip():
            raise LabError(f"{path} is empty; record a journal with: glasscloud trace record --connect URL -o {path.name}")
        try:
            entry_of(first.rstrip(b"\r\n"))
        except ForeignLine:
            raise LabError(
                f"{path} is not a recorded journal: its first line is {first[:40].decode('utf-8', 'replace').strip()!r}; "
                "what is needed is JSON Lines as GET /glasscloud/journal answers them"
            ) from None

    async def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """All entries of the file after `since`; a damaged line ends them and is reported by its number."""
        with await asyncio.to_thread(self.path.open, "rb") as file:
            number, rest = 0, b""
            while True:
                entries, number, rest, more, problem = await asyncio.to_thread(_block, file, number, rest)
                new = [entry for entry in entries if entry.seq > since] if since else entries
                if new:
                    yield Entries(new)
                if problem:
                    yield Lost("cut", problem)
                if problem or not more:
                    return


def _block(file: IO[bytes], number: int, rest: bytes) -> tuple[list[Entry], int, bytes, bool, str]:
    """Read a block: its entries, the number of the last line, what is left of a line, whether there is more, what is wrong."""
    data = file.read(BLOCK)
    lines = (rest + data).split(b"\n")
    rest = lines.pop() if data else b""
    entries = []
    for line in lines:
        number += 1
        if not line.strip():
            continue
        try:
            entries.append(entry_of(line))
        except ForeignLine:
            return entries, number, b"", False, f"{number}"
    return entries, number, rest, bool(data), ""
