"""No address, MAC or segment is given twice, nothing leaks, and a pool is used to its last address."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from lab.config import Config
from lab.errors import NoNetworkAvailable
from lab.services.network import addresses, ipam
from lab.services.network.errors import (
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
    TunnelIdInUse,
    VlanIdInUse,
)
from lab.services.network.ml2 import TypeManager
from lab.services.network.model import AddressPool, IPAllocation, Json, Network, Port, Segment, SegmentRange, Subnet
from lab.store import MemoryStore

STAMPS = {"created_at": "", "updated_at": ""}


def a_subnet(tx: Any, cidr: str, pools: list[tuple[int, int]] | None = None) -> Subnet:
    """Store a subnet of network 'n'."""
    block = addresses.parse_cidr(cidr, 6 if ":" in cidr else 4)
    subnet: Subnet = tx.insert(Subnet.make(id=cidr, project_id="p", network_id="n", cidr=cidr, ip_version=block.version, **STAMPS))
    ipam.add_pools(tx, subnet, pools or addresses.default_pools(block, None))
    return subnet


def a_port(number: int, fixed_ips: list[Json] | None = None) -> Port:
    return Port.make(id=str(number), network_id="n", project_id="p", mac_address=f"m{number}", fixed_ips=fixed_ips or [], **STAMPS)


class Addresses(RuleBasedStateMachine):
    """Ports come and go on a network of two small subnets, some with an address of their choice."""

    ports = Bundle("ports")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.held: dict[int, list[Json]] = {}
        self.count = 0
        self.store.transact(lambda tx: (a_subnet(tx, "10.0.0.0/29"), a_subnet(tx, "10.0.1.0/30")))

    @rule(target=ports)
    def any_address(self) -> Any:
        return self._make(None)

    @rule(target=ports, host=st.integers(1, 6))
    def this_address(self, host: int) -> Any:
        return self._make([{"ip_address": f"10.0.0.{host}"}])

    @rule(target=ports, subnet=st.sampled_from(["10.0.0.0/29", "10.0.1.0/30"]))
    def this_subnet(self, subnet: str) -> Any:
        return self._make([{"subnet_id": subnet}])

    def _make(self, asked: list[Json] | None) -> Any:
        self.count += 1
        port = a_port(self.count)
        full = len(self._in_use()) == 8
        try:
            fixed = self.store.transact(lambda tx: ipam.allocate(tx, port, asked))
        except IpAddressGenerationFailure:
            wanted = [item["subnet_id"] for item in asked or [] if "subnet_id" in item]
            room = {"10.0.0.0/29": 6, "10.0.1.0/30": 2}
            used = [f["subnet_id"] for held in self.held.values() for f in held]
            assert full if not wanted else used.count(wanted[0]) == room[wanted[0]]
            return multiple()
        except IpAddressAlreadyAllocated:
            assert asked is not None
            assert asked[0]["ip_address"] in self._in_use()
            return multiple()
        self.held[self.count] = fixed
        return self.count

    @rule(port=consumes(ports))
    def release(self, port: int) -> None:
        fixed = self.held.pop(port)
        self.store.transact(lambda tx: ipam.release(tx, fixed))
        self.store.transact(lambda tx: ipam.release(tx, fixed))  # a repeat is no error

    @rule(port=ports, host=st.integers(1, 6))
    def change(self, port: int, host: int) -> None:
        record = a_port(port, self.held[port])
        try:
            asked = [{"ip_address": f"10.0.0.{host}"}]
            self.held[port] = self.store.transact(lambda tx: ipam.change(tx, record, asked))
        except IpAddressAlreadyAllocated:
            assert f"10.0.0.{host}" in self._in_use()

    @rule(low=st.integers(1, 3), high=st.integers(4, 6))
    def other_pools(self, low: int, high: int) -> None:
        base = addresses.number("10.0.0.0")

        def work(tx: Any) -> None:
            subnet = tx.get(Subnet, "10.0.0.0/29")
            ipam.replace_pools(tx, subnet, [(base + low, base + high)])
            ipam.replace_pools(tx, subnet, [(base + 1, base + 3), (base + 4, base + 6)])

        self.store.transact(work)

    def _in_use(self) -> list[str]:
        return [fixed["ip_address"] for held in self.held.values() for fixed in held]

    @invariant()
    def each_address_has_one_port(self) -> None:
        in_use = self._in_use()
        assert len(in_use) == len(set(in_use))
        stored = self.store.transact(lambda tx: [a.ip_address for a in tx.all(IPAllocation)])
        assert sorted(stored) == sorted(in_use)

    @invariant()
    def pools_know_what_is_free(self) -> None:
        pools = self.store.transact(lambda tx: tx.all(AddressPool))
        assert sum(pool.size for pool in pools) - sum(pool.free for pool in pools) == len(self._in_use())


class Segments(RuleBasedStateMachine):
    """Networks come and go on small ranges, some with a segment that an administrator chose."""

    networks = Bundle("networks")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        ranges = {"physnet1": (10, 13), "physnet2": (10, 11)}
        config = Config(project_network_types=("vlan", "vxlan"), network_vlan_ranges=ranges, vni_ranges=(1, 3))
        self.types = TypeManager(config)
        self.held: dict[str, tuple[Any, ...]] = {}
        self.count = 0

    @rule(target=networks)
    def project_network(self) -> Any:
        return self._make((None, None, None))

    @rule(target=networks, physical=st.sampled_from(["physnet1", "physnet2"]), number=st.integers(9, 14))
    def provider_vlan(self, physical: str, number: int) -> Any:
        return self._make(("vlan", physical, number))

    @rule(target=networks, number=st.integers(1, 5))
    def provider_vxlan(self, number: int) -> Any:
        return self._make(("vxlan", None, number))

    @rule(target=networks, physical=st.sampled_from(["physnet1", "physnet2", None]))
    def any_vlan(self, physical: str | None) -> Any:
        return self._make(("vlan", physical, None))

    def _make(self, provider: tuple[Any, Any, Any]) -> Any:
        self.count += 1
        network_id = str(self.count)
        try:
            segment = self.store.transact(lambda tx: self.types.reserve(tx, network_id, provider))
        except NoNetworkAvailable:
            free = [p for p, number in (("physnet1", 10), ("physnet2", 10)) if self._free(p, number)]
            assert provider[1] not in free if provider[1] else not free
            return multiple()
        except (VlanIdInUse, TunnelIdInUse):
            assert provider in self.held.values()
            return multiple()
        self.held[network_id] = (segment.network_type, segment.physical_network, segment.segmentation_id)
        return network_id

    def _free(self, physical: str, low: int) -> list[int]:
        size = {"physnet1": 4, "physnet2": 2}[physical]
        return [n for n in range(low, low + size) if ("vlan", physical, n) not in self.held.values()]

    @rule(network_id=consumes(networks))
    def delete(self, network_id: str) -> None:
        network = Network.make(id=network_id, project_id="p", network_type="vlan", **STAMPS)
        self.store.transact(lambda tx: self.types.release(tx, network))
        self.store.transact(lambda tx: self.types.release(tx, network))
        del self.held[network_id]

    @invariant()
    def each_segment_has_one_network(self) -> None:
        held = list(self.held.values())
        assert len(held) == len(set(held))
        stored = self.store.transact(lambda tx: tx.all(Segment))
        assert sorted((s.network_id, s.segmentation_id) for s in stored) == sorted(
            (network_id, segment[2]) for network_id, segment in self.held.items()
        )

    @invariant()
    def ranges_know_what_is_taken(self) -> None:
        for place in self.store.transact(lambda tx: tx.all(SegmentRange)):
            kind, physical, bounds = place.id.split("/")
            low, high = map(int, bounds.split("-"))
            taken = [s for s in self.held.values() if s[:2] == (kind, physical or None) and low <= s[2] <= high]
            assert place.taken == len(taken)


TestAddresses = Addresses.TestCase
TestSegments = Segments.TestCase
TestAddresses.settings = TestSegments.settings = settings(settings.default, max_examples=60, stateful_step_count=30)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_text_and_number_are_each_others_inverse(value: int) -> None:
    assert addresses.number(addresses.text(value, 4)) == value


@given(st.integers(0, 2**128 - 1))
def test_ipv6_text_and_number_are_each_others_inverse(value: int) -> None:
    assert addresses.number(addresses.text(value, 6)) == value


@given(st.integers(0, 2**32 - 1), st.integers(8, 32), st.data())
def test_default_pools_hold_all_but_the_gateway(base: int, prefix: int, data: st.DataObject) -> None:
    block = addresses.parse_cidr(f"{addresses.text(base, 4)}/{prefix}", 4)
    low, high = addresses.usable(block)
    gateway = data.draw(st.one_of(st.none(), st.integers(low, high).map(lambda n: addresses.text(n, 4))))
    pools = addresses.default_pools(block, gateway)
    assert sum(b - a + 1 for a, b in pools) == high - low + 1 - (gateway is not None)
    assert all(not a <= addresses.number(gateway) <= b for a, b in pools) if gateway else pools == [(low, high)]


def test_an_address_given_back_is_the_last_to_be_given_again() -> None:
    store = MemoryStore()
    store.transact(lambda tx: a_subnet(tx, "10.0.0.0/29"))
    given_out = []
    for number in range(1, 8):
        fixed = store.transact(lambda tx, n=number: ipam.allocate(tx, a_port(n), None))
        given_out.append(fixed[0]["ip_address"])
        store.transact(lambda tx, f=fixed: ipam.release(tx, f))
    assert given_out == [f"10.0.0.{n}" for n in (1, 2, 3, 4, 5, 6, 1)]


def test_a_range_that_changed_keeps_what_is_taken() -> None:
    store = MemoryStore()
    small = TypeManager(Config(network_vlan_ranges={"physnet1": (10, 11)}))
    store.transact(lambda tx: [small.reserve(tx, str(n), (None, None, None)) for n in range(2)])
    large = TypeManager(Config(network_vlan_ranges={"physnet1": (10, 12)}))
    segment = store.transact(lambda tx: large.reserve(tx, "9", (None, None, None)))
    assert segment.segmentation_id == 12
    with pytest.raises(NoNetworkAvailable):
        store.transact(lambda tx: large.reserve(tx, "10", (None, None, None)))
