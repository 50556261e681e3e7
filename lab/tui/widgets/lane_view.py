"""The list of a flow: thousands of entries as lines, of which only the visible ones are drawn."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.journal import Entry
from lab.tui.theme import Palette
from lab.tui.widgets.arrows import Pen, Plan, plan_for
from lab.tui.widgets.cursor import CursorView
from lab.watch.film import View
from lab.watch.names import Names

DRAWN = 2_000
"""Lines that are kept as they were drawn."""


class LaneView(CursorView):
    """Shows a view of a film. `follow` keeps the newest line in sight."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-1)", show=False),
        Binding("right", "sideways(1)", show=False),
    ]
    DEFAULT_CSS = """
    LaneView { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """

    class Chosen(Message):
        """Another line was chosen."""

        def __init__(self, seq: int) -> None:
            self.seq = seq
            super().__init__()

    class Shifted(Message):
        """The lanes were moved sideways."""

    class Opened(Message):
        """A line was opened."""

        def __init__(self, seq: int) -> None:
            self.seq = seq
            super().__init__()

    def __init__(self, view: View, names: Names, inks: Palette, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view, self.names, self.inks = view, names, inks
        self.follow = True
        self.level: int | None = None
        """How detailed the lanes are; None: as the width allows."""
        self.marked = 0
        """A seq whose line is marked: where two futures part."""
        self._pen: Pen | None = None
        self._shift = 0
        self._drawn: dict[int, Strip] = {}
        """Lines as they were drawn, by the film's index."""
        self._drawn_for: tuple[int, ...] = ()

    # -- what is shown ------------------------------------------------------------------------

    @property
    def pen(self) -> Pen:
        """Draws for the present width."""
        if self._pen is None:
            dial = self.view.film.dial
            self._pen = Pen(plan_for(self._room - dial.columns, self.level), self.inks, self.names, dial)
        return self._pen

    @property
    def plan(self) -> Plan:
        """The lanes that are shown."""
        return self.pen.plan

    @property
    def _room(self) -> int:
        return max(20, self.scrollable_content_region.width)

    @property
    def entry(self) -> Entry | None:
        """The chosen entry."""
        return self.view[self.row] if self.row < len(self.view) else None

    def restyle(self, inks: Palette, names: Names) -> None:
        """Take other colours, or other names."""
        self.inks, self.names, self._pen = inks, names, None
        self.refresh()

    def show_view(self, view: View, seq: int = 0) -> None:
        """Show another view, at this entry."""
        self.view = view
        self.row = view.nearest(seq) if seq and not self.follow else max(0, len(view) - 1)
        self.grown()
        if not self.follow:
            self.show_cursor()

    def stand_at(self, seq: int) -> None:
        """Choose the line of an entry, without telling; 0 leaves everything as it is."""
        if seq and len(self.view):
            self.follow = False
            self.row = self.view.nearest(seq)
            self.show_cursor()
            self.refresh()

    def grown(self) -> None:
        """The view has more lines, or fewer."""
        count = len(self.view)
        self.virtual_size = Size(self._room, count)
        if self.follow or self.row >= count:
            self.row = max(0, count - 1)
        if self.follow:
            self.scroll_to(y=max(0, count - self.size.height), animate=False, force=True, immediate=True)
        self.refresh()

    def set_level(self, level: int | None) -> None:
        """Show the lanes in another detail."""
        self.level, self._pen, self._shift = level, None, 0
        self.refresh()

    def cycle_level(self) -> int | None:
        """As wide as there is room, then each level in turn."""
        self.set_level(0 if self.level is None else self.level + 1 if self.level < 2 else None)
        return self.level

    def on_resize(self, event: events.Resize) -> None:
        """Other lanes may fit."""
        self._pen = None
        self.grown()
        if not self.follow:
            self.show_cursor()

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        width = self._room
        index = y + self.scroll_offset.y
        if index >= len(self.view):
            return Strip.blank(width, self.rich_style)
        at = self.view.index(index)
        strip = self._line(at, width)
        back = self.rich_style
        if index == self.row:
            back = self.inks.chosen if self.has_focus else self.inks.fresh
        if self.marked and self.view.film.index(self.marked) == at:
            back = back + Style(underline=True)
        return strip.apply_style(back)

    def _line(self, at: int, width: int) -> Strip:
        """A line without the marks of the cursor, drawn anew only when something about it may have changed."""
        # Moving the cursor draws all visible lines again and again; a name learned meanwhile changes what they say.
        key = (width, self._shift, id(self.pen), len(self.names.of), self.view.film.version)
        if key != self._drawn_for or len(self._drawn) > DRAWN:
            self._drawn, self._drawn_for = {}, key
        strip = self._drawn.get(at)
        if strip is None:
            full = width + self._shift
            strip = Strip(self.pen.line(self.view.film[at], full), full)
            if self._shift:
                strip = strip.crop(self._shift, full)
            self._drawn[at] = strip
        return strip

    def heading(self) -> Strip:
        """The names of the lanes, shifted as the lines are."""
        full = self._room + self._shift
        return Strip(self.pen.heading(full), full).crop(self._shift, full)

    # -- moving -------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many lines the view has."""
        return len(self.view)

    def choose(self, row: int) -> None:
        """Choose a line; going beyond the last one follows on, leaving it stops following."""
        self.follow = row >= self.count - 1 and (self.follow or row >= self.count)
        super().choose(row)

    def chose(self, before: int) -> None:
        """Two lines look otherwise."""
        self.refresh_line(before)
        self.refresh_line(self.row)
        self.post_message(self.Chosen(self.view[self.row].seq))

    def action_edge(self, end: int) -> None:
        """To the first line, or to the last and follow."""
        self.choose(self.count if end else 0)

    def action_sideways(self, by: int) -> None:
        """Move the lanes sideways, by one lane."""
        most = max(0, self.plan.width - self.plan.lane)
        self._shift = max(0, min(self._shift + by * self.plan.lane, most))
        self.post_message(self.Shifted())
        self.refresh()

    def action_open(self) -> None:
        """Look into the chosen line."""
        entry = self.entry
        if entry is not None:
            self.post_message(self.Opened(entry.seq))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Leave the newest lines."""
        self.follow = False


class LaneHead(Widget):
    """The names of the lanes over a LaneView."""

    DEFAULT_CSS = """
    LaneHead { height: 1; background: $surface; }
    """

    def __init__(self, of: LaneView) -> None:
        super().__init__()
        self._of = of

    def render_lines(self, crop: object) -> list[Strip]:
        """One line."""
        strip = self._of.heading() if self._of.size.width else Strip([Segment("")])
        return [strip.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)]
