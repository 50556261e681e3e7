"""Files of images and objects: what a crash in the middle leaves, and directories that are not ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.image import file
from drivers.image.file import FileImages, FileOptions
from drivers.object.directory import DirectoryDisk, DirectoryOptions
from drivers.place import Place
from lab.errors import ImageError, ObjectError
from lab.services.object.driver import StoredObject
from tests.content import holding


def images(path: Path, cloud: str = "lab") -> FileImages:
    return FileImages(Place(cloud, "controller-1", "10.77.0.1", path), FileOptions(path / "images"))


def test_a_crash_between_an_image_and_its_digests_never_leaves_digests_of_other_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    async def work() -> None:
        store = images(tmp_path)
        await store.open()
        await store.put("i1", holding(b"first")())
        monkeypatch.setattr(file, "durable", crash)
        with pytest.raises(KeyboardInterrupt):
            await store.put("i1", holding(b"second")())
        monkeypatch.undo()
        again = images(tmp_path)
        await again.open()
        assert await again.stat("i1") is None
        assert await again.images() == []

    asyncio.run(work())


def test_what_was_half_written_is_gone_after_the_next_start(tmp_path: Path) -> None:
    store = images(tmp_path)
    asyncio.run(store.open())
    (store.directory / "i1.part").write_bytes(b"half")
    asyncio.run(images(tmp_path).open())
    assert [path.name for path in store.directory.iterdir()] == [".glasscloud"]


def test_a_directory_of_others_is_not_taken(tmp_path: Path) -> None:
    store = images(tmp_path)
    store.directory.mkdir(parents=True)
    (store.directory / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(ImageError, match="holds files and is not ours"):
        asyncio.run(store.open())
    disk = DirectoryDisk(Place("lab", "storage-1", "10.77.0.1", tmp_path), DirectoryOptions(store.directory.parent, disk=""))
    with pytest.raises(ObjectError, match="holds files and is not ours"):
        asyncio.run(disk.open())
    assert (store.directory / "holiday.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["", "../i1", ".glasscloud", "a/b"])
def test_an_image_s_id_is_no_path(tmp_path: Path, name: str) -> None:
    store = images(tmp_path)
    asyncio.run(store.open())
    with pytest.raises(ImageError, match="is no id of an image"):
        asyncio.run(store.put(name, holding(b"x")()))


def test_the_disks_of_a_host_are_apart(tmp_path: Path) -> None:
    place = Place("lab", "storage-1", "10.77.0.1", tmp_path)
    one, two = (DirectoryDisk(place, DirectoryOptions(disk=name)) for name in ("disk-1", "disk-2"))

    async def work() -> None:
        for disk in (one, two):
            await disk.open()
        await one.put(1, StoredObject("/a/c/o", 1, b"one"))
        assert await two.get(1, "/a/c/o") is None
        assert [trace.kind for trace in await two.found()] == ["directory"]

    asyncio.run(work())
