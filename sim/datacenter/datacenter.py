"""One simulated datacenter: the fabric, the hosts in it, what lies on their disks, and questions about its ways."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

import simpy

from lab.services.network.driver import MetadataRequest
from sim.datacenter import durable
from sim.datacenter.bridge import TUNNELS
from sim.datacenter.dhcp import DhcpServer
from sim.datacenter.fabric import Fabric, Streams, pause, wait
from sim.datacenter.frame import same_network
from sim.datacenter.guest import PAUSED, Guest, Lease, Vif
from sim.datacenter.host import Host, HypervisorHost
from sim.datacenter.nas import Nas
from sim.datacenter.nic import Nic
from sim.datacenter.router import Router
from sim.datacenter.storage import ImageDirectory, ObjectDevice
from sim.datacenter.switch import Switch
from sim.datacenter.topology import DatacenterSpec, build
from sim.datacenter.trace import Hop, PingResult, Trace
from sim.datacenter.ways import Reach
from sim.timing import Timing, default_timing

T = TypeVar("T")


class Datacenter:
    """The world of one simulated cloud.

    `streams(process, purpose)` gives named random streams (`Runtime.random`). `on_frame` is told every
    recorded hop of every ping; `on_write(key, value)` every change on a disk (value None: removed).
    """

    def __init__(self, env: simpy.Environment, streams: Streams, spec: DatacenterSpec | None = None, timing: Timing | None = None) -> None:
        self.env = env
        self.spec = spec or DatacenterSpec()
        self.timing = timing or default_timing()
        self.fabric = Fabric(env, streams)
        self.hosts: dict[str, Host] = {}
        self.addresses: dict[str, Host] = {}
        self.hypervisors: dict[str, HypervisorHost] = {}
        self.filers: dict[str, Nas] = {}
        self.images: dict[str, ImageDirectory] = {}
        self.object_disks: dict[tuple[str, str], ObjectDevice] = {}
        self.dhcp: dict[str, dict[str, DhcpServer]] = {}
        """network id -> host -> server."""
        self.vifs: dict[str, Vif] = {}
        """All cards of guests, by port id."""
        self.border: Router
        self.dhcp_frames = False
        self.metadata: Callable[[MetadataRequest], None] | None = None
        """Who answers what guests ask of 169.254.169.254."""
        self.on_frame: Callable[[Hop], None] | None = None
        self.on_write: Callable[[str, dict[str, Any] | None], None] | None = None
        build(self)

    # -- time and chance ----------------------------------------------------------------------

    def now(self) -> int:
        """Virtual nanoseconds."""
        return self.fabric.now()

    def dice(self, place: str) -> Random:
        """Return the random stream of a place."""
        return self.fabric.dice(place)

    def draw(self, name: str, place: str) -> int:
        """Draw how long a thing of timing.toml takes at a place, in nanoseconds."""
        return self.timing[name].draw(self.fabric.dice(place))

    async def spend(self, name: str, place: str) -> None:
        """Let a thing of timing.toml take its time at a place."""
        await pause(self.draw(name, place))

    # -- parts by name ------------------------------------------------------------------------

    def switch(self, name: str) -> Switch:
        """Find a switch."""
        device = self.fabric.devices.get(name)
        if not isinstance(device, Switch):
            names = [d.name for d in self.fabric.devices.values() if isinstance(d, Switch)]
            raise KeyError(f"no switch {name}; known are {', '.join(names)}")
        return device

    def host(self, name: str) -> Host:
        """Find a host."""
        return find(self.hosts, name, "host")

    def hypervisor(self, name: str) -> HypervisorHost:
        """Find a hypervisor host."""
        return find(self.hypervisors, name, "hypervisor host")

    def nas(self, name: str) -> Nas:
        """Find a filer."""
        return find(self.filers, name, "filer")

    def guest(self, guest_id: str) -> Guest | None:
        """Find a guest wherever it is."""
        for host in self.hypervisors.values():
            if guest_id in host.guests:
                return host.guests[guest_id]
        return None

    def write(self, key: str, value: Callable[[], dict[str, Any]] | None) -> None:
        """Tell whoever keeps the disks of this change; the value is only made when somebody does."""
        if self.on_write is not None:
            self.on_write(key, None if value is None else value())

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Answer all that lies on the disks, by key (see durable.py)."""
        return durable.snapshot(self)

    def restore(self, written: Mapping[str, dict[str, Any]]) -> None:
        """Put what was written into this freshly built datacenter; guests are off."""
        durable.restore(self, written)

    # -- gateways -----------------------------------------------------------------------------

    def gateway(self, vlan: int, cidr: str, domain: str = "") -> None:
        """Give the border router an interface in a VLAN, '10.0.0.1/24'; the spine's port to it carries the VLAN.

        Packets pass only between interfaces of one domain.
        """
        if ("inside", vlan) not in self.border.interfaces:
            self.fabric.allow(self.border.name, vlan)
        self.border.interface("inside", vlan, cidr, domain)

    def remove_gateway(self, vlan: int) -> None:
        """Take the interface away; none is no error."""
        if ("inside", vlan) in self.border.interfaces:
            self.border.remove("inside", vlan)
            self.fabric.release(self.border.name, vlan)

    # -- ways between ports -------------------------------------------------------------------

    def reach(self, port_a: str, host_a: Host, port_b: str, host_b: Host) -> Reach:
        """Say from the configuration alone whether frames of one wired port reach another; if not, where they end."""
        ends = ((port_a, host_a), (port_b, host_b))
        for port_id, host in ends:
            wiring = host.bridge.wirings.get(port_id)
            if wiring is None or port_id not in host.bridge.taps:
                return Reach(None, host.bridge.name, "", f"port {port_id} is not wired on {host.name}")
            if not wiring.admin_state_up:
                return Reach(None, host.bridge.name, wiring.tap, f"port {port_id} is administratively down")
        here, there = host_a.bridge.segment_of(port_a), host_b.bridge.segment_of(port_b)
        assert here is not None
        assert there is not None
        if here.key != there.key:
            return Reach(None, host_a.bridge.name, "", f"ports {port_a} and {port_b} are in different networks")
        if host_a is host_b:
            return Reach(0)
        if here.kind == "local":
            return Reach(None, host_a.bridge.name, "", f"a local network does not leave {host_a.name}")
        if here.kind in TUNNELS:
            for one, other in ((host_a, host_b), (host_b, host_a)):
                if other.address not in one.bridge.peers:
                    return Reach(None, one.bridge.name, "vxlan", f"no tunnel leads from {one.name} to {other.name}")
        return self.fabric.ways.carries(host_a.name, host_b.name, here.id if here.kind == "vlan" else None)

    def lease(self, vif: Vif) -> Lease | str:
        """Compute what DHCP would answer to a card: the way to a server of its network, and its reservation there."""
        network_id = vif.nic.network_id
        why = f"network {network_id} has no DHCP server"
        for server in self.dhcp.get(network_id, {}).values():
            reach = self.reach(vif.nic.port_id, vif.guest.host, server.tap.port_id, server.host)
            if reach.latency_ns is None:
                why = reach.reason
                continue
            lease = server.lease(vif.nic.mac_address)
            if lease is not None:
                return lease
            why = f"the DHCP server on {server.host.name} has no reservation for {vif.nic.mac_address}"
        return why

    # -- asking as a guest --------------------------------------------------------------------

    async def ping(self, port_id: str, target: str) -> PingResult:
        """Send an echo request from a guest's card to an address, in real frames, and say what came of it."""
        return await self._ask(port_id, target, lambda vif, trace: vif.stack.ping(target, trace))

    async def connect(self, port_id: str, target: str, port: int) -> PingResult:
        """Open a TCP connection from a guest's card, in real frames, and say how that went."""
        return await self._ask(port_id, target, lambda vif, trace: vif.stack.connect(target, port, trace))

    async def _ask(
        self, port_id: str, target: str, question: Callable[[Vif, Trace], Generator[simpy.Event, Any, PingResult]]
    ) -> PingResult:
        vif = self.vifs.get(port_id)
        if vif is None:
            return PingResult(False, None, (), f"no server runs behind port {port_id}")
        if not vif.guest.network_up:
            guest = vif.guest
            state = "is paused" if guest.power_state == PAUSED else "is still booting" if guest.running else "is off"
            return PingResult(False, None, (), f"server {vif.guest.name} {state}")
        if vif.lease is None:
            answer = self.lease(vif)
            why = answer if isinstance(answer, str) else "it has not asked again yet"
            return PingResult(False, None, (), f"server {vif.guest.name} has no address on port {port_id}: {why}")
        result: PingResult = await wait(self.env.process(question(vif, self.trace(vif, target))))
        return result

    def trace(self, vif: Vif, target: str) -> Trace:
        """Make a record that looks at the devices between a card and an address."""
        far = self._owner(vif, target)
        if far is None:
            return Trace(None, None, self.on_frame)
        end, owner = far
        names = {vif.guest.name, vif.guest.host.name, vif.guest.host.bridge.name}
        ends: list[str] = [vif.guest.host.name]
        lease = vif.lease
        if lease is not None and not same_network(lease.address, target, lease.prefix):
            if all(stack.address != lease.gateway for stack in self.border.interfaces.values()):
                return Trace(frozenset(names), None, self.on_frame)  # nobody is there to route
            ends.append(self.border.name)
        ends.append(end.name)
        names.update((owner, *ends))
        if isinstance(end, Host):
            names.add(end.bridge.name)
        for a, b in pairwise(ends):
            for sender, taker in self.fabric.ways.way(a, b) or self._planned(a, b):
                names.update((sender.device.name, taker.device.name))
        return Trace(frozenset(names), end.name if isinstance(end, Host) else None, self.on_frame)

    def _planned(self, a: str, b: str) -> list[tuple[Nic, Nic]]:
        """Return the cables around both ends of a way that is cut just now: to their switches, and on from there."""
        cables: list[tuple[Nic, Nic]] = []
        for name in (a, b):
            nic = self.fabric.devices[name].uplink
            while nic is not None and nic.peer is not None:
                cables.append((nic, nic.peer))
                nic = nic.peer.device.uplink
            switch = cables[-1][1].device if cables else None
            if isinstance(switch, Switch):
                cables.extend((port, port.peer) for port in switch.trunks() if port.peer is not None)
        return cables

    def _owner(self, vif: Vif, target: str) -> tuple[Host | Router, str] | None:
        """Find who has the address: (host or router, name of the guest or device), in the card's own network first."""
        near = [other for other in self.vifs.values() if other.answers_to(target)]
        near.sort(key=lambda other: other.nic.network_id != vif.nic.network_id)
        if near:
            return near[0].guest.host, near[0].guest.name
        for server in self.dhcp.get(vif.nic.network_id, {}).values():
            if server.stack.address == target:
                return server.host, server.name
        if any(stack.address == target for stack in self.border.interfaces.values()):
            return self.border, self.border.name
        return None


def find(known: Mapping[str, T], name: str, what: str) -> T:
    """Look a part up by name; an unknown name answers with the known ones."""
    found = known.get(name)
    if found is None:
        names = list(known)
        raise KeyError(f"no {what} {name}; known are {', '.join(names[:20])}{' …' if len(names) > 20 else ''}")
    return found
