"""The OpenFlow program of Open vSwitch: what a rule becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.network import firewall
from lab.errors import NetworkError
from lab.services.network.driver import NOBODY, PortWiring, SecurityRule

PORT = "6f1c0000-0000-4000-8000-000000000001"


def wiring(**changes: object) -> PortWiring:
    values = {
        "port_id": PORT, "tap": "tap6f1c0000-00", "mac_address": "fa:16:3e:00:00:01", "addresses": ("10.0.0.3",), "network_id": "n" * 8,
        "network_type": "vlan", "segmentation_id": 10, "physical_network": "physnet1",
    }
    return PortWiring(**(values | changes))  # type: ignore[arg-type]


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535))
def test_masks_match_exactly_the_range(one: int, other: int, number: int) -> None:
    low, high = sorted((one, other))
    hits = 0
    for mask in firewall.port_masks(low, high):
        value, _, bits = mask.partition("/")
        hits += number & int(bits or "0xffff", 16) == int(value, 0)
    assert hits == (low <= number <= high)


@pytest.mark.parametrize(("rule", "expected"), [
    (SecurityRule("ingress", "IPv4"), ["ip"]),
    (SecurityRule("ingress", "IPv4", "tcp", 22, 22, "10.0.0.0/24"), ["tcp,nw_src=10.0.0.0/24,tp_dst=22"]),
    (SecurityRule("egress", "IPv4", "udp", 0, 65535, "10.0.0.0/24"), ["udp,nw_dst=10.0.0.0/24,tp_dst=0x0/0x0"]),
    (SecurityRule("ingress", "IPv4", "icmp", 8, 0), ["icmp,icmp_type=8,icmp_code=0"]),
    (SecurityRule("ingress", "IPv6", "ipv6-icmp", 128), ["icmp6,icmpv6_type=128"]),
    (SecurityRule("ingress", "IPv6", "58"), ["icmp6"]),
    (SecurityRule("ingress", "IPv4", "6", 80, 81), ["tcp,tp_dst=0x50/0xfffe"]),
    (SecurityRule("ingress", "IPv4", "vrrp"), ["ip,nw_proto=112"]),
    (SecurityRule("egress", "IPv6", None, None, None, "2001:db8::/32"), ["ipv6,ipv6_dst=2001:db8::/32"]),
    (SecurityRule("ingress", "IPv4", "tcp", 22, 22, NOBODY, "group"), []),
])
def test_what_a_rule_matches(rule: SecurityRule, expected: list[str]) -> None:
    assert firewall.matches(rule) == expected


def test_a_protocol_that_nobody_knows_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"protocol nonsense .* give its number"):
        firewall.matches(SecurityRule("ingress", "IPv4", "nonsense"))


def test_a_port_that_is_down_has_no_flows() -> None:
    assert firewall.port(wiring(admin_state_up=False), 7, 1) == [f"delete cookie={firewall.cookie(PORT)}/-1"]


def test_a_port_without_port_security_is_not_judged() -> None:
    lines = firewall.port(wiring(port_security=False), 7, 1)
    assert len(lines) == 2
    assert lines[1].endswith("in_port=7,actions=load:1->NXM_NX_REG6[],resubmit(,60)")


def test_the_address_that_a_card_gives_itself() -> None:
    assert firewall.link_local("fa:16:3e:00:00:01") == "fe80::f816:3eff:fe00:1"
