"""What every switch promises."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import pytest

from lab.errors import NetworkError
from lab.services.network.driver import L2Driver, PortWiring, SecurityRule
from tests.contracts.record import promise

T = TypeVar("T")

OUT = SecurityRule("egress", "IPv4")
PING = SecurityRule("ingress", "IPv4", "icmp")
SSH = SecurityRule("ingress", "IPv4", "tcp", 22, 22)
HERE, THERE = 0, 1


class L2Bench(ABC):
    """Two hosts on one network of hosts, each with a switch of the same kind; host HERE's is under test."""

    kind: str = "vlan"
    """The type of its networks."""
    drivers: list[L2Driver]

    def __init__(self) -> None:
        self._ports = 0

    @property
    def driver(self) -> L2Driver:
        """The switch under test."""
        return self.drivers[HERE]

    def wiring(self, network: int = 1, rules: tuple[SecurityRule, ...] = (OUT, PING, SSH), **changes: Any) -> PortWiring:
        """A new port; network 1 is in segment 101. Ports of all networks share one range of addresses."""
        self._ports += 1
        port_id = f"{self._ports:08x}-0000-4000-8000-{network:012x}"
        values: dict[str, Any] = {
            "port_id": port_id,
            "tap": f"tap{port_id[:11]}",
            "mac_address": f"fa:16:3e:00:{network:02x}:{self._ports:02x}",
            "addresses": (f"10.0.0.{self._ports}",),
            "network_id": f"{network:08x}-1111-4000-8000-000000000000",
            "network_type": self.kind,
            "segmentation_id": 100 + network,
            "physical_network": "physnet1" if self.kind == "vlan" else None,
            "mtu": 1450,
            "rules": rules,
        }
        return PortWiring(**(values | changes))

    def up(self, host: int = HERE, network: int = 1, **changes: Any) -> PortWiring:
        """A guest with a wired port."""
        wiring = self.wiring(network, **changes)
        self.plug(wiring, host)
        self.run(self.drivers[host].wire(wiring), host)
        return wiring

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T], host: int = HERE) -> T:
        """Run a verb of the driver."""

    @abstractmethod
    def plug(self, wiring: PortWiring, host: int = HERE) -> None:
        """A guest appears behind this tap; it has its address and takes connections on port 22."""

    @abstractmethod
    def unplug(self, wiring: PortWiring) -> None:
        """It goes, with its tap."""

    @abstractmethod
    def ping(self, one: PortWiring, other: PortWiring) -> bool:
        """Whether an echo comes back."""

    @abstractmethod
    def tcp(self, one: PortWiring, other: PortWiring) -> bool:
        """Whether a connection to port 22 is taken."""

    @abstractmethod
    def lies(self, one: PortWiring, other: PortWiring) -> bool:
        """Whether a packet from an address that is not the guest's own arrives."""

    @abstractmethod
    def uplink(self) -> set[int]:
        """The segments that host HERE has on its uplink."""

    @abstractmethod
    def again(self) -> L2Driver:
        """A new driver for the same host, as after a restart of its agent."""

    @abstractmethod
    def heard(self, wanted: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
        """What `on_device` has told since it was first asked, once it is what is wanted, or time is up."""


class L2Contract:
    """The promises; subclasses give the bench."""

    port: ClassVar[str] = "network"

    @promise("wire", "a repeat converges")
    def test_wire_twice(self, bench: L2Bench) -> None:
        wiring = bench.wiring()
        bench.plug(wiring)
        assert bench.run(bench.driver.devices()) == [wiring.port_id]
        assert bench.run(bench.driver.wired()) == []
        for _ in range(2):
            bench.run(bench.driver.wire(wiring))
            assert bench.run(bench.driver.wired()) == [wiring.port_id]
        assert bench.uplink() == {101}

    @promise("wire", "a port without its device is a clear error that leaves nothing")
    def test_no_device(self, bench: L2Bench) -> None:
        wiring = bench.wiring()
        with pytest.raises(NetworkError, match=wiring.tap):
            bench.run(bench.driver.wire(wiring))
        assert (bench.run(bench.driver.wired()), bench.uplink()) == ([], set())

    @promise("wire", "a physical network that the host has not is a clear error that leaves nothing")
    def test_no_physical_network(self, bench: L2Bench) -> None:
        wiring = bench.wiring(network_type="vlan", physical_network="physnet9")
        bench.plug(wiring)
        with pytest.raises(NetworkError, match=r"physnet9.*bridge_mappings"):
            bench.run(bench.driver.wire(wiring))
        assert (bench.run(bench.driver.wired()), bench.uplink()) == ([], set())

    @promise("wire", "an unknown kind of network is a clear error that leaves nothing")
    def test_unknown_kind(self, bench: L2Bench) -> None:
        wiring = bench.wiring(network_type="token-ring")
        bench.plug(wiring)
        with pytest.raises(NetworkError, match="token-ring"):
            bench.run(bench.driver.wire(wiring))
        assert (bench.run(bench.driver.wired()), bench.uplink()) == ([], set())

    @promise("unwire", "a repeat is no error; the segment leaves the uplink with its last port")
    def test_unwire(self, bench: L2Bench) -> None:
        one, other, third = bench.up(), bench.up(), bench.up(network=2)
        assert bench.uplink() == {101, 102}
        for _ in range(2):
            bench.run(bench.driver.unwire(one.port_id))
        assert bench.run(bench.driver.wired()) == sorted([other.port_id, third.port_id])
        assert bench.uplink() == {101, 102}
        bench.run(bench.driver.unwire(other.port_id))
        assert bench.uplink() == {102}
        assert not bench.ping(other, third)

    @promise("unwire", "works when the device is gone already")
    def test_unwire_without_device(self, bench: L2Bench) -> None:
        wiring = bench.up()
        bench.unplug(wiring)
        bench.run(bench.driver.unwire(wiring.port_id))
        assert (bench.run(bench.driver.wired()), bench.run(bench.driver.devices()), bench.uplink()) == ([], [], set())

    @promise("wire", "moves a port that is in another segment now")
    def test_move(self, bench: L2Bench) -> None:
        wiring, far = bench.up(), bench.up(THERE, network=2)
        assert not bench.ping(wiring, far)
        moved = bench.wiring(2, port_id=wiring.port_id, tap=wiring.tap, mac_address=wiring.mac_address, addresses=wiring.addresses)
        bench.run(bench.driver.wire(moved))
        assert bench.uplink() == {102}
        assert bench.ping(moved, far)

    @promise("on_device", "tells of devices that come and go")
    def test_devices(self, bench: L2Bench) -> None:
        bench.heard([])
        wiring = bench.wiring()
        bench.plug(wiring)
        assert bench.heard([(wiring.port_id, True)]) == [(wiring.port_id, True)]
        bench.unplug(wiring)
        told = [(wiring.port_id, True), (wiring.port_id, False)]
        assert bench.heard(told) == told

    @promise("wired", "a new driver finds what an earlier one left, and goes on from there")
    def test_restart(self, bench: L2Bench) -> None:
        one, other = bench.up(), bench.up()
        bench.drivers[HERE] = bench.again()
        assert bench.run(bench.driver.wired()) == sorted([one.port_id, other.port_id])
        assert bench.ping(one, other)
        bench.run(bench.driver.wire(one))
        assert bench.ping(one, other)
        for wiring in (one, other):
            bench.run(bench.driver.unwire(wiring.port_id))
        assert bench.uplink() == set()

    @promise("wire", "ports of one network reach each other, on one host and across hosts, by ping and TCP")
    def test_reach(self, bench: L2Bench) -> None:
        one, near, far = bench.up(), bench.up(), bench.up(THERE)
        for other in (near, far):
            assert bench.ping(one, other)
            assert bench.tcp(one, other)
        assert bench.ping(far, one)

    @promise("wire", "ports of two networks do not, though their addresses are of one range")
    def test_apart(self, bench: L2Bench) -> None:
        one, near, far = bench.up(), bench.up(network=2), bench.up(THERE, network=2)
        assert bench.ping(near, far)
        for other in (near, far):
            assert not bench.ping(one, other)
            assert not bench.tcp(one, other)

    @promise("rules", "only what a rule names comes in; answers come by themselves")
    def test_rules(self, bench: L2Bench) -> None:
        shut, pings, ssh = bench.up(rules=(OUT,)), bench.up(rules=(OUT, PING)), bench.up(THERE, rules=(OUT, SSH))
        assert (bench.ping(shut, pings), bench.tcp(shut, pings)) == (True, False)
        assert (bench.ping(shut, ssh), bench.tcp(shut, ssh)) == (False, True)
        assert (bench.ping(pings, shut), bench.tcp(ssh, shut)) == (False, False)

    @promise("rules", "only what a rule names goes out")
    def test_egress(self, bench: L2Bench) -> None:
        mute, other = bench.up(rules=(PING, SSH)), bench.up()
        assert (bench.ping(mute, other), bench.tcp(mute, other)) == (False, False)
        assert bench.ping(other, mute)

    @promise("rules", "a source is judged by its prefix")
    def test_prefix(self, bench: L2Bench) -> None:
        friend, stranger = bench.up(), bench.up()
        rule = SecurityRule("ingress", "IPv4", "icmp", remote_prefix=f"{friend.addresses[0]}/32")
        target = bench.up(THERE, rules=(OUT, rule))
        assert bench.ping(friend, target)
        assert not bench.ping(stranger, target)

    @promise("rules", "a change takes effect at once")
    def test_change(self, bench: L2Bench) -> None:
        one, far = bench.up(), bench.up(THERE)
        assert bench.ping(one, far)
        bench.run(bench.drivers[THERE].wire(dataclasses.replace(far, rules=(OUT, SSH))), THERE)
        assert (bench.ping(one, far), bench.tcp(one, far)) == (False, True)
        bench.run(bench.drivers[THERE].wire(far), THERE)
        assert bench.ping(one, far)

    @promise("rules", "nobody sends from an address that is not his, but ports without port security")
    def test_own_addresses(self, bench: L2Bench) -> None:
        liar, free, target = bench.up(), bench.up(port_security=False), bench.up()
        assert not bench.lies(liar, target)
        assert bench.lies(free, target)
        assert bench.ping(free, target)
        assert bench.ping(target, free)

    @promise("wire", "a port that is down carries nothing until it is up again")
    def test_down(self, bench: L2Bench) -> None:
        one, other = bench.up(), bench.up()
        assert bench.ping(one, other)
        bench.run(bench.driver.wire(dataclasses.replace(one, admin_state_up=False)))
        assert not bench.ping(other, one)
        bench.run(bench.driver.wire(one))
        assert bench.ping(other, one)
