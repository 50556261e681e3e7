"""What every volume driver promises."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from lab.errors import NoSpace, VolumeError
from lab.services.volume.driver import Connector, VolumeDriver
from tests.content import holding
from tests.contracts.record import promise

T = TypeVar("T")
MIB = 1024**2
RAW = bytes([7]) * MIB


class VolumeBench(ABC):
    """A driver on a backend of its own."""

    driver: VolumeDriver
    here: Connector

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a verb to its end."""

    @abstractmethod
    def size_gib(self, volume_id: str) -> int:
        """How large a guest sees the volume."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Everything that is on the backend beside volumes and snapshots."""

    @abstractmethod
    def fill(self) -> AbstractContextManager[None]:
        """Have no room on the backend."""

    @abstractmethod
    def cut(self) -> AbstractContextManager[None]:
        """Have no way to the backend."""

    @abstractmethod
    def write(self, volume_id: str, byte: int) -> None:
        """Write the first MiB as a guest would."""

    @abstractmethod
    def holds(self, volume_id: str, byte: int) -> bool:
        """Whether the first MiB is full of that byte."""


class VolumeContract:
    """The promises."""

    port = "volume"

    # -- create and delete --------------------------------------------------------------------

    @promise("create", "the volume is there with its size")
    def test_created(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 2))
        assert bench.run(bench.driver.volumes()) == ["v1"]
        assert bench.size_gib("v1") == 2

    @promise("create", "a repeat converges")
    def test_create_twice(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 2))
        bench.run(bench.driver.create("v1", 2))
        assert bench.run(bench.driver.volumes()) == ["v1"]

    @promise("create", "an empty volume takes next to no room")
    def test_thin(self, bench: VolumeBench) -> None:
        before = bench.run(bench.driver.stats())
        bench.run(bench.driver.create("v1", 10))
        after = bench.run(bench.driver.stats())
        assert after.thin
        assert after.provisioned_gib - before.provisioned_gib == 10
        assert before.free_gib - after.free_gib < 0.1

    @promise("create", "no room is NoSpace and leaves nothing")
    def test_create_without_room(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        with bench.fill(), pytest.raises(NoSpace, match="No space left on"):
            bench.run(bench.driver.create("v2", 1))
        assert bench.run(bench.driver.volumes()) == ["v1"]
        assert bench.leftovers() == []
        bench.run(bench.driver.create("v2", 1))

    @promise("create", "a backend out of reach is a VolumeError, soon")
    def test_create_out_of_reach(self, bench: VolumeBench) -> None:
        with bench.cut(), pytest.raises(VolumeError, match="cannot be reached"):
            bench.run(bench.driver.create("v1", 1))
        assert bench.run(bench.driver.volumes()) == []
        assert bench.leftovers() == []

    @promise("delete", "the volume is gone, a repeat and a stranger are no error")
    def test_delete(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for volume_id in ("v1", "v1", "v9"):
            bench.run(bench.driver.delete(volume_id))
        assert bench.run(bench.driver.volumes()) == []
        assert bench.leftovers() == []

    # -- images -------------------------------------------------------------------------------

    @promise("write_image", "the volume keeps its size, a repeat converges")
    def test_image(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for _ in range(2):
            bench.run(self._fill_with(bench, "v1"))
        assert bench.size_gib("v1") == 1
        assert bench.leftovers() == []

    @promise("write_image", "the guest reads the image")
    def test_image_content(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.write("v1", 1)
        bench.run(self._fill_with(bench, "v1"))
        assert bench.holds("v1", 7)

    @promise("write_image", "bytes with another checksum are refused, the volume is as it was")
    def test_image_with_wrong_checksum(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.write("v1", 1)
        with pytest.raises(VolumeError, match="checksum"):
            bench.run(self._fill_with(bench, "v1", checksum="00"))
        assert bench.holds("v1", 1)
        assert bench.leftovers() == []

    @promise("write_image", "a download that breaks leaves the volume as it was")
    def test_image_that_breaks(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.write("v1", 1)

        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise VolumeError("glance went away")

        with pytest.raises(VolumeError, match="went away"):
            bench.run(bench.driver.write_image("v1", "i1", MIB, "", broken))
        assert bench.holds("v1", 1)
        assert bench.leftovers() == []

    @promise("write_image", "no such volume is a VolumeError")
    def test_image_into_nothing(self, bench: VolumeBench) -> None:
        with pytest.raises(VolumeError, match="no volume v9"):
            bench.run(self._fill_with(bench, "v9"))
        assert bench.leftovers() == []

    @staticmethod
    def _fill_with(bench: VolumeBench, volume_id: str, checksum: str | None = None) -> Coroutine[Any, Any, None]:
        right = hashlib.md5(RAW).hexdigest()
        return bench.driver.write_image(volume_id, "i1", len(RAW), right if checksum is None else checksum, holding(RAW))

    # -- clones and growth --------------------------------------------------------------------

    @promise("clone", "a volume's clone has its own size, a repeat converges")
    def test_clone(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for _ in range(2):
            bench.run(bench.driver.clone("v2", 3, "v1"))
        assert (bench.size_gib("v1"), bench.size_gib("v2")) == (1, 3)
        assert bench.run(bench.driver.volumes()) == ["v1", "v2"]

    @promise("clone", "a clone has its source's bytes and goes its own way")
    def test_clone_content(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.write("v1", 1)
        bench.run(bench.driver.clone("v2", 1, "v1"))
        bench.write("v1", 2)
        assert bench.holds("v2", 1)
        bench.write("v2", 3)
        assert bench.holds("v1", 2)
        bench.run(bench.driver.delete("v1"))
        assert bench.holds("v2", 3)
        bench.run(bench.driver.delete("v2"))
        assert bench.leftovers() == []

    @promise("clone", "a snapshot's clone outlives the snapshot and the volume")
    def test_clone_of_snapshot(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.run(bench.driver.snapshot("v1", "s1"))
        bench.run(bench.driver.clone("v2", 2, "s1"))
        bench.run(bench.driver.delete_snapshot("s1"))
        bench.run(bench.driver.delete("v1"))
        assert bench.run(bench.driver.volumes()) == ["v2"]
        assert bench.size_gib("v2") == 2
        bench.run(bench.driver.delete("v2"))
        assert bench.leftovers() == []

    @promise("clone", "no such source is a VolumeError and leaves nothing")
    def test_clone_of_nothing(self, bench: VolumeBench) -> None:
        with pytest.raises(VolumeError, match="neither a volume nor a snapshot s9"):
            bench.run(bench.driver.clone("v2", 1, "s9"))
        assert bench.run(bench.driver.volumes()) == []
        assert bench.leftovers() == []

    @promise("extend", "the volume grows and never shrinks, a repeat converges")
    def test_extend(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for size in (4, 4, 2):
            bench.run(bench.driver.extend("v1", size))
        assert bench.size_gib("v1") == 4

    @promise("extend", "no such volume is a VolumeError")
    def test_extend_nothing(self, bench: VolumeBench) -> None:
        with pytest.raises(VolumeError, match="no volume v9"):
            bench.run(bench.driver.extend("v9", 2))

    # -- snapshots ----------------------------------------------------------------------------

    @promise("snapshot", "the snapshot is there, a repeat converges")
    def test_snapshot(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for snapshot in ("s1", "s1", "s2"):
            bench.run(bench.driver.snapshot("v1", snapshot))
        assert bench.run(bench.driver.volumes()) == ["s1", "s2", "v1"]

    @promise("snapshot", "it keeps the bytes of its instant")
    def test_snapshot_content(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for byte in (1, 2, 3):
            bench.write("v1", byte)
            bench.run(bench.driver.snapshot("v1", f"s{byte}"))
        bench.run(bench.driver.delete_snapshot("s2"))
        bench.run(bench.driver.extend("v1", 2))
        for byte in (1, 3):
            bench.run(bench.driver.clone(f"c{byte}", 2, f"s{byte}"))
            assert bench.holds(f"c{byte}", byte)
        assert bench.holds("v1", 3)

    @promise("snapshot", "no such volume is a VolumeError and leaves nothing")
    def test_snapshot_of_nothing(self, bench: VolumeBench) -> None:
        with pytest.raises(VolumeError, match="no volume v9"):
            bench.run(bench.driver.snapshot("v9", "s1"))
        assert bench.run(bench.driver.volumes()) == []
        assert bench.leftovers() == []

    @promise("delete_snapshot", "the snapshot is gone with its room, in any order; a repeat is no error")
    def test_delete_snapshot(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        for snapshot in ("s1", "s2", "s3"):
            bench.run(bench.driver.snapshot("v1", snapshot))
        for snapshot in ("s2", "s1", "s3", "s3", "s9"):
            bench.run(bench.driver.delete_snapshot(snapshot))
        assert bench.run(bench.driver.volumes()) == ["v1"]
        assert bench.leftovers() == []

    @promise("begin_assisted_snapshot", "what was begun of an open volume is taken back by delete_snapshot")
    def test_assisted_taken_back(self, bench: VolumeBench) -> None:
        self._begun(bench)
        assert bench.run(bench.driver.volumes()) == ["v1"]
        bench.run(bench.driver.delete_snapshot("s1"))
        bench.run(bench.driver.disconnect("v1", bench.here))
        assert bench.leftovers() == []

    @promise("end_assisted_snapshot", "what the hypervisor filled is the snapshot; a repeat converges")
    def test_assisted(self, bench: VolumeBench) -> None:
        self._begun(bench)
        for _ in range(2):
            bench.run(bench.driver.end_assisted_snapshot("s1"))
        assert bench.run(bench.driver.volumes()) == ["s1", "v1"]
        assert bench.run(bench.driver.begin_assisted_snapshot("v1", "s1")) is None
        bench.run(bench.driver.disconnect("v1", bench.here))
        assert bench.leftovers() == []

    @staticmethod
    def _begun(bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.run(bench.driver.connect("v1", bench.here))
        if bench.run(bench.driver.begin_assisted_snapshot("v1", "s1")) is None:
            pytest.skip("snapshots of open volumes need no help here")

    # -- connections --------------------------------------------------------------------------

    @promise("connect", "a repeat answers the same")
    def test_connect(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        first = bench.run(bench.driver.connect("v1", bench.here))
        assert {"driver_volume_type", "data"} <= set(first)
        assert bench.run(bench.driver.connect("v1", bench.here)) == first

    @promise("connect", "no such volume is a VolumeError")
    def test_connect_nothing(self, bench: VolumeBench) -> None:
        with pytest.raises(VolumeError, match="no volume v9"):
            bench.run(bench.driver.connect("v9", bench.here))
        assert bench.leftovers() == []

    @promise("disconnect", "a repeat and a stranger are no error, nothing is left")
    def test_disconnect(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.run(bench.driver.connect("v1", bench.here))
        for volume_id in ("v1", "v1", "v9"):
            bench.run(bench.driver.disconnect(volume_id, bench.here))
        assert bench.leftovers() == []

    @promise("delete", "a volume that is still connected goes with its connections")
    def test_delete_connected(self, bench: VolumeBench) -> None:
        bench.run(bench.driver.create("v1", 1))
        bench.run(bench.driver.connect("v1", bench.here))
        bench.run(bench.driver.delete("v1"))
        assert bench.run(bench.driver.volumes()) == []
        assert bench.leftovers() == []
