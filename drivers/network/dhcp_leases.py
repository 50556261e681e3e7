"""The leases that a dnsmasq has given, and how one is given back in the place of a client that is gone.

dnsmasq keeps an address for whom it was given to until the lease ends, a day by default, whatever its reservations say: the next
port with that address would get none. Source: neutron's DHCP agent, too, gives leases of ports that are gone back
(`_release_unused_leases` of neutron/agent/linux/dhcp.py); the message is RFC 2131's DHCPRELEASE.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from struct import Struct
from typing import NamedTuple

PORT = 67
BOOTREQUEST, ETHERNET, RELEASE = 1, 1, 7
COOKIE = bytes((99, 130, 83, 99))
MESSAGE_TYPE, SERVER, CLIENT, END = 53, 54, 61, b"\xff"
NO_CLIENT_ID = "*"

_head = Struct("!BBBBIHH4s12x16s192x4s")
"""Operation, hardware, its length, hops, transaction, seconds, flags, the client's address, its card, magic cookie."""


class Lease(NamedTuple):
    """One line of dnsmasq's file."""

    mac_address: str
    address: str
    client_id: str


def given(path: Path) -> list[Lease]:
    """The leases of IPv4 in a file of dnsmasq's: end, card, address, name, client's id."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
    return [Lease(row[1], row[2], row[4]) for row in rows if len(row) == 5 and ":" not in row[2]]


def message(lease: Lease, server: str) -> bytes:
    """What the holder of a lease would send to give it back."""
    card = bytes.fromhex(lease.mac_address.replace(":", ""))
    client = b"" if lease.client_id == NO_CLIENT_ID else bytes.fromhex(lease.client_id.replace(":", ""))
    head = _head.pack(BOOTREQUEST, ETHERNET, len(card), 0, 0, 0, 0, IPv4Address(lease.address).packed, card, COOKIE)
    options = bytes((MESSAGE_TYPE, 1, RELEASE, SERVER, 4)) + IPv4Address(server).packed
    return head + options + (bytes((CLIENT, len(client))) + client if client else b"") + END


def give_back(device: str, leases: Iterable[Lease], servers: dict[IPv4Network, str]) -> None:
    """Send these to the server on a device of this namespace; `servers`: its address in each network. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        # Else it would come in by the loopback device, on which dnsmasq does not listen.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        for lease in leases:
            server = next((own for network, own in servers.items() if IPv4Address(lease.address) in network), None)
            if server is not None:
                door.sendto(message(lease, server), (server, PORT))
