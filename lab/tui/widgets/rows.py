"""A list of rows that are drawn by hand, of which only the visible ones are: for a thousand hosts or queues."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.tui.theme import Palette
from lab.tui.widgets.cursor import CursorView

Draw = Callable[[int, int], Sequence[Segment]]
"""Draws the row with this number into so many cells; more are cut, fewer filled."""


class RowList(CursorView):
    """Rows with a cursor. The chosen row has a mark before it, so that colour is not needed to see it."""

    DEFAULT_CSS = """
    RowList { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Chosen(Message):
        """Another row was chosen."""

        def __init__(self, rows: RowList, row: int) -> None:
            self.rows, self.row = rows, row
            super().__init__()

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    class Opened(Chosen):
        """A row was opened."""

    def __init__(self, draw: Draw, inks: Palette, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw, self.inks = draw, inks
        self._count = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def show(self, count: int, row: int | None = None) -> None:
        """There are so many rows now; stay at the chosen one, or choose another."""
        self._count = count
        self.virtual_size = Size(self.scrollable_content_region.width, count)
        self.row = max(0, min(self.row if row is None else row, count - 1))
        if row is not None:
            self.show_cursor()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Other rows may be seen."""
        self.show(self.count, self.row)

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        if index >= self.count:
            return Strip.blank(width, self.rich_style)
        here = index == self.row
        mark = Segment("▸" if here else " ", self.inks.strong)
        strip = Strip([mark, *self._draw(index, width - 1)]).adjust_cell_length(width)
        if here:
            strip = strip.apply_style(self.inks.chosen if self.has_focus else self.inks.fresh)
        return strip.apply_style(self.rich_style)

    def chose(self, before: int) -> None:
        """All rows are drawn anew: one may say something of the chosen one."""
        self.refresh()
        self.post_message(self.Chosen(self, self.row))

    def action_open(self) -> None:
        """Open the chosen row."""
        if self.count:
            self.post_message(self.Opened(self, self.row))


class RowHead(Widget):
    """The headings of columns, drawn as a row is."""

    DEFAULT_CSS = """
    RowHead { height: 1; background: $surface; }
    """

    def __init__(self, draw: Callable[[int], Sequence[Segment]]) -> None:
        super().__init__()
        self._draw = draw

    def render_lines(self, crop: object) -> list[Strip]:
        """One line; the last cell stands over the scroll bar."""
        width = self.size.width
        strip = Strip([Segment(" "), *self._draw(width - 2)]).adjust_cell_length(width, self.rich_style)
        return [strip.apply_style(self.rich_style)]
