"""Lessons: the room where lessons run, the text beside the live messages.

A lesson has a cloud of its own (another child process, as a branch has), which is watched while the lesson is shown; where the
watched cloud is none of ours, the lesson runs in that one.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from lab.teach.lesson import Lesson
from lab.tui.room import Room
from lab.tui.screens.lessons_words import TEXTS
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.widgets.lesson_list import LessonList
from lab.tui.widgets.lesson_page import head_of
from lab.tui.widgets.lesson_view import LessonView
from lab.tui.widgets.rows import RowList
from lab.tui.words import Texts
from lab.watch.film import Filter, View
from lab.watch.lecture import WORDS, Lecture, cloud_for


class LessonsRoom(Room):
    """The list of lessons, or one of them."""

    name_ = "lessons"
    wide_from = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "key.next"),
        Binding("h", "hint", "key.hint"),
        Binding("s", "show", "key.show"),
        Binding("i", "type", "key.type"),
        Binding("a", "anew", "key.anew", show=False),
        Binding("m", "messages", "key.messages", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("escape", "leave", "key.close"),
        Binding("tab", "app.focus_next", "key.other_side", show=False),
    ]
    DEFAULT_CSS = """
    LessonsRoom #head { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    LessonsRoom #servers { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    LessonsRoom #left { width: 1fr; }
    LessonsRoom #live { width: 1fr; border-left: solid $border; display: none; }
    LessonsRoom.wide #live { display: block; }
    LessonsRoom #wants { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = TEXTS

    def __init__(self) -> None:
        super().__init__()
        self.lecture: Lecture | None = None
        """The lesson that is shown; None: the list."""
        self.doing = ""
        """The text of what is being done; empty: nothing."""

    def body(self) -> Iterable[Widget]:
        """The list; or a text, choices and a line to type in, with the messages beside them."""
        self.lanes = LaneView(View(self.desk.film, Filter(quiet=True)), self.desk.names, self.palette, id="lanes")
        self.lanes.can_focus = False
        self.list = LessonList(self)
        self.shown = LessonView(self.say)
        yield Static(id="head")
        with Horizontal():
            with Vertical(id="left"):
                yield self.list
                yield self.shown
            with Vertical(id="live"):
                yield LaneHead(self.lanes)
                yield self.lanes
        yield Static(id="servers")
        yield Static(id="wants", markup=False)

    def on_mount(self) -> None:
        """Read the lessons."""
        self.list.read()
        if self.desk is not self.glass.home:  # the cloud of a lesson
            self._enter_lesson(*self.desk.lectures.values())
        else:
            self._show()

    def entered(self) -> None:
        """Elsewhere a lesson may have been begun or ended."""
        self.shown.forget_place()
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
        for lecture in self.desk.lectures.values():
            lecture.turned_back(self.desk.film.last_seq)

    def _show(self) -> None:
        """Show the list, or the step at which the lesson stands."""
        lecture = self.lecture
        self.list.display = lecture is None
        if lecture is None:
            self.list.focus()
        self.shown.show(lecture, self.palette, "" if lecture else self.list.about())
        self.query_one("#head", Static).update(head_of(lecture, self.say), layout=False)
        self.query_one("#wants", Static).update(self._wants(lecture), layout=False)

    @on(events.DescendantFocus)
    def _focused(self) -> None:
        self.query_one("#wants", Static).update(self._wants(self.lecture), layout=False)

    def _wants(self, lecture: Lecture | None) -> str:
        if self.doing:
            return self.say(self.doing)
        if lecture is None:
            return self.say("wants.list")
        typing = self.shown.line.has_focus and lecture.kind != "find"
        return self.say("wants.line" if typing else f"wants.{lecture.kind}")

    # -- lessons and their clouds -------------------------------------------------------------

    @on(RowList.Chosen, "#list")
    def _looked(self) -> None:
        self._show()

    @on(RowList.Opened, "#list")
    def _opened(self, event: RowList.Opened) -> None:
        lesson = self.list.lessons[event.row]
        begun, kept = self.list.sittings.of(lesson), self.list.sittings.kept(lesson)
        if begun is None and kept is not None and kept[0] and self.desk.feed.own:
            self.work(self._make_cloud(lesson, kept[0]), "starting")
        elif begun is None or begun[1].finished:
            self.action_anew()
        elif begun[0] is self.desk:
            self._enter_lesson(begun[1])
        else:
            self.glass.show_cloud(begun[0], self.name_)

    def action_anew(self) -> None:
        """Begin the lesson at the cursor from its first step, in a new cloud if the watched one is ours."""
        if self.lecture is not None:
            return
        if why := self.why_not("act"):
            self.notify(why, severity="warning")
            return
        lesson = self.list.lesson
        if self.desk.feed.own:
            self.work(self._make_cloud(lesson), "starting")
        else:
            self._enter_lesson(self.list.sittings.begin(lesson, self.desk))

    async def _make_cloud(self, lesson: Lesson, place: str = "") -> None:
        feed = await cloud_for(lesson)
        self.call_later(self.list.sittings.begin_in, lesson, feed, place)

    def _enter_lesson(self, lecture: Lecture) -> None:
        self.lecture = lecture
        if lecture.view is None:
            self.work(lecture.go_on(), "resuming" if lecture.place else "busy")
        else:
            self._show()

    def action_leave(self) -> None:
        """From the line to the text, from a lesson to the list and to the cloud that was watched before."""
        if self.lecture is None:
            return
        if self.shown.line.has_focus:
            self.shown.keyed.focus()
            return
        if self.desk is self.glass.home:
            self.lecture = None
            self._show()
        else:
            self.list.sittings.leave(self.desk)

    # -- what the student does ----------------------------------------------------------------

    def work(self, what: Coroutine[Any, Any, None], doing: str = "busy") -> None:
        """Let the lesson do something in a worker, one thing at a time, and show what came of it."""
        still = "lost" if self.desk.lost else "paused" if self.desk.clock.get("paused") else ""
        if self.lecture is not None and still:
            self.notify(self.say(still), severity="warning")
            what.close()
        elif self.doing:
            what.close()
        else:
            self.doing = doing
            self.query_one("#wants", Static).update(self.say(doing), layout=False)
            self.order("act", self._working(what))

    async def _working(self, what: Coroutine[Any, Any, None]) -> None:
        try:
            await what
        finally:
            self.call_later(self._worked)

    def _worked(self) -> None:
        self.doing = ""
        if self.lecture is not None:
            self.list.sittings.keep(self.lecture)
        self._show()

    @on(OptionList.OptionSelected, "#choices")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        if self.lecture is not None and event.option_id is not None:
            self.work(self.lecture.answer(event.option_id))

    @on(Input.Submitted, "#line")
    def _typed(self, event: Input.Submitted) -> None:
        line, event.input.value = event.value.strip(), ""
        if self.lecture is not None and line in WORDS:
            self.action_hint() if WORDS[line] == "hint" else self.action_show()
        elif self.lecture is not None:
            self.work(self.lecture.typed(line, self.shown.columns))

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
        if self.lecture is not None:
            self.shown.type()

    def action_messages(self) -> None:
        """Show in Flow the messages of the request that the lesson talks of."""
        from lab.tui.screens.flow import FlowRoom

        request = self.lecture.request if self.lecture is not None else ""
        self.glass.action_room("flow")
        flow = self.app.screen
        if request and isinstance(flow, FlowRoom):
            flow.lanes.follow = False
            flow.call_after_refresh(flow.show_filter, f"req:{request}")

    def action_scroll(self, lines: int) -> None:
        """Scroll the text, whatever has the keys."""
        self.shown.page.scroll_relative(y=lines, animate=False)
