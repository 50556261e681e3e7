"""A lesson in a watched cloud, without a screen: which step is shown, what was said to it, and what the student does."""

from __future__ import annotations

from dataclasses import dataclass

from lab.cloud import Cloud, bench
from lab.teach.lesson import Lesson
from lab.teach.lesson_glass import OverWire
from lab.teach.lesson_guide import Guide
from lab.teach.lesson_hands import CLOUD_USAGE, Outcome
from lab.teach.lesson_room import Hurried
from lab.teach.lesson_session import Reply, Session, View
from lab.teach.lesson_table import Table
from lab.teach.lesson_terms import Slip
from lab.watch.calls import Overheard


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said to what the student did.

    kind: 'good', 'bad', 'hint' (Markdown) or 'work', 'refused' (plain text with lines below it).
    """

    kind: str
    text: str
    lines: tuple[str, ...] = ()


class Lecture:
    """One student in one lesson. A step stays on the screen, with what was said to it, until the student goes on."""

    def __init__(self, guide: Guide) -> None:
        self.guide = guide
        self.session = guide.session
        self.said: list[Said] = []
        self.view: View | None = None
        """The step that is shown; None before the first one and after the last."""
        self.passed = False
        """Whether the shown step is done, and the student may go on."""
        self.request = ""
        """The id of the request whose messages were asked for last."""

    @property
    def kind(self) -> str:
        """The kind of the shown step; 'passed' when it is done, 'end' after the last one."""
        if self.view is None:
            return "end"
        return "passed" if self.passed else self.view.kind

    @property
    def finished(self) -> bool:
        """Whether all steps are done and nothing of them is shown any more."""
        return self.session.finished and self.view is None

    def wants(self) -> str:
        """What the shown step asks of the student, in a line."""
        return "" if self.passed or self.session.finished else self.session.wants()

    def usage(self) -> list[str]:
        """What can be typed at this step."""
        table = {} if self.guide.hands.table.bare else Table.USAGE
        return list(dict.fromkeys({**table, **CLOUD_USAGE}.values()))

    # -- what the student does ----------------------------------------------------------------

    async def go_on(self) -> None:
        """Show the next step."""
        self.passed, self.said, self.view = False, [], None
        if not self.session.finished:
            await self.guide.begin()
            self.view = self.session.view()

    async def next(self) -> None:
        """Enter: go on, have the lesson's work done, or have one's own work checked."""
        kind = self.kind
        if kind in ("passed", "text"):
            if kind == "text":
                self.session.done()
            await self.go_on()
        elif kind == "act":
            self._heard(*await self.guide.act())
        elif kind == "do":
            self._heard([], await self.guide.check())

    async def answer(self, given: str) -> None:
        """Answer a prediction, or say what was found out."""
        self._heard([], await self.guide.answer(given))

    async def show(self) -> None:
        """Have the step done."""
        if self.kind not in ("passed", "end"):
            self._heard(*await self.guide.show())

    async def typed(self, line: str) -> None:
        """An answer where one is asked for, else a command."""
        verb = line.partition(" ")[0]
        if not line or self.kind == "end":
            return
        if self.kind in ("predict", "find") and verb not in {**CLOUD_USAGE, **Table.USAGE}:
            await self.answer(line)
            return
        try:
            self._work(await self.guide.typed(line))
        except Slip as slip:
            self.said.append(Said("refused", slip.say(self.session.lang)))

    def hint(self) -> None:
        """Give the next hint."""
        if self.kind not in ("passed", "end"):
            self.said.append(Said("hint", self.session.hint()))

    # -- what is said -------------------------------------------------------------------------

    def _heard(self, outcomes: list[Outcome], reply: Reply) -> None:
        self._work(outcomes)
        if reply.text:
            self.said.append(Said("good" if reply.accepted else "bad", reply.text))
        self.passed = self.passed or reply.accepted

    def _work(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.request = outcome.request or self.request
            self.said.append(Said("work" if outcome.ok else "refused", outcome.text, outcome.lines))

    def forget_cloud(self) -> None:
        """Time was turned back in the cloud: its journal is read anew."""
        glass = OverWire(self.guide.cloud)
        self.guide.glass = self.guide.hands.glass = glass


def lecture_in(cloud: Cloud, lesson: Lesson, lang: str) -> Lecture:
    """A lesson in a connected cloud, waiting on that cloud's clock."""
    inner = cloud.session.transport
    transport = Hurried(inner.inner if isinstance(inner, Overheard) else inner)  # its many looks are no calls of the user's
    own = cloud.over(transport)
    transport.session = own.session
    return Lecture(Guide(Session(lesson, lang), own, OverWire(own), Table(bench)))
