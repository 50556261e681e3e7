"""One disk of the object ring as a directory: a file an object, its header in the first line and then its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from drivers.findings import Finding
from drivers.owned import PART, claim, durable, give_up, owner, room, told_as
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import ObjectError
from lab.services.object.driver import Data, ObjectDisk, StoredObject

T = TypeVar("T")
END = ".object"


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """Where a disk is.

    path: where the disks of this host are directories or mounted; None is `objects` among the host's own files.
    disk: the name of this one in the ring; the directory of this cloud's objects is made in path/disk.
    """

    path: Path | None = None
    disk: str = "disk-1"


class DirectoryDisk(ObjectDisk, Sweepable):
    """One disk. A directory that lost our mark is a disk that is not mounted, and answers nothing."""

    Options: ClassVar[type] = DirectoryOptions

    def __init__(self, place: Place, options: DirectoryOptions) -> None:
        self.cloud = place.cloud
        self.directory = (options.path or place.state / "objects") / options.disk / place.cloud
        self._one_writer = threading.Lock()

    @classmethod
    async def probe(cls, place: Place, options: DirectoryOptions) -> list[Finding]:
        """Say where objects go and how much room is there."""
        return [await asyncio.to_thread(room, "object files", options.path or place.state / "objects")]

    async def open(self) -> None:
        """Make the directory ours."""
        with told_as(ObjectError, str(self.directory), "it was made"):
            await asyncio.to_thread(claim, self.directory, self.cloud)

    async def close(self) -> None:
        """Nothing is held."""

    async def put(self, partition: int, item: StoredObject) -> None:
        header = {"name": item.name, "timestamp_ns": item.timestamp_ns, "metadata": item.metadata, "deleted": item.deleted}

        def work() -> None:
            path = self._file(partition, item.name)
            with self._one_writer:
                old = header_of(path)
                if old is None or old.timestamp_ns < item.timestamp_ns:
                    path.parent.mkdir(exist_ok=True)
                    durable(path, json.dumps(header).encode(), b"\n", item.data)

        await self._do(work, f"object {item.name} was written")

    async def get(self, partition: int, name: str) -> StoredObject | None:
        return await self._do(lambda: whole(self._file(partition, name)), f"object {name} was read")

    async def forget(self, partition: int, name: str) -> None:
        def work() -> None:
            path = self._file(partition, name)
            with self._one_writer:
                path.unlink(missing_ok=True)
                if path.parent.exists() and not any(path.parent.iterdir()):
                    path.parent.rmdir()

        await self._do(work, f"object {name} was removed")

    async def partition(self, partition: int) -> list[str]:
        def work() -> list[str]:
            headers = (header_of(path) for path in (self.directory / str(partition)).glob(f"*{END}"))
            return sorted(header.name for header in headers if header is not None)

        return await self._do(work, f"partition {partition} was listed")

    async def partitions(self) -> list[int]:
        def work() -> list[int]:
            folders = (path for path in self.directory.iterdir() if path.name.isdigit())
            return sorted(int(path.name) for path in folders if any(path.glob(f"*{END}")))

        return await self._do(work, "it was listed")

    async def _do(self, work: Callable[[], T], doing: str) -> T:
        with self._answering(doing):
            return await asyncio.to_thread(work)

    @contextmanager
    def _answering(self, doing: str) -> Iterator[None]:
        """Let nothing be read or written where the disk is not: an empty mount point would pass for an empty disk."""
        with told_as(ObjectError, str(self.directory), doing):
            if owner(self.directory) != self.cloud:
                raise ObjectError(f"disk {self.directory} is not there: Input/output error; mount it, or open the driver on a new one")
            yield

    def _file(self, partition: int, name: str) -> Path:
        # Names are longer than names of files may be, and hold slashes.
        return self.directory / str(partition) / f"{hashlib.sha256(name.encode()).hexdigest()}{END}"

    # -- sweeping -----------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        if owner(self.directory) != self.cloud:
            return []
        traces = []
        for folder in sorted(path for path in self.directory.iterdir() if path.name.isdigit()):
            count = len(list(folder.glob(f"*{END}")))
            traces.append(Trace("object partition", str(folder), f"{count} objects of {self.cloud}"))
        return [*traces, Trace("directory", str(self.directory), f"the objects of {self.cloud}")]

    async def remove(self, trace: Trace) -> None:
        with told_as(ObjectError, trace.name, "it was removed"):
            await asyncio.to_thread(self._remove, Path(trace.name))

    def _remove(self, folder: Path) -> None:
        if folder == self.directory:
            give_up(folder, self.cloud)
        elif folder.parent != self.directory or owner(self.directory) != self.cloud:
            raise ObjectError(f"{folder} is not the cloud {self.cloud}'s; it is left as it is")
        elif folder.exists():
            for path in (*folder.glob(f"*{END}"), *folder.glob(f"*{END}{PART}")):
                path.unlink()
            folder.rmdir()


def header_of(path: Path) -> StoredObject | None:
    """The object without its bytes, or None."""
    try:
        with path.open("rb") as file:
            return item_of(file.readline())
    except FileNotFoundError:
        return None


def whole(path: Path) -> StoredObject | None:
    """The object with its bytes, or None."""
    try:
        header, _, data = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return replace(item_of(header), data=Data(data))


def item_of(header: bytes) -> StoredObject:
    """The object that a file's first line describes."""
    fields = json.loads(header)
    return StoredObject(**fields | {"metadata": tuple((key, value) for key, value in fields["metadata"])})
