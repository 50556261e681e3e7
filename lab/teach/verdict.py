"""Judges what was seen: each expectation of a scenario against the end state, the pings and the journal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.journal import Entry
from lab.teach.schema import Item
from lab.teach.stage import Stage

ENTRY_FIELDS = ("kind", "source", "target", "name", "where", "status")


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a play left to be judged."""

    stage: Stage
    entries: tuple[Entry, ...]
    allocations: Mapping[str, Mapping[str, Any]]
    """Server -> what it holds in placement."""
    refused: Mapping[str, str]
    """Step -> the words with which the cloud refused it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: whether it held, and what was seen. `wanted` is False where it must not hold."""

    wanted: bool
    held: bool
    text: str
    saw: str

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return self.held == self.wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one play."""

    scenario: str
    title: Mapping[str, str]
    seed: int
    without_fault: bool
    checks: tuple[Check, ...]
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def held(self) -> bool:
        """Whether everything is as it should be."""
        return all(check.good for check in self.checks)

    def dump(self) -> dict[str, Any]:
        """The verdict as plain values."""
        checks = [{"good": c.good, "wanted": c.wanted, "expectation": c.text, "saw": c.saw} for c in self.checks]
        return {
            "scenario": self.scenario, "seed": self.seed, "without_fault": self.without_fault, "held": self.held,
            "seconds": round(self.seconds, 3), "checks": checks, "notes": list(self.notes),
        }

    def text(self, lang: str) -> str:
        """The verdict in lines of words."""
        mode = {"en": ", without its fault", "ko": ", 고장 없이"}[lang] if self.without_fault else ""
        unwanted, saw = {"en": ("not: ", "saw"), "ko": ("없어야 할 것: ", "본 것:")}[lang]
        lines = [f"{'✔' if self.held else '✘'} {self.scenario}: {self.title[lang]} (seed {self.seed}{mode})"]
        for check in self.checks:
            lines.append(f"    {'✔' if check.good else '✘'} {'' if check.wanted else unwanted}{check.text}")
            if not check.good:
                lines.append(f"        {saw} {check.saw}")
        lines += [f"    · {note}" for note in self.notes if not self.held]
        return "\n".join(lines)


def like(text: str, pattern: str) -> bool:
    """Whether the whole text is as the pattern says; `*` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def judge(item: Item, seen: Seen) -> tuple[bool, str]:
    """Say whether an expectation holds, and what was seen."""
    match item.kind:
        case "server" | "volume":
            return judge_thing(item, seen.stage)
        case "ping":
            return judge_ping(item, seen.stage)
        case "journal":
            return judge_journal(item, seen.entries)
        case "allocations":
            held = dict(seen.allocations[item["server"]])
            return bool(held) != bool(item.get("none", False)), str(held) if held else "nothing"
    refusal = seen.refused.get(item["step"], "")
    return bool(refusal) and like(refusal, item.get("text", "*")), refusal or "no refusal"


def judge_thing(item: Item, stage: Stage) -> tuple[bool, str]:
    """Hold a server or a volume against what is expected of it."""
    thing: Any = (stage.servers if item.kind == "server" else stage.volumes)[item["name"]]
    took = stage.took_s.get(item["name"])
    saw = {"status": thing.status}
    if item.kind == "server":
        saw |= {"task_state": thing.task_state, "host": thing.host, "fault": thing.fault}
    held = all(like(str(saw[key] or ""), item[key]) for key in saw if key in item.args)
    if "within_s" in item.args:
        held = held and took is not None and took <= item["within_s"]
    if "after_s" in item.args:
        held = held and took is not None and took >= item["after_s"]
    words = ", ".join(f"{key} {value}" for key, value in saw.items() if value)
    return held, f"{words}, after {took:.1f} s" if took is not None else words


def judge_ping(item: Item, stage: Stage) -> tuple[bool, str]:
    """Hold a ping against what is expected of it."""
    result = stage.pings.get((item["from"], item["to"]))
    if result is None:
        return False, "no step pings so"
    answered = f"answered after {result.rtt_ms:.3f} ms" if result.rtt_ms is not None else ""
    saw = answered or f"{result.failed_at}: {result.reason}"
    held = result.ok == item.get("ok", "fails_at" not in item.args)
    if "fails_at" in item.args:
        held = held and like(result.failed_at, item["fails_at"])
    return held, saw


def judge_journal(item: Item, entries: Iterable[Entry]) -> tuple[bool, str]:
    """Count the journal's entries that are as expected."""
    count = sum(1 for entry in entries if fits(entry, item))
    least = item.get("least", 1)
    return count >= least if least else count == 0, f"{count} such entries"


def fits(entry: Entry, item: Item) -> bool:
    """Whether an entry has the fields and the text that are looked for."""
    if not all(like(str(getattr(entry, key)), item[key]) for key in ENTRY_FIELDS if key in item.args):
        return False
    if "text" not in item.args:
        return True
    wanted = f"*{item['text']}*"
    return like(entry.name, item["text"]) or like(str(entry.note or ""), wanted) or like(str(entry.json()), wanted)


def words(item: Item) -> str:
    """An expectation as one line."""
    return f"{item.kind} " + ", ".join(f"{key} {value}" for key, value in item.args.items())
