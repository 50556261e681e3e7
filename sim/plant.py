"""Plants faults that are written down as words: what a scenario's `faults` say, done to a simulated world.

Times are seconds from the moment of planting. A fault with `until_s` has an end, which mends what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from sim.datacenter.nas import Nas
from sim.datacenter.switch import Switch
from sim.faults import Match

if TYPE_CHECKING:
    from sim.world import SimWorld

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done to the world, and how it is undone."""

    what: str
    do: Act
    undo: Act


def plant(world: SimWorld, kind: str, **what: Any) -> None:
    """Plant one fault: `kind` is message, driver, process, link, nas or trunk; `what` are its keys.

    Raises LabError when the world has no such process, link, filer or switch; the known ones are listed.
    """
    if kind in {"message", "driver"}:
        world.faults.arm(what["do"], _match(what), delay_s=what.get("delay_s", 0.0))
    else:
        for deed in _deeds(world, kind, what):
            _schedule(world, deed, what)


def prepare(world: SimWorld, kind: str, what: dict[str, Any]) -> None:
    """Raise LabError when the fault cannot be planted, and do nothing."""
    if kind not in {"message", "driver"}:
        _deeds(world, kind, what)


def _match(what: dict[str, Any]) -> Match:
    """What a `message` or `driver` addresses; a driver call comes from its host."""
    nth, times = what.get("nth", 1), what.get("times", 1)
    if "driver" in what:
        return Match(what["driver"], kinds=("driver",), source=what.get("host", ""), nth=nth, times=times)
    source, target = what.get("source", ""), what.get("target", "")
    return Match(what.get("message", "*"), source=source, target=target, nth=nth, times=times)


def _schedule(world: SimWorld, deed: Deed, what: dict[str, Any]) -> None:
    """Do the deed now, at a time, or with a message or driver call; undo it at its end."""
    faults, now = world.faults, world.runtime.now()
    if "until_s" in what:
        faults.at(now + what["until_s"], f"end of {deed.what}", deed.undo)
    if "on" in what:
        faults.arm("call", _match(what["on"]), then=deed.do, what=deed.what)
    elif "at_s" in what:
        faults.at(now + what["at_s"], deed.what, deed.do)
    else:
        faults.note(deed.what)
        deed.do()


def _deeds(world: SimWorld, kind: str, what: dict[str, Any]) -> list[Deed]:
    name, act, factor = what[kind], what["do"], what.get("factor", 10.0)
    label = f"{act} {kind} {name}"
    match kind:
        case "process":
            return [_process(world, process, act) for process in _processes(world, name)]
        case "link":
            link = _one(world.datacenter.fabric.links, name, "link")
            if act == "mend":
                return [_mended(label, partial(link.set, True), partial(link.slow, 1.0))]
            if act == "cut":
                return [Deed(label, partial(link.set, False), partial(link.set, True))]
            return [Deed(f"{label} {factor:g} times", partial(link.slow, factor), partial(link.slow, 1.0))]
        case "nas":
            nas = _one(world.datacenter.filers, name, "filer")
            if act == "mend":
                return [_mended(label, partial(_fill, nas, False), partial(nas.slow, 1.0))]
            if act == "full":
                return [Deed(label, partial(_fill, nas, True), partial(_fill, nas, False))]
            return [Deed(f"{label} {factor:g} times", partial(nas.slow, factor), partial(nas.slow, 1.0))]
        case "trunk":
            vlan, omit = what["vlan"], _switch(world, name).omit
            if act == "mend":
                return [_mended(label, partial(omit, vlan, False))]
            return [Deed(f"{act} VLAN {vlan} on {name}", partial(omit, vlan), partial(omit, vlan, False))]
    raise LabError(f"unknown fault {kind!r}; known: driver, link, message, nas, process, trunk")


def _mended(label: str, *steps: Act) -> Deed:
    """Something that was broken is made whole; that has no end."""

    def mend() -> None:
        for step in steps:
            step()

    return Deed(label, mend, lambda: None)


def _process(world: SimWorld, name: str, act: str) -> Deed:
    wires = world.wires
    restart: Act = partial(_restart, world, name)
    match act:
        case "kill":
            return Deed(f"kill {name}", partial(wires.kill, name), restart)
        case "hang":
            return Deed(f"hang {name}", partial(wires.hang, name), partial(wires.resume, name))
        case "resume":
            return Deed(f"resume {name}", partial(wires.resume, name), partial(wires.hang, name))
        case _:
            return Deed(f"restart {name}", restart, restart)


def _restart(world: SimWorld, name: str) -> None:
    world.wires.restart(name)


def _fill(nas: Nas, full: bool) -> None:
    nas.full = full


def _processes(world: SimWorld, pattern: str) -> list[str]:
    names = list(world.wires.processes)
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise LabError(f"no process {pattern!r}; known: {', '.join(names)}")
    return found


def _switch(world: SimWorld, name: str) -> Switch:
    try:
        return world.datacenter.switch(name)
    except KeyError as error:
        raise LabError(str(error.args[0])) from None


def _one(parts: dict[str, Any], name: str, what: str) -> Any:
    """Find a part by its name; a cable also by its ends the other way round."""
    turned = "--".join(reversed(name.split("--")))
    found = parts.get(name) or parts.get(turned)
    if found is None:
        raise LabError(f"no {what} {name!r}; known: {', '.join(sorted(parts))}")
    return found
