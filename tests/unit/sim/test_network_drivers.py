"""The simulated L2 and DHCP drivers keep the promises of their ports."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import NetworkError
from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet, PortWiring
from sim.datacenter.bridge import Tap
from sim.network import SimDhcp, SimL2
from tests.unit.sim.conftest import Net

Site = Any


def tap(site: Site, port_id: str, host: str = "compute-1") -> None:
    site.dc.host(host).plug(Tap(port_id, f"tap{port_id}", "fa:16:3e:00:00:01", "x"))


def test_wiring_converges_and_is_undone(site: Site) -> None:
    l2, net = SimL2(site.dc, "compute-1"), Net("blue", "vlan", 100, "10.0.0")
    wiring = net.wiring("p1", "10.0.0.5")
    with pytest.raises(NetworkError, match="there is no tap"):
        site.run(l2.wire(wiring))
    assert site.run(l2.wired()) == []
    tap(site, "p1")
    assert site.run(l2.devices()) == ["p1"]
    for _ in range(2):
        site.run(l2.wire(wiring))
    assert site.run(l2.wired()) == ["p1"]
    assert site.dc.switch("leaf-1").ports["compute-1"].allowed == {100: 1}
    moved = Net("blue", "vlan", 101, "10.0.0").wiring("p1", "10.0.0.5")
    site.run(l2.wire(moved))
    assert site.dc.switch("leaf-1").ports["compute-1"].allowed == {101: 1}
    for _ in range(2):
        site.run(l2.unwire("p1"))
    assert site.run(l2.wired()) == []
    assert site.dc.switch("leaf-1").ports["compute-1"].allowed == {}


def test_unknown_networks_are_refused_and_leave_nothing(site: Site) -> None:
    l2 = SimL2(site.dc, "compute-1")
    tap(site, "p1")
    with pytest.raises(NetworkError, match="physical network physnet9 is not mapped to a bridge on compute-1"):
        site.run(l2.wire(PortWiring("p1", "tapp1", "m", (), "n", "vlan", 5, "physnet9")))
    with pytest.raises(NetworkError, match="knows no network type token"):
        site.run(l2.wire(PortWiring("p1", "tapp1", "m", (), "n", "token", 5, None)))
    assert site.run(l2.wired()) == []
    assert site.dc.switch("leaf-1").ports["compute-1"].allowed == {}


def test_taps_that_come_are_noticed_at_the_next_poll_and_those_that_go_at_once(site: Site) -> None:
    l2 = SimL2(site.dc, "compute-1")
    seen: list[tuple[int, str, bool]] = []
    l2.on_device(lambda port_id, present: seen.append((site.dc.now(), port_id, present)))
    tap(site, "p1")
    tap(site, "p2")
    site.dc.host("compute-1").unplug("p2")
    assert [(port, present) for _, port, present in seen] == [("p2", False)]
    site.sleep(2.0)
    assert [(port, present) for _, port, present in seen] == [("p2", False), ("p1", True)]
    first = seen[-1][0]
    site.sleep(5.0)
    tap(site, "p3")
    site.sleep(2.0)
    assert seen[-1][1:] == ("p3", True)
    assert (seen[-1][0] - first) % 2_000_000_000 == 0, "polls stand on one beat"
    site.dc.host("compute-1").unplug("p1")
    assert seen[-1][1:] == ("p1", False)


def test_wiring_outlives_its_tap_until_the_agent_unwires(site: Site) -> None:
    l2, net = SimL2(site.dc, "compute-1"), Net("blue", "vlan", 100, "10.0.0")
    tap(site, "p1")
    site.run(l2.wire(net.wiring("p1", "10.0.0.5")))
    site.dc.host("compute-1").unplug("p1")
    assert site.run(l2.devices()) == []
    assert SimL2(site.dc, "compute-1").host.bridge.wirings.keys() == {"p1"}, "a new agent finds what the old one left"


def network(port_id: str = "d1", *hosts: DhcpHost) -> DhcpNetwork:
    wiring = Net("blue", "vlan", 100, "10.0.0").wiring(port_id, "10.0.0.2")
    return DhcpNetwork(wiring, (DhcpSubnet("s", "10.0.0.0/24", "10.0.0.1"),), hosts)


def test_dhcp_servers_come_change_and_go(site: Site) -> None:
    dhcp = SimDhcp(site.dc, "controller-1")
    site.run(dhcp.stop("blue"))
    start = site.dc.now()
    site.run(dhcp.serve(network()))
    first = site.dc.now() - start
    assert site.run(dhcp.serving()) == ["blue"]
    assert sorted(site.dc.host("controller-1").bridge.taps) == ["d1"]
    assert site.dc.switch("leaf-0").ports["controller-1"].allowed == {100: 1}
    start = site.dc.now()
    site.run(dhcp.serve(network("d1", DhcpHost("p1", "aa", "10.0.0.9", "web"))))
    assert site.dc.now() - start < first, "bringing it up to date is quick"
    server = site.dc.dhcp["blue"]["controller-1"]
    assert server.lease("aa").address == "10.0.0.9"
    assert server.lease("aa").gateway == "10.0.0.1"
    assert server.lease("bb") is None
    for _ in range(2):
        site.run(dhcp.reserve("blue", DhcpHost("p2", "bb", "10.0.0.10", "db")))
    assert server.lease("bb").address == "10.0.0.10"
    site.run(dhcp.reserve("blue", DhcpHost("p2", "cc", "10.0.0.11", "db")))
    assert (server.lease("bb"), server.lease("cc").address) == (None, "10.0.0.11")
    for _ in range(2):
        site.run(dhcp.release("blue", "p2"))
    assert server.lease("cc") is None
    with pytest.raises(NetworkError, match="no DHCP server for network red"):
        site.run(dhcp.reserve("red", DhcpHost("p2", "cc", "10.0.0.11", "db")))
    site.run(dhcp.serve(network("d2")))
    assert sorted(site.dc.host("controller-1").bridge.taps) == ["d2"], "the port may change"
    site.run(dhcp.stop("blue"))
    assert site.run(dhcp.serving()) == []
    assert site.dc.host("controller-1").bridge.taps == {}
    assert site.dc.switch("leaf-0").ports["controller-1"].allowed == {}
