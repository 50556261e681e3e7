"""The simulated filer, image store and object disks keep the promises of their ports."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lab.errors import ImageError, NoSpace, ObjectError, VolumeError
from lab.services.object.driver import StoredObject
from lab.services.volume.driver import Connector
from sim.datacenter.host import GIB
from sim.image import SimImageStore
from sim.object import SimDisk
from sim.volume import SimNas
from tests.breakage import WorldFaults
from tests.content import unread

Site = Any
HERE = Connector("compute-1", "172.16.1.1")


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def give(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture
def nas(site: Site) -> SimNas:
    return SimNas(site.dc, "nas-1")


def test_volumes_live_on_the_filer(site: Site, nas: SimNas) -> None:
    start = site.dc.now()
    site.run(nas.create("v1", 10))
    assert 1.6e9 < site.dc.now() - start < 2.6e9
    site.run(nas.create("v1", 10))
    stats = site.run(nas.stats())
    assert (stats.total_gib, stats.free_gib, stats.provisioned_gib, stats.thin) == (10_240, 10_240, 10, True)
    site.run(nas.write_image("v1", "image-1", GIB, "00", unread))
    site.run(nas.write_image("v1", "image-1", GIB, "00", unread))
    assert site.run(nas.stats()).free_gib == 10_239
    site.run(nas.snapshot("v1", "s1"))
    site.run(nas.clone("v2", 12, "s1"))
    site.run(nas.clone("v3", 12, "v1"))
    assert site.run(nas.stats()).free_gib == 10_237
    site.run(nas.extend("v2", 20))
    assert nas.nas.volumes["v2"].size_gib == 20
    assert site.run(nas.volumes()) == ["s1", "v1", "v2", "v3"]
    for _ in range(2):
        site.run(nas.delete_snapshot("s1"))
        for volume in ("v1", "v2", "v3"):
            site.run(nas.delete(volume))
    assert site.run(nas.volumes()) == []
    assert nas.nas.written == 0


def test_exports_are_given_and_taken_back(site: Site, nas: SimNas) -> None:
    site.run(nas.create("v1", 1))
    first = site.run(nas.connect("v1", HERE))
    assert first["driver_volume_type"] == "nfs"
    data: Any = first["data"]
    assert data["export"] == f"{nas.nas.address}:/pool-1"
    assert data["name"] == "volume-v1"
    assert site.run(nas.connect("v1", HERE)) == first
    for _ in range(2):
        site.run(nas.disconnect("v1", HERE))
    assert nas.nas.volumes["v1"].exports == {}
    site.run(nas.disconnect("v9", HERE))
    with pytest.raises(VolumeError, match="nas-1 has no volume v9"):
        site.run(nas.connect("v9", HERE))


def test_a_full_filer_takes_nothing(site: Site, nas: SimNas) -> None:
    site.run(nas.create("v1", 1))
    mend = WorldFaults(site.dc).fill_nas("nas-1")
    with pytest.raises(NoSpace, match="No space left on nas-1"):
        site.run(nas.create("v2", 1))
    with pytest.raises(NoSpace):
        site.run(nas.write_image("v1", "i", 1, "00", unread))
    assert site.run(nas.stats()).free_gib == 0
    mend()
    assert site.run(nas.volumes()) == ["v1"]
    assert nas.nas.written == 0


def test_a_slow_filer_takes_its_time(site: Site, nas: SimNas) -> None:
    site.run(nas.create("v1", 1))
    site.run(nas.create("v2", 1))

    def seconds(volume: str) -> float:
        start = site.dc.now()
        site.run(nas.write_image(volume, "i", GIB, "00", unread))
        return (site.dc.now() - start) / 1e9

    fast = seconds("v1")
    WorldFaults(site.dc).slow_nas("nas-1", 100)
    assert seconds("v2") == pytest.approx(100 * fast, rel=0.01)


def test_a_lost_filer_is_an_error_that_leaves_nothing(site: Site, nas: SimNas) -> None:
    site.run(nas.create("v1", 1))
    link = site.dc.fabric.links["nas-1--leaf-0"]

    async def cut() -> None:
        writing = asyncio.ensure_future(nas.write_image("v1", "i", 100 * GIB, "00", unread))
        await asyncio.sleep(1)
        link.set(False)
        await writing

    with pytest.raises(VolumeError, match="was lost while data was written"):
        site.run(cut())
    with pytest.raises(VolumeError, match="cannot be reached"):
        site.run(nas.create("v2", 1))
    assert nas.nas.written == 0
    assert list(nas.nas.volumes) == ["v1"]


def test_images_keep_their_bytes(site: Site) -> None:
    store = SimImageStore(site.dc)
    stored = site.run(store.put("a", give(b"hello ", b"world")))
    assert stored.size == 11
    assert stored.checksum == hashlib.md5(b"hello world").hexdigest()
    assert stored.sha512 == hashlib.sha512(b"hello world").hexdigest()
    assert site.run(store.stat("a")) == stored
    assert site.run(collect(store.read("a"))) == b"hello world"
    site.run(store.put("a", give(b"new")))
    assert site.run(collect(store.read("a"))) == b"new"
    assert site.run(store.images()) == ["a"]
    for _ in range(2):
        site.run(store.delete("a"))
    assert site.run(store.stat("a")) is None
    assert store.directory.disk.used == 0
    with pytest.raises(ImageError, match="no file for image a"):
        site.run(collect(store.read("a")))


def test_made_up_images_have_digests_of_their_own(site: Site) -> None:
    store = SimImageStore(site.dc)
    small = site.run(store.put_sparse("a", 100_000, "seed-a"))
    content = site.run(collect(store.read("a")))
    assert len(content) == 100_000
    assert hashlib.md5(content).hexdigest() == small.checksum
    big = site.run(store.put_sparse("b", 512 * 1024**2, "seed-b"))
    assert big == site.run(store.put_sparse("b", 512 * 1024**2, "seed-b"))
    assert big.sha512 != site.run(store.put_sparse("c", 512 * 1024**2, "seed-c")).sha512
    assert store.directory.disk.used == 100_000 + 2 * 512 * 1024**2


def test_an_upload_that_breaks_or_does_not_fit_leaves_nothing(site: Site) -> None:
    store = SimImageStore(site.dc)
    site.run(store.put("a", give(b"old")))

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ImageError("the client went away")

    with pytest.raises(ImageError, match="went away"):
        site.run(store.put("a", broken()))
    store.directory.disk.capacity = 10
    with pytest.raises(NoSpace):
        site.run(store.put_sparse("b", 11, "s"))
    with pytest.raises(NoSpace):
        site.run(store.put("b", give(b"12345", b"67890")))
    assert site.run(store.images()) == ["a"]
    assert site.run(collect(store.read("a"))) == b"old"
    assert store.directory.disk.used == 3


def test_object_disks_keep_the_newest(site: Site) -> None:
    disk = SimDisk(site.dc, "storage-1", "d1")
    old, new = StoredObject("o", 1, b"old"), StoredObject("o", 2, b"newer")
    site.run(disk.put(7, new))
    site.run(disk.put(7, old))
    assert site.run(disk.get(7, "o")) == new
    assert disk.device.disk.used == 5
    site.run(disk.put(7, StoredObject("o", 3, deleted=True)))
    assert site.run(disk.get(7, "o")).deleted
    site.run(disk.put(3, StoredObject("p", 1)))
    assert site.run(disk.partitions()) == [3, 7]
    assert site.run(disk.partition(7)) == ["o"]
    for _ in range(2):
        site.run(disk.forget(7, "o"))
    assert site.run(disk.partitions()) == [3]
    assert site.run(disk.get(7, "o")) is None
    assert disk.device.disk.used == 0


def test_a_dead_disk_answers_nothing(site: Site) -> None:
    disk = SimDisk(site.dc, "storage-1", "d1")
    site.run(disk.put(1, StoredObject("o", 1, b"x")))
    mend = WorldFaults(site.dc).kill_disk("storage-1", "d1")
    for call in (disk.get(1, "o"), disk.put(1, StoredObject("o", 2)), disk.forget(1, "o"), disk.partitions(), disk.partition(1)):
        with pytest.raises(ObjectError, match="storage-1/d1 is dead"):
            site.run(call)
    mend()
    assert site.run(disk.get(1, "o")) == StoredObject("o", 1, b"x")
    with pytest.raises(KeyError, match="known are storage-1/d1"):
        SimDisk(site.dc, "storage-9", "d1")
