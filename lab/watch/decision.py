"""The scheduler's decisions in a film: each host by filters and weighers, the winner and the alternates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.journal import Entry
from lab.watch.film import Film, Filter, View

STAGE = re.compile(r"(\w+): \(start: (\d+), end: (\d+)\)")
REFUSED = "NoValidHost"
VERDICTS = ("chosen", "alternate", "passed", "refused")


@dataclass(frozen=True, slots=True)
class Stage:
    """A filter: how many hosts it was given and how many it let through."""

    name: str
    start: int
    end: int

    @property
    def short(self) -> str:
        """Its name without what all of them end with."""
        return self.name.removesuffix("Filter")


@dataclass(frozen=True, slots=True)
class Share:
    """What one weigher said of one host: score = normalised x multiplier."""

    raw: float
    normalised: float
    multiplier: float
    score: float


@dataclass(frozen=True, slots=True)
class Host:
    """A row of the table."""

    name: str
    verdict: str
    """One of VERDICTS."""
    rank: int
    """Its place among those that passed, 1 for the best; 0 when refused."""
    refused_by: int
    """The number of the filter that refused it, from 0; -1 for none."""
    reason: str
    total: float
    shares: Mapping[str, Share]

    def mark(self, stage: int) -> str:
        """'passed', 'refused', or 'unasked' by a filter's number."""
        if self.refused_by < 0 or stage < self.refused_by:
            return "passed"
        return "refused" if stage == self.refused_by else "unasked"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `chosen` is empty when no host was valid; `lost` says why reasons are not known any more."""

    seq: int
    server_id: str
    request: Mapping[str, Any]
    chosen: str
    candidates: int
    stages: tuple[Stage, ...]
    weighers: tuple[str, ...]
    """Those that tell hosts apart first."""
    hosts: tuple[Host, ...]
    """The winner, the alternates, the others that passed, those refused."""
    lost: str


def read(entry: Entry) -> Decision:
    """Read a decision from its journal entry; an entry without a body gives one without hosts."""
    body = entry.json() or {}
    stages = tuple(Stage(name, int(start), int(end)) for name, start, end in STAGE.findall("\n".join(body.get("stages", ()))))
    rows = body.get("hosts", [])
    scores: dict[str, set[float]] = {}
    for row in rows:
        for name, share in row.get("weights", {}).items():
            scores.setdefault(name, set()).add(share["score"])
    weighers = tuple(sorted(scores, key=lambda name: len(scores[name]) < 2))
    chosen = "" if entry.status == REFUSED else entry.status
    candidates = body.get("candidates", (entry.note or {}).get("candidates", 0))
    hosts = _hosts(rows, chosen, [row["host"] for row in body.get("ranking", ())], [stage.name for stage in stages])
    return Decision(
        entry.seq, entry.where, body.get("request", {}), chosen, candidates, stages, weighers, hosts, body.get("lost", "")
    )


def _hosts(rows: list[dict[str, Any]], chosen: str, ranking: list[str], stages: list[str]) -> tuple[Host, ...]:
    ranked = {name: place for place, name in enumerate(ranking)}
    # The ranking has the first few only: the winner, who had room when he was asked, and the alternates.
    def place(row: dict[str, Any]) -> tuple[bool, bool, int, float]:
        name = row["host"]
        return not row.get("passed", False), name != chosen, ranked.get(name, len(ranked)), -row.get("total", 0.0)

    found = []
    for rank, row in enumerate(sorted(rows, key=place), 1):
        name, passed = row["host"], row.get("passed", False)
        by, _, reason = row.get("reason", "").partition(": ")
        verdict = "refused" if not passed else "chosen" if name == chosen else "alternate" if name in ranked else "passed"
        shares = {key: Share(s["raw"], s["normalised"], s["multiplier"], s["score"]) for key, s in row.get("weights", {}).items()}
        refused_by = stages.index(by) if not passed and by in stages else -1
        found.append(Host(name, verdict, rank if passed else 0, refused_by, reason, row.get("total", 0.0), shares))
    return tuple(found)


class Decisions:
    """Nova's decisions in a film, in order; read when they are asked for. Those of Cinder have no table of hosts."""

    def __init__(self, film: Film) -> None:
        self._view = View(film, Filter(kinds=frozenset({"decision"}), services=frozenset({"nova-scheduler"})))
        self._read: dict[int, Decision] = {}

    def advance(self) -> bool:
        """Look at what is new; whether all of it has been looked at."""
        return self._view.advance()

    def forget(self, since: int) -> None:
        """What stands from this seq on in the film is another one now."""
        self._read = {seq: decision for seq, decision in self._read.items() if seq < since}

    def __len__(self) -> int:
        return len(self._view)

    def entry(self, index: int) -> Entry:
        """The journal entry of a decision."""
        return self._view[index]

    def __getitem__(self, index: int) -> Decision:
        entry = self._view[index]
        if entry.seq not in self._read:
            if len(self._read) > 20:
                self._read.clear()  # one of a thousand hosts is big
            self._read[entry.seq] = read(entry)
        return self._read[entry.seq]

    def of_request(self, request_id: str) -> int | None:
        """The number of the last decision made for a request."""
        numbers = (index for index in range(len(self) - 1, -1, -1) if self._view[index].request_id == request_id)
        return next(numbers, None) if request_id else None
