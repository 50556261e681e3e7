"""The table of switches: what a student plugs together by hand, written as one line for each thing that is done.

    switch s1                          trunk s1 s2 100 200          (s1's port to s2; s2's own port stays as it is)
    server a 10.0.0.1/24 s1 [gateway]  router r1 s1 100 200
    vlan a 100                         interface r1 100 10.0.1.254/24
    ping a b                           macs s1                      clear

The lines are all there is to it: the same lines make the same table anew, in another process too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from lab.bench import Bench, Walk
from lab.teach.lesson_terms import Slip, Word

VLAN_MAX = 4094


@dataclass(slots=True)
class Plan:
    """How the table stands."""

    switches: dict[str, None] = field(default_factory=dict)
    servers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Server -> (address with prefix, its switch)."""
    vlans: dict[str, int] = field(default_factory=dict)
    """Server -> the VLAN of its access port; one without is in no VLAN of its own."""
    trunks: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """(switch, switch or router at the other end) -> the VLANs that the first one lets through there."""
    routers: dict[str, str] = field(default_factory=dict)
    interfaces: dict[tuple[str, int], str] = field(default_factory=dict)
    """(router, VLAN) -> its address there."""
    walks: dict[tuple[str, str], Walk] = field(default_factory=dict)
    """The last ping between two servers since the table was last changed."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a line did: a walk, what a switch has learned, or a change of the table."""

    line: str
    walk: Walk | None = None
    learned: tuple[tuple[int, str, str], ...] | None = None


class Table:
    """A table that takes lines. Raises Slip, and does nothing, for a line that it cannot do."""

    USAGE: ClassVar[dict[str, str]] = {
        "switch": "switch NAME", "server": "server NAME ADDRESS/PREFIX SWITCH [GATEWAY]", "vlan": "vlan SERVER VLAN",
        "trunk": "trunk SWITCH SWITCH VLAN…", "router": "router NAME SWITCH VLAN…",
        "interface": "interface ROUTER VLAN ADDRESS/PREFIX", "ping": "ping SERVER SERVER", "macs": "macs SWITCH", "clear": "clear",
    }

    def __init__(self, empty: Callable[[], Bench]) -> None:
        self._empty = empty
        self.lines: list[str] = []
        self._marked: list[str] = []
        self._begin()

    def _begin(self) -> None:
        self._bench, self.plan = self._empty(), Plan()

    def do(self, line: str) -> Said:
        """Do what a line says."""
        verb, *words = line.split()
        if verb not in self.USAGE:
            raise Slip("no-command", given=verb, known=", ".join(self.USAGE))
        act: Callable[..., Said | None] = getattr(self, f"_{verb}")
        try:
            said = act(*words)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise
            raise Slip("usage", usage=self.USAGE[verb]) from None
        self.lines.append(line)
        if said is not None:
            return said
        self.plan.walks.clear()
        return Said(line)

    def replay(self, lines: list[str]) -> None:
        """Make the table of these lines."""
        self.lines = []
        self._begin()
        for line in lines:
            self.do(line)

    def mark(self) -> None:
        """Remember how the table stands now."""
        self._marked = list(self.lines)

    def back(self) -> None:
        """Make the table as it stood when it was marked."""
        self.replay(self._marked)

    @property
    def bare(self) -> bool:
        """Whether nothing stands on it."""
        return not self.plan.switches

    # -- the lines ----------------------------------------------------------------------------

    def _clear(self) -> None:
        self._begin()
        self.lines.clear()

    def _switch(self, name: str) -> None:
        self._new(name)
        self._bench.switch(name)
        self.plan.switches[name] = None

    def _server(self, name: str, cidr: str, switch: str, gateway: str | None = None) -> None:
        self._new(name)
        known("switch", switch, self.plan.switches)
        if gateway is not None:
            address(f"{gateway}/32")
        self._bench.server(name, address(cidr), switch, gateway)
        self.plan.servers[name] = (cidr, switch)

    def _vlan(self, server: str, vlan: str) -> None:
        known("server", server, self.plan.servers)
        number = vlan_of(vlan)
        self._bench.access(server, number)
        self.plan.vlans[server] = number

    def _trunk(self, switch: str, other: str, *vlans: str) -> None:
        known("switch", switch, self.plan.switches)
        known("switch", other, self.plan.switches)
        if switch == other:
            raise Slip("itself", name=switch)
        numbers = tuple(vlan_of(vlan) for vlan in vlans)
        self._bench.trunk(switch, other, numbers)
        self.plan.trunks[switch, other] = numbers
        self.plan.trunks.setdefault((other, switch), ())

    def _router(self, name: str, switch: str, *vlans: str) -> None:
        self._new(name)
        known("switch", switch, self.plan.switches)
        numbers = tuple(vlan_of(vlan) for vlan in vlans)
        self._bench.router(name, switch, numbers)
        self.plan.routers[name] = switch
        self.plan.trunks[switch, name] = numbers

    def _interface(self, router: str, vlan: str, cidr: str) -> None:
        known("router", router, self.plan.routers)
        number = vlan_of(vlan)
        self._bench.interface(router, number, address(cidr))
        self.plan.interfaces[router, number] = cidr

    def _ping(self, source: str, target: str) -> Said:
        for name in (source, target):
            known("server", name, self.plan.servers)
        if source == target:
            raise Slip("itself", name=source)
        walk = self.plan.walks[source, target] = self._bench.ping(source, target)
        return Said(f"ping {source} {target}", walk=walk)

    def _macs(self, switch: str) -> Said:
        known("switch", switch, self.plan.switches)
        return Said(f"macs {switch}", learned=tuple(self._bench.learned(switch)))

    def _new(self, name: str) -> None:
        if name in {**self.plan.switches, **self.plan.servers, **self.plan.routers}:
            raise Slip("taken", name=name)


def known(what: str, name: str, names: dict[str, object] | dict[str, None] | dict[str, str] | dict[str, tuple[str, str]]) -> None:
    """Refuse the name of a device that is not there."""
    if name not in names:
        raise Slip("no-device", what=Word(what), name=name, known=", ".join(names) or "-")


def vlan_of(text: str) -> int:
    """A VLAN's number."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= VLAN_MAX):
        raise Slip("no-vlan", given=text)
    return int(text)


def address(cidr: str) -> str:
    """An address with its prefix, as it was given."""
    try:
        if "/" not in cidr:
            raise ValueError
        ipaddress.IPv4Interface(cidr)
    except ValueError:
        raise Slip("no-address", given=cidr) from None
    return cidr


def draw(plan: Plan) -> list[str]:
    """The table in lines: each switch with its ports."""
    lines: list[str] = []
    for switch in plan.switches:
        lines.append(f"[{switch}]")
        for name, (cidr, on) in plan.servers.items():
            if on == switch:
                vlan = f"VLAN {plan.vlans[name]}" if name in plan.vlans else "-"
                lines.append(f"  ├─ {name:<4} {cidr:<16} {vlan}")
        for (near, far), vlans in plan.trunks.items():
            if near == switch:
                allowed = ", ".join(map(str, vlans)) or "-"
                lines.append(f"  ╞═ {far:<4} {'trunk':<16} VLAN {allowed}")
    for router, switch in plan.routers.items():
        lines.append(f"({router})  on {switch}")
        lines += [f"  └─ VLAN {vlan:<5} {cidr}" for (name, vlan), cidr in plan.interfaces.items() if name == router]
    return lines
