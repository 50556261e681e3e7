"""What a port's security groups let through, with the state of connections.

Source: neutron's security groups: stateful, deny by default, ARP and DHCP of the port itself always pass,
and nobody may use an address that is not his (anti-spoofing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lab.services.network.driver import NOBODY, PortWiring, SecurityRule
from sim.datacenter.frame import (
    ANY_ADDRESS,
    DHCP_CLIENT_PORT,
    DHCP_SERVER_PORT,
    Arp,
    Frame,
    Icmp,
    Ipv4,
    Tcp,
    Udp,
    same_network,
    split_cidr,
)

FLOWS_MAX = 1024
"""Connections remembered for each port; the oldest are forgotten first."""
PROTOCOLS = {"icmp": "icmp", "1": "icmp", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}
ECHO_REQUEST_TYPE = 8


Members: TypeAlias = Mapping[str, tuple[str, ...]]
"""The members of the security groups that are known on a host, as prefixes."""


class UnknownGroup(Exception):
    """Whether a frame may pass hangs on a security group whose members are not known here."""

    def __init__(self, group_id: str) -> None:
        super().__init__(group_id)
        self.group_id = group_id


class Firewall:
    """The filter between one tap and its bridge."""

    __slots__ = ("flows", "members", "wiring")

    def __init__(self, wiring: PortWiring, members: Members) -> None:
        self.wiring = wiring
        self.members = members
        self.flows: dict[tuple[object, ...], None] = {}

    def egress(self, frame: Frame) -> str:
        """Say why a frame of the guest must not leave; the empty string lets it pass. Raises UnknownGroup."""
        wiring, payload = self.wiring, frame.payload
        if not wiring.port_security:
            return ""
        if frame.source != wiring.mac_address:
            return f"anti-spoofing of port {wiring.port_id}: {frame.source} is not its MAC address"
        own = payload.sender_ip if isinstance(payload, Arp) else payload.source
        if own != ANY_ADDRESS and own not in wiring.addresses:
            return f"anti-spoofing of port {wiring.port_id}: {own} is not its address"
        if isinstance(payload, Arp) or _is_dhcp(payload, DHCP_SERVER_PORT):
            return ""
        return self._pass("egress", payload, payload.target)

    def ingress(self, frame: Frame) -> str:
        """Say why a frame must not reach the guest; the empty string lets it pass. Raises UnknownGroup."""
        payload = frame.payload
        if not self.wiring.port_security or isinstance(payload, Arp) or _is_dhcp(payload, DHCP_CLIENT_PORT):
            return ""
        return self._pass("ingress", payload, payload.source)

    def _pass(self, direction: str, packet: Ipv4, remote: str) -> str:
        flow = _flow(direction, packet, remote)
        if flow in self.flows:
            return ""
        unknown = ""
        for rule in self.wiring.rules:
            if rule.direction != direction or rule.ethertype != "IPv4" or not _fits(rule, packet):
                continue
            prefixes = self._prefixes(rule)
            if prefixes is None:
                unknown = unknown or str(rule.remote_group)
            elif any(prefix is None or _holds(prefix, remote) for prefix in prefixes):
                if len(self.flows) >= FLOWS_MAX:
                    del self.flows[next(iter(self.flows))]
                self.flows[flow] = None
                if flow[0] == "icmp":
                    self.flows["icmp", None, *flow[2:]] = None
                return ""
        if unknown:
            raise UnknownGroup(unknown)
        way = "in from" if direction == "ingress" else "out to"
        port_id = self.wiring.port_id
        return f"security groups of port {port_id}: no {direction} rule lets {packet.payload} {way} {remote}"

    def _prefixes(self, rule: SecurityRule) -> tuple[str | None, ...] | None:
        """Return whom a rule lets through; None when that is not known yet."""
        if rule.remote_group is None or rule.remote_prefix != NOBODY:
            return (rule.remote_prefix,)
        return self.members.get(rule.remote_group)


def _is_dhcp(packet: Ipv4, port: int) -> bool:
    return isinstance(packet.payload, Udp) and packet.payload.target == port


def _flow(direction: str, packet: Ipv4, remote: str) -> tuple[object, ...]:
    """Name the connection as the guest sees it, the same for both directions."""
    payload = packet.payload
    if isinstance(payload, Icmp):
        asked_here = (direction == "egress") == (payload.kind == "echo request")
        # An error about an echo comes from another address and belongs to it all the same.
        about = remote if payload.kind.startswith("echo") else None
        return ("icmp", about, payload.ident, asked_here)
    here, there = (payload.target, payload.source) if direction == "ingress" else (payload.source, payload.target)
    return ("tcp" if isinstance(payload, Tcp) else "udp", remote, there, here)


def _holds(prefix: str, remote: str) -> bool:
    address, length = split_cidr(prefix)
    return ":" not in address and same_network(address, remote, length)


def _fits(rule: SecurityRule, packet: Ipv4) -> bool:
    """Say whether the rule is about this kind of packet."""
    payload = packet.payload
    if rule.protocol is None:
        return True
    protocol = "icmp" if isinstance(payload, Icmp) else "tcp" if isinstance(payload, Tcp) else "udp"
    if PROTOCOLS.get(str(rule.protocol).lower()) != protocol:
        return False
    if isinstance(payload, Icmp):
        return rule.port_min is None or (rule.port_min == ECHO_REQUEST_TYPE and payload.kind == "echo request")
    low = rule.port_min if rule.port_min is not None else 0
    high = rule.port_max if rule.port_max is not None else 65_535
    return low <= payload.target <= high
