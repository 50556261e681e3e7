"""A flow as the rows of a sequence diagram: who is drawn where, as what shape, with which words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from lab.journal.entry import Entry
from lab.journal.export import bare, named
from lab.journal.formats.flow import ANSWERS, REQUESTS, Flow, host_of
from lab.journal.formats.words import say

LANES = (
    "client", "keystone", "glance", "nova-api", "nova-conductor", "nova-scheduler", "placement", "neutron-api",
    "cinder-api", "nova-compute", "neutron-l2-agent", "neutron-dhcp-agent", "neutron-l3-agent", "cinder-volume",
    "swift-proxy", "swift-object", "driver", "notification consumers",
)
"""From left to right; others follow in the order of their first message."""
SAME_LANE: Mapping[str, str] = MappingProxyType({
    "neutron-rpc": "neutron-api",
    "neutron agents": "neutron-l2-agent",
    "cinder-scheduler": "cinder-api",
})
UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
HEX_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
MARKS = frozenset({"state", "decision", "fault", "error", "process", "log", "frame", "input"})
"""What stands on one lane and goes nowhere."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diagram. `answer` is given when the answer follows at once and is told in the same row."""

    entry: Entry
    source: str
    target: str
    label: str
    answer: Entry | None
    bad: bool

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return self.entry.kind

    @property
    def is_mark(self) -> bool:
        """Whether it stands on one lane and is no message."""
        return self.kind in MARKS


def rows(flow: Flow, lang: str = "en") -> list[Row]:
    """The flow's rows; a request whose answer comes next is one row with it."""
    entries = [entry for entry in flow.entries if entry.kind != "world"]
    found: list[Row] = []
    skip = -1
    for at, entry in enumerate(entries):
        if entry.seq == skip:
            continue
        after = entries[at + 1] if at + 1 < len(entries) else None
        answer = after if after is not None and after.kind in ANSWERS and after.parent == entry.seq else None
        skip = answer.seq if answer is not None else -1
        source, target = ends(entry)
        bad = flow.failed(entry) if answer is not None or entry.kind not in REQUESTS or entry.seq not in flow.answers else False
        found.append(Row(entry, source, target, label(flow, entry, answer, lang), answer, bad))
    return found


def ends(entry: Entry) -> tuple[str, str]:
    """The lanes of an entry; both the same for a mark."""
    if entry.kind in MARKS:
        lane = lane_of(entry.source if entry.kind != "fault" else entry.target)
        return lane, lane
    source, target = lane_of(entry.source), lane_of(entry.target)
    if entry.kind == "driver":
        return source, "driver"
    if entry.kind == "driver_reply":
        return "driver", target
    return source, target


def lane_of(name: str) -> str:
    """The lane on which a process is drawn."""
    binary = bare(name)
    return SAME_LANE.get(binary, binary)


def lanes(found: Sequence[Row]) -> list[str]:
    """The lanes that are needed, from left to right."""
    seen = dict.fromkeys(lane for row in found for lane in (row.source, row.target) if lane)
    return [lane for lane in LANES if lane in seen] + [lane for lane in seen if lane not in LANES]


def hosts(found: Sequence[Row]) -> dict[str, list[str]]:
    """The hosts on which each lane's processes run, as far as the messages name them."""
    where: dict[str, dict[str, None]] = {}
    for row in found:
        for lane, name in ((row.source, row.entry.source), (row.target, row.entry.target)):
            if host_of(name) and (lane_of(name) == lane or lane == "driver"):
                where.setdefault(lane, {})[host_of(name)] = None
    return {lane: sorted(names) for lane, names in where.items()}


def place(names: Sequence[str], lang: str) -> str:
    """What stands under a lane's name: its host, or how many there are."""
    return names[0] if len(names) == 1 else say("hosts", lang, count=len(names))


def label(flow: Flow, entry: Entry, answer: Entry | None, lang: str) -> str:
    """What a row says."""
    kind, where = entry.kind, short(unquote(named(entry.where, flow.names)))
    if kind == "rest":
        text = f"{entry.name} {where}"
    elif kind in ANSWERS:
        return outcome(entry, lang)
    elif kind in ("rpc_call", "rpc_cast"):
        text = f"{entry.name} ({where})"
    elif kind == "state":
        text = f"{say(entry.target, lang)} {short(flow.called.get(entry.where, where))}: {change(entry.name)}"
    elif kind == "decision":
        text = f"{entry.name}: {entry.status}"
    elif kind == "error":
        text = f"{entry.name}: {entry.status} {message_of(flow.body(entry))}".rstrip()
    else:
        text = " ".join(word for word in (entry.name, where) if word)
    if answer is not None:
        return f"{text} → {outcome(answer, lang)}"
    if kind in REQUESTS and entry.seq not in flow.answers:
        return f"{text} → {say('no answer', lang)}"
    return text


def outcome(answer: Entry, lang: str) -> str:
    """An answer in two words: its status and how long it took."""
    status = answer.status
    if status.startswith("failure:"):
        status = f"{say('failure', lang)} {status.removeprefix('failure:')}"
    return f"{status} · {lasted(answer.duration)}"


def message_of(body: Any) -> str:
    """The words of an error's body."""
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def change(text: str) -> str:
    """A change of state as a person reads it."""
    return " → ".join(state_words(state) or "–" for state in text.split(" -> "))


def state_words(state: str) -> str:
    """A state as a person reads it: `building/None` is building."""
    return " ".join(part for part in state.split("/") if part and part != "None")


def short(text: str) -> str:
    """The text with ids cut to their first eight characters."""
    return HEX_ID.sub(r"\1…", UUID.sub(r"\1…", text))


def lasted(nanoseconds: int) -> str:
    """A duration for people: 340 µs, 18.5 ms, 2.04 s."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1e3:.0f} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds / 1e9:.2f} s"
