"""A recorded journal as a feed: JSON Lines, as `/glasscloud/journal` answers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from lab.errors import LabError
from lab.journal import Entry
from lab.watch.dial import dial_in
from lab.watch.feed import ABILITIES, Entries, Feed, Lost, Seen
from lab.watch.line import ForeignLine, entry_of

BLOCK = 1 << 19
"""Bytes that are read at a time, in a thread. They are decoded on the loop, in a few ms: a thread would only fight for the interpreter."""


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
            call = f"glasscloud trace record --connect URL -o {path.name}"
            raise LabError(f"{path} is empty; record a journal with: {call}", ko=f"{path}: 비어 있습니다. 저널은 이렇게 기록합니다: {call}")
        try:
            self.dial = dial_in(entry_of(first.rstrip(b"\r\n")))
        except ForeignLine:
            line = first[:40].decode("utf-8", "replace").strip()
            raise LabError(
                f"{path} is not a recorded journal: its first line is {line!r}; "
                "what is needed is JSON Lines as GET /glasscloud/journal answers them",
                ko=f"{path}: 기록된 저널이 아닙니다. 첫 줄이 {line!r}입니다. GET /glasscloud/journal이 답하는 JSON Lines가 필요합니다",
            ) from None

    async def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """All entries of the file after `since`; a damaged line ends them and is reported by its number."""
        with await asyncio.to_thread(self.path.open, "rb") as file:
            number, rest = 0, b""
            while True:
                data = await asyncio.to_thread(file.read, BLOCK)
                *lines, rest = (rest + data).split(b"\n") if data else (rest, b"")
                entries, bad = _read(lines)
                number += len(lines)
                new = [entry for entry in entries if entry.seq > since] if since else entries
                if new:
                    yield Entries(new)
                if bad:
                    yield Lost("cut", str(number - len(lines) + bad))
                if bad or not data:
                    return


def _read(lines: list[bytes]) -> tuple[list[Entry], int]:
    """The entries of some lines up to a damaged one, and that one's number, from 1; 0 when there is none."""
    entries = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                entries.append(entry_of(line))
            except ForeignLine:
                return entries, number
    return entries, 0
