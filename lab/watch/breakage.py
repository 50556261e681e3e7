"""What can be broken in a watched cloud: the palette of faults, what each asks, the order for the cloud, and what is broken now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.journal import Entry
from lab.watch.asking import Field, choice
from lab.watch.film import Film

SECTIONS = ("message", "process", "link", "nas", "driver", "trunk")
"""Kinds of faults in the order in which they are offered; others that a cloud knows come after them."""
MESSAGES = ("rest", "rpc_call", "rpc_cast")
DELAY_S = "30"
FACTOR = "10"
SPAWN = "hypervisor.spawn"
NOW, WITH, BACK = "now", "with", "back"


@dataclass(frozen=True, slots=True)
class Ware:
    """One fault of the palette: something of a kind, and what is done to it."""

    kind: str
    act: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What the palette is laid out on: the chosen entry, and the datacenter as GET datacenter answers it."""

    entry: Entry | None = None
    datacenter: Mapping[str, Any] = field(default_factory=dict)
    may_go_back: bool = False

    @property
    def message(self) -> Entry | None:
        """The chosen entry if it is a message that can be broken."""
        return self.entry if self.entry is not None and self.entry.kind in MESSAGES else None

    def names(self, kind: str) -> list[str]:
        """The parts of a kind that the datacenter has."""
        shelf = {"process": "processes", "link": "links", "nas": "filers", "trunk": "switches"}[kind]
        return [str(part["name"]) for part in self.datacenter.get(shelf, ()) if not str(part["name"]).startswith("client@")]


def asked(film: Film, seq: int) -> Entry | None:
    """The chosen entry; of an answer the message that it answers."""
    entry = film.get(seq) if seq else None
    if entry is not None and entry.kind in ("rest_reply", "rpc_reply", "driver_reply"):
        return film.get(entry.parent) or entry
    return entry


def wares(known: Mapping[str, Any]) -> list[Ware]:
    """The palette, from what GET faults says is known."""
    acts: Mapping[str, list[str]] = known.get("acts", {})
    kinds = [kind for kind in SECTIONS if kind in acts] + [kind for kind in acts if kind not in SECTIONS]
    return [Ware(kind, act) for kind in kinds for act in acts[kind]]


def name_of(message: Entry) -> str:
    """What faults call a message: the method of an RPC, method and path of a request."""
    return f"{message.name} {message.where.partition('?')[0]}" if message.kind == "rest" else message.name


# -- what is asked ----------------------------------------------------------------------------


def fields(ware: Ware, ground: Ground) -> tuple[Field, ...]:
    """What a fault asks, filled in from the chosen entry. Choices of `when` are keys of texts: 'when.now' …"""
    if ware.kind == "message":
        return _of_message(ware, ground)
    if ware.kind == "driver":
        return _of_driver(ware, ground)
    names = ground.names(ware.kind)
    asks = [choice(ware.kind, [(name, name) for name in names], _nearest(ware.kind, ground, names))]
    if ware.kind == "trunk":
        asks.append(Field("vlan", "0", number=True))
    if ware.act == "slow":
        asks.append(Field("factor", FACTOR, number=True))
    return (*asks, _when(ground, WITH), Field("at_s", needed=False, number=True))


def _of_message(ware: Ware, ground: Ground) -> tuple[Field, ...]:
    entry = ground.message
    name, source, target = (name_of(entry), entry.source, entry.target) if entry else ("*", "", "")
    when = _when(ground, BACK) if ground.may_go_back else None
    delay = (Field("delay_s", DELAY_S, number=True),) if ware.act == "delay" else ()
    return (
        Field("name", name), Field("source", source, needed=False), Field("target", target, needed=False), *delay,
        Field("nth", "1", number=True), Field("times", "1", number=True), *((when,) if when else ()),
    )


def _of_driver(ware: Ware, ground: Ground) -> tuple[Field, ...]:
    entry = ground.entry
    call = entry if entry is not None and entry.kind == "driver" else None
    host = call.source if call else entry.target if entry and entry.target.startswith("nova-compute@") else ""
    delay = (Field("delay_s", DELAY_S, number=True),) if ware.act == "delay" else ()
    return (
        Field("driver", call.name if call else SPAWN), Field("source", host, needed=False), *delay,
        Field("nth", "1", number=True), Field("times", "1", number=True),
    )


def _when(ground: Ground, other: str) -> Field:
    choices = [(f"when.{NOW}", NOW)]
    if ground.message is not None:
        choices.append((f"when.{other}", other))
    return choice("when", choices, NOW)


def _nearest(kind: str, ground: Ground, names: list[str]) -> str:
    """The part that has most to do with the chosen entry."""
    entry = ground.entry
    if entry is None:
        return ""
    for process in (entry.target, entry.source):
        host = process.partition("@")[2]
        for name in names:
            if name == process or (kind == "link" and host and host in name.split("--")):
                return name
    return ""


# -- the order --------------------------------------------------------------------------------


def order(ware: Ware, given: Mapping[str, str], ground: Ground) -> dict[str, Any]:
    """The fault as POST faults takes it."""
    if ware.kind in ("message", "driver"):
        return _rule(ware, given, ground)
    fault: dict[str, Any] = {"plant": ware.kind, ware.kind: given[ware.kind], "do": ware.act}
    if given.get("factor"):
        fault["factor"] = max(1.0, float(given["factor"]))
    if given.get("vlan"):
        fault["vlan"] = int(float(given["vlan"]))
    entry = ground.message
    if given.get("when") == WITH and entry is not None:
        fault["on"] = {"message": name_of(entry), "source": entry.source, "target": entry.target}
    elif given.get("at_s"):
        fault["at_s"] = float(given["at_s"])
    return fault


def _rule(ware: Ware, given: Mapping[str, str], ground: Ground) -> dict[str, Any]:
    match: dict[str, Any] = {"name": given["driver"] if ware.kind == "driver" else given["name"]}
    for key in ("source", "target"):
        if given.get(key):
            match[key] = given[key]
    match["nth"], match["times"] = max(1, int(float(given["nth"]))), int(float(given["times"]))
    if ware.kind == "driver":
        match["kinds"] = ["driver"]
    elif ground.message is not None and match["name"] == name_of(ground.message):
        match["kinds"] = [ground.message.kind]
    return {"act": ware.act, "match": match} | ({"delay_s": float(given["delay_s"])} if given.get("delay_s") else {})


def before(given: Mapping[str, str], ground: Ground) -> int:
    """The seq to go back to before the fault is armed, so that it hits the chosen message itself; 0 for none."""
    return ground.message.seq - 1 if given.get("when") == BACK and ground.message is not None else 0


# -- what is broken ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of what is armed, broken, or has happened.

    kind: 'armed', 'process', 'link', 'nas' or 'happened'. `state` is a word of the cloud: 'dead', 'cut', 'slow', 'full', an act.
    """

    kind: str
    name: str
    state: str
    number: int = 0
    """Of an armed one, to disarm it by."""
    seen: int = 0
    done: int = 0
    mend: Mapping[str, Any] | None = None
    """The order that makes it whole."""
    seq: int = 0
    """Of one that has happened."""


def standing(answer: Mapping[str, Any], datacenter: Mapping[str, Any]) -> list[Standing]:
    """What is armed, and what is broken now."""
    return [*map(_armed, answer.get("armed", ())), *_broken(datacenter)]


def _armed(rule: Mapping[str, Any]) -> Standing:
    match = rule["match"]
    way = " → ".join(filter(None, (match.get("source"), match.get("target"))))
    name = f"{match['name']} {way}".strip()
    return Standing("armed", name, rule.get("what") or rule["act"], rule["number"], rule["seen"], rule["done"])


def _broken(datacenter: Mapping[str, Any]) -> Iterator[Standing]:
    for process in datacenter.get("processes", ()):
        if process["state"] != "up":
            act = "resume" if process["state"] == "hung" else "restart"
            yield Standing("process", process["name"], process["state"], mend=_mend("process", process["name"], act))
    for link in datacenter.get("links", ()):
        state = "cut" if link.get("cut") else "slow" if link.get("slow", 1.0) > 1 else ""
        if state:
            yield Standing("link", link["name"], state, mend=_mend("link", link["name"], "mend"))
    for nas in datacenter.get("filers", ()):
        state = "full" if nas.get("full") else "slow" if float(nas.get("slow") or 1.0) > 1 else ""
        if state:
            yield Standing("nas", nas["name"], state, mend=_mend("nas", nas["name"], "mend"))


def _mend(kind: str, name: str, act: str) -> dict[str, str]:
    return {"plant": kind, kind: name, "do": act}


def happened(film: Film, most: int = 30) -> list[Standing]:
    """The faults that the journal tells of, newest first."""
    found = []
    for at in reversed(film.marks):
        entry = film[at]
        if entry.kind == "fault":
            found.append(Standing("happened", entry.target, entry.name, seq=entry.seq))
            if len(found) == most:
                break
    return found
