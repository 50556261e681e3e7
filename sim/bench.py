"""The bench of simulated devices: the datacenter's own switches, hosts and routers on a clock of their own."""

from __future__ import annotations

from random import Random

import simpy

from lab.bench import Bench, Walk
from sim.datacenter.fabric import Fabric
from sim.datacenter.host import Host
from sim.datacenter.link import GIGABIT
from sim.datacenter.nic import Nic
from sim.datacenter.router import Router
from sim.datacenter.switch import Switch, SwitchPort
from sim.datacenter.trace import PingResult, Trace

CABLE_NS = 1_000
"""A patch cable and its two ends. A guess."""
CARD = "eth0"


class SimBench(Bench):
    """A fabric on a table."""

    def __init__(self) -> None:
        self.env = simpy.Environment()
        self.fabric = Fabric(self.env, lambda process, purpose: Random(f"bench/{process}/{purpose}"))  # noqa: S311 - named streams

    def switch(self, name: str) -> None:
        self.fabric.switch(name)

    def server(self, name: str, cidr: str, switch: str, gateway: str | None) -> None:
        address, _, prefix = cidr.partition("/")
        host = Host(self.fabric, name, address, {})
        host.network = (int(prefix), gateway)
        self.fabric.add(host)
        self._plug(host.uplink, self._switch(switch).port(name))

    def access(self, server: str, vlan: int) -> None:
        port = self._port(server)
        switch = port.device
        assert isinstance(switch, Switch)
        switch.access(port.name, vlan)
        switch.forget()  # a link that changes its VLAN goes down and up

    def trunk(self, switch: str, other: str, vlans: tuple[int, ...]) -> None:
        near, far = self._switch(switch), self._switch(other)
        new = other not in near.ports
        port = near.trunk(other, *vlans)
        if new:
            self._plug(port, far.trunk(switch))

    def router(self, name: str, switch: str, vlans: tuple[int, ...]) -> None:
        router = Router(self.fabric, name)
        self.fabric.add(router)
        self._plug(router.nic(CARD), self._switch(switch).trunk(name, *vlans))

    def interface(self, router: str, vlan: int, cidr: str) -> None:
        device = self.fabric.devices[router]
        assert isinstance(device, Router)
        device.interface(CARD, vlan, cidr)

    def ping(self, source: str, target: str) -> Walk:
        near, far = self.fabric.devices[source], self.fabric.devices[target]
        assert isinstance(near, Host)
        assert isinstance(far, Host)
        process = self.env.process(near.stack.ping(far.address, Trace()))
        result = self.env.run(until=process)
        assert isinstance(result, PingResult)
        rtt_ms = None if result.rtt_ns is None else result.rtt_ns / 1e6
        failed_at = result.lost.device if result.lost is not None else ""
        return Walk(result.ok, rtt_ms, tuple(str(hop) for hop in result.hops), failed_at, result.reason)

    def learned(self, switch: str) -> list[tuple[int, str, str]]:
        owners = {device.mac: name for name, device in self.fabric.devices.items() if isinstance(device, Host)}
        tables = self._switch(switch).macs.items()
        return [(vlan, owners.get(mac, mac), port.name) for vlan, table in tables for mac, (port, _) in table.items()]

    def _switch(self, name: str) -> Switch:
        switch = self.fabric.devices[name]
        assert isinstance(switch, Switch)
        return switch

    def _port(self, server: str) -> SwitchPort:
        nic = self.fabric.devices[server].uplink
        port = nic.peer if nic is not None else None
        assert isinstance(port, SwitchPort)
        return port

    def _plug(self, a: Nic | None, b: Nic) -> None:
        assert a is not None
        self.fabric.connect(a, b, CABLE_NS, GIGABIT)
