"""No frame crosses from one network to another without a route, whatever is wired where; and ways agree with frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.services.compute.driver import GuestNic, GuestSpec
from sim.datacenter.bridge import Tap
from sim.datacenter.guest import Guest, Lease
from tests.unit.sim.conftest import Net, Site

HOSTS = ("compute-1", "compute-2", "compute-3", "compute-4")
NETS = (("flat", 0), ("vlan", 100), ("vlan", 101), ("vxlan", 100), ("vxlan", 9), ("local", 0), ("local", 1))
# One address range for all: only the segments keep the guests apart.
placements = st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from(NETS)), min_size=2, max_size=6)
omitted = st.lists(st.tuples(st.sampled_from(("leaf-1", "leaf-2", "spine-1")), st.sampled_from((0, 100, 101))), max_size=2)


def settle(site: Site, number: int, host: str, net: Net) -> str:
    """Put a running guest with a fixed address into a network, without the waiting of a real build."""
    wiring = net.wiring(f"port-{number}", f"10.0.0.{10 + number}")
    nic = GuestNic(wiring.port_id, f"fa:16:3e:00:00:{number:02x}", net.name, wiring.tap, addresses=wiring.addresses)
    home = site.dc.hypervisor(host)
    guest = Guest(home, GuestSpec(f"id-{number}", f"g{number}", f"g{number}", 1, 64, (nic,)), site.dc)
    home.guests[guest.spec.id] = guest
    site.dc.vifs[nic.port_id] = vif = guest.add_nic(nic)
    home.bridge.wire(replace(wiring, mac_address=nic.mac_address))
    guest.power_up()
    guest.boots[-1].network_ns = guest.boots[-1].login_ns = 0
    vif.take(Lease(wiring.addresses[0], 24, None, "10.0.0.2", 86400))
    return nic.port_id


@settings(max_examples=60)
@given(placements=placements, omitted=omitted, tunnels=st.booleans())
def test_frames_reach_exactly_whom_the_configuration_says(
    placements: list[tuple[str, tuple[str, int]]], omitted: list[tuple[str, int]], tunnels: bool
) -> None:
    site = Site()
    try:
        for host in HOSTS if tunnels else HOSTS[:3]:
            site.dc.host(host).bridge.peers = tuple(a for a in site.dc.addresses if a != site.dc.host(host).address)
        guests = [
            (settle(site, n, host, Net(f"{kind}{number}", kind, number, "10.0.0")), host, (kind, number))
            for n, (host, (kind, number)) in enumerate(placements, 1)
        ]
        for switch, vlan in omitted:
            site.dc.switch(switch).omit(vlan)
        for a, host_a, net_a in guests:
            for b, host_b, net_b in guests:
                if a == b:
                    continue
                result = site.ping(a, site.dc.vifs[b].nic.addresses[0])
                reach = site.dc.reach(a, site.dc.host(host_a), b, site.dc.host(host_b))
                if net_a != net_b:
                    assert not result.ok, result.walk
                assert result.ok == (reach.latency_ns is not None), f"{reach}\n{result.walk}"
                if not result.ok and net_a == net_b:
                    assert result.reason == reach.reason, result.walk
    finally:
        site.loop.close()


@pytest.mark.parametrize("kind", ["vlan", "vxlan", "flat"])
def test_a_stranger_s_tap_hears_nothing(site: Any, kind: str) -> None:
    heard: list[Any] = []
    stranger = site.dc.host("compute-1").plug(Tap("stranger", "tapstranger", "fa:16:3e:ff:ff:ff", "x", trusted=True))
    stranger.deliver = heard.append
    net = site.net("blue", kind, 100)
    other = Net("red", "vlan" if kind != "vlan" else "vxlan", 100, "10.0.0")
    site.dc.host("compute-1").bridge.wire(other.wiring("stranger", "10.0.0.12"))
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-3", 12)
    site.sleep(20)
    assert site.ping(a, "10.0.0.12").ok
    assert heard == []
