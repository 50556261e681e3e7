"""The list of lessons: how far each has got, and whether and how the one at the cursor can be taken here."""

from __future__ import annotations

from rich.console import RenderableType
from rich.segment import Segment
from rich.text import Text

from lab.teach.lesson import Lesson, find, names
from lab.tui.room import Room
from lab.tui.sittings import Sittings
from lab.tui.widgets.cells import fit
from lab.tui.widgets.lesson_page import about, row_of, state_of
from lab.tui.widgets.rows import RowList


class LessonList(RowList):
    """All lessons, for the room where they run."""

    DEFAULT_CSS = """
    LessonList { height: 6; }
    """

    def __init__(self, room: Room) -> None:
        super().__init__(self._line, room.palette, id="list")
        self._room = room
        self.lessons: list[Lesson] = []
        self.sittings = Sittings(room.glass)
        self._kept: dict[str, int] = {}
        """How many steps of a lesson were done on earlier days."""

    def read(self) -> None:
        """Read the lessons."""
        self.lessons = [find(name) for name in names()]
        self._kept = {lesson.name: kept[1] for lesson in self.lessons if (kept := self.sittings.kept(lesson)) is not None}
        self.show(len(self.lessons))

    @property
    def lesson(self) -> Lesson:
        """The one at the cursor."""
        return self.lessons[self.row]

    def about(self) -> RenderableType:
        """What the lesson at the cursor is about, and why or how it can be taken here."""
        room, lesson, inks = self._room, self.lesson, self.inks
        feed = room.desk.feed
        if why := room.why_not("act"):
            note = Text(f"✘ {why}\n{room.say('elsewhere', name=lesson.name)}", inks.bad)
        elif room.why_not("faults"):
            note = Text(room.say("real"), inks.bad)
        else:
            note = Text(room.say("own" if feed.own else "shared", cloud=feed.title, name=lesson.name), inks.muted)
        return about(lesson, room.desk.lang, note, inks)

    def _line(self, row: int, width: int) -> list[Segment]:
        room, lesson = self._room, self.lessons[row]
        title = f"{row + 1}  {lesson.words[room.desk.lang].title}"
        begun = self.sittings.of(lesson)
        at = begun[1].session.at if begun is not None else self._kept.get(lesson.name)
        state = state_of(lesson, at, room.say)
        return row_of(title, f"{room.say('minutes', n=lesson.minutes):>8}  {fit(state, 12)}", width, self.inks)
