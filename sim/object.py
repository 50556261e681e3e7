"""The simulated object disk: one disk of one storage node."""

from __future__ import annotations

from lab.errors import ObjectError
from lab.services.object.driver import ObjectDisk, StoredObject
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.durable import object_key, object_value
from sim.datacenter.fabric import pause
from sim.datacenter.storage import ObjectDevice


class SimDisk(ObjectDisk):
    """One disk of the object ring."""

    def __init__(self, dc: Datacenter, node: str, disk: str) -> None:
        self.dc = dc
        device = dc.object_disks.get((node, disk))
        if device is None:
            known = ", ".join(f"{n}/{d}" for n, d in dc.object_disks)
            raise KeyError(f"no disk {node}/{disk}; known are {known}")
        self.device: ObjectDevice = device

    async def put(self, partition: int, item: StoredObject) -> None:
        await self._spend(len(item.data))
        names = self.device.partitions.setdefault(partition, {})
        old = names.get(item.name)
        if old is None or old.timestamp_ns < item.timestamp_ns:
            self.device.disk.take(len(item.data), f"object {item.name}")
            if old is not None:
                self.device.disk.give(len(old.data))
            names[item.name] = item
            self.dc.write(object_key(self.device, partition, item.name), lambda: object_value(item))
        if not names:
            del self.device.partitions[partition]

    async def get(self, partition: int, name: str) -> StoredObject | None:
        found = self.device.partitions.get(partition, {}).get(name)
        await self._spend(len(found.data) if found is not None else 0)
        return self.device.partitions.get(partition, {}).get(name)

    async def forget(self, partition: int, name: str) -> None:
        await self._spend(0)
        names = self.device.partitions.get(partition, {})
        old = names.pop(name, None)
        if old is not None:
            self.device.disk.give(len(old.data))
            self.dc.write(object_key(self.device, partition, name), None)
        if not names:
            self.device.partitions.pop(partition, None)

    async def partition(self, partition: int) -> list[str]:
        await self._spend(0)
        return sorted(self.device.partitions.get(partition, {}))

    async def partitions(self) -> list[int]:
        await self._spend(0)
        return sorted(self.device.partitions)

    async def _spend(self, nbytes: int) -> None:
        device = self.device
        place = f"{device.host.name}/{device.name}"
        if device.dead or not device.host.up:
            why = "is dead" if device.dead else "is in a host without power"
            raise ObjectError(f"disk {place} {why}: Input/output error")
        delay = self.dc.draw("object.seek", place) + nbytes * 8 * 1_000_000_000 // device.speed_bps
        await pause(delay)
        if device.dead:
            raise ObjectError(f"disk {place} is dead: Input/output error")
