"""A form over a room: fields, what will be sent, Enter sends it and Escape does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from lab.tui.words import Texts, say
from lab.watch.asking import Field, mistake

if TYPE_CHECKING:
    from lab.tui.app import GlassApp


class Form(ModalScreen["dict[str, str] | None"]):
    """Asks for fields; answers what was written, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False), Binding("ctrl+s,f2", "send", show=False),
        Binding("enter", "send", show=False),
    ]
    DEFAULT_CSS = """
    Form { align: center middle; background: $background 60%; }
    Form #form { width: 66; max-width: 96%; height: auto; max-height: 94%; background: $panel; padding: 0 2; border: round $border; }
    Form #title { text-style: bold; margin-bottom: 1; }
    Form Horizontal { height: 1; }
    Form .label { width: 16; color: $text-muted; }
    Form Input { width: 1fr; }
    Form Select { width: 1fr; height: 1; }
    Form #sends { margin-top: 1; color: $text-muted; }
    Form #wrong { color: $warning; display: none; }
    Form #how { color: $text-muted; }
    """
    texts: ClassVar[Texts] = {
        "form.how": {
            "en": "Tab: next   F2 (in a text Enter too): send   Esc: do not",
            "ko": "Tab 다음 칸   F2(글 칸에서는 Enter도) 보내기   Esc 그만두기",
        },
        "form.sends": {"en": "sends {calls}", "ko": "보낼 것: {calls}"},
        "form.needed": {"en": "{field}: please fill this in", "ko": "{field}: 채워 주십시오"},
        "form.number": {"en": "{field}: a number is needed", "ko": "{field}: 숫자를 쓰십시오"},
        "form.none": {
            "en": "{field}: there is none yet; make one first, or press u in the room to ask the cloud",
            "ko": "{field}: 아직 없습니다. 먼저 만들거나, 방에서 u를 눌러 클라우드에 물어보십시오",
        },
        "form.nothing": {"en": "(none)", "ko": "(없음)"},
    }

    def __init__(self, title: str, fields: Sequence[Field], label: Callable[[str], str], sends: str = "") -> None:
        super().__init__()
        self._title, self._fields, self._label, self._sends = title, fields, label, sends

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, cast("GlassApp", self.app).desk.lang, key, **values)

    def compose(self) -> ComposeResult:
        """The title, a line for each field, what is sent, and which keys do it."""
        with VerticalScroll(id="form", can_focus=not self._fields):
            yield Static(self._title, id="title", markup=False)
            for field in self._fields:
                with Horizontal():
                    yield Static(self._label(field.key), classes="label", markup=False)
                    yield self._blank(field)
            yield Static(self.say("form.sends", calls=self._sends) if self._sends else "", id="sends", markup=False)
            yield Static(id="wrong", markup=False)
            yield Static(self.say("form.how"), id="how", markup=False)

    def _blank(self, field: Field) -> Input | Select[str]:
        if field.choices is None:
            return Input(field.value, id=f"f-{field.key}", compact=True)
        options = list(field.choices)
        if not options:
            options = [(self.say("form.nothing"), "")]
        start = field.value if any(value == field.value for _, value in options) else Select.NULL
        return Select(
            options, value=start, allow_blank=not field.needed or start is Select.NULL, prompt=self.say("form.nothing"),
            id=f"f-{field.key}", compact=True,
        )

    def on_mount(self) -> None:
        """The first field has the keys."""
        if self._fields:
            self.query_one(f"#f-{self._fields[0].key}").focus()
        else:
            self.query_one("#form").focus()

    @property
    def given(self) -> dict[str, str]:
        """What stands in the fields now."""
        found = {}
        for field in self._fields:
            widget = self.query_one(f"#f-{field.key}")
            value = widget.value if isinstance(widget, (Input, Select)) else ""
            found[field.key] = value.strip() if isinstance(value, str) else ""
        return found

    @on(Input.Submitted)
    def action_send(self) -> None:
        """Answer what was written, if nothing is wrong with it."""
        given = self.given
        wrong = mistake(self._fields, given)
        if wrong is None:
            self.dismiss(given)
            return
        line = self.query_one("#wrong", Static)
        line.update(self.say(f"form.{wrong.why}", field=self._label(wrong.key)))
        line.display = True
        self.query_one(f"#f-{wrong.key}").focus()


class Menu(ModalScreen["str | None"]):
    """A short list to choose from; answers the key of the chosen one, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]
    DEFAULT_CSS = """
    Menu { align: center middle; background: $background 60%; }
    Menu Vertical { width: 50; max-width: 95%; height: auto; background: $panel; padding: 1 2; border: round $border; }
    Menu OptionList { height: auto; max-height: 14; border: none; background: $panel; }
    Menu OptionList:focus { border: none; }
    """

    def __init__(self, title: str, options: Mapping[str, str]) -> None:
        super().__init__()
        self._title, self._options = title, options

    def compose(self) -> ComposeResult:
        """The title and the list."""
        with Vertical():
            yield Static(self._title, markup=False)
            yield OptionList(*(Option(words, id=key) for key, words in self._options.items()), markup=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
