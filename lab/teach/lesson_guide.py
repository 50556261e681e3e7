"""Leads a session through a cloud: fetches what there is to look at, and does the lesson's part of the work.

The same for a simulated cloud of this process and for a connected one; the faces (terminal, TUI) only show and ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.cloud import Cloud, bench
from lab.journal import Entry
from lab.teach.lesson_glass import Glass
from lab.teach.lesson_hands import Hands, Outcome
from lab.teach.lesson_seen import Seen, look
from lab.teach.lesson_session import Reply, Session
from lab.teach.lesson_table import Table
from lab.teach.stage import Pinged


class Guide:
    """One student, one lesson, one cloud."""

    def __init__(self, session: Session, cloud: Cloud, glass: Glass) -> None:
        self.session, self.cloud, self.glass = session, cloud, glass
        self.hands = Hands(cloud, glass, Table(bench), session.lang)

    async def begin(self) -> None:
        """Note where the journal stands at the beginning of the step; call it before a step is shown.

        What the student did to the table at a step that did not ask for it is undone.
        """
        entries = await self.glass.entries()
        self.session.began(entries[-1].seq if entries else 0)
        self.hands.table.back()

    async def look(self) -> Seen:
        """Everything that checks look at."""
        seen = await look(self.cloud, self.glass)
        return replace(seen, pings=dict(self.hands.pings), table=self.hands.table.plan)

    async def act(self) -> tuple[list[Outcome], Reply]:
        """Do the work of an `act`, and go on."""
        outcomes = await self._work()
        return outcomes, self.session.done()

    async def _work(self) -> list[Outcome]:
        """Do the work of the step, on the table as it stood when the step began."""
        self.hands.table.back()
        outcomes = await self.hands.work(self.session.step.work)
        self.hands.table.mark()
        return outcomes

    async def answer(self, given: str) -> Reply:
        """Answer a prediction, or say what was found out."""
        seen = await self.look() if self.session.step.kind == "find" else None
        return self.session.answer(given, seen)

    async def check(self) -> Reply:
        """Look whether the student's work is done."""
        reply = self.session.check(await self.look())
        if reply.accepted:
            self.hands.table.mark()
        return reply

    async def show(self) -> tuple[list[Outcome], Reply]:
        """Do the step for the student: give the answer, or do the work and check it."""
        session = self.session
        if session.step.kind == "do":
            outcomes = await self._work()
            return outcomes, await self.check()
        if session.step.kind in {"predict", "find"}:
            answer = session.solution(await self.look())
            shown = session.part.choices.get(answer, answer)
            reply = await self.answer(answer)
            return [Outcome("cloud", self.hands.words("shown", answer=shown))], reply
        return await self.act() if session.step.kind == "act" else ([], session.done())

    async def typed(self, line: str) -> list[Outcome]:
        """Do what a student typed. Raises Slip when it cannot be done."""
        return await self.hands.typed(line)

    async def catch_up(self, step: str) -> None:
        """Do all steps before this one, silently: a lesson goes on in a new cloud, or a teacher begins in its middle."""
        end = self.session.lesson.index(step)
        while self.session.at < end:
            await self.begin()
            before = self.session.at
            await self._work()
            self.session.at = before + 1
        await self.begin()

    async def trace(self, request: str) -> list[Entry]:
        """The journal's entries of a request."""
        return [entry for entry in await self.glass.entries() if entry.request_id == request]

    def memo(self) -> dict[str, Any]:
        """All that another process needs to go on, or to check this step: see `recall`."""
        pings = [[source, target, ping.ok] for (source, target), ping in self.hands.pings.items()]
        return {**self.session.memo(), "table": list(self.hands.table.lines), "pings": pings}

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Make the table and the pings as they were kept; the session is resumed by `Session.resume`."""
        self.hands.table.replay(memo.get("table", []))
        for source, target, ok in memo.get("pings", []):
            self.hands.pings[source, target] = Pinged(ok, None, ())
