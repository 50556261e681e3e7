"""The files of one pool: reading how they lie on each other, and making each whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from drivers.owned import PART, told_as
from drivers.volume.files import Files
from drivers.volume.layers import Layers, is_layer
from drivers.volume.qemu_img import HEADER_BYTES, Header, header, qemu_img
from lab.errors import NoSpace, VolumeError

T = TypeVar("T")
GIB = 1024**3
FULL_BYTES = 1024**2
"""Less than this is no room: an empty qcow2 file takes 200 KB."""


async def always() -> None:
    """What is on this machine is always there."""


class Pool:
    """One directory of qcow2 files. `alive` raises VolumeError when the backend does not answer."""

    def __init__(self, files: Files, alive: Callable[[], Awaitable[None]] = always) -> None:
        self.files, self.alive = files, alive
        self._headers: dict[str, Header] = {}  # only this driver changes what is in them

    @property
    def where(self) -> str:
        """How an error names the pool."""
        return self.files.where

    async def do(self, doing: str, work: Callable[[], T]) -> T:
        """Run blocking work on the files. Raises NoSpace, and VolumeError that says what was being done."""
        await self.alive()
        async with self._knowing_full():
            with told_as(VolumeError, self.where, doing):
                return await asyncio.to_thread(work)

    @asynccontextmanager
    async def _knowing_full(self) -> AsyncIterator[None]:
        """Call an error NoSpace when the backend is full: over NFS some servers and clients say 'Bad address' then."""
        try:
            yield
        except VolumeError as error:
            try:
                _, free = await asyncio.to_thread(self.files.space)
            except OSError:
                raise error from None
            if free < FULL_BYTES:
                raise NoSpace(f"No space left on {self.where}; delete volumes or add disks ({error.message})") from error
            raise

    async def layers(self) -> Layers:
        """Read what is there now."""
        return await self.do("it was listed", self._read)

    def _read(self) -> Layers:
        names = self.files.names()
        layers = {name for name in names if is_layer(name)}
        self._headers = {name: known for name, known in self._headers.items() if name in layers}
        for name in layers - set(self._headers):
            found = header(self.files.head(name, HEADER_BYTES), name)
            self._headers[name] = replace(found, backing=found.backing and found.backing.rpartition("/")[2])
        return Layers(names, dict(self._headers))

    async def tool(self, name: str, verb: str, *arguments: str) -> None:
        """Have qemu-img work on one file."""
        await self.alive()
        self._headers.pop(name, None)
        async with self._knowing_full():
            await qemu_img(self.where, verb, "-q", *arguments, alive=self.alive)

    async def make(self, name: str, verb: str, *arguments: str, size: int = 0) -> None:
        """Have qemu-img make a file under another name, then put it in its place.

        arguments: of qemu-img; '{}' stands for the file.
        size: in bytes; a smaller disk is grown to it, a larger one is refused. 0 leaves it as it is.
        """
        part = name + PART
        url = self.files.url(part)
        try:
            await self.tool(part, verb, *(url if word == "{}" else word for word in arguments))
            if size:
                await self._grow(part, size, name)
            await self.rename(part, name)
        except BaseException:
            await self._drop(part)
            raise

    async def _grow(self, part: str, size: int, name: str) -> None:
        made = header(await self.do(f"{name} was made", lambda: self.files.head(part, HEADER_BYTES)), part)
        if made.size > size:
            needed = -(-made.size // GIB)
            raise VolumeError(f"{made.size} bytes do not fit into {name} with {size // GIB} GiB; make a volume of {needed} GiB")
        if made.size < size:
            await self.tool(part, "resize", "-f", "qcow2", self.files.url(part), str(size))

    async def _drop(self, part: str) -> None:
        """Remove what is half made; where the backend is gone, the next start does."""
        try:
            await self.unlink(part)
        except (VolumeError, NoSpace):
            return

    async def rename(self, name: str, new: str) -> None:
        """Put a file in the place of another, at once."""
        self._headers.pop(new, None)
        await self.do(f"{new} was put in place", lambda: self.files.rename(name, new))

    async def link(self, name: str, new: str) -> None:
        """Give a file a second name."""
        await self.do(f"{new} was named", lambda: self.files.link(name, new))

    async def unlink(self, *names: str) -> None:
        """Remove names; none is no error."""

        def work() -> None:
            for name in names:
                self.files.unlink(name)

        await self.do(f"{names[0]} was removed", work)
