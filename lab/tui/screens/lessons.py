"""Lessons: the room where lessons run in the watched cloud, the text beside the live messages."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.teach.lesson import Lesson, find, names
from lab.tui.room import Room
from lab.tui.screens.lessons_words import TEXTS
from lab.tui.widgets.cells import fit
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.widgets.lesson_page import about, head_of, plain, row_of, state_of, step_of
from lab.tui.widgets.rows import RowList
from lab.tui.words import Texts
from lab.watch.film import Filter, View
from lab.watch.lecture import Lecture, lecture_in


class LessonsRoom(Room):
    """The list of lessons, or one of them."""

    name_ = "lessons"
    wide_from = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "key.next"),
        Binding("h", "hint", "key.hint"),
        Binding("s", "show", "key.show"),
        Binding("i", "type", "key.type"),
        Binding("m", "messages", "key.messages", show=False),
        Binding("escape", "leave", "key.close", show=False),
        Binding("tab", "app.focus_next", "key.other_side", show=False),
    ]
    DEFAULT_CSS = """
    LessonsRoom #head { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    LessonsRoom #servers { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    LessonsRoom #list { height: 6; }
    LessonsRoom #page { padding: 0 1; height: 1fr; scrollbar-size-vertical: 1; }
    LessonsRoom #left { width: 1fr; }
    LessonsRoom #live { width: 1fr; border-left: solid $border; display: none; }
    LessonsRoom.wide #live { display: block; }
    LessonsRoom #choices { height: auto; max-height: 8; border: none; background: $panel; padding: 0 1; display: none; }
    LessonsRoom #choices:focus { border: none; }
    LessonsRoom #line { display: none; padding: 0 1; }
    LessonsRoom #wants { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = TEXTS

    def __init__(self) -> None:
        super().__init__()
        self.lessons: list[Lesson] = []
        self.lectures: dict[str, Lecture] = {}
        self.lecture: Lecture | None = None
        """The lesson that is shown; None: the list."""
        self.busy = False

    def body(self) -> Iterable[Widget]:
        """The list; or a text, choices and a line to type in, with the messages beside them."""
        self.lanes = LaneView(View(self.desk.film, Filter(quiet=True)), self.desk.names, self.palette, id="lanes")
        self.lanes.can_focus = False
        self.list = RowList(self._draw_lesson, self.palette, id="list")
        yield Static(id="head")
        with Horizontal():
            with Vertical(id="left"):
                yield self.list
                with VerticalScroll(id="page"):
                    yield Static(id="text")
                yield OptionList(id="choices", markup=False)
                yield Input(id="line", compact=True, placeholder=self.say("line.hint"))
            with Vertical(id="live"):
                yield LaneHead(self.lanes)
                yield self.lanes
        yield Static(id="servers")
        yield Static(id="wants", markup=False)

    def on_mount(self) -> None:
        """Read the lessons."""
        self.lessons = [find(name) for name in names()]
        self.list.show(len(self.lessons))
        self._show()

    def restyled(self) -> None:
        """Other colours."""
        self.list.inks = self.palette
        self.lanes.restyle(self.palette, self.desk.names)
        self._show()

    def on_resize(self) -> None:
        """Other lanes may fit."""
        self.query_one(LaneHead).refresh()

    # -- what is shown ------------------------------------------------------------------------

    def came(self, start: int) -> None:
        """The messages go on."""
        whole = self.lanes.view.advance()
        self.lanes.grown()
        names = self.desk.names
        states = [f"◆ {names.of.get(key, key[:8])} {state.replace('/None', '')}" for key, state in names.servers.items()]
        words = "  ".join(states[-8:]) or self.say("no_server")
        self.query_one("#servers", Static).update(Content.styled(words, "$accent" if states else "$text-disabled"), layout=False)
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Time was turned back."""
        self.lanes.restyle(self.palette, self.desk.names)
        for lecture in self.lectures.values():
            lecture.forget_cloud()

    def _show(self) -> None:
        """Show the list, or the step at which the lesson stands."""
        lecture = self.lecture
        self.list.display = lecture is None
        text, page = self.query_one("#text", Static), self.query_one("#page", VerticalScroll)
        text.update(self._about() if lecture is None else step_of(lecture, self.palette, self.say))
        self.query_one("#head", Static).update(head_of(lecture, self.say), layout=False)
        self._show_choices(lecture)
        line = self.query_one("#line", Input)
        line.display = lecture is not None and lecture.kind in ("find", "do")
        self.query_one("#wants", Static).update(self._wants(lecture), layout=False)
        if lecture is None:
            self.list.focus()
        elif lecture.kind == "predict":
            self.query_one("#choices", OptionList).focus()
        elif lecture.kind == "find":
            line.focus()
        else:
            page.focus()
        if lecture is not None and lecture.said:
            self.call_after_refresh(page.scroll_end, animate=False)
        else:
            page.scroll_home(animate=False)

    def _show_choices(self, lecture: Lecture | None) -> None:
        options = self.query_one("#choices", OptionList)
        choices = lecture.view.choices if lecture is not None and lecture.view is not None and lecture.kind == "predict" else ()
        options.display = bool(choices)
        if [option.id for option in options.options] != [key for key, _ in choices]:
            options.clear_options()
            options.add_options(Option(f"{n} {plain(words)}", id=key) for n, (key, words) in enumerate(choices, 1))
            if choices:
                options.highlighted = 0

    def _about(self) -> RenderableType:
        """The lesson at the cursor, and why or how it can be taken here."""
        lesson, inks = self.lessons[self.list.row], self.palette
        why = self.why_not("act")
        if why or self.desk.feed.cloud is None:
            why = why or self.say("unable.recorded")
            note = Text(f"\n✘ {why}\n{self.say('elsewhere', name=lesson.name)}", inks.bad)
        elif self.why_not("faults"):
            note = Text("\n" + self.say("real"), inks.bad)
        else:
            note = Text("\n" + self.say("not_empty", name=lesson.name) if self.desk.names.servers else "", inks.muted)
        return about(lesson, self.desk.lang, note)

    def _wants(self, lecture: Lecture | None) -> str:
        if self.busy:
            return self.say("busy")
        if lecture is None:
            return self.say("wants.list")
        if lecture.kind in ("passed", "end", "predict"):
            return self.say(f"wants.{lecture.kind}")
        return f"{self.say(f'wants.{lecture.kind}')}  {lecture.wants()}"

    def _draw_lesson(self, row: int, width: int) -> list[Segment]:
        lesson = self.lessons[row]
        title = f"{row + 1}  {lesson.words[self.desk.lang].title}"
        state = state_of(self.lectures.get(lesson.name), self.say)
        return row_of(title, f"{self.say('minutes', n=lesson.minutes):>8}  {fit(state, 12)}", width, self.palette)

    # -- what the student does ----------------------------------------------------------------

    def work(self, what: Coroutine[Any, Any, None]) -> None:
        """Let the lesson do something in a worker, one thing at a time, and show what came of it."""
        if self.busy:
            what.close()
            return
        if self.desk.clock.get("paused"):
            what.close()
            self.notify(self.say("paused"), severity="warning")
            return
        self.busy = True
        self.query_one("#wants", Static).update(self.say("busy"), layout=False)
        self.order("act", self._working(what))

    async def _working(self, what: Coroutine[Any, Any, None]) -> None:
        try:
            await what
        finally:
            self.busy = False
            self.call_later(self._show)

    @on(RowList.Chosen, "#list")
    def _looked(self) -> None:
        self._show()

    @on(RowList.Opened, "#list")
    def _opened(self, event: RowList.Opened) -> None:
        cloud, why = self.desk.feed.cloud, self.why_not("act")
        if why or cloud is None:
            self.notify(why or self.say("unable.recorded"), severity="warning")
            return
        lesson = self.lessons[event.row]
        if lesson.name not in self.lectures or self.lectures[lesson.name].finished:
            self.lectures[lesson.name] = lecture_in(cloud, lesson, self.desk.lang)
        self.lecture = self.lectures[lesson.name]
        if self.lecture.view is None:
            self.work(self.lecture.go_on())
        else:
            self._show()

    @on(OptionList.OptionSelected, "#choices")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        if self.lecture is not None and event.option_id is not None:
            self.work(self.lecture.answer(event.option_id))

    @on(Input.Submitted, "#line")
    def _typed(self, event: Input.Submitted) -> None:
        line, event.input.value = event.value.strip(), ""
        if self.lecture is None:
            return
        if line.startswith("openstack"):
            self.notify(self.say("openstack"), timeout=10)
        elif line in ("hint", "힌트"):
            self.action_hint()
        elif line in ("show", "보기"):
            self.action_show()
        elif line:
            self.work(self.lecture.typed(line))
        elif self.lecture.kind == "do":
            self.work(self.lecture.next())

    def action_next(self) -> None:
        """Go on, have the lesson's work done, or have one's own work checked."""
        if self.lecture is None:
            self.list.action_open()
        elif self.lecture.kind == "end":
            self.action_leave()
        elif self.lecture.kind in ("passed", "text", "act", "do"):
            self.work(self.lecture.next())

    def action_hint(self) -> None:
        """The next hint."""
        if self.lecture is not None:
            self.lecture.hint()
            self._show()

    def action_show(self) -> None:
        """Have the step done."""
        if self.lecture is not None:
            self.work(self.lecture.show())

    def action_type(self) -> None:
        """Write a line."""
        line = self.query_one("#line", Input)
        if self.lecture is not None:
            line.display = True
            line.focus()

    def action_messages(self) -> None:
        """Show in Flow the messages of the request that the lesson talks of."""
        from lab.tui.screens.flow import FlowRoom

        request = self.lecture.request if self.lecture is not None else ""
        self.glass.action_room("flow")
        flow = self.app.screen
        if request and isinstance(flow, FlowRoom):
            flow.lanes.follow = False
            flow.call_after_refresh(flow.show_filter, f"req:{request}")

    def action_leave(self) -> None:
        """From the line to the text, from a lesson to the list."""
        if self.lecture is None:
            return
        if self.query_one("#line", Input).has_focus:
            self.query_one("#page").focus()
        else:
            self.lecture = None
            self._show()
