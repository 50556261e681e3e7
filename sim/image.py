"""The simulated image store: files on one host's disk, real bytes or made-up ones."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from lab.errors import ImageError
from lab.services.image.driver import CHUNK, ImageStore, StoredImage, made_up
from sim.datacenter.datacenter import Datacenter, find
from sim.datacenter.durable import file_key, file_value
from sim.datacenter.fabric import pause
from sim.datacenter.storage import ImageDirectory, ImageFile

HONEST_MAX = 1024**2
"""Made-up images up to this size have the digests of their content; hashing bigger ones would cost real seconds."""


class SimImageStore(ImageStore):
    """The image directory of one host."""

    def __init__(self, dc: Datacenter, host: str = "controller-1") -> None:
        self.dc = dc
        self.directory: ImageDirectory = find(dc.images, host, "host with an image directory")

    async def put(self, image_id: str, chunks: AsyncIterator[bytes]) -> StoredImage:
        await self._spend("open")
        md5, sha512, parts, taken = hashlib.md5(usedforsecurity=False), hashlib.sha512(), [], 0
        try:
            async for chunk in chunks:
                self.directory.disk.take(len(chunk), f"image {image_id}")
                taken += len(chunk)
                md5.update(chunk)
                sha512.update(chunk)
                parts.append(chunk)
            await self._write(taken)
        except BaseException:
            self.directory.disk.give(taken)
            raise
        return self._store(image_id, ImageFile(taken, md5.hexdigest(), sha512.hexdigest(), b"".join(parts)))

    async def put_sparse(self, image_id: str, size: int, seed: str) -> StoredImage:
        await self._spend("open")
        self.directory.disk.take(size, f"image {image_id}")
        try:
            await self._write(size)
        except BaseException:
            self.directory.disk.give(size)
            raise
        content = b"".join(made_up(seed, size)) if size <= HONEST_MAX else f"{seed}/{size}".encode()
        md5, sha512 = hashlib.md5(content, usedforsecurity=False), hashlib.sha512(content)
        return self._store(image_id, ImageFile(size, md5.hexdigest(), sha512.hexdigest(), None, seed))

    def _store(self, image_id: str, file: ImageFile) -> StoredImage:
        self._forget(image_id)
        self.directory.files[image_id] = file
        self.dc.write(file_key(self.directory, image_id), lambda: file_value(file))
        return StoredImage(file.size, file.checksum, file.sha512)

    async def read(self, image_id: str) -> AsyncIterator[bytes]:
        await self._spend("open")
        file = self.directory.files.get(image_id)
        if file is None:
            raise ImageError(f"the store on {self.directory.host.name} has no file for image {image_id}")
        if file.data is None:
            for piece in made_up(file.seed, file.size):
                yield piece
        else:
            for start in range(0, file.size, CHUNK):
                yield file.data[start : start + CHUNK]

    async def stat(self, image_id: str) -> StoredImage | None:
        await self._spend("query")
        file = self.directory.files.get(image_id)
        return None if file is None else StoredImage(file.size, file.checksum, file.sha512)

    async def delete(self, image_id: str) -> None:
        await self._spend("query")
        if self._forget(image_id):
            self.dc.write(file_key(self.directory, image_id), None)

    def _forget(self, image_id: str) -> bool:
        old = self.directory.files.pop(image_id, None)
        if old is not None:
            self.directory.disk.give(old.size)
        return old is not None

    async def images(self) -> list[str]:
        await self._spend("query")
        return sorted(self.directory.files)

    async def _write(self, nbytes: int) -> None:
        await pause(nbytes * 8 * 1_000_000_000 // self.directory.speed_bps)

    async def _spend(self, what: str) -> None:
        if not self.directory.host.up:
            raise ImageError(f"host {self.directory.host.name} has no power")
        await self.dc.spend(f"image.{what}", self.directory.host.name)
