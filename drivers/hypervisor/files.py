"""A guest's own files: its root disk or root file system, its blank disks, its config drive, its console."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from drivers.hypervisor.config_drive import config_drive
from drivers.hypervisor.images import ImageCache, virtual_size
from drivers.hypervisor.roots import Roots, again, take_off
from drivers.owned import told_as
from drivers.qemu_img import qemu_img
from lab.errors import HypervisorError, NoSpace
from lab.services.compute.driver import GuestDisk, GuestSpec

GIB = 1024**3


class GuestFiles:
    """The directory of one guest."""

    def __init__(self, directory: Path, cache: ImageCache) -> None:
        self.directory, self.cache = directory, cache

    @property
    def console(self) -> Path:
        """What its serial console printed."""
        return self.directory / "console.log"

    async def make(self, spec: GuestSpec) -> None:
        """Make all files anew. Raises HypervisorError when an image is missing, or the disk is full."""
        try:
            with told_as(HypervisorError, str(self.directory), f"the disks of {spec.name} were made"):
                await self.remove()
                self.directory.mkdir(parents=True)
                self.directory.chmod(0o711)  # what lies in it has rights of its own; QEMU may run as another user
                self.console.touch(0o600)
                if self.cache.roots is not None:
                    await self._root(spec, self.cache.roots)
                    return
                for disk in spec.disks:
                    if disk.volume_id is None:
                        await self._disk(spec, disk)
                if spec.documents:
                    await asyncio.to_thread(config_drive, self.directory / "config.iso", spec.documents)
        except NoSpace as full:
            raise HypervisorError(full.message) from full

    async def _disk(self, spec: GuestSpec, disk: GuestDisk) -> None:
        """A thin disk: on its image, or blank. A size of 0 is the image's own."""
        path = self.directory / f"{disk.device.removeprefix('/dev/')}.qcow2"
        size, below = disk.size_gib * GIB, list[str]()
        if disk.image_id is not None:
            image = self.cache.need(disk.image_id)
            least = virtual_size(image)
            if size and least > size:
                raise HypervisorError(
                    f"{spec.name}: image {disk.image_id} is a disk of {-(-least // GIB)} GiB and the flavor's has {disk.size_gib}; "
                    "take a larger flavor"
                )
            size, below = size or least, ["-b", str(image), "-F", image.suffix[1:]]
        await qemu_img(str(self.directory), "create", "-q", "-f", "qcow2", *below, str(path), str(size), kind=HypervisorError)

    async def _root(self, spec: GuestSpec, roots: Roots) -> None:
        """A container's root file system, from its image."""
        volumes = [disk.volume_id for disk in spec.disks if disk.volume_id is not None]
        if volumes:
            raise HypervisorError(f"{spec.name}: containers cannot have volumes ({', '.join(volumes)}); take an image for QEMU")
        image_id = next((disk.image_id for disk in spec.disks if disk.image_id is not None), None)
        if image_id is None:
            raise HypervisorError(f"{spec.name}: a container needs an image")
        await roots.make(image_id, self.cache.need(image_id), self.directory)

    def ready(self) -> None:
        """Have a container's root there before it starts; blocks. Raises HypervisorError."""
        with told_as(HypervisorError, str(self.directory), "the root was mounted"):
            again(self.directory)

    async def remove(self) -> None:
        """Remove all; nothing there is no error. Raises HypervisorError."""
        if self.directory.exists():
            with told_as(HypervisorError, str(self.directory), "the guest's files were removed"):
                await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        take_off(self.directory)
        shutil.rmtree(self.directory)
