"""The simulated volume backend: an NFS filer of the datacenter, driven from the host of cinder-volume."""

from __future__ import annotations

from lab.errors import NoSpace, Unreachable, VolumeError
from lab.services.volume.driver import Connector, Content, PoolStats, VolumeDriver
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.durable import snapshot_key, snapshot_value, volume_key, volume_value
from sim.datacenter.fabric import pause, wait
from sim.datacenter.host import GIB
from sim.datacenter.nas import Nas, NasSnapshot, NasVolume

SMALL_OPERATIONS = 20
"""What making or removing a file asks of the filer. A guess: look-ups, a create, attributes, a directory."""
MOUNTS = "/var/lib/nova/mnt"


class SimNas(VolumeDriver):
    """One filer; `host` is where the volume service runs."""

    def __init__(self, dc: Datacenter, nas: str, host: str = "controller-1") -> None:
        self.dc = dc
        self.nas: Nas = dc.nas(nas)
        self.host = host

    async def stats(self) -> PoolStats:
        await self._spend("query")
        nas = self.nas
        return PoolStats(nas.pool, nas.capacity / GIB, nas.free / GIB, float(nas.provisioned_gib))

    async def create(self, volume_id: str, size_gib: int) -> None:
        if volume_id in self.nas.volumes:
            return
        await self._spend("create")
        if self.nas.free <= 0:
            raise NoSpace(f"No space left on {self.nas.name}:{self.nas.pool}; delete volumes or add disks")
        self._keep(self.nas.volumes.setdefault(volume_id, NasVolume(volume_id, size_gib)))

    async def delete(self, volume_id: str) -> None:
        if volume_id not in self.nas.volumes:
            return
        await self._spend("delete")
        volume = self.nas.volumes.pop(volume_id, None)
        if volume is not None:
            self.nas.erase(volume.used)
            self.dc.write(volume_key(self.nas, volume_id), None)

    async def write_image(self, volume_id: str, image_id: str, size: int, checksum: str, content: Content) -> None:
        volume = self._need(volume_id)
        if volume.image_id == image_id and volume.used >= size:
            return
        self.nas.write(size, f"image {image_id}")
        done = False
        try:
            await self._move(size)
            if self.nas.volumes.get(volume_id) is not volume:
                raise VolumeError(f"volume {volume_id} was deleted on {self.nas.name} while it was written")
            done = True
        finally:
            if not done:
                self.nas.erase(size)
        self.nas.erase(volume.used)
        volume.used, volume.image_id = size, image_id
        self._keep(volume)

    async def _move(self, nbytes: int) -> None:
        try:
            await self.dc.fabric.transfer(self.host, self.nas.name, nbytes, self.nas.head)
        except Unreachable as cut:
            raise VolumeError(f"{self.nas.name} was lost while data was written to it: {cut.message}") from cut

    async def clone(self, volume_id: str, size_gib: int, source_id: str) -> None:
        if volume_id in self.nas.volumes:
            return
        source = self.nas.volumes.get(source_id) or self.nas.snapshots.get(source_id)
        if source is None:
            raise VolumeError(f"{self.nas.name} has neither a volume nor a snapshot {source_id} to clone")
        await self._spend("clone")
        used = source.used
        self.nas.write(used, f"the clone of {source_id}")
        try:
            await wait(self.dc.fabric.flows.start(f"clone {source_id}", lambda: (self.nas.head,), used).done)
        except BaseException:
            self.nas.erase(used)
            raise
        if volume_id in self.nas.volumes:
            self.nas.erase(used)
            return
        volume = self.nas.volumes[volume_id] = NasVolume(volume_id, size_gib, used, source.image_id)
        self._keep(volume)

    async def extend(self, volume_id: str, size_gib: int) -> None:
        volume = self._need(volume_id)
        if volume.size_gib >= size_gib:
            return
        await self._spend("extend")
        volume.size_gib = size_gib
        self._keep(volume)

    async def snapshot(self, volume_id: str, snapshot_id: str) -> None:
        volume = self._need(volume_id)
        if snapshot_id in self.nas.snapshots:
            return
        await self._spend("snapshot")
        taken = NasSnapshot(snapshot_id, volume_id, volume.size_gib, volume.used, volume.image_id)
        self.nas.snapshots[snapshot_id] = taken
        self.dc.write(snapshot_key(self.nas, snapshot_id), lambda: snapshot_value(taken))

    async def delete_snapshot(self, snapshot_id: str) -> None:
        if snapshot_id not in self.nas.snapshots:
            return
        await self._spend("delete_snapshot")
        self.nas.snapshots.pop(snapshot_id, None)
        self.dc.write(snapshot_key(self.nas, snapshot_id), None)

    async def connect(self, volume_id: str, connector: Connector) -> dict[str, object]:
        volume = self._need(volume_id)
        if connector.host not in volume.exports:
            await self._spend("connect")
            self._need(volume_id)
            volume.exports[connector.host] = connector.ip
            self._keep(volume)
        data: dict[str, object] = {
            "export": f"{self.nas.address}:/{self.nas.pool}",
            "name": f"volume-{volume_id}",
            "format": "raw",
            "options": None,
            "access_mode": "rw",
            "encrypted": False,
            "cacheable": False,
            "qos_specs": None,
        }
        return {"driver_volume_type": "nfs", "mount_point_base": MOUNTS, "data": data}

    async def disconnect(self, volume_id: str, connector: Connector) -> None:
        volume = self.nas.volumes.get(volume_id)
        if volume is None or connector.host not in volume.exports:
            return
        await self._spend("disconnect")
        volume.exports.pop(connector.host, None)
        self._keep(volume)

    async def volumes(self) -> list[str]:
        await self._spend("query")
        return sorted([*self.nas.volumes, *self.nas.snapshots])

    def _need(self, volume_id: str) -> NasVolume:
        volume = self.nas.volumes.get(volume_id)
        if volume is None:
            raise VolumeError(f"{self.nas.name} has no volume {volume_id}")
        return volume

    def _keep(self, volume: NasVolume) -> None:
        self.dc.write(volume_key(self.nas, volume.id), lambda: volume_value(volume))

    async def _spend(self, what: str) -> None:
        """Let an operation take its time; a slow filer answers its small operations late."""
        nas = self.nas
        if self.dc.fabric.latency_ns(self.host, nas.name) is None:
            raise VolumeError(f"{nas.name} cannot be reached from {self.host}: a link is down or a device has no power")
        await self.dc.spend(f"nas.{what}", nas.name)
        await pause(nas.operations_ns(SMALL_OPERATIONS))
