"""A classroom for tests: a lesson played in virtual time, with what students typically get wrong on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lab.cloud import Cloud, run
from lab.teach.lesson import find
from lab.teach.lesson_glass import Inside
from lab.teach.lesson_guide import Guide
from lab.teach.lesson_session import Reply, Session

T = TypeVar("T")


@dataclass
class Slips:
    """What students get wrong in one lesson."""

    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    """Step -> wrong answer -> the reason that must be told; see `facts` for what can stand in {braces}."""
    lines: dict[str, list[tuple[list[str], list[str]]]] = field(default_factory=dict)
    """Step -> (what is typed, the reasons that must be told then), one after the other."""
    deeds: dict[str, list[tuple[Callable[[Guide], Awaitable[Any]], list[str]]]] = field(default_factory=dict)
    """Step -> (what is done in the cloud, the reasons that must be told then)."""


@dataclass
class Pair:
    """Two students, one reading Korean and one English, before one cloud: what one of them does counts for both."""

    guide: Guide
    other: Session
    said: dict[str, list[str]] = field(default_factory=lambda: {"ko": [], "en": []})

    @property
    def session(self) -> Session:
        return self.guide.session

    def hear(self, mine: Reply, others: Reply) -> Reply:
        """Both are told the same, each in the own language."""
        assert (mine.accepted, mine.missing) == (others.accepted, others.missing)
        self.said[self.session.lang].append(mine.text)
        self.said[self.other.lang].append(others.text)
        return mine

    async def answer(self, given: str) -> Reply:
        seen = await self.guide.look()
        return self.hear(self.session.answer(given, seen), self.other.answer(given, seen))

    async def check(self) -> Reply:
        seen = await self.guide.look()
        return self.hear(self.session.check(seen), self.other.check(seen))

    async def show(self) -> Reply:
        """Have the step done, and go on with both."""
        other, kind = self.other, self.other.step.kind
        seen = await self.guide.look()
        answer = other.solution(seen) if kind in {"predict", "find"} else ""
        outcomes, mine = await self.guide.show()
        self.said[self.session.lang] += [outcome.text for outcome in outcomes]
        if kind in {"predict", "find"}:
            return self.hear(mine, other.answer(answer, seen))
        return self.hear(mine, other.check(await self.guide.look()) if kind == "do" else other.done())


def in_class(name: str, lang: str, seed: int, work: Callable[[Guide], Awaitable[T]]) -> T:
    """Do something with a fresh lesson in a fresh cloud."""
    lesson = find(name)

    async def main() -> T:
        async with Cloud.simulated(seed, config=lesson.settings(), datacenter=dict(lesson.datacenter)) as cloud:
            return await work(Guide(Session(lesson, lang), cloud, Inside(cloud)))

    return run(main, seed=seed)


async def play(guide: Guide, slips: Slips) -> dict[str, list[str]]:
    """Play a lesson to its end in both languages, everything wrong first; answer all that was said in each."""
    session = guide.session
    pair = Pair(guide, Session(session.lesson, "en" if session.lang == "ko" else "ko", marks=session.marks))
    while not session.finished:
        await guide.begin()
        step = session.step
        for each in (session, pair.other):
            pair.said[each.lang] += [each.title, each.view().title, each.view().text, *(label for _, label in each.view().choices)]
        if step.kind == "predict":
            await guess(pair)
        elif step.kind == "find":
            await search(pair, slips)
        elif step.kind == "do":
            await struggle(pair, slips)
        reply = await pair.show()
        assert reply.accepted, (step.id, reply.text)
        assert session.at == pair.other.at
        assert session.tries.get(step.id, 0) or step.kind in {"text", "act"}, f"nothing was refused at {step.id}"
    assert pair.other.finished
    return pair.said


async def guess(pair: Pair) -> None:
    """Give every wrong answer of a prediction: each is refused with why, and the lesson stays there."""
    session, step, part = pair.session, pair.session.step, pair.session.part
    for number, choice in enumerate(step.choices, 1):
        if choice != step.answer:
            for given in (choice, str(number)):
                reply = await pair.answer(given)
                assert not reply.accepted
                assert part.whys[choice] in reply.text
            assert not session.answer(part.choices[choice]).accepted
    assert session.step is step
    assert not (await pair.answer("no such choice")).accepted
    for each in (session, pair.other):
        pair.said[each.lang].append(each.hint())
        assert pair.said[each.lang][-1] == each.part.hints[0]


async def search(pair: Pair, slips: Slips) -> None:
    """Give wrong answers to something that is to be found out: each is told what it is instead."""
    step = pair.session.step
    right = pair.session.solution(await pair.guide.look())
    assert right, f"there is nothing to find at {step.id}"
    known = await facts(pair.guide, right)
    for given, reason in slips.answers[step.id].items():
        reply = await pair.answer(given.format(**known))
        assert not reply.accepted, (step.id, given)
        assert reply.missing == (reason,), (step.id, given, reply.text)
    assert set(step.missing) == set(slips.answers[step.id].values()), f"not every reason of {step.id} is tried"
    assert not (await pair.answer("")).accepted


async def facts(guide: Guide, right: str) -> dict[str, str]:
    """What a student may mix up with the right answer."""
    seen = await guide.look()
    red, web = seen.network("red"), seen.server("web")
    return {
        "right": right,
        "part": right[:8],
        "vlan_of_red": str(red["provider:segmentation_id"]) if red else "",
        "uuid": str(web["id"]) if web else "",
        "other_request": next(e.request_id for e in seen.entries if e.request_id.startswith("req-") and e.request_id != right),
        "other_host": next(s["host"] for s in seen.services if s["binary"] == "nova-compute" and s["host"] != right),
    }


async def struggle(pair: Pair, slips: Slips) -> None:
    """Have a step checked before it is done, and after it was done wrongly: each time it says what is missing."""
    step = pair.session.step
    assert not (await pair.check()).accepted, f"{step.id} was accepted before anything was done"
    for lines, reasons in slips.lines.get(step.id, []):
        for line in lines:
            await pair.guide.typed(line)
        await refused(pair, reasons)
    for deed, reasons in slips.deeds.get(step.id, []):
        await deed(pair.guide)
        await refused(pair, reasons)


async def refused(pair: Pair, reasons: list[str]) -> None:
    """Check, and expect exactly these reasons."""
    reply = await pair.check()
    assert not reply.accepted
    assert list(reply.missing) == reasons, reply.text
