"""A lesson: its steps, and the words of each in every language.

A lesson is a folder `NN-slug/` with `lesson.yaml` (the steps, the same for every language), one `ko.md` and `en.md` (all
words: see `lesson_words.py`) and `check.py` (what must be there before a step is done: see `lesson_checks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from yaml import Node

from lab.config import Config, for_era
from lab.errors import ScenarioError
from lab.teach.lesson_checks import Checks, load_checks
from lab.teach.lesson_words import Words, read_words
from lab.teach.scenario import Scenario, Settings, check_names
from lab.teach.schema import Choice, Item, Kind, Listing, Marked, Place, Shape, Text, Whole, known, load, text_of
from lab.teach.vocabulary import DATACENTER, FAULTS, NAME, STEPS, shape

LANGUAGES = ("ko", "en")
FILE = "lesson.yaml"
IN_WORLD = {name: kind for name, kind in FAULTS.items() if name not in {"config", "step"}}


@dataclass(frozen=True, slots=True)
class Under:
    """A kind whose value is kept under a key of its own, so that every piece of work has keys."""

    key: str
    kind: Kind

    def read(self, node: Node, at: Place) -> dict[str, Any]:
        """Answer {key: value}."""
        return {self.key: self.kind.read(node, at)}


WORK: Mapping[str, Kind] = {
    **STEPS, "table": Under("lines", Listing(NAME)), "fault": Under("fault", Marked(IN_WORLD, "fault")), "trace": shape("server"),
    "drivers": shape("server"), "omit": shape("trunk", "network"),
}
"""What can be done: a scenario's steps, lines on the table of switches, a fault, the messages or the driver calls
of a server's creation; `omit` leaves the VLAN of a network off the trunks of a switch."""
WORKS = Listing(Choice(WORK, "work"))
TEXTS = Listing(NAME)
KINDS: Mapping[str, Shape] = {
    "text": shape("id"),
    "act": shape("id", "work", work=WORKS),
    "predict": shape("id", "choices", "answer", choices=TEXTS),
    "find": shape("id", "answer", check=NAME, missing=TEXTS),
    "do": shape("id", "check", "missing", "work", missing=TEXTS, work=WORKS),
}
"""The kinds of steps. `text` is read; the engine does an `act`; the student predicts, finds something out, does something.

`predict`: `answer` is one of `choices`. `find`: `answer` names the function of check.py that knows it, `check` the one that
says what is wrong with another. `do`: `check` names the function that says what is missing, of the reasons in `missing`;
`work` is how the engine would do it.
"""
SHAPE = Shape(
    {
        "seed": Whole(), "minutes": Whole(1), "era": Text(("2018", "2026")), "datacenter": Shape(DATACENTER),
        "config": Settings(), "steps": Listing(Choice(KINDS, "step")),
    },
    ("minutes", "steps"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lesson; what its kind does not have is empty."""

    id: str
    kind: str
    work: tuple[Item, ...] = ()
    choices: tuple[str, ...] = ()
    answer: str = ""
    check: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson as read from its folder."""

    name: str
    folder: str
    """Where its files are."""
    steps: tuple[Step, ...]
    words: Mapping[str, Words]
    checks: Checks
    minutes: int
    seed: int = 7
    era: str = "2026"
    datacenter: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def index(self, step: str) -> int:
        """Where a step stands. Raises ScenarioError with the known ones."""
        ids = [each.id for each in self.steps]
        if step not in ids:
            korean = f"{self.name} 수업에는 {step!r} 단계가 없습니다. {known(step, ids, 'ko')}"
            raise ScenarioError(f"lesson {self.name} has no step {step!r}; {known(step, ids)}", ko=korean)
        return ids.index(step)

    def settings(self) -> Config:
        """The settings of the cloud in which it is played."""
        return for_era(self.era).but(**self.config)

    def scenario(self) -> Scenario:
        """Its datacenter and settings as a scenario without work, which `glasscloud up` can serve."""
        titles = {lang: words.title for lang, words in self.words.items()}
        return Scenario(self.name, titles, seed=self.seed, era=self.era, datacenter=self.datacenter, config=self.config)


def steps_of(items: list[Item]) -> tuple[Step, ...]:
    """The steps of a file; notes an id used twice, and an answer that is no choice."""
    steps: dict[str, Step] = {}
    for item in items:
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in item.args.items()}
        step = Step(kind=item.kind, **values)
        if step.id in steps:
            item.at.key_of("id").note(f"{step.id!r} is the id of an earlier step", f"{step.id!r}: 앞 단계의 id입니다")
        if step.kind == "predict" and step.answer not in step.choices:
            given = step.answer
            item.at.key_of("answer").note(f"{given!r} is no choice", f"{given!r}: 보기에 없습니다", given, step.choices)
        steps[step.id] = step
    return tuple(steps.values())


def check_functions(items: list[Item], checks: Checks) -> None:
    """Note each function that check.py does not have."""
    for item in items:
        for key in ("check", "answer") if item.kind == "find" else ("check",):
            name = item.get(key)
            if name is not None and name not in checks.functions:
                words = f"{checks.file} has no function {name!r}", f"{checks.file}에 {name!r} 함수가 없습니다"
                item.at.key_of(key).note(*words, name, checks.functions)


def parse(text: str, file: str, checks: Checks, words: Mapping[str, Words], folder: Path) -> Lesson:
    """Put a lesson together; raises ScenarioError with file, line, key and the known keys of each mistake."""
    top = Place(file, 1)
    values = load(text, top, SHAPE)
    top.refuse()
    items: list[Item] = values.pop("steps")
    steps = steps_of(items)
    check_functions(items, checks)
    cloudy = tuple(work for step in steps for work in step.work if work.kind in STEPS)
    check_names(Scenario(file, {}, workload=cloudy))
    top.refuse()
    for each in words.values():
        each.match(steps)
    return Lesson(folder.name, str(folder), steps, words, checks, **values)


def folder_of(name: str) -> Path:
    """The folder of a lesson by its name, its number, its name without the number, or a path."""
    path = Path(name)
    if (path / FILE).is_file() or path.name == FILE:
        return path if path.is_dir() else path.parent
    every = names()
    matches = [n for n in every if name in {n, n.partition("-")[0], n.partition("-")[2], n.partition("-")[0].lstrip("0")}]
    if not matches:
        raise ScenarioError(
            f"no lesson {name!r}; {known(name, every)}, or the path of a folder with a {FILE}",
            ko=f"{name!r}: 그런 수업이 없습니다. {known(name, every, 'ko')}. {FILE}이 든 폴더의 경로도 됩니다",
        )
    return Path(str(resources.files("lessons"))) / matches[0]


def names() -> list[str]:
    """The lessons that come with Glasscloud, in order of their numbers."""
    folder = Path(str(resources.files("lessons")))
    return sorted(entry.parent.name for entry in folder.glob(f"*/{FILE}"))


def find(name: str) -> Lesson:
    """Read a lesson. Raises ScenarioError for one that is not there or whose files are wrong."""
    folder = folder_of(name).resolve()
    shown = folder.name
    words = {lang: read_words(text_of(folder / f"{lang}.md"), f"{shown}/{lang}.md") for lang in LANGUAGES}
    checks = load_checks(folder / "check.py", f"{shown}/check.py")
    return parse(text_of(folder / FILE), f"{shown}/{FILE}", checks, words, folder)


