"""How another future shall differ: another seed, or something done to the marked message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.journal import Entry
from lab.tui.words import Texts, say
from lab.watch.breakage import MESSAGES, name_of
from lab.watch.lanes import binary

if TYPE_CHECKING:
    from lab.tui.app import GlassApp

DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the other future begins, and how it differs: `then` as POST travel takes it."""

    to: int
    then: dict[str, Any]
    words: str


class Branch(ModalScreen[Choice | None]):
    """A short list; the seed can be written."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]
    DEFAULT_CSS = """
    Branch { align: center middle; background: $background 60%; }
    Branch Vertical { width: 64; max-width: 95%; height: auto; background: $panel; padding: 1 2; border: round $border; }
    Branch OptionList { height: auto; max-height: 10; border: none; background: $panel; }
    Branch OptionList:focus { border: none; }
    Branch #whole { color: $warning; margin-bottom: 1; }
    Branch Input { display: none; border: tall $border; }
    """
    texts: ClassVar[Texts] = {
        "title": {"en": "Another future from #{seq} on", "ko": "#{seq}부터 다른 미래"},
        "drop": {"en": "{name} is lost", "ko": "{name} 메시지 유실"},
        "delay": {"en": "{name} comes {s:g} s late", "ko": "{name} 메시지 {s:g}초 지연"},
        "duplicate": {"en": "{name} comes twice", "ko": "{name} 메시지 중복"},
        "kill": {"en": "{process} dies", "ko": "{process} 프로세스 죽음"},
        "whole": {
            "en": "This {kind} entry cannot be lost or late: only requests, calls and casts can.",
            "ko": "이 {kind} 항목은 유실이나 지연시킬 수 없습니다. REST 요청과 call, cast만 됩니다.",
        },
        "whole.notify": {
            "en": "Nobody waits for a notification, so losing it would change nothing: only requests, calls and casts can be broken.",
            "ko": "알림(notify)은 아무도 기다리지 않아 유실되어도 달라지는 것이 없습니다. REST 요청과 call, cast만 고장 낼 수 있습니다.",
        },
        "seed": {"en": "other luck: another seed …", "ko": "다른 운: 다른 시드 …"},
        "seeded": {"en": "seed {n}", "ko": "시드 {n}"},
        "seed.hint": {"en": "a number, then Enter", "ko": "숫자를 쓰고 Enter"},
    }

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self._entry = entry
        self._choices = choices(entry)

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, cast("GlassApp", self.app).desk.lang, key, **values)

    def compose(self) -> ComposeResult:
        """What can be done to this entry, and the seed."""
        with Vertical():
            yield Static(self.say("title", seq=self._entry.seq), markup=False)
            if self._entry.kind not in MESSAGES:
                key = "whole.notify" if self._entry.kind == "notify" else "whole"
                yield Static(self.say(key, kind=self._entry.kind), id="whole", markup=False)
            options = [Option(self.say(key, **values), id=key) for key, values, _, _ in self._choices]
            yield OptionList(*options, Option(self.say("seed"), id="seed"), markup=False)
            yield Input(placeholder=self.say("seed.hint"), type="integer", compact=True)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id == "seed":
            field = self.query_one(Input)
            field.display = True
            field.focus()
            return
        key, values, then, to = next(choice for choice in self._choices if choice[0] == event.option_id)
        self.dismiss(Choice(to, then, self.say(key, **values)))

    @on(Input.Submitted)
    def _seeded(self, event: Input.Submitted) -> None:
        if event.value.strip():
            number = int(event.value)
            self.dismiss(Choice(self._entry.seq, {"seed": number}, self.say("seeded", n=number)))


def choices(entry: Entry) -> list[tuple[str, dict[str, Any], dict[str, Any], int]]:
    """What can be done with an entry: the key of its words, their values, `then`, and the seq to begin at.

    A message is broken by going to just before it; a process is killed right after the entry.
    """
    found: list[tuple[str, dict[str, Any], dict[str, Any], int]] = []
    if entry.kind in MESSAGES:
        match = {"name": name_of(entry), "kinds": [entry.kind], "source": entry.source, "target": entry.target, "times": 1}
        for act in ("drop", "delay", "duplicate"):
            fault = {"act": act, "match": match} | ({"delay_s": DELAY_S} if act == "delay" else {})
            found.append((act, {"name": entry.name, "s": DELAY_S}, {"fault": fault}, entry.seq - 1))
    process = entry.target if "@" in entry.target else entry.source
    if "@" in process and binary(process) not in ("client", "hypervisor", "l2", "dhcp", "image", "volume", "object"):
        found.append(("kill", {"process": process}, {"fault": {"plant": "process", "process": process, "do": "kill"}}, entry.seq))
    return found
