"""The replicator of one storage node: it compares its partitions with those of the other keepers and sends what they lack.

A keeper that is dead is stood in for by a hand-off device, so three replicas are restored while it is away;
a hand-off copy goes home when all keepers have it. Source of the idea: Swift's overview of replication.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

from lab.context import Context
from lab.errors import ObjectError
from lab.process import Process
from lab.runtime import NANOSECOND
from lab.services.object.nodes import Nodes
from lab.services.object.ring import Device, Ring
from lab.services.object.storage import Inventory
from lab.services.object.updater import Updater

Peer = tuple[Device, dict[str, int] | None]

INTERVAL_S = 30  # swift's object-replicator interval
RECLAIM_AGE_S = 7 * 86_400  # swift's reclaim_age: how long tombstones are kept


class Replicator:
    """One pass after another over the disks of a node."""

    def __init__(self, process: Process, ring: Callable[[], Ring], inventory: Inventory) -> None:
        self.process, self.inventory = process, inventory
        self.nodes = Nodes(process)
        self.updater = Updater(process, inventory)
        self._ring = ring

    @cached_property
    def ring(self) -> Ring:
        """The ring, computed when the first replica is there."""
        return self._ring()

    @cached_property
    def mine(self) -> dict[str, Device]:
        """This node's devices by name."""
        return {d.name: d for d in self.ring.devices if d.host == self.process.host}

    def start(self) -> None:
        """Look what is there already, then pass by each `INTERVAL_S`."""
        self.process.spawn(self._look(), "look at disks")
        self.process.every(INTERVAL_S, self.once, "replicate")

    async def _look(self) -> None:
        for name in self.inventory.disks:
            try:
                if await self.inventory.disks[name].partitions():
                    self.inventory.occupied[name] = None
            except ObjectError:
                self.inventory.occupied[name] = None  # a dead disk may come back with something on it

    async def once(self) -> None:
        """Pass over all disks on which anything was ever seen; an empty store costs nothing."""
        ctx = self.process.context(periodic=True)
        for name in list(self.inventory.occupied):
            device = self.mine.get(name)
            if device is None:
                continue
            try:
                for partition in await self.inventory.disks[name].partitions():
                    await self._partition(ctx, device, partition)
            except ObjectError as error:
                self.process.log(ctx, f"replication skips {name}: {error.message}", level="warning")

    async def _partition(self, ctx: Context, device: Device, partition: int) -> None:
        """Bring one partition to everyone who should have it; give it up where it is not ours and all have it."""
        mine = await self.inventory.of(device.name, partition)
        primaries = self.ring.primaries(partition)
        at_home = any(d.id == device.id for d in primaries)
        peers = await self._holdings(ctx, [d for d in primaries if d.id != device.id], partition)
        dead = any(has is None for _, has in peers)
        if dead and at_home:
            peers = await self._with_standins(ctx, device, peers, partition)
        for name, timestamp_ns in mine.items():
            if not any(has is not None and has.get(name, -1) > timestamp_ns for _, has in peers):
                await self.updater.settle(device.name, partition, name)  # an older one may be of an object that was deleted since
            if self._is_old_tombstone(device, partition, name):
                await self._give_up(device, partition, name, timestamp_ns)
                continue
            complete = await self._bring(ctx, device, (partition, name, timestamp_ns), peers)
            if complete and not dead and not at_home:
                await self._give_up(device, partition, name, timestamp_ns)

    async def _bring(self, ctx: Context, device: Device, what: tuple[int, str, int], peers: Sequence[Peer]) -> bool:
        """Send one replica to the peers that lack it; say whether all of them have it now."""
        partition, name, timestamp_ns = what
        lacking = [peer for peer, has in peers if has is not None and has.get(name, -1) < timestamp_ns]
        if not lacking:
            return True
        item = await self.inventory.disks[device.name].get(partition, name)
        if item is None:
            return False
        method, place = "DELETE" if item.deleted else "PUT", f"/{partition}{name}"
        answers = [await self.nodes.ask(ctx, peer, method, place, item) for peer in lacking]
        return all(a is not None and (a.ok or a.status == 409) for a in answers)

    async def _with_standins(self, ctx: Context, device: Device, peers: Sequence[Peer], partition: int) -> list[Peer]:
        """Replace the dead keepers by the first hand-off devices that answer."""
        alive = [peer for peer in peers if peer[1] is not None]
        for spare in self.ring.handoffs(partition):
            if len(alive) >= len(peers):
                break
            alive += [p for p in await self._holdings(ctx, [spare], partition) if p[1] is not None]
        return alive

    async def _holdings(self, ctx: Context, devices: Sequence[Device], partition: int) -> list[Peer]:
        """Ask devices what they hold of a partition; None for those that do not answer."""
        answers = await asyncio.gather(*(self.nodes.ask(ctx, d, "REPLICATE", f"/{partition}") for d in devices))
        return [(d, a.json()["objects"] if a is not None and a.status == 200 else None) for d, a in zip(devices, answers, strict=True)]

    def _is_old_tombstone(self, device: Device, partition: int, name: str) -> bool:
        age_ns = self.process.runtime.now_ns() - self.inventory.timestamp(device.name, partition, name)
        return age_ns > RECLAIM_AGE_S * NANOSECOND and self.inventory.is_tombstone(device.name, partition, name)

    async def _give_up(self, device: Device, partition: int, name: str, timestamp_ns: int) -> None:
        """Remove a replica, unless a newer one came meanwhile."""
        if self.inventory.timestamp(device.name, partition, name) == timestamp_ns:
            await self.inventory.disks[device.name].forget(partition, name)
            self.inventory.forget(device.name, partition, name)
