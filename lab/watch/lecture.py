"""A lesson in a watched cloud, without a screen: which step is shown, what was said to it, and what the student does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.teach.lesson import Lesson
from lab.teach.lesson_clock import hurried
from lab.teach.lesson_glass import OverWire
from lab.teach.lesson_guide import Guide
from lab.teach.lesson_hands import CLOUD_USAGE, Outcome
from lab.teach.lesson_session import Reply, Session, View
from lab.teach.lesson_table import Table
from lab.teach.lesson_terms import Slip
from lab.teach.lesson_words import commands
from lab.watch import openstack
from lab.watch.calls import Overheard
from lab.watch.child import ChildFeed, start
from lab.watch.feed import Feed, Unable

SPEED = "3"
"""Seconds of the cloud in one of the wall: a server is built in some four seconds, so that a student sees BUILD before ACTIVE."""
WIDTH = 100
"""Columns that what the client prints may take, where nobody says otherwise."""
WORDS: Mapping[str, str] = {"hint": "hint", "힌트": "hint", "show": "show", "보기": "show"}
"""What can be typed at every step."""
Login = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said to what the student did.

    kind: 'good', 'bad', 'hint' (Markdown) or 'work', 'refused' (plain text with lines below it).
    request: the id of a request whose messages were asked for.
    """

    kind: str
    text: str
    lines: tuple[str, ...] = ()
    request: str = ""


class Lecture:
    """One student in one lesson. A step stays on the screen, with what was said to it, until the student goes on."""

    def __init__(self, guide: Guide, login: Login) -> None:
        """`login` answers what the openstack client needs in its environment to work in the cloud."""
        self.guide = guide
        self.session = guide.session
        self._login = login
        self.said: list[Said] = []
        self.view: View | None = None
        """The step that is shown; None before the first one and after the last."""
        self.passed = False
        """Whether the shown step is done, and the student may go on."""
        self.request = ""
        """The id of the request whose messages were asked for last."""
        self.place = ""
        """The step to go on from, when the lesson was left in another cloud: what comes before it is done at first."""
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

    # -- what the student does ----------------------------------------------------------------

    async def go_on(self) -> None:
        """Show the next step."""
        self.passed, self.said, self.view = False, [], None
        if not self.session.finished:
            place, self.place = self.place, ""
            await (self.guide.catch_up(place) if place else self.guide.begin())
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
        elif kind in ("predict", "find"):
            self.said.append(Said("refused", self.session.wants()))

    async def answer(self, given: str) -> None:
        """Answer a prediction, or say what was found out."""
        self._heard([], await self.guide.answer(given))

    async def show(self) -> None:
        """Have the step done."""
        if self.kind not in ("passed", "end"):
            self._heard(*await self.guide.show())

    async def typed(self, line: str, width: int = WIDTH) -> None:
        """Do what a line says: an empty one is Enter; else one of WORDS, the openstack client, an answer where one is asked for, a command.

        width: the columns that what the client prints may take.
        """
        verb = line.partition(" ")[0]
        if not line:
            await self.next()
        elif WORDS.get(line) == "hint":
            self.hint()
        elif WORDS.get(line) == "show":
            await self.show()
        elif self.view is not None:
            if self.kind in ("predict", "find") and (line in self.session.step.choices or not self._command(verb)):
                await self.answer(line)
                return
            try:
                await self._run(line, width)
            except Slip as slip:
                self.said.append(Said("refused", slip.say(self.session.lang)))

    @property
    def client(self) -> str:
        """What there is to say when the shown step tells to use the openstack client: 'client', 'client.find', 'no-client', or nothing."""
        if self.passed or self.view is None or not any(line.startswith(openstack.VERB) for line in commands(self.view.text)):
            return ""
        if openstack.program() is None:
            return "no-client"
        return "client.find" if self.kind == "find" else "client"

    def hint(self) -> None:
        """Give the next hint."""
        if self.kind not in ("passed", "end"):
            self.said.append(Said("hint", self.session.hint()))

    # -- what is said -------------------------------------------------------------------------

    def _command(self, verb: str) -> bool:
        return verb == openstack.VERB or verb in CLOUD_USAGE or verb in Table.USAGE

    async def _run(self, line: str, width: int) -> None:
        if line.partition(" ")[0] == openstack.VERB:
            good, lines = await openstack.run_client(line, self._login(), width)
            self.said.append(Said("work" if good else "refused", line, lines))
        else:
            self._work(await self.guide.typed(line))

    def _heard(self, outcomes: list[Outcome], reply: Reply) -> None:
        self._work(outcomes)
        if reply.text:
            self.said.append(Said("good" if reply.accepted else "bad", reply.text))
        self.passed = self.passed or reply.accepted

    def _work(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.request = outcome.request or self.request
            self.said.append(Said("work" if outcome.ok else "refused", outcome.text, outcome.lines, outcome.request))

    def turned_back(self, seq: int) -> None:
        """Time was turned back in the cloud to this entry: its journal is read anew, and what was marked later is marked there."""
        glass = OverWire(self.guide.cloud)
        self.guide.glass = self.guide.hands.glass = glass
        marks = self.session.marks
        marks.update({step: min(mark, seq) for step, mark in marks.items()})


def lecture_in(feed: Feed, session: Session) -> Lecture:
    """A lesson in a connected cloud, waiting on that cloud's clock. Raises Unable for a feed in which nobody can act."""
    if feed.cloud is None:
        raise Unable("act", feed.unable.get("act", "recorded"))
    inner = feed.cloud.session.transport
    inner = inner.inner if isinstance(inner, Overheard) else inner  # its many looks are no calls of the user's
    cloud = hurried(feed.cloud, inner)
    return Lecture(Guide(session, cloud, OverWire(cloud)), feed.login)


async def cloud_for(lesson: Lesson, *options: str, seed: int | None = None, speed: str = SPEED) -> ChildFeed:
    """A cloud in a child process, as the lesson wants it and with nothing in it."""
    seeded = ("--seed", str(lesson.seed if seed is None else seed))
    return await start("--lesson", lesson.folder, *seeded, "--speed", speed, *options)
