"""What a lesson looks like on the page: what it is about, a step, and what was said to it."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text
from textual.content import Content

from lab.teach.lesson import Lesson
from lab.tui.theme import Palette
from lab.tui.widgets.cells import fit
from lab.watch.lecture import Lecture, Said

SIGNS = {"good": "✔", "bad": "✘", "hint": "☞", "work": "▸", "refused": "✘"}


def about(lesson: Lesson, lang: str, note: Text) -> RenderableType:
    """What a lesson is about, and a note below it."""
    words = lesson.words[lang]
    return Group(Markdown(f"## {words.title}\n\n{words.about}"), note)


def head_of(lecture: Lecture | None, say: Callable[..., str]) -> Content:
    """The line over the page: the step's title, its number, and the lesson's title."""
    if lecture is None:
        return Content.styled(say("list"), "bold")
    view, title = lecture.view, Content.styled(lecture.session.title, "$text-muted")
    return Content.assemble((view.title, "bold"), f"  {say('step', number=view.number, of=view.of)}  ", title) if view else title


def step_of(lecture: Lecture, inks: Palette, say: Callable[..., str]) -> RenderableType:
    """The shown step with all that was said to it; of a prediction that was made also its choices."""
    view = lecture.view
    parts: list[RenderableType] = [Markdown(view.text if view else say("end"), code_theme="ansi_dark")]
    if view is not None and view.choices and lecture.passed:
        parts.append(Markdown("\n".join(f"{n}. {words}" for n, (_, words) in enumerate(view.choices, 1))))
    return Group(*parts, *(_said(said, inks, say) for said in lecture.said))


def _said(said: Said, inks: Palette, say: Callable[..., str]) -> RenderableType:
    ink = {"good": inks.good, "bad": inks.bad, "refused": inks.bad, "hint": inks.state}.get(said.kind, inks.muted)
    if said.kind in ("good", "bad", "hint"):
        return Group(Text(f"\n{SIGNS[said.kind]} {say(f'said.{said.kind}')}", ink), Markdown(said.text))
    lines = [Text(f"{SIGNS[said.kind]} {said.text}", ink)] if said.text else []
    return Group(*lines, *(Text(f"  {line}", inks.plain, no_wrap=True, overflow="ellipsis") for line in said.lines))


def state_of(lecture: Lecture | None, say: Callable[..., str]) -> str:
    """How far a lesson has come, in a word."""
    if lecture is None:
        return say("new")
    if lecture.session.finished:
        return say("done")
    return say("at", number=lecture.session.at + 1, of=len(lecture.session.lesson.steps))


def row_of(title: str, tail: str, width: int, inks: Palette) -> list[Segment]:
    """A line of the list of lessons."""
    return [Segment(fit(title, max(1, width - cell_len(tail))), inks.strong), Segment(tail, inks.muted)]


def plain(markdown: str) -> str:
    """Words without the marks of Markdown."""
    return markdown.replace("**", "").replace("`", "").replace("*", "")
