"""One entry drawn as one line: its time, its letter, an arrow between lanes, and words.

    8.963 R │      ├─────▶│      │      │      │      │neutron POST /v2.0/ports

Each way of speaking has a letter, a line and a colour: REST R ─, calls C ═ and casts A ═ by queue, notifications N ·, drivers D ╌;
the letters are those of the exports. Small letters, dashes and hollow heads are answers; a cast, which nobody waits for, has a
hollow head too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from lab.journal import Entry
from lab.tui.theme import Palette
from lab.watch.dial import Dial
from lab.watch.lanes import LEVELS, Lane, binary, positions
from lab.watch.names import Names

LETTER = 2
LABEL_MIN = 26
"""Columns that the words must have for a level of detail to be taken."""


class Shape(NamedTuple):
    """How a kind is drawn."""

    letter: str
    shaft: str
    head: str
    back: str


SHAPES = {
    "rest": Shape("R", "─", "▶", "◀"),
    "rest_reply": Shape("r", "╌", "▷", "◁"),
    "rpc_call": Shape("C", "═", "▶", "◀"),
    "rpc_cast": Shape("A", "═", "▷", "◁"),
    "rpc_reply": Shape("c", "╍", "▷", "◁"),
    "notify": Shape("N", "·", "▷", "◁"),
    "driver": Shape("D", "┄", "▶", "◀"),
    "driver_reply": Shape("d", "┈", "▷", "◁"),
}
MARKS = {
    "state": ("S", "◆"), "decision": ("?", "◈"), "process": ("P", "●"), "fault": ("!", "✖"), "error": ("!", "✖"), "input": ("I", "▼"),
    "world": ("W", "●"), "log": ("L", "·"), "frame": ("F", "~"),
}
"""Kinds that are no message: letter, and the sign on their lane."""


@dataclass(frozen=True)
class Plan:
    """Which lanes there are and how wide one is."""

    lanes: tuple[Lane, ...]
    lane: int

    @property
    def width(self) -> int:
        """Columns of all lanes."""
        return self.lane * len(self.lanes)


def plan_for(width: int, level: int | None = None) -> Plan:
    """The most detailed level that leaves room for words, or the one that is asked for (0 is the finest); width: without the time."""
    for number, (lanes, lane) in enumerate(zip(LEVELS, (9, 7, 6), strict=True)):
        if number == level or (level is None and LETTER + lane * len(lanes) + LABEL_MIN <= width):
            # What is left over goes to the lanes, up to a point: far apart they are hard to follow.
            spare = (width - LETTER - LABEL_MIN - lane * len(lanes)) // (3 * len(lanes))
            return Plan(lanes, lane + max(0, min(spare, 4)))
    return Plan(LEVELS[-1], 6)


class Pen:
    """Draws entries over the lanes of a plan."""

    def __init__(self, plan: Plan, styles: Palette, names: Names, dial: Dial) -> None:
        self.plan, self.styles, self.names, self.dial = plan, styles, names, dial
        self._at = positions(plan.lanes)
        self._alone = [0] * len(plan.lanes)
        for index in self._at.values():
            self._alone[index] += 1
        middle = plan.lane // 2
        self._middles = [index * plan.lane + middle for index in range(len(plan.lanes))]
        self._rails = "".join("│" if i % plan.lane == middle else " " for i in range(plan.width))

    def heading(self, width: int) -> list[Segment]:
        """The names of the lanes."""
        cells = "".join(_centred(lane.title, self.plan.lane) for lane in self.plan.lanes)
        return _fit([Segment(" " * (self.dial.columns + LETTER)), Segment(cells, self.styles.head)], width)

    def line(self, entry: Entry, width: int) -> list[Segment]:
        """One entry in exactly so many columns."""
        styles = self.styles
        style = styles.bad if is_failure(entry) else styles.of(entry.kind)
        shape = SHAPES.get(entry.kind)
        letter = shape.letter if shape else MARKS.get(entry.kind, ("·", "·"))[0]
        parts = [Segment(self.dial.short(entry.t), styles.muted), Segment(f"{letter} ", style)]
        parts += self._arrow(entry, shape, style) if shape else self._mark(entry, style)
        parts += self.label(entry)
        return _fit(parts, width)

    def _arrow(self, entry: Entry, shape: Shape, style: Style) -> list[Segment]:
        source, target = self._at.get(binary(entry.source)), self._at.get(binary(entry.target))
        if source is None and target is None:
            return [Segment(self._rails, self.styles.faint)]
        if source is None or target is None or source == target:
            return self._stub(self._middles[source if source is not None else target or 0], shape, style, source == target)
        a, b = self._middles[source], self._middles[target]
        if a < b:
            return self._over(a, "├" + shape.shaft * (b - a - 2) + shape.head + "│", style)
        return self._over(b, "│" + shape.back + shape.shaft * (a - b - 2) + "┤", style)

    def _stub(self, middle: int, shape: Shape, style: Style, within: bool) -> list[Segment]:
        """A message that stays in its lane, or leaves for where no lane is."""
        if within:
            return self._over(middle - 1, shape.shaft + "┼" + shape.head, style)
        return self._over(middle, "├" + shape.shaft + shape.head, style)

    def _mark(self, entry: Entry, style: Style) -> list[Segment]:
        if entry.kind == "frame":  # on the wire there are no lanes
            hop = f" {entry.source} → {entry.target}"
            return [Segment(set_cell_size(hop, self.plan.width), style)]
        at = self._at.get(binary(entry.source), self._at.get(binary(entry.target)))
        if at is None:
            return [Segment(self._rails, self.styles.faint)]
        return self._over(self._middles[at], MARKS.get(entry.kind, ("·", "·"))[1], style)

    def _over(self, start: int, text: str, style: Style) -> list[Segment]:
        """Rails with a text over them."""
        rails, faint = self._rails, self.styles.faint
        return [Segment(rails[:start], faint), Segment(text, style), Segment(rails[start + len(text) :], faint)]

    # -- words --------------------------------------------------------------------------------

    def label(self, entry: Entry) -> list[Segment]:
        """What an entry says: who, what, how it ended."""
        styles, kind = self.styles, entry.kind
        parts = [Segment(f"{who} ", styles.muted)] if (who := self._who(entry)) else []
        short = self.names.short
        if kind == "rest":
            return [*parts, Segment(f"{entry.name} ", styles.strong), Segment(short(entry.where), styles.plain)]
        if kind in ("rest_reply", "rpc_reply", "driver_reply"):
            ending = styles.bad if is_failure(entry) else styles.good
            what = f"{entry.name} {entry.where}" if kind == "rest_reply" else entry.name
            return [
                *parts, Segment(f"{entry.status or 'ok'} ", ending), Segment(f"{lasted(entry.duration)} ", styles.muted),
                Segment(short(what), styles.muted),
            ]
        if kind == "state":
            before, _, after = entry.name.replace("/None", "").partition(" -> ")
            return [
                Segment(f"{entry.target} {short(entry.where)} ", styles.muted), Segment(f"→ {after} ", styles.state),
                Segment(before, styles.muted),
            ]
        if kind == "frame":
            return [Segment(str((entry.note or {}).get("frame", entry.name)), styles.plain)]
        where = f" {short(entry.where)}" if entry.where else ""
        if kind in ("rpc_call", "rpc_cast"):
            where = f" ⇢ {entry.where}"
        if kind == "process":
            return [Segment(f"{entry.source} ", styles.plain), Segment(f"{entry.name} {entry.status}", styles.muted)]
        strong = styles.bad if kind in ("fault", "error") else styles.strong if kind in SHAPES else styles.plain
        return [*parts, Segment(entry.name, strong), Segment(where, styles.muted)]

    def _who(self, entry: Entry) -> str:
        """Which service of a lane that several share: the one that is asked, and that answers."""
        name = binary(entry.source if entry.kind.endswith("_reply") else entry.target)
        at = self._at.get(name)
        if at is None or self._alone[at] < 2 or entry.kind.startswith(("driver", "notify")):
            return ""
        return name.removesuffix("-api").removeprefix("neutron-" if name.endswith("agent") else "")


def is_failure(entry: Entry) -> bool:
    """Whether it means that something went wrong."""
    status = entry.status
    return status.startswith(("4", "5", "fail", "err")) or "error" in status or entry.kind in ("error", "fault")


def lasted(ns: int) -> str:
    """A duration with three digits and its unit."""
    if ns >= 1_000_000_000:
        return f"{ns / 1e9:.3g} s" if ns < 1e12 else f"{ns / 1e9:.0f} s"
    return f"{ns / 1e6:.3g} ms" if ns >= 1_000_000 else f"{ns / 1e3:.0f} µs"


def _centred(text: str, width: int) -> str:
    gap = max(0, width - 1 - cell_len(text))
    # The rail stands at width // 2; a heading of even length leans to the left of it.
    left = max(0, width // 2 - cell_len(text) // 2) if gap else 0
    return set_cell_size(" " * left + text, width)


def _fit(parts: list[Segment], width: int) -> list[Segment]:
    """Exactly so many columns: cut with an ellipsis, or filled up; wide characters count two."""
    fitted, left = [], width
    for index, part in enumerate(parts):
        cells = cell_len(part.text)
        if cells > left or (cells == left and any(rest.text for rest in parts[index + 1 :])):
            if left > 1:
                fitted.append(Segment(set_cell_size(part.text, left - 1) + "…", part.style))
            return fitted
        fitted.append(part)
        left -= cells
    return [*fitted, Segment(" " * left)] if left else fitted
