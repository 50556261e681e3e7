"""The film over virtual time: how much was said when, what changed, and where the cursor stands.

    ▁▂▁▁▇▅▁   R  REST requests per column
    ▁▁▃▁▅█▂   MQ messages by queue
       ◆ ◆✖      states, decisions, faults, inputs
         ▲       the chosen entry
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.theme import Palette
from lab.watch.film import Film

BARS = " ▁▂▃▄▅▆▇█"
SIGNS = {"state": ("◆", 1), "decision": ("◈", 2), "input": ("▼", 3), "error": ("✖", 4), "fault": ("✖", 5)}
"""What is marked: its sign, and which of two in one column is drawn."""
MARKS_MAX = 5_000
"""Marks that are looked at; older ones are many enough in the list."""
LEGEND = 3


class Scrubber(Widget, can_focus=True):
    """Left and right move through time by columns."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "key.earlier"), Binding("right", "move(1)", "key.later"),
        Binding("home", "edge(0)", show=False), Binding("end", "edge(1)", show=False),
    ]
    DEFAULT_CSS = """
    Scrubber { height: 5; padding: 0 1; background: $surface; }
    """

    class Moved(Message):
        """The cursor stands at another entry."""

        def __init__(self, seq: int) -> None:
            self.seq = seq
            super().__init__()

    def __init__(self, film: Film, inks: Palette) -> None:
        super().__init__()
        self.film, self.inks = film, inks
        self.seq = 0
        """The chosen entry; 0: the newest."""
        self._edges: list[int] = []
        self._drawn: list[list[Segment]] = []
        """Bars and marks: they stay the same while only the cursor moves."""
        self._drawn_for: tuple[object, ...] = ()

    @property
    def columns(self) -> int:
        """Columns of time."""
        return max(10, self.size.width - LEGEND)

    def edges(self) -> list[int]:
        """The film's index at which each column begins, and its end."""
        self._draw()
        return self._edges

    def _draw(self) -> None:
        """Count and mark what the columns hold, when the film or the room for it is another one."""
        film, columns = self.film, self.columns
        state = (film.version, len(film), columns, self.inks)
        if state == self._drawn_for:
            return
        times = film.times
        first, span = (times[0], max(1, times[-1] - times[0])) if times else (0, 1)
        self._edges = [bisect_left(times, first + span * i // columns) for i in range(columns)] + [len(times)]
        self._drawn = [
            [*self._bars("rest", self._edges, self.inks.rest), Segment(" R ", self.inks.rest)],
            [*self._bars("mq", self._edges, self.inks.mq), Segment(" MQ", self.inks.mq)],
            self._marks(self._edges),
        ]
        self._drawn_for = state

    def column(self, index: int) -> int:
        """The column in which an entry of the film stands."""
        edges = self.edges()
        return max(0, min(self.columns - 1, bisect_left(edges, index + 1) - 1))

    @property
    def at(self) -> int:
        """The film's index of the cursor."""
        count = len(self.film)
        return min(self.film.index(self.seq), count - 1) if self.seq else count - 1

    def render_lines(self, crop: object) -> list[Strip]:
        """The four lines and the seconds below them."""
        self._draw()
        lines, back = [*self._drawn, self._cursor(), self._scale()], self.rich_style
        width = self.size.width
        return [Strip([Segment(" "), *line]).adjust_cell_length(width + 2).apply_style(back) for line in lines]

    def _bars(self, way: str, edges: list[int], ink: Style) -> list[Segment]:
        counts = [self.film.tally(way, a, b) for a, b in itertools.pairwise(edges)]
        most = max(counts, default=0) or 1
        # A square root: a burst does not flatten everything else to nothing.
        return [Segment("".join(BARS[min(8, round(8 * (n / most) ** 0.5 + (0.4 if n else 0)))] for n in counts), ink)]

    def _marks(self, edges: list[int]) -> list[Segment]:
        last = len(edges) - 2
        cells: list[tuple[str, int, str]] = [(" ", 0, "")] * (last + 1)
        for index in self.film.marks[-MARKS_MAX:]:
            kind = self.film[index].kind
            sign, weight = SIGNS[kind]
            at = max(0, min(last, bisect_left(edges, index + 1) - 1))
            if weight > cells[at][1]:
                cells[at] = (sign, weight, kind)
        return [Segment(sign, self.inks.of(kind) if kind else None) for sign, _, kind in cells]

    def _cursor(self) -> list[Segment]:
        if not len(self.film):
            return []
        return [Segment(" " * self.column(self.at)), Segment("▲", self.inks.strong)]

    def _scale(self) -> list[Segment]:
        times = self.film.times
        if not times:
            return []
        dial = self.film.dial
        left, right = dial.instant(times[0], 1), dial.instant(times[-1], 1)
        here = f"{dial.instant(times[self.at])} · #{self.film[self.at].seq}"
        line = left.ljust(self.columns - len(right)) + right
        at = max(len(left) + 1, min(self.column(self.at) - len(here) // 2, self.columns - len(right) - len(here) - 1))
        return [
            Segment(line[:at], self.inks.muted), Segment(here, self.inks.strong), Segment(line[at + len(here) :], self.inks.muted),
        ]

    def choose(self, index: int) -> None:
        """Put the cursor on an entry of the film."""
        if len(self.film):
            self.seq = self.film[max(0, min(index, len(self.film) - 1))].seq
            self.refresh()
            self.post_message(self.Moved(self.seq))

    def action_move(self, by: int) -> None:
        """To the first entry of the next column in which something is."""
        edges, at = self.edges(), self.at
        column = self.column(at)
        begins = [edge for edge in edges[:-1] if (edge > at if by > 0 else edge < at)]
        if begins:
            self.choose(min(begins) if by > 0 else max(begins))
        elif by < 0 or column < self.columns - 1:
            self.choose(0 if by < 0 else len(self.film) - 1)

    def action_edge(self, end: int) -> None:
        """To the beginning, or to now."""
        self.choose(len(self.film) - 1 if end else 0)

    def on_click(self, event: events.Click) -> None:
        """To where it was clicked."""
        edges = self.edges()
        self.choose(edges[max(0, min(event.x - 1, self.columns - 1))])
