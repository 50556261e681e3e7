"""The images that a host keeps: whole, checked, and of a kind that its guests can use."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

from drivers.hypervisor.roots import Roots
from drivers.owned import PART, claim, settle, told_as
from drivers.qemu_img import check_image, header
from lab.errors import HypervisorError, NoSpace
from lab.services.compute.driver import Content

PIECE = 1024**2
"""Bytes that are written at once: one thread is asked for each piece."""
MIB = 1024**2
GZIP, XZ, ZSTD = b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"


class ImageCache:
    """One directory of images, each `<id>.<format>`: 'qcow2' or 'raw' for virtual machines, 'tar' for containers."""

    def __init__(self, directory: Path, cloud: str, host: str, roots: Roots | None = None) -> None:
        """`roots`: where images of containers are unpacked."""
        self.directory, self.cloud, self.host, self.roots = directory, cloud, host, roots

    @property
    def containers(self) -> bool:
        """Whether the host's guests are containers."""
        return self.roots is not None

    def open(self) -> None:
        """Make the directory and drop what a crash left half written. Raises HypervisorError when it is not ours."""
        with told_as(HypervisorError, str(self.directory), "the image cache was opened"):
            claim(self.directory, self.cloud)

    def find(self, image_id: str) -> Path | None:
        """The file of an image, or None."""
        return next((path for path in self.directory.glob(f"{image_id}.*") if path.suffix != PART), None)

    def need(self, image_id: str) -> Path:
        """The file of an image. Raises HypervisorError."""
        found = self.find(image_id)
        if found is None:
            raise HypervisorError(f"image {image_id} is not in the cache of {self.host}; cache it before a guest is made of it")
        return found

    async def put(self, image_id: str, size: int, checksum: str, content: Content) -> None:
        """Bring the bytes here; after an error nothing of them is left.

        size: bytes that are expected; 0 when nobody knows. checksum: MD5 in hex, as glance has it; '' is not checked.
        Raises HypervisorError when the disk is full, the bytes are others, or no guest of this host can use such an image.
        """
        if self.find(image_id) is not None:
            return
        what = f"image {image_id}"
        part = self.directory / f"{image_id}{PART}"
        try:
            with told_as(HypervisorError, f"{self.host}: {self.directory}", f"{what} was cached"):
                self._room(what, size)
                got, digest = await self._write(part, content)
                if size and got != size:
                    raise HypervisorError(f"{what}: {got} bytes came instead of {size}; was it cut short? try again")
                if checksum and digest != checksum:
                    raise HypervisorError(
                        f"{what}: its MD5 is {digest} instead of {checksum}; the image was damaged on its way or in the store"
                    )
                kind = self._kind(part, image_id)
                if self.roots is not None:
                    await self.roots.keep(image_id, part)
                await asyncio.to_thread(settle, part, self.directory / f"{image_id}.{kind}")
        except NoSpace as full:
            raise HypervisorError(full.message) from full
        finally:
            part.unlink(missing_ok=True)

    def _room(self, what: str, size: int) -> None:
        free = shutil.disk_usage(self.directory).free
        if size > free:
            raise NoSpace(
                f"No space left on device: {what} has {size // MIB} MiB, {self.directory} on {self.host} {free // MIB} MiB; "
                "delete images or guests there, or give it a larger disk"
            )

    async def _write(self, part: Path, content: Content) -> tuple[int, str]:
        """Write the bytes to the disk; answer how many, and their MD5."""
        digest, got, held = hashlib.md5(usedforsecurity=False), 0, bytearray()
        with part.open("wb") as file:

            def flush() -> None:
                digest.update(held)
                file.write(held)
                held.clear()

            async for piece in content():
                held += piece
                got += len(piece)
                if len(held) >= PIECE:
                    await asyncio.to_thread(flush)
            await asyncio.to_thread(flush)
        return got, digest.hexdigest()

    def _kind(self, part: Path, image_id: str) -> str:
        """What the image is, by how it begins."""
        with part.open("rb") as file:
            head = file.read(4096)
        if self.containers:
            if head.startswith((GZIP, XZ, ZSTD)) or head[257:262] == b"ustar":
                return "tar"
            raise HypervisorError(
                f"image {image_id} is no root file system: containers of {self.host} want a tar, which may be compressed; "
                "give images of disks the property img_hv_type=qemu, so that they go to other hosts"
            )
        return check_image(head, image_id, kind=HypervisorError)


def virtual_size(path: Path) -> int:
    """How large a disk of this image is at least, in bytes."""
    if path.suffix != ".qcow2":
        return path.stat().st_size
    with path.open("rb") as file:
        return header(file.read(4096), path.name, kind=HypervisorError).size
