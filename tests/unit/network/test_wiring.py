"""How an agent reads the wiring of a port that travelled with a message."""

from __future__ import annotations

from typing import Any

from lab.services.network.wiring import wiring_of

BODY: dict[str, Any] = {
    "mac_address": "fa:16:3e:00:00:01", "addresses": ["10.0.0.3"], "network_id": "net", "network_type": "vlan", "segmentation_id": 100,
    "physical_network": "physnet1", "mtu": 1500, "port_security": True, "admin_state_up": True, "device_owner": "compute:nova",
    "rules": [["ingress", "IPv4", None, None, None, None, "group"], ["ingress", "IPv6", None, None, None, None, "group"]],
}  # fmt: skip


def test_members_of_a_group_stand_only_in_rules_of_their_own_kind_of_address() -> None:
    wiring = wiring_of("port-1", BODY, {"group": ["10.0.0.3/32", "fd00::3/128"]})
    assert [(rule.ethertype, rule.remote_prefix) for rule in wiring.rules] == [("IPv4", "10.0.0.3/32"), ("IPv6", "fd00::3/128")]


def test_a_rule_about_a_group_without_members_lets_nobody_through() -> None:
    assert wiring_of("port-1", BODY, {}).rules == ()
