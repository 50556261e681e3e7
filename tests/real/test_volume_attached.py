"""A snapshot of a volume that a running guest writes: libvirt copies it, on a NAS and in a directory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.place import Place
from drivers.volume.directory import DirectoryOptions, DirectoryVolumes
from drivers.volume.nfs import NfsOptions, NfsVolumes
from drivers.volume.qcow2 import Qcow2Volumes
from lab.errors import HypervisorError, VolumeError
from lab.services.compute.driver import GuestDisk, GuestSpec
from lab.services.compute.guest import disk_beside
from lab.services.compute.model import BlockDevice
from lab.services.volume.driver import Connector
from tests.content import holding
from tests.real.bed.ganesha import Ganesha
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.libvirtd import Libvirtd

pytestmark = pytest.mark.real
GUEST = "5d1b1f6e-0c1e-4bb5-9f0d-2f6f6f5b1c11"


class Site:
    """A compute host with a guest, which has no system: its disk is written by QEMU's monitor, as a system would."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.bed = Bed(directory / "bed")
        self.host: Host = self.bed.host("compute-1")
        self.nas = Ganesha(self.bed.host("nas-1"))
        self.libvirtd = Libvirtd(self.host)
        place = Place("lab", "compute-1", self.host.address, directory / "state")
        self.volumes: Qcow2Volumes = (
            NfsVolumes(place, NfsOptions(self.nas.export, timeout_s=1.0)) if kind == "nfs" else DirectoryVolumes(place, DirectoryOptions())
        )
        from drivers.hypervisor.libvirt import LibvirtHypervisor
        from drivers.hypervisor.settings import LibvirtOptions

        self.hypervisor = LibvirtHypervisor(place, LibvirtOptions(self.libvirtd.uri(), virt_type="qemu"))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.host.play(work)

    async def begin(self) -> BlockDevice:
        """Have the guest with the volume v1; answer its device."""
        await self.volumes.open()
        await self.hypervisor.open()
        await self.volumes.create("v1", 1)
        await self.hypervisor.cache_image("i1", 0, "", holding(bytes(1024**2)))
        await self.hypervisor.spawn(GuestSpec(GUEST, "instance-1", "web", 1, 64, disks=(GuestDisk("/dev/vda", 1, image_id="i1"),)))
        connection = await self.volumes.connect("v1", Connector("compute-1", self.host.address))
        await self.hypervisor.attach_disk(GUEST, GuestDisk("/dev/vdb", 1, volume_id="v1", connection=connection))
        return BlockDevice.make(
            id="b1", server_id=GUEST, created_at="", source_type="volume", destination_type="volume", device_name="/dev/vdb",
            volume_id="v1", volume_size=1, connection_info=connection,
        )

    def write(self, byte: int) -> None:
        """Write the first MiB of the volume inside the guest's QEMU."""
        listed = self.libvirtd.virsh("list", "--name").stdout.split()[0]
        blocks = self.libvirtd.virsh("qemu-monitor-command", listed, "--hmp", "info block").stdout
        device = next(
            text.split("Attached to:")[1].split()[0] for text in blocks.split("\n\n") if "volume-v1" in text.splitlines()[0]
        )
        told = self.libvirtd.virsh("qemu-monitor-command", listed, "--hmp", f'qemu-io -d {device} "write -P {byte} 0 1M"').stdout
        assert "error" not in told.lower(), told

    def holds(self, volume: str, byte: int) -> bool:
        done = self.host.run("qemu-io", "-f", "qcow2", "-c", f"read -P {byte} 0 1M", self.volumes.pool.files.url(f"volume-{volume}"))
        return "verification failed" not in done.stdout

    def close(self) -> None:
        self.libvirtd.close()
        self.nas.close()
        self.bed.close()


@pytest.fixture(params=["nfs", "directory"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    need("qemu-img: qemu-utils")
    made = Site(tmp_path, request.param)
    yield made
    made.close()


def test_a_snapshot_of_an_attached_volume_is_of_one_instant(site: Site) -> None:
    async def work() -> None:
        volumes, hypervisor = site.volumes, site.hypervisor
        device = await site.begin()
        try:
            site.write(1)
            new_file = await volumes.begin_assisted_snapshot("v1", "s1")
            assert new_file is not None
            await hypervisor.copy_disk(GUEST, "v1", disk_beside(device, new_file))
            site.write(2)
            await volumes.end_assisted_snapshot("s1")
            await volumes.end_assisted_snapshot("s1")
            assert await volumes.volumes() == ["s1", "v1"]
            await volumes.clone("v2", 1, "s1")
            assert site.holds("v2", 1)
            with pytest.raises(HypervisorError, match="could not copy volume v9: it has no such disk"):
                await hypervisor.copy_disk(GUEST, "v9", disk_beside(device, new_file))
            assert await volumes.begin_assisted_snapshot("v1", "s1") is None
            await volumes.begin_assisted_snapshot("v1", "s2")
            await volumes.delete_snapshot("s2")
            with pytest.raises(VolumeError, match="no snapshot s2 that was begun"):
                await volumes.end_assisted_snapshot("s2")
            await hypervisor.power_off(GUEST, 0)
            with pytest.raises(HypervisorError, match="it does not run; start it, or detach the volume first"):
                await hypervisor.copy_disk(GUEST, "v1", disk_beside(device, new_file))
        finally:
            await hypervisor.destroy(GUEST)
        await volumes.disconnect("v1", Connector("compute-1", site.host.address))
        assert site.holds("v1", 2)
        for snapshot in ("s1", "s2"):
            await volumes.delete_snapshot(snapshot)
        names = await asyncio.to_thread(volumes.pool.files.names)
        assert names == ["volume-v1", "volume-v2"]
        await hypervisor.close()
        await volumes.close()

    site.run(work())
