"""The faults that a tester arms: on messages and driver calls by rule, on processes and devices at a time or with a message.

A rule addresses what passes ("the 2nd build_and_run_instance to compute-3"), counts what it matches and
acts on its nth to (nth + times - 1)th match. Every act is journaled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from lab.medium import Interference, Passing, Verdict
from lab.runtime import NANOSECOND
from lab.wires import Wires

MESSAGE_ACTS = ("drop", "delay", "duplicate", "lose_reply", "kill_before", "kill_after")
DRIVER_ACTS = ("raise", "hang", "lie", "delay", "kill_before", "kill_after")
MESSAGES = ("rest", "rpc_call", "rpc_cast")
REPLIES = ("rest_reply", "rpc_reply")


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule addresses. `name` is a method, a 'POST /v2.0/ports' or a 'hypervisor.spawn', `*` and `?` match as in file names;
    source and target are processes with or without their host."""

    name: str = "*"
    kinds: tuple[str, ...] = MESSAGES
    source: str = ""
    target: str = ""
    nth: int = 1
    times: int = 1
    """How many matches from the nth on; 0 is all of them."""
    chance: float = 1.0

    def fits(self, passing: Passing) -> bool:
        """Whether this is one that it means."""
        return (
            passing.kind in self.kinds
            and fnmatchcase(passing.name, self.name)
            and _is(passing.source, self.source)
            and _is(passing.target, self.target)
        )


def _is(name: str, wanted: str) -> bool:
    return (
        not wanted
        or name == wanted
        or fnmatchcase(name, wanted)
        or name.partition("@")[0] == wanted
        or name.partition("@")[2] == wanted
    )


@dataclass(slots=True)
class Rule:
    """One armed fault."""

    number: int
    match: Match
    act: str
    verdict: Verdict
    what: str = ""
    """What is done then, of a rule that calls something."""
    seen: int = 0
    done: int = 0

    def due(self, dice: Random) -> bool:
        """Count one match and say whether the rule acts on it."""
        self.seen += 1
        match = self.match
        if self.seen < match.nth or (match.times and self.seen >= match.nth + match.times):
            return False
        return match.chance >= 1.0 or dice.random() < match.chance


class Faults(Interference):
    """All armed faults of one simulated cloud; the wires ask only while any are armed."""

    def __init__(self, wires: Wires) -> None:
        self._wires, self._runtime, self._journal, self._kill = wires, wires.runtime, wires.journal, wires.kill
        self._dice = wires.runtime.random("faults", "chance")
        self._numbers = 0
        self.rules: dict[int, Rule] = {}

    def arm(
        self, act: str, match: Match, *, delay_s: float = 0.0, then: Callable[[], None] | None = None, what: str = ""
    ) -> int:
        """Arm a fault and answer its number.

        act: 'drop', 'delay', 'duplicate', 'lose_reply', 'kill_before', 'kill_after' for messages; 'raise', 'hang', 'lie',
        'delay', 'kill_before', 'kill_after' for driver calls (kinds=('driver',)); 'call' only does `then`, in words `what`.
        """
        driver = "driver" in match.kinds
        known = (*(DRIVER_ACTS if driver else MESSAGE_ACTS), "call")
        if act not in known:
            raise ValueError(
                f"unknown fault {act!r} for {'a driver call' if driver else 'a message'}; known: {', '.join(known)}"
            )
        self._numbers += 1
        self.rules[self._numbers] = Rule(self._numbers, match, act, self._verdict(act, delay_s, then), what)
        self._wires.interference = self
        return self._numbers

    def disarm(self, number: int) -> None:
        """Take a fault back; gone is no error."""
        self.rules.pop(number, None)
        if not self.rules:
            self._wires.interference = None

    def at(self, t_s: float, what: str, act: Callable[[], None]) -> None:
        """Do something to the world at an instant of the cloud's clock, journaled as a fault."""

        def happen() -> None:
            self.note(what)
            act()

        self._runtime.after(max(0, round(t_s * NANOSECOND) - self._runtime.now_ns()), happen)

    def note(self, what: str, target: str = "", parent: int = 0) -> None:
        """Journal that a fault happened."""
        self._journal.add("fault", "faults", target, what, parent=parent)

    def judge(self, passing: Passing) -> Verdict | None:
        """What all rules that are due do to it together; every rule counts it."""
        found: Verdict | None = None
        for rule in list(self.rules.values()):
            if rule.match.fits(passing) and rule.due(self._dice):
                rule.done += 1
                self.note(f"{rule.act} {passing.name}", passing.target, passing.seq)
                found = rule.verdict if found is None else _both(found, rule.verdict)
        return found

    def _verdict(self, act: str, delay_s: float, then: Callable[[], None] | None) -> Verdict:
        if act == "kill_before":
            return Verdict(before=self._kill)
        if act == "kill_after":
            return Verdict(after=self._kill)
        return _verdict(act, delay_s, then)


def _verdict(act: str, delay_s: float, then: Callable[[], None] | None) -> Verdict:
    match act:
        case "drop":
            return Verdict(drop=True)
        case "duplicate":
            return Verdict(copies=1)
        case "lose_reply":
            return Verdict(lose_reply=True)
        case "raise" | "hang" | "lie":
            return Verdict(fail=act)
        case _:
            return Verdict(delay_ns=round(delay_s * NANOSECOND), before=None if then is None else lambda _: then())


def _both(one: Verdict, other: Verdict) -> Verdict:
    """What two rules do to the same message; of two failures of a driver call the first armed holds."""
    return Verdict(
        drop=one.drop or other.drop,
        delay_ns=one.delay_ns + other.delay_ns,
        copies=one.copies + other.copies,
        lose_reply=one.lose_reply or other.lose_reply,
        fail=one.fail or other.fail,
        before=_then(one.before, other.before),
        after=_then(one.after, other.after),
    )


def _then(one: Callable[[str], None] | None, other: Callable[[str], None] | None) -> Callable[[str], None] | None:
    if one is None or other is None:
        return one or other

    def both(process: str) -> None:
        one(process)
        other(process)

    return both
