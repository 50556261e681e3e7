"""The ring: which devices keep the replicas of an object, known to everyone without asking anyone.

An object's partition is the top bits of the MD5 of its path; one table per replica says which device
keeps that partition. A rebalance moves as little as it can, and at most one replica of a partition at
a time, so that data stays readable while it moves.
Source of the idea: OpenStack Swift, doc/source/overview_ring.rst; the algorithm here is our own.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from typing import TypeVar

from lab.errors import BadRequest

K = TypeVar("K")

NOBODY = 0xFFFF  # the largest value of array('H'): no device keeps this replica yet
SETTLING = 4  # rebalances of a new ring; rounding leaves some devices a partition off after the first
REPLICAS = 3  # Swift's usual replica count, overview_ring.rst


@dataclass(frozen=True, slots=True)
class Device:
    """One disk. `region`, `zone` and `host` are its failure domains, from wide to narrow."""

    id: int
    host: str
    name: str
    zone: int = 1
    region: int = 1
    weight: float = 100.0

    @property
    def domain(self) -> tuple[int, int]:
        """Return the failure domain that no two replicas should share."""
        return (self.region, self.zone)


@dataclass(frozen=True)
class Ring:
    """A finished ring; `tables[replica][partition]` is a device id."""

    part_power: int
    devices: tuple[Device, ...]
    tables: tuple[array[int], ...]

    @cached_property
    def by_id(self) -> dict[int, Device]:
        """Find a device by its id."""
        return {device.id: device for device in self.devices}

    @property
    def replicas(self) -> int:
        """Return how many replicas every object has."""
        return len(self.tables)

    def partition(self, account: str, container: str, name: str) -> int:
        """Return the partition of an object: the top `part_power` bits of the MD5 of its path."""
        digest = md5(f"/{account}/{container}/{name}".encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:4], "big") >> (32 - self.part_power)

    def primaries(self, partition: int) -> list[Device]:
        """Return the devices that should keep the partition, first replica first."""
        return [self.by_id[table[partition]] for table in self.tables]

    def handoffs(self, partition: int) -> list[Device]:
        """Return all other devices, in the order in which they stand in for a dead primary.

        Devices outside the primaries' zones and hosts come first; the rest of the order is the partition's own.
        """
        primaries = self.primaries(partition)
        used = {device.id for device in primaries}
        zones = {device.domain for device in primaries}
        hosts = {device.host for device in primaries}

        def order(device: Device) -> tuple[bool, bool, bytes]:
            lot = md5(f"{partition}/{device.id}".encode(), usedforsecurity=False).digest()
            return (device.domain in zones, device.host in hosts, lot)

        return sorted((d for d in self.devices if d.id not in used and d.weight > 0), key=order)


def build(part_power: int, devices: Sequence[Device], replicas: int = REPLICAS, before: Ring | None = None) -> Ring:
    """Return a ring over the devices, near to `before` when there is one.

    Raises BadRequest when there are fewer devices with weight than replicas. A device left out of
    `devices` is gone, one of weight 0 is drained.
    """
    usable = tuple(device for device in devices if device.weight > 0)
    if len(usable) < replicas:
        raise BadRequest(f"a ring of {replicas} replicas needs as many devices; {len(usable)} of {len(devices)} have a weight")
    if before is not None and (before.part_power, before.replicas) != (part_power, replicas):
        raise BadRequest("part_power and replicas of a ring cannot change: nearly all data would move")
    ring = _Rebalance(part_power, tuple(devices), usable, replicas, before).run()
    for _ in range(SETTLING if before is None else 0):
        better = _Rebalance(part_power, tuple(devices), usable, replicas, ring).run()
        if better.tables == ring.tables:
            break
        ring = better  # nothing lies on a new ring yet, so what would move by itself later may as well move now
    return ring


def shares(devices: Sequence[Device], partitions: int, replicas: int) -> dict[int, float]:
    """Return how many partitions each device should keep: by weight, but never against the failure domains."""
    zones = _grouped(devices, lambda device: device.domain)
    wanted = dict(_split(zones, partitions * replicas, partitions, replicas))
    result: dict[int, float] = {}
    for zone, members in zones.items():
        hosts = _grouped(members, lambda device: device.host)
        in_zone = math.ceil(wanted[zone] / partitions)
        for host, share in _split(hosts, wanted[zone], partitions, in_zone):
            result.update(_fill({d.id: d.weight for d in hosts[host]}, share, lambda _: float(partitions)))
    return result


def _grouped(devices: Sequence[Device], key: Callable[[Device], K]) -> dict[K, list[Device]]:
    groups: dict[K, list[Device]] = {}
    for device in devices:
        groups.setdefault(key(device), []).append(device)
    return groups


def _split(groups: dict[K, list[Device]], amount: float, partitions: int, replicas: int) -> Iterator[tuple[K, float]]:
    """Share `amount` among groups by weight; none gets more replicas of one partition than the others force on it."""
    # Replicas avoid sharing a host as well, so a group has room for as many as it has hosts, if that is enough for all.
    room = {key: len({device.host for device in members}) for key, members in groups.items()}
    if sum(room.values()) < replicas:
        room = {key: len(members) for key, members in groups.items()}
    most = 1
    while sum(min(most, rooms) for rooms in room.values()) < replicas:
        most += 1
    weights = {key: sum(device.weight for device in members) for key, members in groups.items()}
    yield from _fill(weights, amount, lambda key: float(partitions * min(most, room[key]))).items()


def _fill(weights: dict[K, float], amount: float, cap: Callable[[K], float]) -> dict[K, float]:
    """Share `amount` by weight under caps; what a full one cannot take goes to the others."""
    result: dict[K, float] = {}
    open_ = dict(weights)
    while open_:
        per_weight = amount / sum(open_.values())
        full = [key for key, weight in open_.items() if per_weight * weight > cap(key)]
        if not full:
            return result | {key: per_weight * weight for key, weight in open_.items()}
        for key in full:
            result[key] = cap(key)
            amount -= cap(key)
            del open_[key]
    return result


class _Rebalance:
    """One pass: take away what must or should move, then give every free replica the hungriest fitting device."""

    def __init__(
        self,
        part_power: int,
        devices: tuple[Device, ...],
        usable: tuple[Device, ...],
        replicas: int,
        before: Ring | None,
    ) -> None:
        self.part_power, self.devices, self.usable = part_power, devices, usable
        self.partitions = 1 << part_power
        self.by_id = {device.id: device for device in usable}
        blank = [NOBODY] * self.partitions
        self.tables = [array("H", before.tables[replica] if before is not None else blank) for replica in range(replicas)]
        self.hunger = shares(usable, self.partitions, replicas)
        self.zone_hunger: dict[tuple[int, int], float] = {}
        for device in usable:
            self.zone_hunger[device.domain] = self.zone_hunger.get(device.domain, 0.0) + self.hunger[device.id]
        self.moved = bytearray(self.partitions)  # 1: a replica of the partition moves already

    def run(self) -> Ring:
        for partition in range(self.partitions):
            self._release_lost(partition)
        for partition in range(self.partitions):
            self._release_crowded(partition)
        self._release_surplus()
        for partition in range(self.partitions):
            for table in self.tables:
                if table[partition] == NOBODY:
                    self._assign(partition, table)
        return Ring(self.part_power, self.devices, tuple(self.tables))

    def _eat(self, device: Device, amount: int) -> None:
        self.hunger[device.id] -= amount
        self.zone_hunger[device.domain] -= amount

    def _release(self, partition: int, table: array[int]) -> None:
        self._eat(self.by_id[table[partition]], -1)
        table[partition] = NOBODY
        self.moved[partition] = 1

    def _release_lost(self, partition: int) -> None:
        """Free what lies on devices that are gone; what lies on the others counts as eaten."""
        for table in self.tables:
            device = self.by_id.get(table[partition])
            if device is not None:
                self._eat(device, 1)
            elif table[partition] != NOBODY:
                table[partition] = NOBODY
                self.moved[partition] = 1

    def _release_crowded(self, partition: int) -> None:
        """Free one replica that shares a failure domain although another device would be farther away."""
        if self.moved[partition]:
            return
        crowded, place = (0, 0, 0), None
        for table in self.tables:
            if table[partition] == NOBODY:
                continue
            device = self.by_id[table[partition]]
            others = [d for d in self._keepers(partition) if d.id != device.id]
            now = self._crowding(device, others)
            if now > crowded and min(self._crowding(d, others) for d in self.usable) < now:
                crowded, place = now, table
        if place is not None:
            self._release(partition, place)

    def _release_surplus(self) -> None:
        """Free what overfull devices hold beyond their share, spread evenly over the partitions."""
        surplus = {d.id: math.floor(-self.hunger[d.id]) for d in self.usable if self.hunger[d.id] <= -1}
        if not surplus:
            return
        step = 0x9E3779B1 % self.partitions | 1  # odd, so that it walks through all partitions of a power of two
        for turn in range(self.partitions):
            partition = turn * step % self.partitions
            for table in self.tables:
                keeper = table[partition]
                if not self.moved[partition] and surplus.get(keeper, 0) > 0:
                    surplus[keeper] -= 1
                    self._release(partition, table)

    def _assign(self, partition: int, table: array[int]) -> None:
        keepers = self._keepers(partition)
        best = min(
            self.usable,
            key=lambda d: (*self._crowding(d, keepers), -self.zone_hunger[d.domain], -self.hunger[d.id], d.id),
        )
        table[partition] = best.id
        self._eat(best, 1)

    def _keepers(self, partition: int) -> list[Device]:
        return [self.by_id[table[partition]] for table in self.tables if table[partition] != NOBODY]

    @staticmethod
    def _crowding(device: Device, others: Sequence[Device]) -> tuple[int, int, int]:
        """Count what the device shares with the other keepers: itself, its zone, its host; less is better."""
        same = zone = host = 0
        for other in others:
            same += other.id == device.id
            zone += other.domain == device.domain
            host += other.host == device.host
        return (same, zone, host)
