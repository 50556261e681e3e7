"""The state of one student in one lesson: which step, what was answered, what to say. No clock, no cloud, no screen.

A face shows `view`, and hands over what the student does: `done` for what is read or done by the lesson, `answer` for a
prediction or something found out, `check` for what the student did. Each answers a `Reply`; when it is accepted the
session stands at the next step. What there is to look at (`Seen`) is fetched by the face, by `lesson_guide.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lab.errors import LabError, ScenarioError
from lab.teach.lesson import LANGUAGES, Lesson, Step
from lab.teach.lesson_checks import Missing
from lab.teach.lesson_seen import Seen
from lab.teach.lesson_terms import term
from lab.teach.lesson_words import Part
from lab.teach.schema import known


class WrongStep(LabError):
    """The step at which the lesson stands does not take this."""


@dataclass(frozen=True, slots=True)
class View:
    """A step as it is shown. `text` and the labels are Markdown."""

    id: str
    kind: str
    number: int
    of: int
    title: str
    text: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the lesson says to what the student did. `text` is Markdown; `missing` are the keys of what is still missing."""

    accepted: bool
    text: str
    missing: tuple[str, ...] = ()


@dataclass
class Session:
    """One student in one lesson."""

    lesson: Lesson
    lang: str = "ko"
    at: int = 0
    tries: dict[str, int] = field(default_factory=dict)
    """Step -> how often an answer or a check was not accepted."""
    hinted: dict[str, int] = field(default_factory=dict)
    """Step -> how many hints were given."""
    marks: dict[str, int] = field(default_factory=dict)
    """Step -> the journal's last seq when it began."""

    def __post_init__(self) -> None:
        if self.lang not in LANGUAGES:
            every = ", ".join(LANGUAGES)
            korean = f"{self.lang!r}로 된 수업은 없습니다. 있는 것: {every}"
            raise LabError(f"no lesson is written in {self.lang!r}; known: {every}", ko=korean)

    # -- where it stands ----------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.at >= len(self.lesson.steps)

    @property
    def step(self) -> Step:
        """The step at which it stands. Raises WrongStep when the lesson is finished."""
        if self.finished:
            raise WrongStep(term("finished", self.lang))
        return self.lesson.steps[self.at]

    @property
    def part(self) -> Part:
        """The words of the step."""
        return self.lesson.words[self.lang].parts[self.step.id]

    @property
    def title(self) -> str:
        """The lesson's title."""
        return self.lesson.words[self.lang].title

    def view(self) -> View:
        """The step as it is shown."""
        step, part = self.step, self.part
        choices = tuple((key, part.choices[key]) for key in step.choices)
        return View(step.id, step.kind, self.at + 1, len(self.lesson.steps), part.title, part.text, choices)

    def wants(self) -> str:
        """In a line, what the step asks of the student."""
        return term(f"wants-{self.step.kind}", self.lang, choices=f"1-{len(self.step.choices)}")

    def began(self, seq: int) -> None:
        """Note how long the journal was when the step began; the first note counts."""
        if not self.finished:
            self.marks.setdefault(self.step.id, seq)

    # -- what the student does ----------------------------------------------------------------

    def done(self) -> Reply:
        """A text was read, or an act was done."""
        self._only("text", "act")
        return self._accept()

    def answer(self, given: str, seen: Seen | None = None) -> Reply:
        """Answer a prediction (by its key, its number or its words) or say what was found out (`seen` is looked at)."""
        self._only("predict", "find")
        given = given.strip()
        if self.step.kind == "predict":
            return self._predicted(given)
        return self._found(given, self._marked(seen))

    def check(self, seen: Seen) -> Reply:
        """Look whether the student's work is done, and say what is still missing."""
        self._only("do")
        found = self.lesson.checks.look(self.step.check, self._marked(seen))
        return self._refuse(term("still", self.lang), found) if found else self._accept(term("well", self.lang))

    def hint(self) -> str:
        """The next hint of the step; the last one again when there are no more."""
        hints = self.part.hints
        if not hints:
            return self.wants()
        given = self.hinted.get(self.step.id, 0)
        self.hinted[self.step.id] = min(given + 1, len(hints))
        return hints[min(given, len(hints) - 1)]

    def solution(self, seen: Seen | None = None) -> str:
        """The answer of a prediction or of something to be found out."""
        self._only("predict", "find")
        if self.step.kind == "predict":
            return self.step.answer
        return self._known(self._marked(seen))

    # -- keeping it ---------------------------------------------------------------------------

    def memo(self) -> dict[str, Any]:
        """All of it as plain values, for `resume`."""
        return {
            "lesson": self.lesson.name, "lang": self.lang, "step": None if self.finished else self.step.id,
            "tries": dict(self.tries), "hinted": dict(self.hinted), "marks": dict(self.marks),
        }

    @classmethod
    def resume(cls, lesson: Lesson, memo: Mapping[str, Any]) -> Session:
        """A session as it was kept. Raises LabError when it was of another lesson, or the lesson was changed since."""
        if memo.get("lesson") != lesson.name:
            other = memo.get("lesson")
            raise LabError(
                f"this was kept of lesson {other!r}, not of {lesson.name!r}; begin again",
                ko=f"{lesson.name!r}이(가) 아니라 {other!r} 수업의 자리입니다. 처음부터 다시 하십시오",
            )
        try:
            at = len(lesson.steps) if memo["step"] is None else lesson.index(memo["step"])
            return cls(lesson, memo["lang"], at, dict(memo["tries"]), dict(memo["hinted"]), dict(memo["marks"]))
        except (KeyError, TypeError, ValueError, ScenarioError) as error:
            raise LabError(
                f"what was kept of lesson {lesson.name} does not fit it any more ({error}); begin again",
                ko=f"기억해 둔 자리가 이제 {lesson.name} 수업과 맞지 않습니다({error}). 처음부터 다시 하십시오",
            ) from None

    # -- inside -------------------------------------------------------------------------------

    def _only(self, *kinds: str) -> None:
        if self.step.kind not in kinds:
            raise WrongStep(self.wants())

    def _marked(self, seen: Seen | None) -> Seen:
        if seen is None:
            raise WrongStep(f"step {self.step.id} can only be judged with a look at the cloud")
        return replace(seen, marks=self.marks)

    def _predicted(self, given: str) -> Reply:
        part, choices = self.part, self.step.choices
        words = [part.choices[key].casefold() for key in choices]
        if given.isascii() and given.isdecimal() and 1 <= int(given) <= len(choices):
            given = choices[int(given) - 1]
        elif given.casefold() in words:
            given = choices[words.index(given.casefold())]
        if given not in choices:
            numbers = "1-" + str(len(choices))
            return Reply(False, term("choose", self.lang, given=given, choices=numbers))
        if given == self.step.answer:
            return self._accept(f"{term('right', self.lang)} {part.whys[given]}")
        self._tried()
        return Reply(False, f"{term('wrong', self.lang)} {part.whys[given]}")

    def _found(self, given: str, seen: Seen) -> Reply:
        if not given:
            return Reply(False, term("empty", self.lang))
        answer = self._known(seen)
        if not answer:
            return Reply(False, term("unready", self.lang))
        if given.casefold() == answer.casefold():
            return self._accept(term("right", self.lang))
        if not self.step.check:
            self._tried()
            return Reply(False, f"{term('wrong', self.lang)} {self.part.hints[0]}")
        found = self.lesson.checks.look(self.step.check, seen, given)
        if not found:
            return self._accept(term("right", self.lang))
        return self._refuse(term("wrong", self.lang), found)

    def _known(self, seen: Seen) -> str:
        answer: object = self.lesson.checks.functions[self.step.answer](seen)
        return str(answer or "")

    def _refuse(self, opening: str, found: list[Missing]) -> Reply:
        self._tried()
        return Reply(False, "\n".join([opening, "", *(f"- {self._worded(each)}" for each in found)]), tuple(m.key for m in found))

    def _worded(self, each: Missing) -> str:
        step, file = self.step, self.lesson.checks.file
        if each.key not in step.missing:
            raise ScenarioError(
                f"{file}: {step.check} found {each.key!r}, which step {step.id} does not know; {known(each.key, step.missing)}",
                ko=f"{file}: {step.check}이(가) 찾은 {each.key!r}: {step.id} 단계에 없습니다. {known(each.key, step.missing, 'ko')}",
            )
        try:
            return self.part.missing[each.key].format_map(each.values)
        except (KeyError, IndexError, ValueError) as error:
            words = f"`### missing {each.key}` wants {error}", f"`### missing {each.key}`에 필요한 {error} 값이 없습니다"
            raise self.part.at.wrong(*words, "", each.values) from None

    def _tried(self) -> None:
        self.tries[self.step.id] = self.tries.get(self.step.id, 0) + 1

    def _accept(self, opening: str = "") -> Reply:
        text = "\n\n".join(filter(None, (opening, self.part.done)))
        self.at += 1
        return Reply(True, text)
