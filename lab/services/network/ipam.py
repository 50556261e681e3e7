"""Addresses of ports: picked, taken by name, given back; unique in their subnet by the record's key.

All functions run inside a transaction.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from lab.services.network.addresses import POOL_SIZE_MAX, Pool, eui64, number, text, usable
from lab.services.network.errors import (
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
)
from lab.services.network.model import (
    GATEWAY_OWNER,
    ROUTER_OWNER,
    AddressPool,
    IPAllocation,
    Json,
    Port,
    Subnet,
)
from lab.store import StoreConflict

AUTO_MODES = ("slaac", "dhcpv6-stateless")
"""IPv6 modes in which a guest makes its address from its MAC. Source: neutron_lib's IPV6 constants."""


def add_pools(tx: Any, subnet: Subnet, pools: list[Pool]) -> None:
    """Make the records of a new subnet's allocation pools."""
    for index, (low, high) in enumerate(pools):
        size = min(high - low + 1, POOL_SIZE_MAX)
        tx.insert(
            AddressPool.make(
                subnet_id=subnet.id,
                number=index,
                ip_version=subnet.ip_version,
                start=text(low, subnet.ip_version),
                size=size,
                free=size,
            )
        )


def replace_pools(tx: Any, subnet: Subnet, pools: list[Pool]) -> None:
    """Give a subnet other pools; addresses in use stay with their ports."""
    drop_pools(tx, subnet.id)
    add_pools(tx, subnet, pools)
    taken = [0] * len(pools)
    for allocation in tx.find(IPAllocation, subnet_id=subnet.id):
        value = number(allocation.ip_address)
        home = next((i for i, (low, high) in enumerate(pools) if low <= value <= high), None)
        tx.update(allocation, pool=home)
        if home is not None:
            taken[home] += 1
    for pool in tx.find(AddressPool, subnet_id=subnet.id):
        if taken[pool.number]:
            tx.update(pool, free=pool.free - taken[pool.number])


def drop_pools(tx: Any, subnet_id: str) -> None:
    """Forget a subnet's pools."""
    for pool in tx.find(AddressPool, subnet_id=subnet_id):
        tx.delete(pool)


def allocate(tx: Any, port: Port, requested: list[Json] | None) -> list[Json]:
    """Take the addresses of a port: those requested, or one of each IP version that its network has.

    Raises:
        IpAddressGenerationFailure: no pool of the network has an address left.
        IpAddressAlreadyAllocated: a requested address has another port.
        InvalidIpForNetwork, InvalidIpForSubnet, InvalidInput: there can be no such address.
    """
    subnets = tx.find(Subnet, network_id=port.network_id)
    if requested is None:
        return _any(tx, port, subnets)
    found: list[Json] = []
    for item in requested:
        subnet = _subnet_of(port, subnets, item)
        address = item.get("ip_address")
        if address is None:
            found.append(_one_of(tx, port, [subnet]))
        else:
            _check_address(subnet, address, port.device_owner)
            _take(tx, port, subnet, address)
            found.append({"subnet_id": subnet.id, "ip_address": address})
    return found


def release(tx: Any, fixed_ips: list[Json]) -> None:
    """Give addresses back; one that is free already is no error."""
    for fixed in fixed_ips:
        allocation = tx.get(IPAllocation, (fixed["subnet_id"], fixed["ip_address"]))
        if allocation is None:
            continue
        tx.delete(allocation)
        if allocation.pool is not None:
            pool = tx.get(AddressPool, (allocation.subnet_id, allocation.pool))
            if pool is not None:
                tx.update(pool, free=pool.free + 1)


def change(tx: Any, port: Port, requested: list[Json]) -> list[Json]:
    """Replace a port's addresses; those that are asked for again are kept."""
    kept, new, old = [], [], list(port.fixed_ips)
    for item in requested:
        match = next((have for have in old if item.items() <= have.items()), None)
        if match is None:
            new.append(item)
        else:
            old.remove(match)
            kept.append(match)
    release(tx, old)
    return kept + allocate(tx, port, new)


def _any(tx: Any, port: Port, subnets: list[Subnet]) -> list[Json]:
    """One address of each version, and one of each subnet where guests configure themselves."""
    here = [s for s in subnets if not s.service_types or port.device_owner in s.service_types]
    found: list[Json] = []
    for version in (4, 6):
        managed = [s for s in here if s.ip_version == version and s.ipv6_address_mode not in AUTO_MODES]
        if managed:
            found.append(_one_of(tx, port, managed))
    found += [_one_of(tx, port, [s]) for s in here if s.ipv6_address_mode in AUTO_MODES]
    return found


def _one_of(tx: Any, port: Port, subnets: list[Subnet]) -> Json:
    """Take a free address of the first of these subnets that has one."""
    for subnet in subnets:
        if subnet.ipv6_address_mode in AUTO_MODES:
            address = eui64(subnet.cidr, port.mac_address)
            _take(tx, port, subnet, address)
            return {"subnet_id": subnet.id, "ip_address": address}
        for pool in tx.find(AddressPool, subnet_id=subnet.id):
            if pool.free > 0:
                return {"subnet_id": subnet.id, "ip_address": _pick(tx, port, pool)}
    raise IpAddressGenerationFailure(network_id=port.network_id)


def _pick(tx: Any, port: Port, pool: AddressPool) -> str:
    """Take the next free address of a pool that has one."""
    start, position = number(pool.start), pool.cursor
    while True:
        address = text(start + position, pool.ip_version)
        position = (position + 1) % pool.size
        if tx.get(IPAllocation, (pool.subnet_id, address)) is None:
            break
        if position == pool.cursor:
            raise IpAddressGenerationFailure(network_id=port.network_id)
    tx.update(pool, cursor=position, free=pool.free - 1)
    _note(tx, port, pool.subnet_id, address, pool.number)
    return address


def _take(tx: Any, port: Port, subnet: Subnet, address: str) -> None:
    """Take one certain address, inside or outside the pools."""
    value = number(address)
    home = None
    for pool in tx.find(AddressPool, subnet_id=subnet.id):
        start = number(pool.start)
        if start <= value < start + pool.size:
            home = pool
    try:
        _note(tx, port, subnet.id, address, home.number if home is not None else None)
    except StoreConflict:
        raise IpAddressAlreadyAllocated(ip=address, subnet_id=subnet.id) from None
    if home is not None:
        tx.update(home, free=home.free - 1)


def _note(tx: Any, port: Port, subnet_id: str, address: str, pool: int | None) -> None:
    tx.insert(IPAllocation.make(subnet_id=subnet_id, ip_address=address, network_id=port.network_id, port_id=port.id, pool=pool))


def _subnet_of(port: Port, subnets: list[Subnet], item: Json) -> Subnet:
    """The subnet that a requested address is in."""
    wanted, address = item.get("subnet_id"), item.get("ip_address")
    if wanted is not None:
        for subnet in subnets:
            if subnet.id == wanted:
                return subnet
        raise InvalidInput(
            error_message=f"Failed to create port on network {port.network_id}, because fixed_ips included invalid subnet {wanted}"
        )
    if address is None:
        raise InvalidInput(error_message="IP allocation requires subnet_id or ip_address")
    for subnet in subnets:
        if ip_address(address) in ip_network(subnet.cidr):
            return subnet
    raise InvalidIpForNetwork(ip_address=address)


def _check_address(subnet: Subnet, address: str, device_owner: str) -> None:
    network = ip_network(subnet.cidr)
    low, high = usable(network)
    # A router may sit on the first address of an IPv6 subnet (the anycast address of routers).
    if device_owner in (ROUTER_OWNER, GATEWAY_OWNER) and network.version == 6:
        low = int(network.network_address)
    if ip_address(address).version != network.version or not low <= number(address) <= high:
        raise InvalidIpForSubnet(ip_address=address)
