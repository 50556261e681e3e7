"""A journal as JSON Lines, one native entry a line: written, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from lab.errors import LabError
from lab.journal.entry import Entry
from lab.journal.formats.flow import Flow


def jsonl(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The entries as lines, which `glasscloud tui --replay` and `trace read` take."""
    for entry in flow.entries:
        yield orjson.dumps(flow.line(entry)).decode() + "\n"


def entry_of(text: str | bytes) -> Entry:
    """A journal entry from its line. Raises ValueError when it is none."""
    row = orjson.loads(text)
    if not isinstance(row, dict) or set(Entry._fields) - set(row):
        raise ValueError("not the fields of an entry")
    row = {name: row[name] for name in Entry._fields}
    body = row.pop("body")
    wrong = [name for name in ("seq", "t", "duration", "parent") if type(row[name]) is not int]
    wrong += [name for name in ("kind", "source", "target", "name", "where", "status", "request_id") if not isinstance(row[name], str)]
    if wrong or not isinstance(row["note"], dict | None):
        raise ValueError(f"{', '.join(wrong) or 'note'} of a wrong type")
    return Entry(**row, body=None if body is None else orjson.dumps(body))


def read(path: Path) -> list[Entry]:
    """The entries of a recorded journal. A last line that was cut is left out, as a recording that was killed leaves one.

    Raises LabError, with the line's number, when the file is no journal.
    """
    found: list[Entry] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found.append(entry_of(line))
            except ValueError:
                if not line.endswith(b"\n") and found:
                    break
                english, korean = whose(line)
                raise LabError(
                    f"{path}:{number}: this is no line of a journal: {shown(line)!r}; {english}",
                    ko=f"{path}:{number}: 저널의 줄이 아닙니다: {shown(line)!r}. {korean}",
                ) from None
    return found


def shown(line: bytes) -> str:
    """The beginning of a line, for an error."""
    return line[:60].decode("utf-8", "replace").rstrip()


def whose(line: bytes) -> tuple[str, str]:
    """What the line may be instead, and the way out, in English and in Korean."""
    try:
        row: Any = json.loads(line)
    except ValueError:
        row = None
    come, record = "journals come from `glasscloud trace record`", "저널은 `glasscloud trace record`로 만듭니다"
    if isinstance(row, dict) and "path_or_topic" in row:
        return f"it is a trace; {come}", f"이것은 trace입니다. {record}"
    return come, record
