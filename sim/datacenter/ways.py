"""The ways through the switches: a spanning tree, the cables between two hosts, and which VLANs a way carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lab.medium import Distances
from lab.values import value
from sim.datacenter.link import Link
from sim.datacenter.nic import Device, Nic
from sim.datacenter.router import Router
from sim.datacenter.switch import FORWARDING_NS, Switch, SwitchPort

LOOPBACK_NS = 20_000
"""One way through a host's own stack. A guess: round trips over loopback take 30 to 50 us."""
ROUTING_NS = 5_000
"""How long a packet stays in a router. A guess: software routers take 5 to 20 us, hardware less."""

Way: TypeAlias = tuple[tuple[Nic, Nic], ...]
"""The cables of a way in order, each as (card that sends, card that takes)."""


@value
class Reach:
    """What the configuration says about a way: `latency_ns` when it is open, else where it ends and why."""

    latency_ns: int | None
    device: str = ""
    port: str = ""
    reason: str = ""


class Ways:
    """Derives ways from the topology, once for each state of it."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self.devices = devices
        self.stale = True
        self._tree: dict[str, tuple[str, Nic, Nic] | None] = {}
        self._ways: dict[tuple[str, str], Way | None] = {}
        self.latencies = Distances(self._latency)
        """The one-way latency between two hosts in nanoseconds, None when there is no way."""
        self._towards: dict[tuple[str, str], Nic | None] = {}

    def expire(self) -> None:
        """The topology has changed: derive all anew at the next question."""
        self.stale = True
        self.latencies.clear()

    def blocked(self, link: Link | None) -> bool:
        """Say whether spanning tree keeps the link out of use."""
        if self.stale:
            self._derive()
        return link is not None and link.blocked

    def _derive(self) -> None:
        """Span a tree over the switches, breadth first from the first added; other links between them are blocked."""
        self.stale = False
        self._ways.clear()
        self._towards.clear()
        before, self._tree = self._tree, {}
        switches = [d for d in self.devices.values() if isinstance(d, Switch) and d.up]
        for root in switches:
            if root.name in self._tree:
                continue
            self._tree[root.name] = None
            queue = [root]
            for switch in queue:
                for port in switch.ports.values():
                    peer = port.peer
                    if peer is not None and isinstance(peer.device, Switch) and self._branch(port, peer):
                        queue.append(peer.device)
        if before and before != self._tree:
            for switch in switches:
                switch.forget()

    def _branch(self, port: SwitchPort, peer: Nic) -> bool:
        """Take the link into the tree when it leads to a new switch; block it when it is no branch."""
        link = port.link
        assert link is not None
        here, there = port.device.name, peer.device.name
        new = link.works and there not in self._tree
        if new:
            self._tree[there] = (here, peer, port)
        parent, child = self._tree.get(here), self._tree.get(there)
        link.blocked = not ((parent and parent[1] is port) or (child and child[1] is peer))
        return new

    def way(self, a: str, b: str) -> Way | None:
        """Return the cables from host a to host b along the tree; () within one host, None when there is no way."""
        if self.stale:
            self._derive()
        key = (a, b)
        if key not in self._ways:
            for name in key:
                if name not in self.devices:
                    raise KeyError(f"no device {name}; known are {', '.join(list(self.devices)[:20])} …")
            self._ways[key] = self._find(a, b)
        return self._ways[key]

    def _climb(self, name: str) -> tuple[list[tuple[Nic, Nic]], str] | None:
        """Go from a host or router up to its switch; None when cable or power is missing."""
        cables: list[tuple[Nic, Nic]] = []
        device = self.devices[name]
        while not isinstance(device, Switch):
            nic = device.uplink
            if nic is None or nic.link is None or not nic.link.works:
                return None
            cables.append((nic, nic.link.other(nic)))
            device = cables[-1][1].device
        return (cables, device.name) if device.up else None

    def _find(self, a: str, b: str) -> Way | None:
        if a == b:
            return () if self.devices[a].up else None
        up, down = self._climb(a), self._climb(b)
        if up is None or down is None:
            return None
        there, fall = up[0], [(taker, sender) for sender, taker in reversed(down[0])]
        # One end may stand behind the other, as the outside client does behind the border router.
        for index, (_, taker) in enumerate(there):
            if taker.device.name == b:
                return tuple(there[: index + 1])
        for index, (sender, _) in enumerate(fall):
            if sender.device.name == a:
                return tuple(fall[index:])
        between = self._between(up[1], down[1])
        return None if between is None else (*there, *between, *fall)

    def _between(self, left: str, right: str) -> Way | None:
        """Return the cables between two switches: up to where their branches meet, and down."""
        rise, fall = self._branches(left), self._branches(right)
        roots = (rise[-1][0] if rise else left, fall[-1][0] if fall else right)
        if roots[0] != roots[1]:
            return None
        while rise and fall and rise[-1][1] is fall[-1][1]:
            rise.pop()
            fall.pop()
        return (*((own, upper) for _, own, upper in rise), *((upper, own) for _, own, upper in reversed(fall)))

    def _branches(self, switch: str) -> list[tuple[str, Nic, Nic]]:
        """List the steps from a switch to the root of its tree."""
        steps = []
        step = self._tree.get(switch)
        while step is not None:
            steps.append(step)
            step = self._tree.get(step[0])
        return steps

    def towards(self, switch: Switch, host: str) -> SwitchPort | None:
        """Return the port of the switch that leads to the host; None when there is no way."""
        if self.stale:
            self._derive()
        key = (switch.name, host)
        if key not in self._towards:
            below = self._climb(host)
            way: Way | None = None
            if below is not None:
                between = self._between(switch.name, below[1])
                way = None if between is None else (*between, (below[0][-1][1], below[0][-1][0]))
            self._towards[key] = way[0][0] if way else None
        port = self._towards[key]
        return port if isinstance(port, SwitchPort) else None

    def _latency(self, a: str, b: str) -> int | None:
        way = self.way(a, b)
        return None if way is None else latency_of(way)

    def carries(self, a: str, b: str, vlan: int | None) -> Reach:
        """Say whether the way between two hosts carries a VLAN (None: untagged frames), and if not, where it ends."""
        way = self.way(a, b)
        if way is None:
            return Reach(None, a, "", f"there is no way from {a} to {b}: a link is down or a device has no power")
        tag, inside = vlan, 0
        for sender, taker in way:
            for port in (sender, taker):
                if not isinstance(port, SwitchPort):
                    continue
                if port is taker:
                    inside = port.native if tag is None else tag
                refusal = port.refuses(inside)
                if refusal:
                    return Reach(None, port.device.name, port.name, refusal)
                tag = None if inside == port.native else inside
        if tag != vlan:
            return Reach(None, b, "", f"VLAN {vlan} reaches {b} as VLAN {tag}: the native VLANs on the way differ")
        return Reach(latency_of(way))


def latency_of(way: Way) -> int:
    """Add up what the cables and devices of a way take."""
    total = LOOPBACK_NS
    for sender, taker in way:
        total += sender.link.latency_ns if sender.link is not None else 0
        if isinstance(taker, SwitchPort):
            total += FORWARDING_NS
        elif isinstance(taker.device, Router):
            total += ROUTING_NS
    return total
