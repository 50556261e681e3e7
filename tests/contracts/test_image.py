"""The promises of image stores, simulated and as files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers.image.file import FileImages, FileOptions
from drivers.owned import TAG
from drivers.place import Place
from sim.datacenter.datacenter import Datacenter
from sim.image import SimImageStore
from sim.loop import SimLoop
from tests.contracts.disk import filled, small_disk
from tests.contracts.image import ImageBench, ImageContract
from tests.real.bed.host import Holder

T = TypeVar("T")


class SimBench(ImageBench):
    """The image directory of a simulated host."""

    def __init__(self) -> None:
        self.loop = SimLoop(7)
        self.driver: SimImageStore = SimImageStore(Datacenter(self.loop.env, self.loop.runtime.random))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def leftovers(self) -> list[str]:
        directory = self.driver.directory
        lost = directory.disk.used - sum(file.size for file in directory.files.values())
        return [f"{lost} bytes"] if lost else []

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        disk = self.driver.directory.disk
        disk.capacity, before = disk.used, disk.capacity
        yield
        disk.capacity = before


class FileBench(ImageBench):
    """Files in a directory."""

    def __init__(self, path: Path, host: Holder | None = None) -> None:
        self.host, self.path = host, path
        self.driver: FileImages = FileImages(Place("test", "controller-1", "10.77.0.1", path), FileOptions(path))
        self.run(self.driver.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work) if self.host is None else self.host.play(work)

    def leftovers(self) -> list[str]:
        directory = self.path / "test" if self.host is None else self.host.path(self.path / "test")
        known = {f"{image}{end}" for image in self.run(self.driver.images()) for end in ("", ".digests")}
        return sorted({path.name for path in directory.iterdir()} - known - {TAG})

    def fill(self) -> contextlib.AbstractContextManager[None]:
        return filled(self.host, self.path)


class TestSimulated(ImageContract):
    driver = "simulated store"

    @pytest.fixture
    def bench(self) -> Iterator[ImageBench]:
        made = SimBench()
        yield made
        made.loop.close()


class TestFile(ImageContract):
    driver = "file"

    @pytest.fixture
    def bench(self, tmp_path: Path) -> ImageBench:
        return FileBench(tmp_path)


@pytest.mark.real
class TestFileOnASmallDisk(ImageContract):
    driver = "file"

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[ImageBench]:
        with small_disk(tmp_path) as (host, path):
            yield FileBench(path, host)
