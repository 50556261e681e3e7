"""The journal told in the fields of the captured traces; drawings and other files are in `lab.journal.formats`.

A trace line has the fields of the captured traces of real OpenStack: seq, t_ms, kind, source, target,
method, path_or_topic, status, note, and for RPC exchange and version. A REST line stands where the
request began and carries the status of its answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lab.journal.entry import Entry
from lab.journal.lost import lost

PERIODIC = frozenset({"report_state", "report_states", "update_service_capabilities", "publish_service_capabilities"})
TRACED = ("rest", "rpc_call", "rpc_reply", "rpc_cast", "notify")


def bare(name: str) -> str:
    """A process's name without its host."""
    return name.partition("@")[0]


def finished(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry | None]]:
    """Messages in order of their start, each with its answer when it has one; answers do not stand alone."""
    rows = list(entries)
    answers = {e.parent: e for e in rows if e.kind == "rest_reply"}
    for entry in rows:
        if entry.kind in TRACED:
            yield entry, answers.get(entry.seq)


def trace(
    entries: Iterable[Entry], names: dict[str, str] | None = None, polls: bool = False, periodic: bool = False
) -> list[dict[str, Any]]:
    """The messages as golden-field rows.

    names: ids to their placeholders ({'<uuid>': '{server}'}). polls: keep the client's repeated GETs.
    periodic: keep state reports and periodic tasks. A message of which nothing came has the status 'lost'.
    """
    kept = list(entries)
    by_seq = {e.seq: e for e in kept}
    dropped, gone = set() if polls else repeated_polls(kept), lost(kept)
    return [
        _row(entry, answer, names or {}) | ({"status": "lost"} if entry.seq in gone else {})
        for entry, answer in finished(kept)
        if (periodic or (entry.name not in PERIODIC and entry.request_id)) and not is_under(entry, dropped, by_seq)
    ]


def repeated_polls(entries: Iterable[Entry]) -> set[int]:
    """The seqs of a client's GETs of a path that it asked for again later."""
    last: dict[str, int] = {}
    dropped: set[int] = set()
    for entry in entries:
        if entry.kind == "rest" and entry.name == "GET" and bare(entry.source) == "client":
            if entry.where in last:
                dropped.add(last[entry.where])
            last[entry.where] = entry.seq
    return dropped


def is_under(entry: Entry, roots: set[int], by_seq: Mapping[int, Entry]) -> bool:
    """Whether one of these caused it, or is it."""
    at: Entry | None = entry if roots else None
    while at is not None:
        if at.seq in roots:
            return True
        at = by_seq.get(at.parent)
    return False


def _row(entry: Entry, answer: Entry | None, names: dict[str, str]) -> dict[str, Any]:
    status: Any = entry.status
    note: dict[str, Any] = {}
    if entry.kind == "rest":
        text = answer.status if answer is not None else ""
        status = int(text) if text.isdecimal() else text or None
        note["ms"] = round(answer.duration / 1e6, 1) if answer is not None else None
        if answer is not None and answer.body is not None:
            note["bytes"] = len(answer.body_bytes())
    elif entry.kind == "rpc_reply":
        note["rtt_ms"] = round(entry.duration / 1e6, 1)
    else:
        body = entry.json()
        note = {k: shape(v) for k, v in body.items()} if isinstance(body, dict) else {}
    note["req_id"] = entry.request_id
    row: dict[str, Any] = {
        "seq": entry.seq,
        "t_ms": round(entry.t / 1e6, 3),
        "kind": entry.kind,
        "source": bare(entry.source),
        "target": bare(entry.target),
        "method": entry.name,
        "path_or_topic": named(entry.where, names),
        "status": status,
        "note": note,
    }
    if entry.note and "exchange" in entry.note:
        row["exchange"], row["version"] = entry.note["exchange"], entry.note["version"]
    return row


def shape(value: Any) -> Any:
    """A value in a few characters: scalars as they are, lists and objects by what they hold."""
    if isinstance(value, dict):
        return "{" + ",".join(list(value)[:8]) + "}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    if isinstance(value, str) and len(value) > 80:
        return value[:77] + "..."
    return value


def named(text: str, names: dict[str, str]) -> str:
    """The text with known ids replaced by their placeholders."""
    if not names or not text:
        return text
    return re.sub("|".join(map(re.escape, sorted(names, key=len, reverse=True))), lambda m: names[m[0]], text)


def ids_of(body: dict[str, Any]) -> dict[str, str]:
    """Placeholders for the ids in one answer's body: {'server': {'id': X}} gives {X: '{server}'}."""
    found = {}
    for kind, value in body.items():
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            found[value["id"]] = "{" + kind + "}"
    return found
