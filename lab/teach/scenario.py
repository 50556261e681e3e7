"""A scenario: a datacenter, work to do in it, the faults that are planted, and what must be seen then.

The words of its file are in `vocabulary.py`; `player.py` plays it and `verdict.py` judges what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from lab.config import Config, for_era
from lab.errors import LabError, ScenarioError
from lab.teach.schema import (
    Choice,
    Item,
    Like,
    Listing,
    Marked,
    Place,
    Shape,
    Text,
    Whole,
    known,
    load,
    text_of,
)
from lab.teach.vocabulary import DATACENTER, EXPECTATIONS, FAULTS, STEPS, TEXTS


class Settings:
    """The shape of `config`: the names of lab.config.Config, each with the type of its default."""

    def read(self, node: Any, at: Any) -> dict[str, Any]:
        """Answer the settings; a table given in part is filled up from the default."""
        defaults = Config()
        kinds = {f.name: Like(getattr(defaults, f.name)) for f in fields(Config)}
        before = len(at.mistakes)
        given = Shape(kinds).read(node, at)
        if len(at.mistakes) == before and ("enabled_filters" in given or "weight_multipliers" in given):
            self._known_rules(given, at)
        return {k: {**getattr(defaults, k), **v} if isinstance(v, dict) else v for k, v in given.items()}

    def _known_rules(self, given: dict[str, Any], at: Any) -> None:
        from lab.services.compute.filters import chosen  # numpy is slow to import, and most scenarios name none
        from lab.services.compute.weighers import weighted

        try:
            chosen(given.get("enabled_filters", ()))
            weighted(given.get("weight_multipliers", {}))
        except LabError as error:
            raise at.wrong(error.message, error.ko) from None


SHAPE = Shape(
    {
        "title": TEXTS, "story": TEXTS, "seed": Whole(), "era": Text(("2018", "2026")), "datacenter": Shape(DATACENTER),
        "config": Settings(), "workload": Listing(Choice(STEPS, "step")),
        "faults": Listing(Marked({**FAULTS, "config": Shape({"config": Settings()})}, "fault")),
        "expect": Listing(Choice(EXPECTATIONS, "expectation")), "healthy": Listing(Choice(EXPECTATIONS, "expectation")),
    },
    ("title", "workload", "expect"),
)


MADE = ("image", "flavor", "network", "volume", "server")
"""The kinds of what steps make, by a name."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario as read from its file."""

    name: str
    title: Mapping[str, str]
    story: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1
    era: str = "2026"
    datacenter: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    workload: tuple[Item, ...] = ()
    faults: tuple[Item, ...] = ()
    expect: tuple[Item, ...] = ()
    """What must be seen with the faults. Without them, each of these that is not in `healthy` too must not be seen."""
    healthy: tuple[Item, ...] = ()
    """What must be seen without the faults."""

    def settings(self, *, without_fault: bool = False) -> Config:
        """The cloud's settings, with the wrong ones of the faults unless `without_fault`."""
        changes = dict(self.config)
        for fault in self.faults:
            if fault.kind == "config" and not without_fault:
                changes.update(fault["config"])
        return for_era(self.era).but(scenario=self.name, **changes)

    def steps(self, *, without_fault: bool = False) -> tuple[Item, ...]:
        """The workload, with the wrong requests of the faults unless `without_fault`."""
        wrong = {f["step"]: f["with"] for f in self.faults if f.kind == "step" and not without_fault}
        return tuple(
            Item(s.kind, {**s.args, **wrong[s["name"]]}, s.at) if s.get("name") in wrong else s
            for s in self.workload
        )

    def planted(self) -> tuple[Item, ...]:
        """The faults that act in the world (not by a setting or a request)."""
        return tuple(f for f in self.faults if f.kind not in {"config", "step"})


def check_names(scenario: Scenario) -> None:
    """Note each step, fault or expectation that names something which no earlier step makes."""
    made: dict[str, list[str]] = {kind: [] for kind in MADE}
    for step in scenario.workload:
        for key, value in step.args.items():
            role = "server" if key in {"from", "to"} else key
            if role in made and value not in made[role]:
                words = f"no {role} {value!r} was made before", f"{role} {value!r}: 앞에서 만든 적이 없습니다"
                step.at.key_of(key).note(*words, value, made[role])
        if step.kind in made:
            made[step.kind] += numbered(step)
    for item in (*scenario.expect, *scenario.healthy):
        names: dict[str, str] = {key: item[key] for key in ("server", "from", "to") if key in item.args}
        if item.kind in made:
            names[item.kind] = item["name"]
        for key, value in names.items():
            role = key if key in made else "server"
            if value not in made[role]:
                item.at.note(f"no step makes a {role} {value!r}", f"{role} {value!r}: 만드는 step이 없습니다", value, made[role])
    steps = {step["name"]: step for step in scenario.workload if "name" in step.args}
    for fault in scenario.faults:
        if fault.kind == "step" and {"step", "with"} <= fault.args.keys():
            check_wrong_step(fault, steps)


def check_wrong_step(fault: Item, steps: Mapping[str, Item]) -> None:
    """Note a `step` fault for a step that is not there, or keys that such a step does not have."""
    step = steps.get(fault["step"])
    if step is None:
        name = fault["step"]
        fault.at.note(f"no step makes {name!r}", f"{name!r}: 만드는 step이 없습니다", name, steps)
        return
    shape = STEPS[step.kind]
    assert isinstance(shape, Shape)
    for key in fault["with"]:
        if key not in shape.keys:
            words = f"a step of kind {step.kind!r} has no key {key!r}", f"{step.kind!r} step에는 {key!r} 키가 없습니다"
            fault.at.note(*words, key, shape.keys)


def numbered(step: Item) -> list[str]:
    """The names that a step makes: `web`, or `web-1`, `web-2`… when it has a count."""
    count = step.get("count", 0)
    return [f"{step['name']}-{i + 1}" for i in range(count)] if count else [step["name"]]


def parse(text: str, file: str) -> Scenario:
    """Read a scenario's text; raises ScenarioError with file, line, key and the known keys of each mistake."""
    top = Place(file, 1)
    values = load(text, top, SHAPE)
    told = {key: values.get(key, ()) for key in ("workload", "faults", "expect", "healthy")}
    values |= {key: tuple(item for item in items or () if readable(item)) for key, items in told.items()}
    scenario = Scenario(Path(file).stem, **{"title": {}, **values})
    if len(scenario.workload) == len(told["workload"] or ()):  # else a step makes nobody knows what
        check_names(scenario)
    top.refuse()
    return scenario


def readable(item: Item | None) -> bool:
    """Whether an item names all that its kind has to name, whatever else is wrong with it."""
    return item is not None and None not in item.args.values() and ("name" in item.args or item.kind not in MADE)


def names() -> list[str]:
    """List the scenarios that come with Glasscloud, in order of their numbers."""
    folder = resources.files("scenarios")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def find(name: str) -> Scenario:
    """Read a scenario by its name, with or without its number, or by the path of a file."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        return parse(text_of(path), name)
    every = names()
    matches = [n for n in every if name in {n, n.partition("-")[2]}]
    if not matches:
        korean = f"{name!r}: 그런 시나리오가 없습니다. {known(name, every, 'ko')}"
        raise ScenarioError(f"no scenario {name!r}; {known(name, every)}", ko=korean)
    text = resources.files("scenarios").joinpath(f"{matches[0]}.yaml").read_text(encoding="utf-8")
    return parse(text, f"scenarios/{matches[0]}.yaml")
