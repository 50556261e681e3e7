"""The OpenFlow program of the integration bridge: who may send what, and where it is delivered.

    table 0    from which port? its network's number goes to reg6
    table 10   a guest's own addresses: what is not sent from them is dropped, and nobody plays DHCP server or router
    table 11   what a guest may send: its egress rules
    table 60   where to: reg5 is the port it goes to, or the uplink of the network
    table 80   what any guest takes: ARP, neighbour discovery, DHCP answers; all else goes on to
    table 81   what a guest may get: its ingress rules

Nothing passes by learning or flooding of the switch, so a frame to all is judged for each of its receivers. A network has a
number of its own on each bridge, which is also its zone of connection tracking: two networks may have the same addresses.
Answers pass because of their connection; what its opener sends is judged each time, so a rule that goes takes effect at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from lab.errors import NetworkError
from lab.services.network.driver import NOBODY, PortWiring, SecurityRule

CLASSIFY, OWN, EGRESS, DELIVER, COMMON, INGRESS = 0, 10, 11, 60, 80, 81
ZONE = "zone=NXM_NX_REG6[0..15]"
TRACKED = f"ct(table={{}},{ZONE})"
COMMIT = f"ct(commit,{ZONE})"
TO_PORT = "output:NXM_NX_REG5[]"
MULTICAST = "01:00:00:00:00:00/01:00:00:00:00:00"
BASE_COOKIE = 1
ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 134, 135, 136
MULTICAST_LISTENER = (130, 131, 132, 143)
ASKING = (131, 132, 133, NEIGHBOUR_SOLICITATION, 143)
"""What a guest sends before it has an address: reports of what it listens to, and questions. Types of ICMPv6. Source: IANA's registry."""

PROTOCOLS = {
    "IPv4": {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "sctp": "sctp"},
    "IPv6": {"tcp": "tcp6", "udp": "udp6", "icmp": "icmp6", "ipv6-icmp": "icmp6", "icmpv6": "icmp6", "sctp": "sctp6"},
}
NUMBERS = {"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "igmp": 2, "ipip": 4, "ospf": 89, "pgm": 113, "rsvp": 46,
           "udplite": 136, "vrrp": 112, "ipv6-route": 43, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-encap": 41}
"""Protocols by neutron's names. Source: neutron_lib.constants and IANA's registry."""


@dataclass(frozen=True, slots=True)
class Member:
    """A port of a network as delivery sees it: its number on the bridge, and whether the firewall stands before it."""

    ofport: int
    mac: str
    secured: bool


def cookie(identity: str) -> str:
    """The mark on the flows of a port or network: the first 64 bits of its id."""
    return f"0x{identity.replace('-', '')[:16]}"


def port_masks(low: int, high: int) -> list[str]:
    """A range of port numbers as OpenFlow matches it: values with masks."""
    found = []
    while low <= high:
        size = low & -low or 0x10000
        while low + size - 1 > high:
            size >>= 1
        found.append(f"0x{low:x}/0x{0x10000 - size:x}" if size > 1 else str(low))
        low += size
    return found


def matches(rule: SecurityRule) -> list[str]:
    """What a rule lets through, as matches of OpenFlow. Raises NetworkError for a protocol that is not known."""
    if rule.remote_prefix == NOBODY:
        return []
    six = rule.ethertype == "IPv6"
    parts = [_protocol(rule)]
    if rule.remote_prefix is not None:
        parts.append(f"{'ipv6' if six else 'nw'}_{'src' if rule.direction == 'ingress' else 'dst'}={rule.remote_prefix}")
    if rule.port_min is None:
        return [",".join(parts)]
    if "icmp" in parts[0]:
        head = "icmpv6" if six else "icmp"
        parts.append(f"{head}_type={rule.port_min}")
        if rule.port_max is not None:
            parts.append(f"{head}_code={rule.port_max}")
        return [",".join(parts)]
    high = rule.port_min if rule.port_max is None else rule.port_max
    return [",".join([*parts, f"tp_dst={mask}"]) for mask in port_masks(rule.port_min, high)]


def _protocol(rule: SecurityRule) -> str:
    family = "ipv6" if rule.ethertype == "IPv6" else "ip"
    if rule.protocol is None or rule.protocol == "any":
        return family
    name = PROTOCOLS[rule.ethertype].get(rule.protocol)
    if name is not None:
        return name
    number = NUMBERS.get(rule.protocol, rule.protocol)
    by_number = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
    if str(number).isdigit() and int(number) < 256:
        name = PROTOCOLS[rule.ethertype].get(by_number.get(int(number), ""))
        return name or f"{family},nw_proto={number}"
    raise NetworkError(f"protocol {rule.protocol} of a security group rule is not known; give its number")


def _add(mark: str, table: int, priority: int, match: str, actions: str) -> str:
    return f"add cookie={mark},table={table},priority={priority},{match + ',' if match else ''}actions={actions}"


def forget(mark: str) -> str:
    """Remove all flows with a mark."""
    return f"delete cookie={mark}/-1"


def base() -> list[str]:
    """What holds for all ports."""
    mark, lines = f"{BASE_COOKIE:#x}", [forget(f"{BASE_COOKIE:#x}")]
    for table, onward in ((EGRESS, f"resubmit(,{DELIVER})"), (INGRESS, TO_PORT)):
        lines += [
            _add(mark, table, 100, "ct_state=+trk+inv", "drop"),
            _add(mark, table, 90, "ct_state=+trk+est+rpl-inv", onward),
            _add(mark, table, 90, "ct_state=+trk+rel-inv", onward),
        ]
    lines += [_add(mark, COMMON, 90, "arp", TO_PORT), _add(mark, COMMON, 90, "udp,tp_src=67,tp_dst=68", TO_PORT)]
    for kind in (*MULTICAST_LISTENER, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
        lines.append(_add(mark, COMMON, 90, f"icmp6,icmp_type={kind}", TO_PORT))
    for family in ("ip", "ipv6"):
        lines.append(_add(mark, COMMON, 80, f"{family},ct_state=-trk", TRACKED.format(INGRESS)))
        lines.append(_add(mark, COMMON, 80, f"{family},ct_state=+trk", f"resubmit(,{INGRESS})"))
    return lines


def port(wiring: PortWiring, ofport: int, number: int) -> list[str]:
    """The flows of one port in place of those that it had; a port that is down has none."""
    mark = cookie(wiring.port_id)
    lines = [forget(mark)]
    if not wiring.admin_state_up:
        return lines
    onward = OWN if wiring.port_security else DELIVER
    lines.append(_add(mark, CLASSIFY, 100, f"in_port={ofport}", f"load:{number}->NXM_NX_REG6[],resubmit(,{onward})"))
    if not wiring.port_security:
        return lines
    lines += _own(mark, wiring, ofport)
    # A set: two rules may let the same through.
    out = dict.fromkeys(m for rule in wiring.rules if rule.direction == "egress" for m in matches(rule))
    into = dict.fromkeys(m for rule in wiring.rules if rule.direction == "ingress" for m in matches(rule))
    lines += [_add(mark, EGRESS, 50, f"in_port={ofport},{m}", f"{COMMIT},resubmit(,{DELIVER})") for m in out]
    lines += [_add(mark, INGRESS, 50, f"reg5={ofport},{m}", f"{COMMIT},{TO_PORT}") for m in into]
    return lines


def _own(mark: str, wiring: PortWiring, ofport: int) -> Iterable[str]:
    """What a guest sends from its own addresses; nothing else passes the table."""
    mac, who = wiring.mac_address, f"in_port={ofport},dl_src={wiring.mac_address}"
    onward, judged = f"resubmit(,{DELIVER})", TRACKED.format(EGRESS)
    yield _add(mark, OWN, 100, f"in_port={ofport},udp,tp_src=67", "drop")
    yield _add(mark, OWN, 100, f"in_port={ofport},icmp6,icmp_type={ROUTER_ADVERTISEMENT}", "drop")
    yield _add(mark, OWN, 90, f"{who},udp,nw_src=0.0.0.0,tp_src=68,tp_dst=67", onward)
    yield _add(mark, OWN, 90, f"{who},arp,arp_spa=0.0.0.0,arp_sha={mac}", onward)
    for address in wiring.addresses:
        if ip_address(address).version == 4:
            yield _add(mark, OWN, 90, f"{who},udp,nw_src={address},tp_src=68,tp_dst=67", onward)
            yield _add(mark, OWN, 90, f"{who},arp,arp_spa={address},arp_sha={mac}", onward)
            yield _add(mark, OWN, 80, f"{who},ip,nw_src={address}", judged)
    six = [a for a in wiring.addresses if ip_address(a).version == 6]
    for address in (*six, link_local(mac)):
        yield _add(mark, OWN, 90, f"{who},icmp6,icmp_type={NEIGHBOUR_ADVERTISEMENT},nd_target={address}", onward)
        yield _add(mark, OWN, 85, f"{who},icmp6,icmp_type={NEIGHBOUR_ADVERTISEMENT}", "drop")
        for kind in ASKING:
            yield _add(mark, OWN, 90, f"{who},icmp6,ipv6_src={address},icmp_type={kind}", onward)
        yield _add(mark, OWN, 80, f"{who},ipv6,ipv6_src={address}", judged)
    for kind in ASKING:
        yield _add(mark, OWN, 90, f"{who},icmp6,ipv6_src=::,icmp_type={kind}", onward)


def link_local(mac: str) -> str:
    """The IPv6 address that a card gives itself. Source: RFC 4291, appendix A."""
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 2
    low = bytes([*parts[:3], 0xFF, 0xFE, *parts[3:]])
    return str(IPv6Address((0xFE80 << 112) | int.from_bytes(low, "big")))


def network(network_id: str, number: int, members: Sequence[Member], uplink: int | None) -> list[str]:
    """The delivery of one network in place of the one that it had; without members and uplink there is none."""
    mark = cookie(network_id)
    lines, reg = [forget(mark)], f"reg6={number}"
    open_ports = [f"output:{m.ofport}" for m in members if not m.secured]
    judged = [f"load:{m.ofport}->NXM_NX_REG5[],resubmit(,{COMMON})" for m in members if m.secured]
    out = [] if uplink is None else [f"output:{uplink}"]
    if uplink is not None:
        start = f"load:{number}->NXM_NX_REG6[],resubmit(,{DELIVER})"
        lines.append(_add(mark, CLASSIFY, 100, f"in_port={uplink}", start))
        # What comes for somebody who is not known here goes to those who may have guests of their own, and not back.
        lines.append(_add(mark, DELIVER, 10, f"{reg},in_port={uplink}", ",".join(open_ports) or "drop"))
    if members:
        lines.append(_add(mark, DELIVER, 100, f"{reg},dl_dst={MULTICAST}", ",".join([*open_ports, *out, *judged])))
    lines.append(_add(mark, DELIVER, 5, reg, ",".join([*open_ports, *out]) or "drop"))
    for member in members:
        onward = f"load:{member.ofport}->NXM_NX_REG5[],resubmit(,{COMMON})" if member.secured else f"output:{member.ofport}"
        lines.append(_add(mark, DELIVER, 90, f"{reg},dl_dst={member.mac}", onward))
    return lines
