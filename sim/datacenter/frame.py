"""Frames as they travel: Ethernet with an 802.1Q tag, ARP, IPv4 with ICMP, UDP (DHCP, VXLAN) and TCP's handshake.

Vocabulary: `frame.vlan` is the 802.1Q tag, None when untagged; `frame.trace` records the way of one
question through the network and is no part of the frame itself.
Source of sizes: IEEE 802.3 (64 bytes at least), RFC 791, RFC 792, RFC 768, RFC 2131, RFC 7348.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, TypeAlias

from lab.values import value

if TYPE_CHECKING:
    from sim.datacenter.trace import Trace

BROADCAST = "ff:ff:ff:ff:ff:ff"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the address of one who has none yet, not a bind
EVERYONE = "255.255.255.255"
FRAME_MIN_BYTES = 64
TTL = 64
VXLAN_PORT = 4789
DHCP_SERVER_PORT = 67
DHCP_CLIENT_PORT = 68


@value
class Arp:
    """Who has an address, and who says so."""

    op: str
    sender_mac: str
    sender_ip: str
    target_mac: str
    target_ip: str

    def __str__(self) -> str:
        if self.op == "request":
            return f"ARP who has {self.target_ip}, tell {self.sender_ip}"
        return f"ARP {self.sender_ip} is at {self.sender_mac}"


@value
class Icmp:
    """An echo request or reply, or an error about a packet."""

    kind: str
    ident: int
    seq: int

    def __str__(self) -> str:
        return f"ICMP {self.kind} seq {self.seq}"


@value
class Dhcp:
    """A DHCP message: discover, offer, request, ack or nak."""

    op: str
    xid: int
    client_mac: str
    address: str = ANY_ADDRESS
    prefix: int = 0
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    server: str = ANY_ADDRESS
    lease_s: int = 0

    def __str__(self) -> str:
        return f"DHCP {self.op} {self.client_mac}" + (f" {self.address}" if self.address != ANY_ADDRESS else "")


@value
class Vxlan:
    """A whole frame in a tunnel; `vni` is the segment it belongs to."""

    vni: int
    inner: Frame

    def __str__(self) -> str:
        return f"VXLAN {self.vni} [{self.inner}]"


@value
class Udp:
    """A datagram."""

    source: int
    target: int
    payload: Dhcp | Vxlan

    def __str__(self) -> str:
        return str(self.payload)


@value
class Tcp:
    """One segment of a connection's opening; `flags` is SYN, SYN-ACK, ACK or RST."""

    source: int
    target: int
    flags: str

    def __str__(self) -> str:
        return f"TCP {self.flags} {self.source} > {self.target}"


@value
class Ipv4:
    """A packet."""

    source: str
    target: str
    payload: Icmp | Udp | Tcp
    ttl: int = TTL

    def __str__(self) -> str:
        return f"{self.source} > {self.target} {self.payload}"


Payload: TypeAlias = Arp | Ipv4


@value
class Frame:
    """One Ethernet frame on one link."""

    source: str
    target: str
    payload: Payload
    vlan: int | None = None
    trace: Trace | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        tag = f"802.1Q {self.vlan} " if self.vlan is not None else ""
        return f"{tag}{self.payload}"

    @property
    def size(self) -> int:
        """Bytes on the wire, headers included."""
        return max(FRAME_MIN_BYTES, (18 if self.vlan is not None else 14) + _payload_bytes(self.payload))

    def tagged(self, vlan: int | None) -> Frame:
        """Return the same frame with this tag, or with none."""
        return self if self.vlan == vlan else replace(self, vlan=vlan)

    def untraced(self) -> Frame:
        """Return the same frame, of which nothing is recorded any more."""
        return self if self.trace is None else replace(self, trace=None)


def _payload_bytes(payload: Payload) -> int:
    if isinstance(payload, Arp):
        return 28
    inner = payload.payload
    if isinstance(inner, Icmp):
        return 84  # ping's default: 56 bytes of data
    if isinstance(inner, Tcp):
        return 40
    return 28 + (300 if isinstance(inner.payload, Dhcp) else 8 + inner.payload.inner.size)


def network_of(address: str, prefix: int) -> int:
    """Return the number of the network that the IPv4 address is in."""
    return _number(address) >> (32 - prefix) if prefix else 0


def same_network(one: str, other: str, prefix: int) -> bool:
    """Say whether two IPv4 addresses share the network of this prefix length."""
    return network_of(one, prefix) == network_of(other, prefix)


def _number(address: str) -> int:
    a, b, c, d = address.split(".")
    return (int(a) << 24) | (int(b) << 16) | (int(c) << 8) | int(d)


def split_cidr(cidr: str) -> tuple[str, int]:
    """Return address and prefix length of '10.0.0.1/24'; a bare address is a /32."""
    address, _, prefix = cidr.partition("/")
    return address, int(prefix) if prefix else 32
