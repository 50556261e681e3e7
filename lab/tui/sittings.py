"""The lessons that were begun in an application, each with the watched cloud that it is in; and the places kept from earlier days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.teach.lesson import Lesson
from lab.teach.lesson_session import Session
from lab.tui.desk import Desk
from lab.watch.feed import Feed
from lab.watch.lecture import Lecture, lecture_in
from lab.watch.shelf import shelf

if TYPE_CHECKING:
    from lab.tui.app import GlassApp

ROOM = "lessons"


class Sittings:
    """What `Desk.lectures` of all watched clouds hold, seen together."""

    def __init__(self, app: GlassApp) -> None:
        self._app = app

    def of(self, lesson: Lesson) -> tuple[Desk, Lecture] | None:
        """The cloud and the lecture of a lesson that was begun."""
        for desk in self._app.watched:
            if lesson.name in desk.lectures:
                return desk, desk.lectures[lesson.name]
        return None

    def kept(self, lesson: Lesson) -> tuple[str | None, int] | None:
        """The step at which a lesson was left, here or on the command line, and its index; (None, …): it was finished; None: no place."""
        memo = shelf(lesson.name).read() if self._app.keeps else {}
        ids = [step.id for step in lesson.steps]
        if memo and memo["step"] is None:
            return None, len(ids)
        return (memo["step"], ids.index(memo["step"])) if memo and memo["step"] in ids else None

    def keep(self, lecture: Lecture) -> None:
        """Keep the place in a lesson, as the command line does."""
        if self._app.keeps:
            lesson = lecture.session.lesson
            shelf(lesson.name).write({**lecture.guide.memo(), "folder": lesson.folder}, None)

    def begin(self, lesson: Lesson, desk: Desk, place: str = "") -> Lecture:
        """Begin a lesson in a watched cloud, anew or at the step where it was left."""
        lecture = desk.lectures[lesson.name] = lecture_in(desk.feed, Session(lesson, desk.lang))
        lecture.place = place
        return lecture

    def begin_in(self, lesson: Lesson, feed: Feed, place: str = "") -> None:
        """Begin a lesson in a cloud that was made for it, and enter that cloud; the one of before ends."""
        before = self.of(lesson)
        if before is not None:
            desk, _ = before
            del desk.lectures[lesson.name]
            if desk is not self._app.home:
                self._app.close_cloud(desk)
        made = Desk(feed, self._app.home.lang, feed.title)
        self.begin(lesson, made, place)
        self._app.open_cloud(made, ROOM)

    def leave(self, desk: Desk) -> None:
        """Go back to the cloud that was watched before; one whose lesson is finished ends."""
        app = self._app
        app.show_cloud(app.home, ROOM)
        done = {name: lecture for name, lecture in desk.lectures.items() if lecture.finished}
        if done:
            app.home.lectures.update(done)  # what is left of them: that they are done
            app.close_cloud(desk)
