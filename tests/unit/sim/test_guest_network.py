"""Guests in networks: they boot, get their address, and reach whom they should, by real frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.services.network.driver import NOBODY, SecurityRule
from sim.network import SimL2

Site = Any
BOOTED = 20


@pytest.mark.parametrize("kind", ["flat", "vlan", "vxlan"])
def test_guests_get_their_address_and_reach_each_other(site: Site, kind: str) -> None:
    net = site.net("blue", kind)
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-1", 12)
    site.guest("c", net, "compute-3", 13)
    site.sleep(BOOTED)

    same_host = site.ping(a, "10.0.0.12")
    assert same_host.ok, same_host.walk
    assert not any(hop.device.startswith(("leaf", "spine")) and "reply" in hop.frame for hop in same_host.hops)
    across = site.ping(a, "10.0.0.13")
    assert across.ok, across.walk
    assert {"leaf-1", "spine-1", "leaf-2"} <= {hop.device for hop in across.hops}
    assert across.rtt_ns > same_host.rtt_ns
    assert ("encapsulate" in [hop.action for hop in across.hops]) == (kind == "vxlan")


def test_a_vlan_left_off_a_trunk_fails_exactly_there(site: Site) -> None:
    net = site.net("blue", "vlan", 142)
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-2", 12)
    c = site.guest("c", net, "compute-3", 13)
    site.sleep(BOOTED)
    site.dc.switch("leaf-2").omit(142)

    assert site.ping(a, "10.0.0.12").ok, "both are in rack 1"
    broken = site.ping(a, "10.0.0.13")
    assert not broken.ok
    assert broken.reason == "VLAN 142 is not trunked on leaf-2:spine-1"
    assert (broken.lost.device, broken.lost.port) == ("leaf-2", "spine-1")
    drops = [hop for hop in broken.hops if hop.action == "drop" and hop.reason == broken.reason]
    assert [(hop.device, hop.port, hop.vlan) for hop in drops] == [("leaf-2", "spine-1", 142)]
    back = site.ping(c, "10.0.0.11")
    assert back.reason == broken.reason, "from the other side it fails at the same place"

    site.dc.switch("leaf-2").omit(142, False)
    assert site.ping(a, "10.0.0.13").ok


def test_without_a_trunk_a_guest_gets_no_address(site: Site) -> None:
    net = site.net("blue", "vlan", 142)
    site.dc.switch("leaf-2").omit(142)
    c = site.guest("c", net, "compute-3", 13)
    site.sleep(BOOTED)
    result = site.ping(c, "10.0.0.2")
    assert result.reason == ("server c has no address on port port-c: VLAN 142 is not trunked on leaf-2:spine-1")
    assert "no lease on" in site.run(site.hypervisor("compute-3").console("id-c"))


def test_vlans_are_on_the_switches_only_while_ports_need_them(site: Site) -> None:
    net = site.net("blue", "vlan", 142)
    leaf, spine = site.dc.switch("leaf-2"), site.dc.switch("spine-1")
    assert 142 not in leaf.ports["spine-1"].allowed
    site.guest("c", net, "compute-3", 13)
    site.guest("d", net, "compute-3", 14)
    assert leaf.ports["compute-3"].allowed == {142: 1}
    assert 142 not in leaf.ports["compute-4"].allowed
    assert 142 in leaf.ports["spine-1"].allowed
    assert 142 in spine.ports["leaf-2"].allowed
    driver = SimL2(site.dc, "compute-3")
    site.run(driver.unwire("port-c"))
    assert 142 in leaf.ports["spine-1"].allowed
    site.run(driver.unwire("port-d"))
    assert leaf.ports["compute-3"].allowed == {}
    assert 142 not in leaf.ports["spine-1"].allowed
    assert 142 not in spine.ports["leaf-2"].allowed


def test_networks_are_apart_and_a_router_joins_them(site: Site) -> None:
    blue, red = site.net("blue", "vlan", 100, "10.0.0"), site.net("red", "vlan", 200, "10.0.1")
    a = site.guest("a", blue, "compute-1", 11)
    site.guest("b", red, "compute-3", 11)
    site.sleep(BOOTED)
    assert site.ping(a, "10.0.1.11").reason == "nobody answered ARP for 10.0.0.1"
    site.dc.gateway(100, "10.0.0.1/24")
    site.dc.gateway(200, "10.0.1.1/24")
    routed = site.ping(a, "10.0.1.11")
    assert routed.ok, routed.walk
    assert [hop.device for hop in routed.hops if hop.action == "route"] == ["border-1", "border-1"]
    site.dc.remove_gateway(200)
    assert site.ping(a, "10.0.1.11").reason == "10.0.0.1 says network unreachable"


def test_security_groups_drop_and_remember(site: Site) -> None:
    net = site.net("blue")
    icmp_out = SecurityRule("egress", "IPv4")
    a = site.guest("a", net, "compute-1", 11, rules=(icmp_out,))
    b = site.guest("b", net, "compute-3", 12, rules=(icmp_out, SecurityRule("ingress", "IPv4", "icmp", remote_prefix="10.0.0.11/32")))
    site.sleep(BOOTED)
    assert site.ping(a, "10.0.0.12").ok, "the answer belongs to a's own question"
    refused = site.ping(b, "10.0.0.11")
    assert refused.reason.startswith("security groups of port port-a: no ingress rule lets ICMP echo request")
    drop = next(hop for hop in refused.hops if hop.action == "drop")
    assert drop.device == "compute-1/br-int"


def test_a_frame_waits_until_the_members_of_a_group_are_known(site: Site) -> None:
    net = site.net("blue")
    out = SecurityRule("egress", "IPv4")
    friends = SecurityRule("ingress", "IPv4", remote_prefix=NOBODY, remote_group="group-1")
    a = site.guest("a", net, "compute-1", 11, rules=(out,))
    site.guest("b", net, "compute-3", 12, rules=(out, friends))
    site.sleep(BOOTED)
    l2, asked = SimL2(site.dc, "compute-3"), []
    assert not site.ping(a, "10.0.0.12").ok, "no agent, nobody to ask"

    def ask(members: tuple[str, ...]) -> Callable[[str], None]:
        def answer(group_id: str) -> None:
            asked.append(group_id)
            site.loop.create_task(l2.set_members(group_id, members))

        return answer

    l2.on_unknown_group(ask(("10.0.0.8/30",)))
    assert site.ping(a, "10.0.0.12").ok, "10.0.0.11 is in 10.0.0.8/30"
    assert site.ping(a, "10.0.0.12").ok
    assert asked == ["group-1"], "asked once, remembered"
    site.run(l2.set_members("group-1", None))
    l2.on_unknown_group(ask(()))
    refused = site.ping(a, "10.0.0.12")
    assert refused.reason.startswith("security groups of port port-b: no ingress rule lets")


def test_tcp_opens_to_the_login_and_not_elsewhere(site: Site) -> None:
    net = site.net("blue")
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-3", 12)
    site.sleep(BOOTED)
    assert site.run(site.dc.connect(a, "10.0.0.12", 22)).ok
    refused = site.run(site.dc.connect(a, "10.0.0.12", 80))
    assert refused.reason == "10.0.0.12 refused the connection: nothing listens on port 80"


def test_reasons_of_silence(site: Site) -> None:
    net = site.net("blue")
    a = site.guest("a", net, "compute-1", 11)
    assert site.ping(a, "10.0.0.12").reason == "server a is still booting"
    site.guest("b", net, "compute-3", 12)
    site.sleep(BOOTED)
    assert site.ping(a, "10.0.0.99").reason == "nobody answered ARP for 10.0.0.99"
    assert site.ping("port-x", "10.0.0.12").reason == "no server runs behind port port-x"
    site.run(site.hypervisor("compute-3").power_off("id-b", 0))
    assert site.ping(a, "10.0.0.12").reason == "nothing runs behind port port-b: its server is off"
    assert site.ping("port-b", "10.0.0.11").reason == "server b is off"
    site.run(site.hypervisor("compute-3").power_on("id-b"))
    site.sleep(BOOTED)
    assert site.ping(a, "10.0.0.12").ok
    site.run(site.hypervisor("compute-3").pause("id-b"))
    assert site.ping(a, "10.0.0.12").reason == "b is paused"
    assert site.ping("port-b", "10.0.0.11").reason == "server b is paused"
    site.run(site.hypervisor("compute-3").unpause("id-b"))
    assert site.ping(a, "10.0.0.12").ok
    site.dc.fabric.links["leaf-2--spine-1"].set(False)
    cut = site.ping(a, "10.0.0.12")
    assert not cut.ok
    assert cut.reason == "link leaf-2--spine-1 is down"


def test_no_tunnel_no_way(site: Site) -> None:
    net = site.net("blue", "vxlan", 77)
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-3", 12)
    site.sleep(BOOTED)
    assert site.ping(a, "10.0.0.12").ok
    site.dc.host("compute-1").bridge.peers = ()
    site.dc.vifs[a].stack.arp.clear()
    assert site.ping(a, "10.0.0.12").reason == "no tunnel leads from compute-1 to compute-3"


@pytest.mark.parametrize("kind", ["flat", "vlan", "vxlan"])
def test_a_lease_by_frames_is_the_lease_computed(site: Site, kind: str) -> None:
    net = site.net("blue", kind, 55)
    site.guest("a", net, "compute-1", 11)
    site.sleep(BOOTED)
    computed = site.dc.vifs["port-a"].lease
    site.dc.dhcp_frames = True
    site.run(site.hypervisor("compute-1").reboot("id-a", hard=True))
    assert site.dc.vifs["port-a"].lease is None
    site.sleep(BOOTED)
    assert site.dc.vifs["port-a"].lease == computed


def test_frames_are_told_to_whoever_keeps_the_journal(site: Site) -> None:
    net = site.net("blue")
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-1", 12)
    site.sleep(BOOTED)
    told: list[Any] = []
    site.dc.on_frame = told.append
    result = site.ping(a, "10.0.0.12")
    assert told == list(result.hops)
    assert [hop.t_ns for hop in told] == sorted(hop.t_ns for hop in told)
