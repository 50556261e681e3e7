"""Routers: an interface in each VLAN, ARP on each, and a hop counted for every packet passed on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sim.datacenter.frame import BROADCAST, Frame, Icmp, Ipv4, same_network, split_cidr
from sim.datacenter.nic import Device, Nic
from sim.datacenter.stack import IpStack

if TYPE_CHECKING:
    from sim.datacenter.fabric import Fabric
    from sim.datacenter.trace import Trace


class Router(Device):
    """A router; without an interface in a VLAN it is deaf there."""

    __slots__ = ("domains", "interfaces", "nics")

    def __init__(self, fabric: Fabric, name: str) -> None:
        super().__init__(fabric, name)
        self.nics: dict[str, Nic] = {}
        self.interfaces: dict[tuple[str, int | None], IpStack] = {}
        self.domains: dict[IpStack, str] = {}
        """Interface -> whose it is: packets pass only between interfaces of one domain."""

    def nic(self, name: str) -> Nic:
        """Add a card; the first one is its way to the rest of the datacenter."""
        nic = self.nics[name] = Nic(self, name, self.fabric.mac())
        if self.uplink is None:
            self.uplink = nic
        return nic

    def interface(self, nic: str, vlan: int | None, cidr: str, domain: str = "") -> IpStack:
        """Give the router an address in a VLAN of a card (None: untagged); a repeat changes the address."""
        stack = self.interfaces.get((nic, vlan))
        if stack is None:
            label = nic if vlan is None else f"{nic}.{vlan}"
            stack = IpStack(self, label, self.fabric.mac(), partial(self._output, self.nics[nic], vlan))
            stack.forward = partial(self._forward, stack)
            self.interfaces[nic, vlan] = stack
        self.domains[stack] = domain
        stack.configure(*split_cidr(cidr))
        return stack

    def remove(self, nic: str, vlan: int | None) -> None:
        """Take the interface away; none is no error."""
        stack = self.interfaces.pop((nic, vlan), None)
        if stack is not None:
            del self.domains[stack]

    def _output(self, nic: Nic, vlan: int | None, frame: Frame) -> None:
        nic.send(frame.tagged(vlan))

    def receive(self, nic: Nic, frame: Frame) -> None:
        """Hand the frame to the interface of its VLAN."""
        stack = self.interfaces.get((nic.name, frame.vlan))
        if stack is not None:
            stack.receive(frame)
        elif frame.target != BROADCAST:
            where = "untagged frames" if frame.vlan is None else f"VLAN {frame.vlan}"
            self.note(nic.name, "drop", frame, f"router {self.name} has no interface for {where}")

    def _forward(self, arrived: IpStack, packet: Ipv4, trace: Trace | None) -> None:
        domain = self.domains.get(arrived, "")
        for stack in self.interfaces.values():
            if packet.target == stack.address and self.domains[stack] == domain:
                if isinstance(packet.payload, Icmp) and packet.payload.kind == "echo request":
                    self._answer(arrived, packet, stack.address, "echo reply", trace)
                return
        if packet.ttl <= 1:
            self._drop(arrived, packet, trace, f"its time to live ended at {self.name}")
            self._answer(arrived, packet, arrived.address, "time exceeded", trace)
            return
        out = self._route(packet.target, domain)
        if out is None:
            self._drop(arrived, packet, trace, f"router {self.name} has no route to {packet.target}")
            self._answer(arrived, packet, arrived.address, "network unreachable", trace)
            return
        said = f"from {arrived.name} to {out.name}"
        self.note(out.name, "route", Frame(out.mac, BROADCAST, packet, trace=trace), said)
        out.send(replace(packet, ttl=packet.ttl - 1), trace)

    def _route(self, target: str, domain: str) -> IpStack | None:
        """Pick the interface of a domain with the longest prefix that holds the address."""
        best: IpStack | None = None
        for stack in self.interfaces.values():
            if self.domains[stack] == domain and stack.address is not None and same_network(stack.address, target, stack.prefix):
                best = stack if best is None or stack.prefix > best.prefix else best
        return best

    def _drop(self, stack: IpStack, packet: Ipv4, trace: Trace | None, reason: str) -> None:
        self.note(stack.name, "drop", Frame(stack.mac, BROADCAST, packet, trace=trace), reason)

    def _answer(self, stack: IpStack, packet: Ipv4, source: str | None, kind: str, trace: Trace | None) -> None:
        if isinstance(packet.payload, Icmp) and source is not None:
            stack.send(Ipv4(source, packet.source, Icmp(kind, packet.payload.ident, packet.payload.seq)), trace)
