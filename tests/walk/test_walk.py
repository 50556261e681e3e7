"""The walk of the talk: one switch; separated by VLAN; two switches with a trunk; routed between VLANs."""

from __future__ import annotations

from typing import Any

Bench = Any


def actions(result: Any, device: str) -> list[str]:
    return [hop.action for hop in result.hops if hop.device == device]


def test_servers_on_one_switch_are_in_one_network(bench: Bench) -> None:
    switch = bench.fabric.switch("s1")
    a, b = bench.server("a", "10.0.0.1/24"), bench.server("b", "10.0.0.2/24")
    for host in (a, b):
        bench.plug(host.uplink, switch.port(host.name))

    result = bench.ping(a, b)

    assert result.ok
    assert result.rtt_ns is not None
    # The question floods the switch; the answer, and all that follows, goes straight to where it belongs.
    assert actions(result, "s1") == ["flood", "forward", "forward", "forward"]
    assert switch.macs[1][a.mac][0].name == "a"
    assert next(str(hop.frame) for hop in result.hops) == "ARP who has 10.0.0.2, tell 10.0.0.1"

    again = bench.ping(a, b)
    assert again.ok
    assert not any("ARP" in hop.frame for hop in again.hops), "what was learned is used"


def test_vlans_separate_servers_on_one_switch(bench: Bench) -> None:
    switch = bench.fabric.switch("s1")
    a, b, c = (bench.server(name, f"10.0.0.{n}/24") for n, name in enumerate("abc", 1))
    for host, vlan in ((a, 100), (b, 200), (c, 100)):
        bench.plug(host.uplink, switch.access(host.name, vlan))

    apart = bench.ping(a, b)
    assert not apart.ok
    assert apart.rtt_ns is None
    assert apart.reason == "nobody answered ARP for 10.0.0.2"
    assert not any(hop.device == "b" for hop in apart.hops), "no frame reached the other VLAN"
    assert [hop.vlan for hop in apart.hops if hop.device == "s1"] == [100]

    assert bench.ping(a, c).ok, "the same VLAN on the same switch"


def test_a_trunk_joins_the_vlans_of_two_switches(bench: Bench) -> None:
    s1, s2 = bench.fabric.switch("s1"), bench.fabric.switch("s2")
    bench.plug(s1.trunk("to-s2", 100), s2.trunk("to-s1", 100))
    a, b = bench.server("a", "10.0.0.1/24"), bench.server("b", "10.0.0.2/24")
    c, d = bench.server("c", "10.0.0.3/24"), bench.server("d", "10.0.0.4/24")
    for host, switch, vlan in ((a, s1, 100), (b, s2, 100), (c, s1, 200), (d, s2, 200)):
        bench.plug(host.uplink, switch.access(host.name, vlan))

    joined = bench.ping(a, b)
    assert joined.ok
    tagged = [hop for hop in joined.hops if hop.device == "s2" and hop.port == "to-s1"]
    assert tagged
    assert all(hop.frame.startswith("802.1Q 100 ") for hop in tagged), "between switches the frame carries its VLAN"

    assert not bench.ping(c, d).ok, "VLAN 200 is not on the trunk"
    s1.trunk("to-s2", 100, 200)
    half = bench.ping(c, d)
    assert not half.ok
    assert "VLAN 200 is not allowed on trunk s2:to-s1 (allowed: 100)" in half.walk
    s2.trunk("to-s1", 100, 200)
    assert bench.ping(c, d).ok


def test_a_router_joins_two_vlans(bench: Bench) -> None:
    from sim.datacenter.router import Router

    switch = bench.fabric.switch("s1")
    a = bench.server("a", "10.0.1.1/24", "10.0.1.254")
    b = bench.server("b", "10.0.2.1/24", "10.0.2.254")
    for host, vlan in ((a, 100), (b, 200)):
        bench.plug(host.uplink, switch.access(host.name, vlan))
    assert bench.ping(a, b).reason == "nobody answered ARP for 10.0.1.254"

    router = Router(bench.fabric, "r1")
    bench.fabric.add(router)
    bench.plug(router.nic("eth0"), switch.trunk("r1", 100, 200))
    router.interface("eth0", 100, "10.0.1.254/24")
    assert bench.ping(a, b).reason == "10.0.1.254 says network unreachable", "the router has no way to VLAN 200 yet"
    router.interface("eth0", 200, "10.0.2.254/24")

    result = bench.ping(a, b)
    assert result.ok
    routed = [hop for hop in result.hops if hop.action == "route"]
    assert [hop.port for hop in routed] == ["eth0.200", "eth0.100"]
    assert {hop.vlan for hop in result.hops if hop.device == "s1"} == {100, 200}
    assert bench.ping(a, b, ttl=1).reason == "10.0.1.254 says time exceeded"
