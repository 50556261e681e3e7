"""A frame's walk, hop by hop: from the answer of a ping, or from the journal's `frame` entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.journal import Entry
from lab.watch.film import Film, Filter, View

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


class Walks:
    """All walks of a film."""

    def __init__(self, film: Film) -> None:
        self._view = View(film, Filter(kinds=frozenset({"frame"})))
        self.forget()

    def forget(self) -> None:
        """The film was cut."""
        self._starts: list[int] = []
        self._done = 0
        self._last = 0

    def advance(self) -> bool:
        """Look at what is new; whether all of it has been looked at."""
        whole = self._view.advance()
        for index in range(self._done, len(self._view)):
            t = self._view[index].t
            if not self._starts or t - self._last > APART_NS:
                self._starts.append(index)
            self._last = t
        self._done = len(self._view)
        return whole

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Walk:
        number %= len(self._starts)
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self._done
        return of_entries(self._view[index] for index in range(self._starts[number], end))
