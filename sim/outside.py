"""What is done to a simulated world from outside, given as words: faults that are armed, planted and taken back.

Everything is looked at before anything is done, so that a mistake gets its answer and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, NotFound
from lab.inputs import LONGEST_S, SLOWEST
from sim.faults import DRIVER_ACTS, MESSAGE_ACTS, MESSAGES, REPLIES, Match
from sim.plant import plant, prepare

if TYPE_CHECKING:
    from sim.world import SimWorld

Check = Callable[[Any], bool]
Keys = Mapping[str, tuple[Check, str]]
KINDS = (*MESSAGES, *REPLIES, "driver")


def _number(least: float, most: float) -> Check:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _whole(least: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _kinds(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(kind in KINDS for kind in value)


TEXT = (_text, "a text")
SECONDS = (_number(0, LONGEST_S), f"a number of seconds, at most {LONGEST_S:,.0f}")
COUNT = (_whole(1), "a whole number from 1 on")
MATCH: Keys = MappingProxyType({
    "name": TEXT, "source": TEXT, "target": TEXT, "nth": COUNT,
    "kinds": (_kinds, f"a list of {', '.join(KINDS)}"),
    "times": (_whole(0), "a whole number, 0 for all"),
    "chance": (_number(0, 1), "a number from 0 to 1"),
})  # fmt: skip
ARM: Keys = MappingProxyType({"act": TEXT, "match": (lambda value: isinstance(value, dict), "an object"), "delay_s": SECONDS})
ON: Keys = MappingProxyType({"message": TEXT, "driver": TEXT, "host": TEXT, "source": TEXT, "target": TEXT, "nth": COUNT})
WHEN: Keys = MappingProxyType({"at_s": SECONDS, "until_s": SECONDS, "on": (lambda value: isinstance(value, dict), "an object")})
FACTOR = (_number(1, SLOWEST), f"a number from 1 to {SLOWEST:,.0f}")
PLANTS: Mapping[str, tuple[tuple[str, ...], Keys]] = MappingProxyType({
    "message": (MESSAGE_ACTS, {"source": TEXT, "target": TEXT, "nth": COUNT, "times": COUNT, "delay_s": SECONDS}),
    "driver": (DRIVER_ACTS, {"host": TEXT, "nth": COUNT, "times": COUNT, "delay_s": SECONDS}),
    "process": (("kill", "hang", "resume", "restart"), WHEN),
    "link": (("cut", "slow", "mend"), {**WHEN, "factor": FACTOR}),
    "nas": (("slow", "full", "mend"), {**WHEN, "factor": FACTOR}),
    "trunk": (("omit", "mend"), {**WHEN, "vlan": (_whole(0), "a VLAN, 0 for all")}),
})  # fmt: skip
"""What can be planted: the acts, and the keys beside 'plant', the kind's own name and 'do'."""


def armed(world: SimWorld) -> dict[str, Any]:
    """The faults that are armed, and the words for those that can be."""
    rules = [
        {"number": rule.number, "act": rule.act, "match": {**asdict(rule.match), "kinds": list(rule.match.kinds)},
         "what": rule.what, "delay_s": rule.verdict.delay_ns / 1e9, "seen": rule.seen, "done": rule.done}
        for rule in world.faults.rules.values()
    ]  # fmt: skip
    acts = {kind: list(acts) for kind, (acts, _) in PLANTS.items()}
    known = {"message": list(MESSAGE_ACTS), "driver": list(DRIVER_ACTS), "plant": list(PLANTS), "acts": acts, "kinds": list(KINDS)}
    return {"armed": rules, "known": known}


def deed(world: SimWorld, kind: str, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Make ready what an order says; raises LabError for what cannot be done.

    kind: 'fault' with {"act", "match", "delay_s"} or {"plant", …}, 'disarm' with {"number"}.
    """
    if kind == "disarm":
        return _disarm(world, what["number"])
    return _plant(world, what) if "plant" in what else _arm(world, what)


def _disarm(world: SimWorld, number: int) -> Callable[[], dict[str, Any]]:
    rules = world.faults.rules
    if number not in rules:
        raise NotFound(f"no fault {number} is armed; armed: {', '.join(map(str, rules)) or 'none'}")

    def do() -> dict[str, Any]:
        world.faults.disarm(number)
        return {}

    return do


def _arm(world: SimWorld, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    given = _checked("a fault", what, ARM)
    fields = _checked("a match", given.get("match", {}), MATCH)
    if "kinds" in fields:
        fields["kinds"] = tuple(fields["kinds"])
    match, act = Match(**fields), given["act"]
    driver = "driver" in match.kinds
    if driver and len(match.kinds) > 1:
        raise LabError("a fault is for driver calls or for messages; arm two for both")
    known = DRIVER_ACTS if driver else MESSAGE_ACTS
    if act not in known:
        raise LabError(f"{'a driver call' if driver else 'a message'} has no fault {act!r}; known: {', '.join(known)}")
    return lambda: {"number": world.faults.arm(act, match, delay_s=given.get("delay_s", 0.0))}


def _plant(world: SimWorld, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    kind = what["plant"]
    if not isinstance(kind, str) or kind not in PLANTS:
        raise LabError(f"unknown fault {kind!r}; known: {', '.join(PLANTS)}")
    acts, keys = PLANTS[kind]
    given = _checked(f"the fault {kind!r}", what, {"plant": TEXT, kind: TEXT, "do": TEXT, **keys})
    given.pop("plant")
    needed = (kind, "do", "vlan") if kind == "trunk" else (kind, "do")
    for key in needed:
        if key not in given:
            raise LabError(f"the fault {kind!r} needs {key!r}")
    if given["do"] not in acts:
        raise LabError(f"the fault {kind!r} has no {given['do']!r}; known: {', '.join(acts)}")
    if "on" in given:
        _checked("'on'", given["on"], ON)
    prepare(world, kind, given)
    before = set(world.faults.rules)

    def do() -> dict[str, Any]:
        plant(world, kind, **given)
        return {"numbers": [number for number in world.faults.rules if number not in before]}

    return do


def _checked(name: str, given: dict[str, Any], keys: Keys) -> dict[str, Any]:
    """A copy of what is given; raises LabError for keys that are not known and values that are not theirs."""
    for key, value in given.items():
        if key not in keys:
            raise LabError(f"{name} has no key {key!r}; known: {', '.join(keys)}")
        check, words = keys[key]
        if not check(value):
            raise LabError(f"{key!r} of {name} is {words}, not {value!r}")
    return dict(given)
