"""Where everything of a sequence diagram stands: pixels for rows, lanes, bars and bands."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lab.journal.formats.diagram import Row, lanes
from lab.journal.formats.flow import ANSWERS, REQUESTS, Flow

LEFT = 84
"""Room for the times."""
LANE = 138
BAND = 150
"""Room for the state of one server."""
TOP = 150
"""Title, legend and heads."""
ROW = 28
GAP = 22
"""More room where nothing happened for PAUSE_NS."""
PAUSE_NS = 1_000_000_000
BOTTOM = 60
HEADS_EVERY = 40
"""Rows after which the lanes' names stand again."""
SERVERS_MAX = 4
"""Servers whose states stand at the side; of more, the first ones."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A process at work: its lane, from one y to another, and how deep in other work."""

    lane: str
    top: float
    end: float
    depth: int


@dataclass(frozen=True, slots=True)
class Band:
    """A server in one state: its column, from one y to another."""

    column: int
    server: str
    state: str
    top: float
    end: float


class Layout:
    """The places of a diagram's rows."""

    def __init__(self, flow: Flow, rows: Sequence[Row]) -> None:
        self.flow, self.rows = flow, rows
        self.lanes = lanes(rows)
        self.xs = {lane: LEFT + LANE * (at + 0.5) for at, lane in enumerate(self.lanes)}
        self.ys: list[float] = []
        self.pauses: dict[int, int] = {}
        """Row -> nanoseconds in which nothing happened before it."""
        self.repeated_heads: list[float] = []
        """Where the lanes' names stand again, for who has scrolled the heads away."""
        y, before = float(TOP), rows[0].entry.t if rows else 0
        for at, row in enumerate(rows):
            y += ROW
            if at and at % HEADS_EVERY == 0 and len(rows) - at > HEADS_EVERY // 4:
                self.repeated_heads.append(y - ROW / 2 + 6)
                y += GAP
            if row.entry.t - before >= PAUSE_NS:
                self.pauses[at] = row.entry.t - before
                y += GAP
            self.ys.append(y)
            before = (row.answer or row.entry).t
        self.end = y + ROW
        self.height = self.end + BOTTOM
        self.servers = list(dict.fromkeys(r.entry.where for r in rows if r.kind == "state" and r.entry.target == "server"))[:SERVERS_MAX]
        self.side = LEFT + LANE * len(self.lanes) + 16
        self.width = self.side + BAND * max(1, len(self.servers)) + 16
        self._row_of = {row.entry.seq: at for at, row in enumerate(rows)}
        self._row_of.update({row.answer.seq: at for at, row in enumerate(rows) if row.answer is not None})

    def bars(self) -> list[Bar]:
        """Who works from when to when, for requests whose answer is a row of its own and casts that had effects."""
        found: list[Bar] = []
        open_until: dict[str, list[float]] = {}
        for at, row in enumerate(self.rows):
            last = self._last(row)
            if last is None or last <= at:
                continue
            ends = [end for end in open_until.get(row.target, []) if end > self.ys[at]]
            found.append(Bar(row.target, self.ys[at], self.ys[last], len(ends)))
            open_until[row.target] = [*ends, self.ys[last]]
        return found

    def _last(self, row: Row) -> int | None:
        """The row in which a message's work ends; None when it has none."""
        flow, seq = self.flow, row.entry.seq
        if row.kind in REQUESTS:
            answer = flow.answers.get(seq)
            return None if answer is None or row.answer is not None else self._row_of.get(answer.seq)
        if row.kind != "rpc_cast" or row.source == row.target:
            return None
        ends = [flow.answers.get(effect.seq, effect).seq for effect in flow.effects.get(seq, ())]
        return max((self._row_of[end] for end in ends if end in self._row_of), default=None)

    def bands(self) -> list[Band]:
        """The states of each server over its life in the diagram."""
        found = []
        for column, server in enumerate(self.servers):
            steps = [(self.ys[at], row.entry) for at, row in enumerate(self.rows) if row.kind == "state" and row.entry.where == server]
            ends = [y for y, _ in steps[1:]] + [self.end]
            before = steps[0][1].name.partition(" -> ")[0]
            found.append(Band(column, server, before, TOP + 6, steps[0][0]))
            found += [Band(column, server, entry.status, y, end) for (y, entry), end in zip(steps, ends, strict=True)]
        return found


def width_of(text: str, size: float) -> float:
    """How wide a text is, about: wide characters, as Korean's, take a whole em."""
    return size * sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.59 for letter in text)


def cut(text: str, size: float, room: float) -> str:
    """The text as far as there is room for it."""
    if width_of(text, size) <= room:
        return text
    while text and width_of(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def is_answer(row: Row) -> bool:
    """Whether the row is an answer on its way back."""
    return row.kind in ANSWERS
