"""What a lesson looks like on the page: what it is about, a step, and what was said to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from textual.content import Content

from lab.teach.lesson import Lesson
from lab.tui.theme import Palette
from lab.tui.widgets.cells import fit
from lab.watch.lecture import Lecture, Said

SIGNS = {"good": "✔", "bad": "✘", "hint": "☞", "work": "▸", "refused": "✘"}
INDENT = 2
"""Columns before what a command printed."""


@dataclass(frozen=True, slots=True)
class Written:
    """Markdown in the colours of the theme; Rich's own are made for black ground."""

    text: str
    inks: Palette

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inks = self.inks
        styles = {"strong": inks.strong, "code": inks.rest, "list": inks.plain, "item.bullet": inks.head, "item.number": inks.head}
        with console.use_theme(Theme({f"markdown.{name}": style for name, style in styles.items()})):
            yield from console.render(Markdown(self.text, code_theme="ansi_dark"), options)


def about(lesson: Lesson, lang: str, note: Text, inks: Palette) -> RenderableType:
    """What a lesson is about, and a note below it."""
    words = lesson.words[lang]
    return Group(Text(words.title + "\n", inks.strong), Written(words.about, inks), Text(), note)


def head_of(lecture: Lecture | None, say: Callable[..., str]) -> Content:
    """The line over the page: the step's title, its number, and the lesson's title."""
    if lecture is None:
        return Content.styled(say("list"), "bold")
    view, title = lecture.view, Content.styled(lecture.session.title, "$text-muted")
    return Content.assemble((view.title, "bold"), f"  {say('step', number=view.number, of=view.of)}  ", title) if view else title


def step_of(lecture: Lecture, inks: Palette, say: Callable[..., str]) -> RenderableType:
    """The shown step with all that was said to it; of a prediction that was made also its choices."""
    view = lecture.view
    parts: list[RenderableType] = [Written(view.text if view else say("end"), inks), Text()]
    if lecture.client:
        parts.append(Text(say(lecture.client) + "\n", inks.muted))
    if view is not None and view.choices and lecture.passed:
        parts.append(Written("\n".join(f"{n}. {words}" for n, (_, words) in enumerate(view.choices, 1)), inks))
    return Group(*parts, *(_said(said, inks, say) for said in lecture.said))


def _said(said: Said, inks: Palette, say: Callable[..., str]) -> RenderableType:
    ink = {"good": inks.good, "bad": inks.bad, "refused": inks.bad, "hint": inks.state}.get(said.kind, inks.muted)
    if said.kind in ("good", "bad", "hint"):
        beside = Table.grid(padding=(0, 1))
        beside.add_column(style=ink, width=1)
        beside.add_column(overflow="fold")
        beside.add_row(SIGNS[said.kind], Written(said.text, inks))
        return Group(beside, Text())
    lines = [Text(f"{SIGNS[said.kind]} {said.text}", ink)] if said.text else []
    after = [Text(say("in_flow"), inks.muted)] if said.request else []
    return Group(*lines, *(Text(" " * INDENT + line, inks.plain, overflow="fold") for line in said.lines), *after, Text())


def state_of(lesson: Lesson, at: int | None, say: Callable[..., str]) -> str:
    """How far a lesson has come, in a word; `at`: how many of its steps are done, None when it was never begun."""
    if at is None:
        return say("new")
    of = len(lesson.steps)
    return say("done") if at >= of else say("at", number=at + 1, of=of)


def row_of(title: str, tail: str, width: int, inks: Palette) -> list[Segment]:
    """A line of the list of lessons."""
    return [Segment(fit(title, max(1, width - cell_len(tail))), inks.strong), Segment(tail, inks.muted)]


def plain(markdown: str) -> str:
    """Words without the marks of Markdown."""
    return markdown.replace("**", "").replace("`", "").replace("*", "")
