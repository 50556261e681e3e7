"""The form of a ping: from which server, and to which server or address."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from lab.tui.words import Texts, say

if TYPE_CHECKING:
    from lab.tui.app import GlassApp


class Ping(ModalScreen[tuple[str, str] | None]):
    """Two fields; Enter in the second one sends. Answers the server's name or id and what was written as the target."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]
    DEFAULT_CSS = """
    Ping { align: center middle; background: $background 60%; }
    Ping Vertical { width: 60; max-width: 95%; height: auto; background: $panel; padding: 1 2; border: round $border; }
    Ping Input { margin: 0 0 1 0; }
    Ping #problem { color: $warning; height: auto; }
    """
    texts: ClassVar[Texts] = {
        "title": {"en": "Ping", "ko": "핑"},
        "from": {"en": "from the server (name)", "ko": "보내는 서버(이름)"},
        "to": {"en": "to a server (name) or an address", "ko": "받는 서버(이름) 또는 주소"},
        "known": {"en": "Servers: {names}", "ko": "서버: {names}"},
        "keys": {"en": "→ completes a name, Enter sends, Esc closes", "ko": "→ 이름 완성, Enter 보내기, Esc 닫기"},
        "unknown": {"en": "No server is called {name!r}.", "ko": "{name!r}(이)라는 서버는 없습니다."},
        "missing": {"en": "To whom?", "ko": "어디로 보냅니까?"},
    }

    def __init__(self, servers: dict[str, str], source: str, target: str) -> None:
        """servers: id -> name; source and target: what stands in the fields at first."""
        super().__init__()
        self._servers, self._source, self._target = servers, source, target

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, cast("GlassApp", self.app).desk.lang, key, **values)

    def compose(self) -> ComposeResult:
        """The fields and the names that are known."""
        names = sorted(set(self._servers.values()))
        suggest = SuggestFromList(names)
        with Vertical():
            yield Static(self.say("title"), markup=False)
            yield Static(self.say("from"), markup=False)
            yield Input(self._source, id="from", suggester=suggest, compact=True)
            yield Static(self.say("to"), markup=False)
            yield Input(self._target, id="to", suggester=suggest, compact=True)
            yield Static(self.say("known", names=", ".join(names[:12]) + (" …" if len(names) > 12 else "")), markup=False)
            yield Static(self.say("keys"), id="keys", markup=False)
            yield Static("", id="problem", markup=False)

    def on_mount(self) -> None:
        """Where something is missing, or at the target."""
        self.query_one("#to" if self._source else "#from", Input).focus()

    @on(Input.Submitted, "#from")
    def _from(self) -> None:
        self.query_one("#to", Input).focus()

    @on(Input.Submitted, "#to")
    def _send(self) -> None:
        source, target = self.query_one("#from", Input).value.strip(), self.query_one("#to", Input).value.strip()
        if source not in self._servers and source not in self._servers.values():
            self.query_one("#problem", Static).update(self.say("unknown", name=source))
            self.query_one("#from", Input).focus()
        elif not target:
            self.query_one("#problem", Static).update(self.say("missing"))
        else:
            self.dismiss((source, target))
