"""The promises of object disks, simulated and as a directory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers.object.directory import DirectoryDisk, DirectoryOptions
from drivers.owned import TAG
from drivers.place import Place
from sim.datacenter.datacenter import Datacenter
from sim.loop import SimLoop
from sim.object import SimDisk
from tests.breakage import WorldFaults
from tests.contracts.disk import filled, small_disk
from tests.contracts.object import ObjectBench, ObjectContract
from tests.real.bed.host import Holder

T = TypeVar("T")


class SimBench(ObjectBench):
    """A disk of a simulated storage node."""

    def __init__(self) -> None:
        self.loop = SimLoop(7)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random)
        self.driver: SimDisk = SimDisk(self.dc, "storage-1", "d1")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def leftovers(self) -> list[str]:
        device = self.driver.device
        lost = device.disk.used - sum(len(item.data) for names in device.partitions.values() for item in names.values())
        return [f"{lost} bytes"] if lost else []

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        disk = self.driver.device.disk
        disk.capacity, before = disk.used, disk.capacity
        yield
        disk.capacity = before

    @contextlib.contextmanager
    def lose(self) -> Iterator[None]:
        mend = WorldFaults(self.dc).kill_disk("storage-1", "d1")
        yield
        mend()


class DirectoryBench(ObjectBench):
    """A directory."""

    def __init__(self, path: Path, host: Holder | None = None) -> None:
        self.host, self.path = host, path
        self.driver: DirectoryDisk = DirectoryDisk(Place("test", "storage-1", "10.77.0.1", path), DirectoryOptions(path))
        self.run(self.driver.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work) if self.host is None else self.host.play(work)

    def seen(self, path: Path) -> Path:
        """The path as this process sees it."""
        return path if self.host is None else self.host.path(path)

    def leftovers(self) -> list[str]:
        directory = self.seen(self.path / "disk-1" / "test")
        files = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".object" and path.name != TAG]
        empty = [path for path in directory.iterdir() if path.is_dir() and not any(path.iterdir())]
        return [str(path) for path in files + empty]

    def fill(self) -> contextlib.AbstractContextManager[None]:
        return filled(self.host, self.path)

    @contextlib.contextmanager
    def lose(self) -> Iterator[None]:
        directory = self.seen(self.path / "disk-1" / "test")
        away = directory.rename(directory.with_name("away"))
        directory.mkdir()  # what an empty mount point looks like
        yield
        directory.rmdir()
        away.rename(directory)


class TestSimulated(ObjectContract):
    driver = "simulated disk"

    @pytest.fixture
    def bench(self) -> Iterator[ObjectBench]:
        made = SimBench()
        yield made
        made.loop.close()


class TestDirectory(ObjectContract):
    driver = "directory"

    @pytest.fixture
    def bench(self, tmp_path: Path) -> ObjectBench:
        return DirectoryBench(tmp_path)


@pytest.mark.real
class TestDirectoryOnASmallDisk(ObjectContract):
    driver = "directory"

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[ObjectBench]:
        with small_disk(tmp_path) as (host, path):
            yield DirectoryBench(path, host)
