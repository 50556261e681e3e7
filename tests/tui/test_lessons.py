"""Lessons: a lesson played in a cloud by its headless model, and the room around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from lab.cloud import Cloud, run
from lab.config import Config
from lab.teach.lesson import find
from lab.teach.lesson_glass import Inside
from lab.teach.lesson_guide import Guide
from lab.teach.lesson_session import Session
from lab.tui.screens.lessons import LessonsRoom
from lab.tui.widgets.lesson_page import plain
from lab.watch.lecture import Lecture
from tests.tui.conftest import FACES, StubFeed, app_of, play
from tests.tui.test_resources import Wire


def test_a_lesson_is_played_to_its_end() -> None:
    async def story() -> None:
        async with Cloud.simulated(7, datacenter={"racks": 2, "hosts_per_rack": 2}) as cloud:
            lecture = Lecture(Guide(Session(find("2"), "ko"), cloud, Inside(cloud)), dict)
            await lecture.go_on()
            seen = set()
            while lecture.kind != "end":
                seen.add(lecture.kind)
                if lecture.kind in ("predict", "find", "do"):
                    await lecture.show()
                else:
                    await lecture.next()
                assert "bad" not in {said.kind for said in lecture.said}
            assert seen == {"text", "act", "predict", "find", "do", "passed"}
            assert lecture.finished
            assert lecture.request.startswith("req-")

    run(story, seed=7)


def test_what_is_wrong_stays_and_what_is_right_waits_for_the_student() -> None:
    async def story() -> None:
        async with Cloud.simulated(7, datacenter={"racks": 2, "hosts_per_rack": 2}) as cloud:
            lecture = Lecture(Guide(Session(find("2"), "en"), cloud, Inside(cloud)), dict)
            await lecture.go_on()
            await lecture.next()
            await lecture.next()
            assert (lecture.kind, lecture.view.id if lecture.view else "") == ("passed", "ready")
            await lecture.next()
            await lecture.answer("nothing")
            assert (lecture.kind, lecture.said[-1].kind) == ("predict", "bad")
            lecture.hint()
            assert lecture.said[-1].kind == "hint"
            await lecture.answer("uuid")
            assert (lecture.kind, lecture.said[-1].kind) == ("passed", "good")
            await lecture.next()
            await lecture.next()
            assert (lecture.kind, lecture.said[-1].kind) == ("do", "bad")
            await lecture.typed("dance")
            assert lecture.said[-1].kind == "refused"
            assert "dance" in lecture.said[-1].text

    run(story, seed=7)


def sitting(lecture_lang: str) -> Lecture:
    """A lesson on the table of switches, with a cloud of which it needs nothing but an empty journal."""

    class NoGlass:
        async def entries(self) -> list[Any]:
            return []

    return Lecture(Guide(Session(find("1"), lecture_lang), Cloud(Wire({}), Config()), cast("Any", NoGlass())), dict)


async def at_prediction(room: LessonsRoom, pilot: Pilot[None], answer: str = "") -> Lecture:
    """The room at the first prediction of the first lesson."""
    lecture = room.lecture = room.desk.lectures["01-vlan"] = sitting(room.desk.lang)
    await lecture.go_on()
    while lecture.kind != "predict":
        await lecture.next()
    if answer:
        await lecture.answer(answer)
    room._show()
    await pilot.pause()
    return lecture


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_the_list_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(recording, lang, "lessons"), size, "down")


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_a_prediction_looks_as_it_did(snap_compare: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    app = app_of(StubFeed(recording), lang, "lessons")

    async def before(pilot: Pilot[None]) -> None:
        while not app.desk.clock:
            await pilot.pause(0.01)
        app.tell()
        assert isinstance(app.screen, LessonsRoom)
        await at_prediction(app.screen, pilot, "nobody")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_a_choice_is_an_answer_and_enter_goes_on(recording: Path) -> None:
    app = app_of(StubFeed(recording), room="lessons")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, LessonsRoom)
        lecture = await at_prediction(room, pilot)
        app.desk.clock = {"paused": False, "t_s": 1.0}
        assert [option.id for option in room.query_one(OptionList).options] == ["everyone", "only-b", "nobody"]
        await pilot.press("down", "enter")
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.group == "order"])
        await pilot.pause()
        assert lecture.said[-1].kind == "bad"
        await pilot.press("h", "up", "enter")
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.group == "order"])
        await pilot.pause()
        assert (lecture.kind, [said.kind for said in lecture.said]) == ("passed", ["bad", "hint", "good"])
        await pilot.press("enter")
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.group == "order"])
        await pilot.pause()
        assert lecture.view is not None
        assert lecture.view.id == "flood"
        await pilot.press("escape")
        assert room.lecture is None

    play(app, story)


def test_a_standing_clock_is_no_time_for_work(recording: Path) -> None:
    app = app_of(StubFeed(recording), "ko", "lessons")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, LessonsRoom)
        while not app.desk.clock:
            await pilot.pause(0.01)
        lecture = await at_prediction(room, pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert any("시계가 멈춰" in note.message for note in app._notifications)
        assert not lecture.said

    play(app, story)


def test_a_recording_says_why_and_where_else(recording: Path) -> None:
    app = app_of(recording, "ko", "lessons")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, LessonsRoom)
        await pilot.press("enter")
        await pilot.pause()
        assert room.lecture is None
        assert any("기록된 저널" in note.message for note in app._notifications)
        assert not room.query_one("#line", Input).display

    play(app, story)


def test_marks_of_markdown_are_not_shown_in_a_list() -> None:
    assert plain("**202** `Accepted`") == "202 Accepted"
