"""Images as files in a directory, each with its digests beside it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from drivers.findings import Finding
from drivers.owned import PART, claim, durable, give_up, owner, room, settle, told_as
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import ImageError
from lab.services.image.driver import CHUNK, ImageStore, StoredImage, made_up

DIGESTS = ".digests"
"""How the name of the file ends that holds an image's size and digests; it is written last and removed first."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """path: where the directory of this cloud's images is made; None is `glance` among the host's own files."""

    path: Path | None = None


class FileImages(ImageStore, Sweepable):
    """The image store of one host; an image is there when its digests are."""

    Options: ClassVar[type] = FileOptions

    def __init__(self, place: Place, options: FileOptions) -> None:
        self.cloud = place.cloud
        self.directory = (options.path or place.state / "glance") / place.cloud

    @classmethod
    async def probe(cls, place: Place, options: FileOptions) -> list[Finding]:
        """Say where images go and how much room is there."""
        directory = options.path or place.state / "glance"
        return [await asyncio.to_thread(room, "image files", directory)]

    async def open(self) -> None:
        """Make the directory ours."""
        with told_as(ImageError, str(self.directory), "it was made"):
            await asyncio.to_thread(claim, self.directory, self.cloud)

    async def close(self) -> None:
        """Nothing is held."""

    async def put(self, image_id: str, chunks: AsyncIterator[bytes]) -> StoredImage:
        part = self._file(image_id, PART)
        md5, sha512, size = hashlib.md5(usedforsecurity=False), hashlib.sha512(), 0
        try:
            with told_as(ImageError, str(self.directory), f"image {image_id} was written"):
                with part.open("wb") as out:
                    async for chunk in chunks:
                        md5.update(chunk)
                        sha512.update(chunk)
                        size += len(chunk)
                        await asyncio.to_thread(out.write, chunk)
                    out.flush()
                    await asyncio.to_thread(os.fsync, out.fileno())
                stored = StoredImage(size, md5.hexdigest(), sha512.hexdigest())
                await asyncio.to_thread(self._settle, image_id, part, stored)
        finally:
            part.unlink(missing_ok=True)
        return stored

    def _settle(self, image_id: str, part: Path, stored: StoredImage) -> None:
        # An old image's digests go first: a crash between the files must not leave digests of other bytes.
        self._file(image_id, DIGESTS).unlink(missing_ok=True)
        settle(part, self._file(image_id))
        durable(self._file(image_id, DIGESTS), json.dumps(asdict(stored)).encode())

    async def put_sparse(self, image_id: str, size: int, seed: str) -> StoredImage:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in made_up(seed, size):
                yield piece

        return await self.put(image_id, pieces())

    async def read(self, image_id: str) -> AsyncIterator[bytes]:
        if await self.stat(image_id) is None:
            raise ImageError(f"{self.directory} has no file for image {image_id}; upload it again")
        with told_as(ImageError, str(self.directory), f"image {image_id} was read"), self._file(image_id).open("rb") as file:
            while piece := await asyncio.to_thread(file.read, CHUNK):
                yield piece

    async def stat(self, image_id: str) -> StoredImage | None:
        with told_as(ImageError, str(self.directory), f"image {image_id} was looked up"):
            try:
                return StoredImage(**json.loads(self._file(image_id, DIGESTS).read_text(encoding="utf-8")))
            except FileNotFoundError:
                return None

    async def delete(self, image_id: str) -> None:
        with told_as(ImageError, str(self.directory), f"image {image_id} was removed"):
            for suffix in (DIGESTS, ""):
                self._file(image_id, suffix).unlink(missing_ok=True)

    async def images(self) -> list[str]:
        with told_as(ImageError, str(self.directory), "it was listed"):
            return sorted(path.name.removesuffix(DIGESTS) for path in self.directory.glob(f"*{DIGESTS}"))

    def _file(self, image_id: str, suffix: str = "") -> Path:
        if not image_id or "/" in image_id or image_id.startswith("."):
            raise ImageError(f"{image_id!r} is no id of an image")
        return self.directory / f"{image_id}{suffix}"

    # -- sweeping -----------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        if owner(self.directory) != self.cloud:
            return []
        whose = f"an image of {self.cloud}"
        names = {path.name.removesuffix(DIGESTS).removesuffix(PART) for path in self.directory.glob("[!.]*")}
        files = [Trace("image file", str(self.directory / name), whose) for name in sorted(names)]
        return [*files, Trace("directory", str(self.directory), f"the images of {self.cloud}")]

    async def remove(self, trace: Trace) -> None:
        with told_as(ImageError, str(self.directory), f"{trace.name} was removed"):
            if trace.name == str(self.directory):
                give_up(self.directory, self.cloud)
                return
            path = Path(trace.name)
            if path.parent != self.directory or owner(self.directory) != self.cloud:
                raise ImageError(f"{path} is not the cloud {self.cloud}'s; it is left as it is")
            for suffix in (DIGESTS, "", PART):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
