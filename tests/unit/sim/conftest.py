"""A site: one simulated datacenter on its own virtual clock, with the shortest way to put guests into networks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet, PortWiring, SecurityRule
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.topology import DatacenterSpec
from sim.datacenter.trace import PingResult
from sim.hypervisor import SimHypervisor
from sim.loop import SimLoop
from sim.network import SimDhcp, SimL2

T = TypeVar("T")
OPEN = (SecurityRule("ingress", "IPv4"), SecurityRule("egress", "IPv4"))


class Net:
    """One network of a site."""

    def __init__(self, name: str, kind: str, number: int, subnet: str) -> None:
        self.name, self.kind, self.number, self.subnet = name, kind, number, subnet
        self.reservations: list[DhcpHost] = []

    def wiring(self, port_id: str, address: str, **more: Any) -> PortWiring:
        """What wires a port of this network."""
        more.setdefault("rules", OPEN)
        physical = "physnet1" if self.kind in ("vlan", "flat") else None
        number = None if self.kind in ("flat", "local") else self.number
        mac = f"fa:16:3e:{self.number >> 8 & 255:02x}:{self.number & 255:02x}:{int(address.rpartition('.')[2]):02x}"
        return PortWiring(port_id, f"tap{port_id[:11]}", mac, (address,), self.name, self.kind, number, physical, **more)


class Site:
    """A datacenter and a loop that runs it."""

    def __init__(self, spec: DatacenterSpec | None = None, seed: int = 7) -> None:
        self.loop = SimLoop(seed)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random, spec)

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in virtual time."""
        result: T = self.loop.run_until_complete(coro)
        assert self.loop.runtime.errors == []
        return result

    def hypervisor(self, host: str = "compute-1") -> SimHypervisor:
        return SimHypervisor(self.dc, host)

    def net(self, name: str, kind: str = "vlan", number: int = 100, subnet: str = "10.0.0") -> Net:
        """Make a network and its DHCP server on the controller."""
        net = Net(name, kind, number, subnet)
        if kind == "vxlan":
            peers = tuple(self.dc.addresses)
            for host in self.dc.hosts:
                self.run(SimL2(self.dc, host).tunnels(peers))
        self.serve(net)
        return net

    def serve(self, net: Net) -> None:
        """Bring the network's DHCP server up to date."""
        wiring = net.wiring(f"dhcp-{net.name}", f"{net.subnet}.2")
        subnet = DhcpSubnet(f"subnet-{net.name}", f"{net.subnet}.0/24", f"{net.subnet}.1")
        self.run(SimDhcp(self.dc, "controller-1").serve(DhcpNetwork(wiring, (subnet,), tuple(net.reservations))))

    def guest(self, name: str, net: Net, host: str, last: int, **more: Any) -> str:
        """Run a guest in a network; answer its port."""
        port_id = f"port-{name}"
        wiring = net.wiring(port_id, f"{net.subnet}.{last}", **more)
        net.reservations.append(DhcpHost(port_id, wiring.mac_address, wiring.addresses[0], name))
        self.serve(net)
        nic = GuestNic(port_id, wiring.mac_address, net.name, wiring.tap, addresses=wiring.addresses)
        spec = GuestSpec(f"id-{name}", f"instance-{name}", name, 1, 512, (nic,), (GuestDisk("/dev/vda", 1),))

        async def plugged() -> None:
            await SimL2(self.dc, host).wire(wiring)

        self.run(self.hypervisor(host).spawn(spec, plugged))
        return port_id

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.run(asyncio.sleep(seconds))

    def ping(self, port_id: str, target: str) -> PingResult:
        return self.run(self.dc.ping(port_id, target))


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.loop.close()


@pytest.fixture
def new_site() -> Iterator[Callable[..., Site]]:
    """Make sites with other specs or seeds."""
    sites: list[Site] = []

    def make(spec: DatacenterSpec | None = None, seed: int = 7) -> Site:
        sites.append(Site(spec, seed))
        return sites[-1]

    yield make
    for made in sites:
        made.loop.close()
