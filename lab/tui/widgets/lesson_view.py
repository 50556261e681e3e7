"""A lesson in a room: its text, the choices of a prediction, and the line to type in."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.tui.theme import Palette
from lab.tui.widgets.lesson_page import INDENT, plain, step_of
from lab.watch.lecture import Lecture

Say = Callable[..., str]


class LessonView(Vertical):
    """Shows a lecture; what has the keys follows the kind of its step."""

    DEFAULT_CSS = """
    LessonView #page { padding: 0 1; height: 1fr; scrollbar-size-vertical: 1; }
    LessonView #choices { height: auto; max-height: 8; border: none; background: $panel; padding: 0 1; display: none; }
    LessonView #choices:focus { border: none; }
    LessonView #line { display: none; padding: 0 1; }
    """

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say
        self._lecture: Lecture | None = None
        self._place: object = None
        """Where it stood when it was shown last: lesson, step, kind."""

    def compose(self) -> ComposeResult:
        """The page, and what stands below it."""
        self.text = Static(id="text")
        self.page = VerticalScroll(self.text, id="page")
        self.choices = OptionList(id="choices", markup=False)
        self.line = Input(id="line", compact=True, placeholder=self._say("line.hint"))
        yield from (self.page, self.choices, self.line)

    @property
    def columns(self) -> int:
        """How many columns what a command prints may take."""
        return self.text.size.width - INDENT - self.page.styles.scrollbar_size_vertical

    def forget_place(self) -> None:
        """Give the keys anew when it is shown next."""
        self._place = None

    def show(self, lecture: Lecture | None, inks: Palette, otherwise: RenderableType = "") -> None:
        """Show the step at which a lecture stands, or something else."""
        self._lecture = lecture
        self.text.update(otherwise if lecture is None else step_of(lecture, inks, self._say))
        self._show_choices(lecture)
        place = (lecture, lecture and lecture.view, lecture and lecture.kind)
        if place != self._place:  # else what has the keys keeps them
            self._place = place
            self.line.display = lecture is not None and lecture.kind in ("find", "do")
            if lecture is not None:
                (self.line if lecture.kind == "find" else self.keyed).focus()
        if lecture is not None and lecture.said:
            self.call_after_refresh(self.page.scroll_end, animate=False)
        else:
            self.page.scroll_home(animate=False)

    @property
    def keyed(self) -> Widget:
        """What has the keys while nothing is typed."""
        return self.choices if self._lecture is not None and self._lecture.kind == "predict" else self.page

    def type(self) -> None:
        """Give the keys to the line."""
        self.line.display = True
        self.line.focus()

    def _show_choices(self, lecture: Lecture | None) -> None:
        choices = lecture.view.choices if lecture is not None and lecture.view is not None and lecture.kind == "predict" else ()
        self.choices.display = bool(choices)
        if [option.id for option in self.choices.options] != [key for key, _ in choices]:
            self.choices.clear_options()
            self.choices.add_options(Option(f"{n} {plain(words)}", id=key) for n, (key, words) in enumerate(choices, 1))
            if choices:
                self.choices.highlighted = 0
