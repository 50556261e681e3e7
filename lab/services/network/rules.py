"""What a security group rule may say, and when two rules say the same."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from lab.services.network.errors import (
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupMissingIcmpType,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRemoteGroupAndRemoteIpPrefix,
    SecurityGroupRuleExists,
    SecurityGroupRuleInvalidProtocol,
    SecurityGroupRuleParameterConflict,
)
from lab.services.network.model import Json, SecurityGroupRule

PROTOCOLS: Mapping[str, int] = MappingProxyType(
    {
        "ah": 51,
        "dccp": 33,
        "egp": 8,
        "esp": 50,
        "gre": 47,
        "icmp": 1,
        "icmpv6": 58,
        "igmp": 2,
        "ipip": 4,
        "ipv6-encap": 41,
        "ipv6-frag": 44,
        "ipv6-icmp": 58,
        "ipv6-nonxt": 59,
        "ipv6-opts": 60,
        "ipv6-route": 43,
        "ospf": 89,
        "pgm": 113,
        "rsvp": 46,
        "sctp": 132,
        "tcp": 6,
        "udp": 17,
        "udplite": 136,
        "vrrp": 112,
    }
)
"""Names of IP protocols. Source: neutron_lib.constants.IP_PROTOCOL_MAP."""
WITH_PORTS = frozenset({PROTOCOLS[name] for name in ("tcp", "udp", "sctp", "dccp", "udplite")})
ICMP = frozenset({1, 58})
IPV6_ONLY = frozenset({number for name, number in PROTOCOLS.items() if name.startswith("ipv6-")})
"""Protocols that IPv4 does not have. Source: _validate_ethertype_and_protocol of neutron/db/securitygroups_db.py."""
PORT_MAX, ICMP_MAX = 65_535, 255
MEANING = ("direction", "ethertype", "port_range_min", "port_range_max", "remote_group_id")


def number_of(protocol: str | None) -> int | None:
    """Return a protocol's number. Raises SecurityGroupRuleInvalidProtocol for an unknown one."""
    if protocol is None:
        return None
    if protocol.isdecimal() and int(protocol) <= 255:
        return int(protocol)
    found = PROTOCOLS.get(protocol)
    if found is None:
        raise SecurityGroupRuleInvalidProtocol(protocol=protocol, values=sorted(PROTOCOLS))
    return found


def check_rule(values: Json) -> Json:
    """Return the columns of a new rule. Raises neutron's fault for one that means nothing."""
    content = dict(values)
    protocol = number_of(content["protocol"])
    low, high = content["port_range_min"], content["port_range_max"]
    if content["remote_group_id"] is not None and content["remote_ip_prefix"] is not None:
        raise SecurityGroupRemoteGroupAndRemoteIpPrefix
    if protocol is None and (low is not None or high is not None):
        raise SecurityGroupProtocolRequiredWithPorts
    if protocol in IPV6_ONLY and content["ethertype"] == "IPv4":
        raise SecurityGroupEthertypeConflictWithProtocol(ethertype="IPv4", protocol=content["protocol"])
    if protocol in ICMP:
        _check_icmp(low, high)
    elif protocol in WITH_PORTS:
        _check_ports(low, high)
    prefix = content["remote_ip_prefix"]
    if prefix is not None:
        version = ip_network(prefix).version
        if content["ethertype"] != f"IPv{version}":
            raise SecurityGroupRuleParameterConflict(ethertype=content["ethertype"], cidr=prefix)
    if protocol == PROTOCOLS["ipv6-icmp"] and content["ethertype"] == "IPv6":
        content["protocol"] = "ipv6-icmp"
    return content


def _check_ports(low: int | None, high: int | None) -> None:
    if low is None and high is None:
        return
    for port in (low, high):
        if port is None or not 0 <= port <= PORT_MAX:
            raise SecurityGroupInvalidPortValue(port=port)
    if low is not None and high is not None and low > high:
        raise SecurityGroupInvalidPortRange


def _check_icmp(kind: int | None, code: int | None) -> None:
    for attr, field, value in (("port_range_min", "type", kind), ("port_range_max", "code", code)):
        if value is not None and not 0 <= value <= ICMP_MAX:
            raise SecurityGroupInvalidIcmpValue(field=attr, attr=field, value=value)
    if kind is None and code is not None:
        raise SecurityGroupMissingIcmpType(value=code)


def find_same(rules: list[SecurityGroupRule], content: Json) -> None:
    """Refuse a rule that is there already. Raises SecurityGroupRuleExists."""
    wanted = _meaning(content)
    for rule in rules:
        if _meaning(rule.__dict__) == wanted:
            raise SecurityGroupRuleExists(rule_id=rule.id)


def _meaning(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells two rules apart: a protocol by name or number is the same, any address is no prefix."""
    prefix = content["remote_ip_prefix"]
    if prefix in ("0.0.0.0/0", "::/0"):
        prefix = None
    return (*(content[name] for name in MEANING), number_of(content["protocol"]), prefix)
