"""Volumes as thin qcow2 files: what the directory and the NAS have in common.

A snapshot freezes the file as it is and lets the volume go on in a new one that lies on it. What is removed while
others lie on it is merged into them as soon as no guest uses them. See `layers` for the names.
"""

from __future__ import annotations

import asyncio
import hashlib
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.owned import PART, told_as
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from drivers.volume import leftovers
from drivers.volume.layers import AT, BASE, SNAPSHOT, VOLUME, Layers
from drivers.volume.pool import GIB, Pool
from drivers.volume.qemu_img import HEADER_BYTES, check_image
from lab.errors import LabError, VolumeError
from lab.services.volume.driver import Connector, Content, PoolStats, VolumeDriver

COPY, OVERLAY = "copy", "overlay"


class Qcow2Volumes(VolumeDriver, Sweepable):
    """One pool of qcow2 files; `cloning` is 'copy' (a clone is independent of its source) or 'overlay' (it lies on it)."""

    def __init__(self, place: Place, pool: Pool, title: str, cloning: str) -> None:
        if cloning not in (COPY, OVERLAY):
            raise VolumeError(f"clone is {cloning!r}; give {COPY!r} (independent of its source) or {OVERLAY!r} (lies on it)")
        self.place, self.pool, self.title, self.cloning = place, pool, title, cloning
        self._arranging = asyncio.Lock()  # one at a time changes what lies on what
        self._copied: Counter[str] = Counter()  # files that a copy is being made from

    async def open(self) -> None:
        """Make the directory ours, and finish what an earlier life left. Raises VolumeError, NoSpace."""
        await self.pool.do("it was prepared", lambda: self.pool.files.claim(self.place.cloud))
        async with self._arranging:
            await self._merge()

    async def close(self) -> None:
        """Let go of the backend."""
        await asyncio.to_thread(self.pool.files.close)

    # -- making and removing ------------------------------------------------------------------

    async def create(self, volume_id: str, size_gib: int) -> None:
        if VOLUME + volume_id not in (await self.pool.layers()).names:
            await self.pool.make(VOLUME + volume_id, "create", "-f", "qcow2", "{}", str(size_gib * GIB))

    async def delete(self, volume_id: str) -> None:
        async with self._arranging:
            layers, name = await self.pool.layers(), VOLUME + volume_id
            if self._copied[name]:
                raise VolumeError(f"volume {volume_id} is being copied; delete it when that is done")
            await self.pool.unlink(name, *(f"{name}{AT}{host}" for host in layers.hosts(volume_id)))
            await self._merge()

    async def write_image(self, volume_id: str, image_id: str, size: int, checksum: str, content: Content) -> None:
        layers, name = await self.pool.layers(), VOLUME + volume_id
        self._need_free(layers, volume_id, "filled")
        async with self._spooled(volume_id, image_id, checksum, content) as (spool, kind):
            source = f"file:{spool}"
            await self.pool.make(name, "convert", "-f", kind, "-O", "qcow2", source, "{}", size=layers.headers[name].size)

    @asynccontextmanager
    async def _spooled(self, volume_id: str, image_id: str, checksum: str, content: Content) -> AsyncIterator[tuple[Path, str]]:
        """Have the image in a file of this host, because its conversion reads back and forth. Gives path and format."""
        spool = self.place.state / f"spool-{volume_id}"
        md5 = hashlib.md5(usedforsecurity=False)
        try:
            with told_as(VolumeError, str(spool), f"image {image_id} was downloaded"):
                spool.parent.mkdir(parents=True, exist_ok=True)
                with spool.open("wb") as out:
                    async for piece in content():
                        md5.update(piece)
                        await asyncio.to_thread(out.write, piece)
                with spool.open("rb") as file:
                    kind = check_image(file.read(HEADER_BYTES), image_id)
            if checksum and md5.hexdigest() != checksum:
                raise VolumeError(f"image {image_id} arrived with the checksum {md5.hexdigest()}, not {checksum}; try again")
            yield spool, kind
        finally:
            spool.unlink(missing_ok=True)

    async def extend(self, volume_id: str, size_gib: int) -> None:
        async with self._arranging:
            layers, name = await self.pool.layers(), VOLUME + volume_id
            self._need(layers, volume_id)
            if layers.headers[name].size < size_gib * GIB:
                self._need_free(layers, volume_id, "extended")
                await self.pool.tool(name, "resize", "-f", "qcow2", self.pool.files.url(name), str(size_gib * GIB))

    # -- clones -------------------------------------------------------------------------------

    async def clone(self, volume_id: str, size_gib: int, source_id: str) -> None:
        async with self._arranging:
            layers = await self.pool.layers()
            if VOLUME + volume_id in layers.names:
                return
            source = self._source(layers, source_id, size_gib)
            if self.cloning == OVERLAY:
                await self._clone_on(volume_id, size_gib, source)
                return
            chain = Counter(layers.chain(source))
            self._copied += chain
        try:
            url = self.pool.files.url(source)
            await self.pool.make(VOLUME + volume_id, "convert", "-f", "qcow2", "-O", "qcow2", url, "{}", size=size_gib * GIB)
        finally:
            self._copied -= chain

    def _source(self, layers: Layers, source_id: str, size_gib: int) -> str:
        source = layers.source(source_id)
        if source is None:
            raise VolumeError(f"{self.pool.where} has neither a volume nor a snapshot {source_id} to clone")
        if source.startswith(VOLUME):
            self._need_free(layers, source_id, "cloned")
        if layers.headers[source].size > size_gib * GIB:
            raise VolumeError(f"{source_id} has {layers.headers[source].size // GIB} GiB and does not fit into {size_gib} GiB")
        return source

    async def _clone_on(self, volume_id: str, size_gib: int, source: str) -> None:
        """Let the clone lie on the snapshot, or on the volume as it is now, which then goes on in a file of its own."""
        if source.startswith(VOLUME):
            await self._freeze(source, BASE + volume_id)
            source = BASE + volume_id
        try:
            await self._overlay(VOLUME + volume_id, source, size_gib * GIB)
        except BaseException:
            await self._merge()
            raise

    # -- snapshots ----------------------------------------------------------------------------

    async def snapshot(self, volume_id: str, snapshot_id: str) -> None:
        async with self._arranging:
            layers, base = await self.pool.layers(), BASE + snapshot_id
            if SNAPSHOT + snapshot_id in layers.names:
                return
            self._need_free(layers, volume_id, "snapshotted")
            await self._freeze(VOLUME + volume_id, base)
            try:
                await self.pool.link(base, SNAPSHOT + snapshot_id)
            except BaseException:
                await self._merge()
                raise

    async def begin_assisted_snapshot(self, volume_id: str, snapshot_id: str) -> str | None:
        async with self._arranging:
            layers, name = await self.pool.layers(), BASE + snapshot_id + PART
            self._need(layers, volume_id)
            if SNAPSHOT + snapshot_id in layers.names or not layers.hosts(volume_id):
                return None
            size = layers.headers[VOLUME + volume_id].size
            # As a part it is nobody's layer yet, and goes at the next start when nobody ends this.
            await self.pool.make(name, "create", "-f", "qcow2", "{}", str(size))
            return self._named(name)

    async def end_assisted_snapshot(self, snapshot_id: str) -> None:
        async with self._arranging:
            layers, base = await self.pool.layers(), BASE + snapshot_id
            if SNAPSHOT + snapshot_id in layers.names:
                return
            if base + PART not in layers.names:
                raise VolumeError(f"{self.pool.where} has no snapshot {snapshot_id} that was begun")
            await self.pool.rename(base + PART, base)
            await self.pool.link(base, SNAPSHOT + snapshot_id)

    async def delete_snapshot(self, snapshot_id: str) -> None:
        async with self._arranging:
            await self.pool.unlink(SNAPSHOT + snapshot_id, BASE + snapshot_id + PART)
            await self._merge()

    async def _freeze(self, volume: str, base: str) -> None:
        """Make the volume's file a base, and let the volume go on in a new file on it.

        The volume has a file at every instant: a crash leaves at most a base without a snapshot, which is merged.
        """
        await self._merge()  # an earlier try may have left this base
        layers = await self.pool.layers()
        if base in layers.names:
            raise VolumeError(f"{self.pool.where} still has {base} of an earlier try, and a guest or a copy needs it; try again later")
        await self.pool.link(volume, base)
        try:
            await self._overlay(volume, base, layers.headers[volume].size)
        except BaseException:
            await self.pool.unlink(base)
            raise

    async def _overlay(self, name: str, base: str, nbytes: int) -> None:
        await self.pool.make(name, "create", "-u", "-f", "qcow2", "-b", self.pool.files.backing(base), "-F", "qcow2", "{}", str(nbytes))

    async def _merge(self) -> None:
        """Remove bases that are no snapshot; what lies on them takes over what it needs, unless a guest has it open.

        What cannot be done now is done at the next occasion; until then it costs room and nothing else.
        """
        merged = True
        while merged:
            layers, merged = await self.pool.layers(), False
            for base in layers.unnamed:
                if await self._merge_one(layers, base):
                    merged = True
                    break

    async def _merge_one(self, layers: Layers, base: str) -> bool:
        above = layers.lying_on(base)
        if (layers.in_use | set(self._copied)).intersection([base, *above]):
            return False
        below = layers.headers[base].backing
        onto = ("-b", "") if below is None else ("-b", self.pool.files.backing(below), "-F", "qcow2")
        try:
            for name in above:
                await self.pool.tool(name, "rebase", "-f", "qcow2", *onto, self.pool.files.url(name))
            await self.pool.unlink(base)
        except LabError:
            return False
        return True

    # -- connections --------------------------------------------------------------------------

    async def connect(self, volume_id: str, connector: Connector) -> dict[str, object]:
        self._check_host(connector)
        async with self._arranging:
            layers, name = await self.pool.layers(), VOLUME + volume_id
            self._need(layers, volume_id)
            if connector.host not in layers.hosts(volume_id):
                mark, ip = f"{name}{AT}{connector.host}", connector.ip.encode()
                await self.pool.do(f"{name} was connected", lambda: self.pool.files.write(mark, ip))
        return self._connection(name)

    async def disconnect(self, volume_id: str, connector: Connector) -> None:
        async with self._arranging:
            await self.pool.unlink(f"{VOLUME}{volume_id}{AT}{connector.host}")
            await self._merge()

    def _check_host(self, connector: Connector) -> None:
        """Raise VolumeError when that host can never reach the volumes."""
        if not connector.host or "/" in connector.host or AT in connector.host:
            raise VolumeError(f"{connector.host!r} is no name of a host")

    @abstractmethod
    def _named(self, name: str) -> str:
        """Return how a connection names a file."""

    @abstractmethod
    def _connection(self, name: str) -> dict[str, object]:
        """Return what a hypervisor needs to open the file."""

    def _need(self, layers: Layers, volume_id: str) -> None:
        if VOLUME + volume_id not in layers.names:
            raise VolumeError(f"{self.pool.where} has no volume {volume_id}")

    def _need_free(self, layers: Layers, volume_id: str, what: str) -> None:
        """A guest that has the file open would not see the change, or write into what must stand still."""
        self._need(layers, volume_id)
        hosts = layers.hosts(volume_id)
        if hosts:
            raise VolumeError(f"volume {volume_id} is attached on {', '.join(hosts)} and cannot be {what} there; detach it first")

    # -- what is there ------------------------------------------------------------------------

    async def stats(self) -> PoolStats:
        layers = await self.pool.layers()
        total, free = await self.pool.do("its room was asked", self.pool.files.space)
        provisioned = sum(layers.headers[name].size for name in layers.written)
        return PoolStats(self.title, total / GIB, free / GIB, provisioned / GIB)

    async def volumes(self) -> list[str]:
        return (await self.pool.layers()).ids

    async def found(self) -> list[Trace]:
        return await leftovers.found(self.pool, self.place.cloud)

    async def remove(self, trace: Trace) -> None:
        await leftovers.remove(self.pool, self.place.cloud, trace)
