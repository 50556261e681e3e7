"""The session alone: no cloud, no clock, no screen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.errors import LabError, ScenarioError
from lab.teach.lesson import Lesson, find
from lab.teach.lesson_seen import Seen
from lab.teach.lesson_session import Session, WrongStep
from lab.teach.lesson_table import Plan
from lab.watch.lecture import Lecture
from tests.lessons.test_files import CHECK, folder

NOTHING = Seen()
DONE = Seen(table=Plan(switches={"s1": None}))


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return find(folder(tmp_path))


def test_a_session_goes_from_step_to_step(lesson: Lesson) -> None:
    session = Session(lesson, "en")
    assert (session.view().kind, session.view().number, session.view().of) == ("text", 1, 4)
    assert session.done().accepted
    assert session.view().choices == (("left", "Left"), ("right", "Right"))
    assert not session.answer("2").accepted
    assert session.answer("Left").text == "That is right. Yes."
    refused = session.check(NOTHING)
    assert (refused.accepted, refused.missing) == (False, ("nothing",))
    assert "Nothing is there, friend." in refused.text
    assert session.check(DONE).accepted
    assert not session.answer("silver", NOTHING).accepted
    assert session.answer(" GOLD ", NOTHING).accepted
    assert session.finished
    with pytest.raises(WrongStep, match="finished"):
        session.view()


def test_a_step_takes_only_what_it_asks_for(lesson: Lesson) -> None:
    session = Session(lesson, "en")
    with pytest.raises(WrongStep, match="this step is read"):
        session.answer("left")
    session.done()
    with pytest.raises(WrongStep, match="answer with its number, 1-2"):
        session.done()
    with pytest.raises(WrongStep, match="a prediction"):
        session.check(DONE)


@pytest.mark.parametrize(("lang", "words"), [
    ("en", ["this step is a prediction: answer with its number, 1-2", "this step asks for something that you find out: type it"]),
    ("ko", ["예상해 보는 단계입니다. 1-2 가운데 하나의 번호로 답하십시오", "알아내는 단계입니다. 알아낸 것을 입력하십시오"]),
])  # fmt: skip
def test_enter_at_a_question_says_what_is_wanted(lesson: Lesson, lang: str, words: list[str]) -> None:
    nobody: Any = SimpleNamespace(session=Session(lesson, lang))
    lecture = Lecture(nobody, login=dict)
    told = []
    for step in ("guess", "seek"):
        lecture.session.at = lesson.index(step)
        lecture.view = lecture.session.view()
        asyncio.run(lecture.typed(""))
        told.append(lecture.said[-1].text)
        assert not lecture.passed
    assert told == words


def test_hints_come_one_after_the_other(lesson: Lesson) -> None:
    session = Session(lesson, "ko", at=1)
    lesson.words["ko"].parts["guess"].hints.append("Think harder.")
    assert [session.hint() for _ in range(3)] == ["Think.", "Think harder.", "Think harder."]


def test_a_session_is_kept_and_resumed(lesson: Lesson) -> None:
    session = Session(lesson, "ko", at=1)
    session.answer("right")
    session.hint()
    session.began(42)
    session.began(43)
    again = Session.resume(lesson, session.memo())
    assert again == session
    assert again.marks == {"guess": 42}
    with pytest.raises(LabError, match="not of"):
        Session.resume(lesson, {**session.memo(), "lesson": "other"})
    with pytest.raises(LabError, match=r"no step 'gone'.*begin again"):
        Session.resume(lesson, {**session.memo(), "step": "gone"})
    with pytest.raises(LabError, match="begin again"):
        Session.resume(lesson, {"lesson": lesson.name})


def test_an_unknown_language_lists_the_known_ones(lesson: Lesson) -> None:
    with pytest.raises(LabError, match="known: ko, en"):
        Session(lesson, "fr")


def test_a_check_that_finds_an_unknown_reason_is_named(tmp_path: Path) -> None:
    lesson = find(folder(tmp_path, check=CHECK.replace('"nothing"', '"nothin"')))
    with pytest.raises(ScenarioError, match=r"check\.py: made found 'nothin'.*did you mean 'nothing'"):
        Session(lesson, "en", at=2).check(NOTHING)


def test_a_word_that_nobody_fills_in_is_named(tmp_path: Path) -> None:
    lesson = find(folder(tmp_path, check=CHECK.replace("name=", "nam=")))
    with pytest.raises(ScenarioError, match=r"en\.md:16: .*missing nothing.*'name'; known: nam"):
        Session(lesson, "en", at=2).check(NOTHING)
