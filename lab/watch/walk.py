"""A frame's walk, hop by hop: from the answer of a ping, or from the journal's `frame` entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.journal import Entry
from lab.watch.film import Film
from lab.watch.reader import Reader

APART_NS = 1_000_000_000
"""Frames that are farther apart belong to another question."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What one device did with a frame: send, tag, flood, forward, deliver, encapsulate, decapsulate, route, answer, drop."""

    t_ns: int
    device: str
    port: str
    action: str
    vlan: int | None
    frame: str
    reason: str
    seq: int = 0
    """The journal's entry, 0 when not from there."""

    @property
    def lost(self) -> bool:
        """Whether the frame ended here."""
        return self.action == "drop"


@dataclass(frozen=True, slots=True)
class Walk:
    """The hops of a question and its answer. `reached` is None when only frames were seen."""

    title: str
    hops: tuple[Hop, ...]
    reached: bool | None = None
    rtt_ms: float | None = None
    reason: str = ""


def of_ping(title: str, answer: Mapping[str, Any]) -> Walk:
    """The walk that POST ping answered."""
    hops = tuple(
        Hop(round(hop["t_ms"] * 1_000_000), hop["device"], hop["port"], hop["action"], hop["vlan"], hop["frame"], hop["reason"])
        for hop in answer.get("hops", ())
    )
    return Walk(title, hops, answer.get("reached"), answer.get("rtt_ms"), answer.get("reason") or "")


def of_entries(entries: Iterable[Entry]) -> Walk:
    """The walk that `frame` entries tell."""
    hops = []
    for e in entries:
        note = e.note or {}
        hops.append(Hop(e.t, e.source, e.where, e.name, note.get("vlan"), note.get("frame", ""), note.get("reason", ""), e.seq))
    return Walk(hops[0].device if hops else "", tuple(hops))


class Walks(Reader):
    """All walks of a film."""

    def __init__(self, film: Film) -> None:
        super().__init__(film, frozenset({"frame"}))

    def forget(self) -> None:
        """No walks."""
        self._starts: list[int] = []
        self._hops = 0
        self._last = 0

    def learn(self, entry: Entry) -> None:
        """A frame goes on with the last walk, or begins the next one."""
        if not self._starts or entry.t - self._last > APART_NS:
            self._starts.append(self._hops)
        self._hops += 1
        self._last = entry.t

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Walk:
        number %= len(self._starts)
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self._hops
        return of_entries(self.view[index] for index in range(self._starts[number], end))
