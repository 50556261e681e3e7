"""A list with a cursor, of which only the visible lines are drawn: what all such lists of the application share."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView


class CursorView(ScrollView, can_focus=True, inherit_bindings=False):
    """Moves a cursor over `count` lines by keys and mouse, and keeps it in sight. Subclasses draw the lines by `render_line`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False), Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False), Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0)", show=False), Binding("end", "edge(1)", show=False),
        Binding("enter", "open", "key.inspect"),
    ]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.row = 0
        """The chosen line."""

    @property
    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def chose(self, before: int) -> None:
        """The cursor went to `row` from this line: draw both, tell who must know."""
        raise NotImplementedError

    def action_open(self) -> None:
        """Open the chosen line."""
        raise NotImplementedError

    def choose(self, row: int) -> None:
        """Put the cursor on a line, or on the nearest one there is."""
        if self.count:
            before, self.row = self.row, max(0, min(row, self.count - 1))
            self.show_cursor()
            self.chose(before)

    def show_cursor(self) -> None:
        """Scroll as little as it takes to see the chosen line."""
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self.row < top:
            self.scroll_to(y=self.row, animate=False, force=True, immediate=True)
        elif self.row >= top + height:
            self.scroll_to(y=self.row - height + 1, animate=False, force=True, immediate=True)

    def action_move(self, by: int) -> None:
        """Up or down by lines."""
        self.choose(self.row + by)

    def action_page(self, by: int) -> None:
        """Up or down by pages."""
        self.choose(self.row + by * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        """To the first line, or to the last."""
        self.choose(self.count - 1 if end else 0)

    def on_click(self, event: events.Click) -> None:
        """Choose the line that was clicked; twice opens it."""
        row = event.y + self.scroll_offset.y
        if row < self.count:
            self.choose(row)
            if event.chain > 1:
                self.action_open()

    def on_focus(self) -> None:
        """The chosen line is lit."""
        self.refresh()

    def on_blur(self) -> None:
        """The chosen line is dimmed."""
        self.refresh()
