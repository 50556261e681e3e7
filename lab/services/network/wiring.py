"""How a port's host is told to wire it: the body that travels in messages, written by the server and read by the L2 agent."""

from __future__ import annotations

from typing import Any

from lab.services.network.driver import NOBODY, PortWiring, SecurityRule
from lab.services.network.model import Json, Network, Port

WireRule = list[Any]
"""[direction, ethertype, protocol, port_min, port_max, remote_prefix, remote_group]."""


def wiring_body(port: Port, network: Network, rules: list[WireRule]) -> Json:
    """Return all that a host needs to wire a port; `wiring_of` reads it."""
    return {
        "mac_address": port.mac_address,
        "addresses": [fixed["ip_address"] for fixed in port.fixed_ips],
        "network_id": network.id,
        "network_type": network.network_type,
        "segmentation_id": network.segmentation_id,
        "physical_network": network.physical_network,
        "mtu": network.mtu,
        "rules": rules,
        "port_security": port.port_security_enabled,
        "admin_state_up": port.admin_state_up and network.admin_state_up,
        "groups": port.security_groups,
        "device_owner": port.device_owner,
    }


def wiring_of(port_id: str, body: Json, members: dict[str, list[str]] | None = None) -> PortWiring:
    """Read the wiring that travelled with a message; `members` spells out groups for switches that cannot ask.

    A group that is not in it lets nobody through.
    """
    rules: list[SecurityRule] = []
    for direction, ethertype, protocol, low, high, prefix, group in body["rules"]:
        if group is None or members is None:
            prefixes = [prefix if group is None else NOBODY]
        else:
            # A group's members have addresses of both families; a rule is about one of them.
            prefixes = [p for p in members.get(group, []) if (":" in p) == (ethertype == "IPv6")]
        rules += [SecurityRule(direction, ethertype, protocol, low, high, p, group) for p in prefixes]
    return PortWiring(
        port_id=port_id,
        tap=f"tap{port_id[:11]}",
        mac_address=body["mac_address"],
        addresses=tuple(body["addresses"]),
        network_id=body["network_id"],
        network_type=body["network_type"],
        segmentation_id=body["segmentation_id"],
        physical_network=body["physical_network"],
        mtu=body["mtu"],
        rules=tuple(rules),
        # What the cloud itself plugs in is trusted. Source: neutron's is_port_trusted.
        port_security=body["port_security"] and not body["device_owner"].startswith("network:"),
        admin_state_up=body["admin_state_up"],
    )
