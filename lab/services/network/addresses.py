"""Arithmetic of addresses: text to number and back, default pools and gateways, MACs."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise
from random import Random

from lab.services.network.errors import (
    GatewayConflictWithAllocationPools,
    HTTPBadRequest,
    InvalidAllocationPool,
    InvalidInput,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)

IPNetwork = IPv4Network | IPv6Network
Pool = tuple[int, int]

BASE_MAC = "fa:16:3e"
"""The first three bytes of every MAC. Source: neutron's base_mac default."""
POOL_SIZE_MAX = 2**62
"""Longer IPv6 pools are given out only up to here: a number must fit a database column."""


def number(address: str) -> int:
    """Return an address as a number."""
    if ":" in address:
        return int(ip_address(address))
    a, b, c, d = address.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def text(value: int, version: int) -> str:
    """Return a number as an address."""
    if version == 4:
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    return str(ip_address(value.to_bytes(16, "big")))


def new_mac(stream: Random) -> str:
    """Draw a MAC with OpenStack's prefix."""
    tail = f"{stream.getrandbits(24):06x}"
    return f"{BASE_MAC}:{tail[:2]}:{tail[2:4]}:{tail[4:]}"


def eui64(cidr: str, mac: str) -> str:
    """Return the address that a guest gives itself from a router's prefix (SLAAC)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    suffix = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    return text(int(ip_network(cidr).network_address) + int.from_bytes(suffix, "big"), 6)


def parse_cidr(cidr: str, version: int) -> IPNetwork:
    """Read a CIDR as the subnet it names. Raises HTTPBadRequest."""
    try:
        network = ip_network(cidr, strict=False)
    except ValueError:
        raise HTTPBadRequest(f"Invalid input for cidr. Reason: '{cidr}' is not a valid IP subnet.") from None
    if network.version != version:
        raise InvalidInput(error_message=f"Subnet CIDR {cidr} does not match the ip_version '{version}'")
    return network


def usable(network: IPNetwork) -> Pool:
    """Return the first and last address that a port may have."""
    low, high = int(network.network_address), int(network.broadcast_address)
    if network.version == 4:
        return (low, high) if network.prefixlen >= 31 else (low + 1, high - 1)
    return (low, high) if network.prefixlen >= 127 else (low + 1, high)


def default_gateway(network: IPNetwork) -> str | None:
    """Return the first address of the subnet, as neutron does; a single address has no gateway."""
    low, high = usable(network)
    return None if low == high and network.prefixlen == network.max_prefixlen else text(low, network.version)


def default_pools(network: IPNetwork, gateway: str | None) -> list[Pool]:
    """Return all usable addresses but the gateway's, as one or two pools."""
    low, high = usable(network)
    at = number(gateway) if gateway else None
    if at is None or not low <= at <= high:
        return [(low, high)]
    return [pool for pool in ((low, at - 1), (at + 1, high)) if pool[0] <= pool[1]]


def check_pools(network: IPNetwork, pools: Iterable[dict[str, str]], gateway: str | None) -> list[Pool]:
    """Return asked pools as numbers, in order. Raises neutron's faults for bad ones."""
    low, high = usable(network)
    found: list[tuple[Pool, str]] = []
    for pool in pools:
        label = f"{pool.get('start')}-{pool.get('end')}"
        try:
            start, end = ip_address(pool["start"]), ip_address(pool["end"])
        except (KeyError, ValueError):
            raise InvalidAllocationPool(pool=label) from None
        if start.version != network.version or end.version != network.version or int(end) < int(start):
            raise InvalidAllocationPool(pool=label)
        if int(start) < low or int(end) > high:
            raise OutOfBoundsAllocationPool(pool=label, subnet_cidr=str(network))
        found.append(((int(start), int(end)), label))
    found.sort()
    for (one, one_label), (two, two_label) in pairwise(found):
        if two[0] <= one[1]:
            raise OverlappingAllocationPools(pool_1=one_label, pool_2=two_label, subnet_cidr=str(network))
    for (start_at, end_at), label in found:
        if gateway and start_at <= number(gateway) <= end_at:
            raise GatewayConflictWithAllocationPools(ip_address=gateway, pool=label)
    return [pool for pool, _ in found]
