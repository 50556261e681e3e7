"""Lessons: the room where lessons run, the text beside the live messages.

A lesson has a cloud of its own (another child process, as a branch has), which is watched while the lesson is shown; where the
watched cloud is none of ours, the lesson runs in that one.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.teach.lesson import Lesson, find, names
from lab.teach.lesson_session import Session
from lab.tui.desk import Desk
from lab.tui.room import Room
from lab.tui.screens.lessons_words import TEXTS
from lab.tui.widgets.cells import fit
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.widgets.lesson_page import INDENT, about, head_of, plain, row_of, state_of, step_of
from lab.tui.widgets.rows import RowList
from lab.tui.words import Texts
from lab.watch.feed import Feed
from lab.watch.film import Filter, View
from lab.watch.lecture import WORDS, Lecture, cloud_for, lecture_in


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
        self.lecture: Lecture | None = None
        """The lesson that is shown; None: the list."""
        self.doing = ""
        """The text of what is being done; empty: nothing."""
        self._place: object = None
        """Where it stood when it was shown last: lesson, step, kind."""

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
        if self.desk is not self.glass.home:  # the cloud of a lesson
            self._enter_lesson(*self.desk.lectures.values())

    def entered(self) -> None:
        """Elsewhere a lesson may have been begun or ended."""
        self._place = None
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
        text, page = self.query_one("#text", Static), self.query_one("#page", VerticalScroll)
        text.update(self._about() if lecture is None else step_of(lecture, self.palette, self.say))
        self.query_one("#head", Static).update(head_of(lecture, self.say), layout=False)
        self._show_choices(lecture)
        line = self.query_one("#line", Input)
        self.query_one("#wants", Static).update(self._wants(lecture), layout=False)
        place = (lecture, lecture and lecture.view, lecture and lecture.kind)
        if place != self._place:  # else what has the keys keeps them
            self._place = place
            line.display = lecture is not None and lecture.kind in ("find", "do")
            (line if lecture and lecture.kind == "find" else self._keyed()).focus()
        if lecture is not None and lecture.said:
            self.call_after_refresh(page.scroll_end, animate=False)
        else:
            page.scroll_home(animate=False)

    def _keyed(self) -> Widget:
        """What has the keys while nothing is typed."""
        if self.lecture is None:
            return self.list
        return self.query_one("#choices" if self.lecture.kind == "predict" else "#page")

    @on(events.DescendantFocus)
    def _focused(self) -> None:
        self.query_one("#wants", Static).update(self._wants(self.lecture), layout=False)

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
        lesson, inks, feed = self.lessons[self.list.row], self.palette, self.desk.feed
        if why := self.why_not("act"):
            note = Text(f"✘ {why}\n{self.say('elsewhere', name=lesson.name)}", inks.bad)
        elif self.why_not("faults"):
            note = Text(self.say("real"), inks.bad)
        else:
            note = Text(self.say("own" if feed.own else "shared", cloud=feed.title, name=lesson.name), inks.muted)
        return about(lesson, self.desk.lang, note, inks)

    def _wants(self, lecture: Lecture | None) -> str:
        if self.doing:
            return self.say(self.doing)
        if lecture is None:
            return self.say("wants.list")
        typing = self.query_one("#line", Input).has_focus and lecture.kind != "find"
        return self.say("wants.line" if typing else f"wants.{lecture.kind}")

    def _draw_lesson(self, row: int, width: int) -> list[Segment]:
        lesson = self.lessons[row]
        title = f"{row + 1}  {lesson.words[self.desk.lang].title}"
        state = state_of(self._begun(lesson)[1], self.say)
        return row_of(title, f"{self.say('minutes', n=lesson.minutes):>8}  {fit(state, 12)}", width, self.palette)

    # -- lessons and their clouds -------------------------------------------------------------

    def _begun(self, lesson: Lesson) -> tuple[Desk, Lecture | None]:
        """The lecture of a lesson that was begun, and the cloud that it is in."""
        for desk in self.glass.watched:
            if lesson.name in desk.lectures:
                return desk, desk.lectures[lesson.name]
        return self.desk, None

    @on(RowList.Chosen, "#list")
    def _looked(self) -> None:
        self._show()

    @on(RowList.Opened, "#list")
    def _opened(self, event: RowList.Opened) -> None:
        lesson = self.lessons[event.row]
        desk, lecture = self._begun(lesson)
        if lecture is None or lecture.finished:
            self.action_anew()
        elif desk is self.desk:
            self._enter_lesson(lecture)
        else:
            self.glass.show_cloud(desk, self.name_)

    def action_anew(self) -> None:
        """Begin the lesson at the cursor from its first step, in a new cloud if the watched one is ours."""
        if self.lecture is not None:
            return
        if why := self.why_not("act"):
            self.notify(why, severity="warning")
            return
        lesson = self.lessons[self.list.row]
        if self.desk.feed.own:
            self.work(self._make_cloud(lesson), "starting")
        else:
            lecture = self.desk.lectures[lesson.name] = lecture_in(self.desk.feed, Session(lesson, self.desk.lang))
            self._enter_lesson(lecture)

    async def _make_cloud(self, lesson: Lesson) -> None:
        feed = await cloud_for(lesson)
        self.call_later(self._made_cloud, lesson, feed)

    def _made_cloud(self, lesson: Lesson, feed: Feed) -> None:
        before, lecture = self._begun(lesson)
        if lecture is not None:
            self._forget(before, lesson)
        desk = Desk(feed, self.desk.lang, feed.title)
        desk.lectures[lesson.name] = lecture_in(feed, Session(lesson, desk.lang))
        self.glass.open_cloud(desk, self.name_)

    def _forget(self, desk: Desk, lesson: Lesson) -> None:
        """Forget a lecture, and the cloud that was made for it."""
        del desk.lectures[lesson.name]
        if desk is not self.glass.home:
            self.glass.close_cloud(desk)

    def _enter_lesson(self, lecture: Lecture) -> None:
        self.lecture = lecture
        if lecture.view is None:
            self.work(lecture.go_on())
        else:
            self._show()

    def action_leave(self) -> None:
        """From the line to the text, from a lesson to the list and to the cloud that was watched before."""
        lecture, home = self.lecture, self.glass.home
        if lecture is None:
            return
        if self.query_one("#line", Input).has_focus:
            self._keyed().focus()
            return
        if self.desk is home:
            self.lecture = None
            self._show()
            return
        self.glass.show_cloud(home, self.name_)
        if lecture.finished:
            home.lectures[lecture.session.lesson.name] = lecture  # what is left of it: that it is done
            self.glass.close_cloud(self.desk)

    # -- what the student does ----------------------------------------------------------------

    def work(self, what: Coroutine[Any, Any, None], doing: str = "busy") -> None:
        """Let the lesson do something in a worker, one thing at a time, and show what came of it."""
        why = ""
        if self.lecture is not None and self.desk.lost is not None:
            why = self.say("lost")
        elif self.lecture is not None and self.desk.clock.get("paused"):
            why = self.say("paused")
        if why:
            self.notify(why, severity="warning")
        if why or self.doing:
            what.close()
            return
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
            self.work(self.lecture.typed(line, self.query_one("#page").size.width - INDENT))

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

    def action_scroll(self, lines: int) -> None:
        """Scroll the text, whatever has the keys."""
        self.query_one("#page", VerticalScroll).scroll_relative(y=lines, animate=False)
