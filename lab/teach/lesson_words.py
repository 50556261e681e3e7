"""The words of a lesson in one language: a Markdown file with a section for each step.

    # Title of the lesson
    What it is about, for the list of lessons.

    ## step-id: Title of the step
    Text.
    ### choice KEY: what can be chosen        (and below it why it is right or wrong)
    ### missing KEY                           (what to say when a check finds this reason; {names} are filled in)
    ### hint                                  (as many as wanted, shown one after the other)
    ### done                                  (what to say when the step is done)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.teach.schema import Place

if TYPE_CHECKING:
    from lab.teach.lesson import Step

PARTS = ("choice", "missing", "hint", "done")
HEADING = re.compile(r"(#{1,3}) +(.*)")
FENCE = re.compile(r"\s*(```|~~~)")
NO_TITLE = ("must begin with the lesson's title (`# Title`)", "수업의 제목(`# 제목`)으로 시작해야 합니다")


@dataclass(slots=True)
class Part:
    """The words of one step."""

    id: str
    title: str
    at: Place
    text: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    """Choice -> what can be chosen."""
    whys: dict[str, str] = field(default_factory=dict)
    """Choice -> why it is right or wrong."""
    missing: dict[str, str] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)
    done: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """All words of a lesson in one language."""

    file: str
    title: str
    about: str
    parts: Mapping[str, Part]

    def match(self, steps: Iterable[Step]) -> None:
        """Raise ScenarioError unless there are words for exactly these steps, in their order, and all that each needs."""
        top, wanted = Place(self.file, 1), list(steps)
        ids = [step.id for step in wanted]
        for name, part in self.parts.items():
            if name not in ids:
                raise part.at.wrong(f"the lesson has no step {name!r}", f"수업에 {name!r} 단계가 없습니다", name, ids)
        for step in wanted:
            if step.id not in self.parts:
                words = f"there is no section `## {step.id}: …` for this step", f"이 단계의 `## {step.id}: …` 절이 없습니다"
                raise top.wrong(*words, step.id, self.parts)
            complete(self.parts[step.id], step)
        if list(self.parts) != ids:
            late = next(name for name, should in zip(self.parts, ids, strict=True) if name != should)
            order = ", ".join(ids)
            words = f"stands in another order than in lesson.yaml: {order}", f"lesson.yaml과 순서가 다릅니다: {order}"
            raise self.parts[late].at.wrong(*words)


def complete(part: Part, step: Step) -> None:
    """Refuse a section that lacks a choice, a reason or a hint, or has one that the step does not know."""
    for what, there, wanted in (("choice", part.choices, step.choices), ("missing", part.missing, step.missing)):
        for key in wanted:
            if key not in there:
                raise part.at.wrong(f"there is no `### {what} {key}` in it", f"안에 `### {what} {key}`가 없습니다")
        for key in there:
            if key not in wanted:
                words = f"`### {what} {key}`: the step has no such {what}", f"`### {what} {key}`: 이 단계에 그런 {what}이(가) 없습니다"
                raise part.at.wrong(*words, key, wanted)
    for key, why in part.whys.items():
        if not why:
            words = f"`### choice {key}` does not say why it is right or wrong", f"`### choice {key}`: 왜 맞거나 틀린지 없습니다"
            raise part.at.wrong(*words)
    if step.kind in {"do", "find", "predict"} and not part.hints:
        raise part.at.wrong("there is no `### hint` in it", "안에 `### hint`가 없습니다")


def read_words(text: str, file: str) -> Words:
    """Read one Markdown file. Raises ScenarioError with file, line, heading and the known ones."""
    title, about = "", ""
    parts: dict[str, Part] = {}
    part: Part | None = None
    for level, heading, body, at in sections(text, file):
        if level == 1:
            title, about = heading, body
        elif level == 2:
            name, _, shown = heading.partition(":")
            part = Part(name.strip(), shown.strip(), at, body)
            if not part.title:
                raise at.wrong("a step's heading is `## its-id: Its title`", "단계의 제목은 `## id: 제목`으로 씁니다")
            if part.id in parts:
                raise at.wrong("there is a section for this step already", "이 단계의 절이 이미 있습니다")
            parts[part.id] = part
        elif part is None:
            raise at.wrong("stands before the first step (`## its-id: Its title`)", "첫 단계(`## id: 제목`)보다 앞에 있습니다")
        else:
            add(part, heading, body, at)
    if not title:
        raise Place(file, 1).wrong(*NO_TITLE)
    return Words(file, title, about, parts)


def add(part: Part, heading: str, body: str, at: Place) -> None:
    """Put a `###` section where it belongs in its step."""
    what, _, rest = heading.partition(" ")
    key, _, label = rest.partition(":")
    key = key.strip()
    if what not in PARTS:
        raise at.wrong("unknown heading", "모르는 제목입니다", what, PARTS)
    if what == "choice":
        if not label.strip():
            raise at.wrong("a choice is `### choice KEY: what can be chosen`", "보기는 `### choice KEY: 고를 것`으로 씁니다")
        part.choices[key], part.whys[key] = label.strip(), body
    elif what == "missing":
        part.missing[key] = body
    elif what == "hint":
        part.hints.append(body)
    else:
        part.done = body


def sections(text: str, file: str) -> list[tuple[int, str, str, Place]]:
    """The headings of a file up to level 3, each with its body and its place; what stands in code is no heading."""
    found: list[tuple[int, str, list[str], Place]] = []
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        heading = None if code else HEADING.fullmatch(line.rstrip())
        code ^= bool(FENCE.match(line))
        if heading is not None:
            found.append((len(heading[1]), heading[2], [], Place(file, number, line.strip())))
        elif found:
            found[-1][2].append(line)
        elif line.strip():
            raise Place(file, number).wrong(*NO_TITLE)
    return [(level, name, "\n".join(lines).strip(), at) for level, name, lines, at in found]


def commands(text: str) -> list[str]:
    """The lines of code that a text shows."""
    lines, code = [], False
    for line in text.splitlines():
        if FENCE.match(line):
            code = not code
        elif code:
            lines.append(line.strip())
    return lines
