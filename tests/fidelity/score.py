"""How well a trace of ours agrees with one captured from real OpenStack, and which messages must be in it.

The score is the team's: recall x order over messages told by kind, source, target, method and path or topic;
the *spine* is every cast, every call but the generic object actions, and every state-changing REST request.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|req-[0-9a-f-]+")
PLACEHOLDER = re.compile(r"\{[a-z_0-9]+\}")
Row = dict[str, Any]
Key = tuple[str, ...]


def where_of(text: str) -> str:
    """A path with its ids taken out and its query reduced to sorted names, or a topic without its host."""
    path, _, query = text.partition("?")
    path = PLACEHOLDER.sub("{id}", UUID.sub("{id}", path))
    names = sorted({part.partition("=")[0] for part in query.split("&") if part})
    return path + ("?" + "&".join(names) if names else "")


def key_of(row: Row) -> Key:
    """What tells one message from another."""
    kind, where = row["kind"], str(row.get("path_or_topic") or "")
    start = (kind, row["source"], row["target"], row["method"])
    if kind == "rest":
        return (*start, where_of(where), f"{str(row.get('status'))[:1]}xx")
    if kind == "rpc_reply":
        return (*start, "ok" if row.get("status") in ("ok", None, "") else "failure")
    return (*start, "fanout" if "fanout" in where else where.split(".")[0])


def golden(name: str) -> list[Row]:
    """A captured trace without its notifications."""
    lines = (GOLDEN / f"{name}.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] != "notify"]


def messages(rows: list[Row]) -> list[Row]:
    """Our rows without notifications."""
    return [row for row in rows if row["kind"] != "notify"]


def longest_common(a: list[Key], b: list[Key]) -> int:
    """The length of the longest common subsequence."""
    line = [0] * (len(b) + 1)
    for x in a:
        left_above = 0
        for j, y in enumerate(b, 1):
            left_above, line[j] = line[j], left_above + 1 if x == y else max(line[j], line[j - 1])
    return line[-1]


def kept(items: list[Key], counts: Counter[Key]) -> list[Key]:
    """The items, each as often as `counts` allows."""
    left, out = Counter(counts), []
    for item in items:
        if left[item] > 0:
            left[item] -= 1
            out.append(item)
    return out


def score(theirs: list[Row], ours: list[Row]) -> tuple[float, float]:
    """(score, precision)."""
    a, b = [key_of(r) for r in theirs], [key_of(r) for r in ours]
    common = Counter(a) & Counter(b)
    n = sum(common.values())
    if not n:
        return 0.0, 0.0
    order = longest_common(kept(a, common), kept(b, common)) / n
    return n / len(a) * order, n / len(b)


def is_spine(row: Row) -> bool:
    """Whether a message is one that must not be missing."""
    if row["kind"] == "rpc_cast":
        return True
    if row["kind"] == "rpc_call":
        return not row["method"].startswith(("object_action", "object_class_action"))
    return row["kind"] == "rest" and row["method"] in ("POST", "PUT", "DELETE", "PATCH")


def spine_faults(theirs: list[Row], ours: list[Row]) -> list[str]:
    """What is wrong with our spine: messages that are missing, and messages that come before their cause.

    The cause of a message is the last one before it, in the captured trace, that reached its sender.
    """
    found: list[str] = []
    have = Counter(key_of(r) for r in ours)
    need = Counter(key_of(r) for r in theirs if is_spine(r))
    found += [f"missing {count} x {' '.join(key)}" for key, count in (need - have).items()]
    first = {}
    for place, row in enumerate(ours):
        first.setdefault(key_of(row), place)
    for place, row in enumerate(theirs):
        if not is_spine(row) or key_of(row) not in first:
            continue
        causes = [r for r in theirs[:place] if r["target"] == row["source"] and key_of(r) in first and r["kind"] != "rpc_reply"]
        if causes and all(first[key_of(cause)] > first[key_of(row)] for cause in causes):
            found.append(f"{' '.join(key_of(row))} comes before every message that may cause it")
    return found
