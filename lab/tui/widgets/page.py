"""A long text, wrapped to the width; only the visible lines are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import orjson
from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lab.tui.theme import Palette

GAP = re.compile(r"(.*?  +(?=\S))?")
"""What stands before the last gap near the beginning of a line."""


class Page(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of styled text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False), Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False), Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False), Binding("end", "scroll_end", show=False),
    ]
    DEFAULT_CSS = """
    Page { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._wrapped: list[Text] = []

    @property
    def text(self) -> str:
        """What stands on the page."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Iterable[Text]) -> None:
        """Put other lines on the page, and begin at its top. A wrapped line goes on where its last gap of two spaces ended."""
        self._lines = list(lines)
        self._wrap()
        self.scroll_to(y=0, animate=False, force=True, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap to the new width."""
        self._wrap()

    def _wrap(self) -> None:
        width = max(10, self.scrollable_content_region.width - 2)
        self._wrapped = []
        for line in self._lines:
            if cell_len(line.plain) <= width:
                self._wrapped.append(line)
            else:
                # So JSON keeps its shape, and a value stays beside its name.
                indent = min(cell_len(GAP.match(line.plain)[0]), width // 2)  # type: ignore[index]
                parts = line.wrap(self.app.console, max(10, width - indent))
                self._wrapped += [part if number == 0 else Text(" " * indent).append_text(part) for number, part in enumerate(parts)]
        self.virtual_size = Size(width, len(self._wrapped))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        width, index = self.size.width, y + self.scroll_offset.y
        if index >= len(self._wrapped):
            return Strip.blank(width, self.rich_style)
        line, console = self._wrapped[index], self.app.console
        # A text without spans renders without its own style.
        segments = Segment.apply_style(line.render(console), console.get_style(line.style))
        strip = Strip([s for s in segments if s.text])
        return strip.adjust_cell_length(width - 1).extend_cell_length(width).apply_style(self.rich_style)


def json_lines(value: Any, inks: Palette) -> list[Text]:
    """JSON values as indented lines: keys, texts, numbers and what was starred told apart."""
    lines = []
    for row in orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode().split("\n"):
        indent = len(row) - len(row.lstrip())
        text = Text(" " * indent)
        key, colon, rest = row.strip().partition('": ')
        if colon and key.startswith('"'):
            text.append(key[1:], inks.rest).append(": ", inks.muted)
        else:
            rest = row.strip()
        value_ink = inks.muted if rest in ("{", "}", "},", "[", "]", "],", "{}", "[]") else inks.plain
        if rest.startswith('"***"'):
            value_ink = inks.bad
        elif rest[:1].isdigit() or rest.rstrip(",") in ("true", "false", "null"):
            value_ink = inks.mq
        lines.append(text.append(rest, value_ink))
    return lines
