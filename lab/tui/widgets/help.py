"""All keys of a place, over it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.tui.widgets.bars import sign


class Help(ModalScreen[None]):
    """Closed by any of its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,enter,q,space", "dismiss", show=False)]

    def __init__(self, keys: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Two columns: key and what it does."""
        rows = [Content.assemble((f"{sign(key):>7}  ", "bold $primary"), label) for key, label, _ in self._keys]
        with VerticalScroll(id="help"):
            yield Static(Content("\n").join(rows))
