"""The Inspector: one entry whole, what it is for, what caused it and what it caused, and how other tools would write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lab.journal import Entry
from lab.tui.desk import LOADING
from lab.tui.theme import palette
from lab.tui.widgets.arrows import Pen, lasted, plan_for
from lab.tui.widgets.bars import KeyBar
from lab.tui.widgets.page import Page, json_lines
from lab.tui.words import Texts, say
from lab.watch.film import ANSWERS
from lab.watch.forms import body_of, curl, envelope, headers, reply_envelope
from lab.watch.line import left_out
from lab.watch.why import why as why_of

if TYPE_CHECKING:
    from lab.tui.app import GlassApp
    from lab.tui.desk import Desk

BODY_LINES = 4_000
"""Lines of a body that are shown: nobody reads more, and megabytes would stop the keys."""
EFFECTS = 200
WIDE = 100
"""Columns from which the links stand beside the text."""


class Inspector(Screen[None]):
    """Looks into one entry; Enter on a link goes on to another one, backspace comes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.pop_screen", "key.close"),
        Binding("tab", "app.focus_next", "key.other_side"),
        Binding("left", "beside(-1)", "key.previous"),
        Binding("right", "beside(1)", "key.next"),
        Binding("u", "cause", "key.cause"),
        Binding("backspace", "return", "key.return"),
    ]
    DEFAULT_CSS = """
    Inspector #title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Inspector #both { layout: vertical; height: 1fr; }
    Inspector #links { height: auto; max-height: 6; border: none; background: $surface; padding: 0 1; scrollbar-size-vertical: 1;
                       text-wrap: nowrap; text-overflow: ellipsis; }
    Inspector #links:focus { border: none; }
    Inspector.wide #both { layout: horizontal; }
    Inspector.wide #links { width: 44; height: 1fr; max-height: 100%; }
    Inspector Page { padding: 0 1; }
    """
    texts: ClassVar[Texts] = {
        "key.other_side": {"en": "links/text", "ko": "링크/본문"},
        "key.previous": {"en": "previous", "ko": "이전"},
        "key.next": {"en": "next", "ko": "다음"},
        "key.cause": {"en": "cause", "ko": "원인"},
        "key.return": {"en": "return", "ko": "되돌아가기"},
        "why": {"en": "Why", "ko": "왜 있을까"},
        "facts": {"en": "Facts", "ko": "사실"},
        "headers": {"en": "Headers", "ko": "헤더"},
        "body": {"en": "Body", "ko": "본문"},
        "note": {"en": "Note", "ko": "덧붙임"},
        "curl": {"en": "The same with curl", "ko": "curl로는"},
        "envelope": {"en": "On the wire: oslo.messaging's envelope", "ko": "큐 위에서는: oslo.messaging 봉투"},
        "kind": {"en": "kind", "ko": "종류"},
        "from": {"en": "from", "ko": "보낸 쪽"},
        "to": {"en": "to", "ko": "받는 쪽"},
        "what": {"en": "what", "ko": "내용"},
        "where": {"en": "where", "ko": "어디"},
        "status": {"en": "status", "ko": "상태"},
        "took": {"en": "took", "ko": "걸린 시간"},
        "at": {"en": "at", "ko": "시각"},
        "request": {"en": "request", "ko": "요청 ID"},
        "link.cause": {"en": "cause", "ko": "원인"},
        "link.question": {"en": "asked by", "ko": "물음"},
        "link.answer": {"en": "answer", "ko": "응답"},
        "link.effect": {"en": "effect", "ko": "결과"},
        "link.none": {"en": "(neither cause nor effect)", "ko": "(원인도 결과도 없음)"},
        "no_answer": {"en": "no answer yet", "ko": "아직 응답 없음"},
        "longer": {"en": "… {n} more lines", "ko": "… {n}줄 더 있음"},
    }

    def __init__(self, seq: int, desk: Desk | None = None) -> None:
        """Look into an entry of the watched cloud, or of another desk's."""
        super().__init__()
        self.seq = seq
        self._desk = desk
        self._came_from: list[int] = []

    @property
    def desk(self) -> Desk:
        """Where the entry comes from."""
        return self._desk or cast("GlassApp", self.app).desk

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, self.desk.lang, key, **values)

    def compose(self) -> ComposeResult:
        """A title, the text, the links, the keys."""
        yield Static(id="title")
        with Container(id="both"):
            yield Page(id="page")
            yield OptionList(id="links")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the entry; the text has the keys."""
        self.query_one(Page).focus()
        self.show(self.seq)

    def on_resize(self) -> None:
        """Links beside the text, or below it."""
        self.set_class(self.size.width >= WIDE, "wide")

    # -- showing ------------------------------------------------------------------------------

    def show(self, seq: int) -> None:
        """Show another entry."""
        entry = self.desk.film.get(seq)
        if entry is None:
            return
        self.seq = self.desk.chosen = seq
        if left_out(entry):
            cast("GlassApp", self.app).fetch(self.desk, seq)
        self._lay_out(entry)

    def fetched(self, seq: int) -> None:
        """A long list has come, or will not."""
        entry = self.desk.film.get(seq)
        if seq == self.seq and entry is not None:
            self._lay_out(entry)

    def _lay_out(self, entry: Entry) -> None:
        seq = entry.seq
        inks = palette(self.app.current_theme.dark)
        pen = Pen(plan_for(0), inks, self.desk.names, self.desk.film.dial)
        title = Text(f"#{seq} ", inks.muted)
        for part in pen.label(entry):
            title.append(part.text, part.style)
        self.query_one("#title", Static).update(title)
        self.query_one(Page).show(self.lines(entry))
        links = self.query_one(OptionList)
        links.clear_options()
        found = self.links(entry)
        for word, other in found:
            text = Text(f"{self.say(f'link.{word}')} ", inks.head).append(f"#{other.seq} ", inks.muted)
            for part in pen.label(other):
                text.append(part.text, part.style)
            text.no_wrap, text.overflow = True, "ellipsis"
            links.add_option(Option(text, id=str(other.seq)))
        if not found:
            links.add_option(Option(Text(self.say("link.none"), inks.muted), disabled=True))

    def links(self, entry: Entry) -> list[tuple[str, Entry]]:
        """Cause, answer and effects."""
        film = self.desk.film
        found = []
        cause = film.get(entry.parent) if entry.parent else None
        if cause is not None:
            found.append(("question" if entry.kind == ANSWERS.get(cause.kind) else "cause", cause))
        children = film.children(entry.seq)
        wanted = ANSWERS.get(entry.kind)
        found += [("answer", child) for child in children if child.kind == wanted]
        found += [("effect", child) for child in children if child.kind != wanted]
        return found[:EFFECTS]

    def lines(self, entry: Entry) -> list[Text]:
        """All there is to say."""
        inks = palette(self.app.current_theme.dark)
        lines: list[Text] = []

        def heading(key: str) -> None:
            lines.extend([Text(""), Text(self.say(key), inks.head)] if lines else [Text(self.say(key), inks.head)])

        purpose = why_of(entry, self.desk.lang)
        if purpose:
            heading("why")
            lines.append(Text(f"  {purpose}", inks.plain))
        heading("facts")
        facts = [(self.say(key), value) for key, value in self.facts(entry)]
        column = max(cell_len(key) for key, _ in facts)
        lines += [Text(f"  {set_cell_size(key, column)}  ", inks.muted).append(value, inks.plain) for key, value in facts]
        if entry.kind in ("rest", "rest_reply"):
            heading("headers")
            lines += [Text(f"  {name}: ", inks.muted).append(value, inks.plain) for name, value in headers(entry).items()]
        body = body_of(entry)
        rows = left_out(entry)
        if rows:
            heading("body")
            why = self.desk.asked.get(entry.seq, LOADING)
            key = "left.loading" if why == LOADING else "left.failed"
            lines.append(Text("  " + self.say(key, n=rows, why=why), inks.state if why == LOADING else inks.bad))
        elif body is not None:
            heading("body")
            shown = json_lines(body, inks)
            lines += [Text("  ").append_text(line) for line in shown[:BODY_LINES]]
            if len(shown) > BODY_LINES:
                lines.append(Text("  " + self.say("longer", n=len(shown) - BODY_LINES), inks.muted))
        if entry.note:
            heading("note")
            lines += [Text("  ").append_text(line) for line in json_lines(entry.note, inks)]
        if entry.kind == "rest":
            heading("curl")
            url = str(getattr(self.desk.feed, "url", ""))
            lines += [Text(f"  {line}", inks.plain) for line in curl(entry, url).split("\n")]
        elif entry.kind.startswith("rpc"):
            heading("envelope")
            wrapped = reply_envelope(entry) if entry.kind == "rpc_reply" else envelope(entry)
            lines += [Text("  ").append_text(line) for line in json_lines(wrapped, inks)[:BODY_LINES]]
        return lines

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """The fields, in words."""
        answer = self.desk.film.answer(entry)
        status, took = entry.status, entry.duration
        if answer is not None:
            status, took = answer.status, answer.duration
        elif entry.kind in ANSWERS:
            status = self.say("no_answer")
        rows = [
            ("kind", entry.kind), ("from", entry.source), ("to", entry.target), ("what", entry.name), ("where", entry.where),
            ("status", status), ("took", lasted(took) if took else ""),
            ("at", self.desk.film.dial.instant(entry.t, 6)), ("request", entry.request_id),
        ]
        return [(key, value) for key, value in rows if value]

    # -- going on -----------------------------------------------------------------------------

    def go(self, seq: int) -> None:
        """Look into another entry, and remember the way."""
        self._came_from.append(self.seq)
        self.show(seq)

    @on(OptionList.OptionSelected)
    def _followed(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.go(int(event.option_id))

    def action_beside(self, by: int) -> None:
        """The entry before or after this one."""
        film = self.desk.film
        at = film.index(self.seq) + by
        if 0 <= at < len(film):
            self.show(film[at].seq)

    def action_cause(self) -> None:
        """What caused it."""
        entry = self.desk.film.get(self.seq)
        if entry is not None and entry.parent:
            self.go(entry.parent)

    def action_return(self) -> None:
        """Where this way began."""
        if self._came_from:
            self.show(self._came_from.pop())
