"""What is shown where no room fits: one plain message, until the terminal is larger."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.tui.words import Texts, say

if TYPE_CHECKING:
    from lab.tui.app import GlassApp

LEAST = Size(60, 16)
"""Columns and rows below which rooms would be drawn cut."""


def fits(size: Size) -> bool:
    """Whether rooms can be drawn."""
    return size.width >= LEAST.width and size.height >= LEAST.height


class TooSmall(ModalScreen[None]):
    """Lies over whatever was shown; it goes when there is room again. Esc, which closes things, does not end the application here."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", show=False)]
    DEFAULT_CSS = """
    TooSmall { background: $background; align: center middle; overflow: hidden; }
    TooSmall Static { width: auto; max-width: 100%; height: auto; text-align: center; }
    """
    texts: ClassVar[Texts] = {
        "small": {
            "en": "{now} is too small: {least} is needed. Enlarge the window. q: quit",
            "ko": "지금 {now}, 필요한 크기 {least}. 창을 키우십시오. q 끝내기",
        },
    }

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(markup=False)

    def on_resize(self, event: Resize) -> None:
        """Say how large it is now."""
        now, least = (f"{size.width}x{size.height}" for size in (event.size, LEAST))
        self.query_one(Static).update(say(self.texts, cast("GlassApp", self.app).desk.lang, "small", now=now, least=least))

    def on_screen_resume(self) -> None:
        """Something over it was closed: perhaps there is room by now."""
        if fits(self.app.size):
            self.dismiss()
