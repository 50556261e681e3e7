"""Volumes beyond their contract: what lies in the way, what is missing, and what a crash leaves half done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers.owned import TAG
from drivers.place import Place
from drivers.sweep import Trace
from drivers.volume.directory import DirectoryOptions, DirectoryVolumes
from drivers.volume.nfs import NfsOptions, NfsVolumes
from lab.errors import VolumeError
from lab.services.volume.driver import Connector
from tests.content import holding
from tests.contracts.test_volume import FilesBench, needs_qemu_img
from tests.real.bed.ganesha import Ganesha
from tests.real.bed.host import Bed, need

T = TypeVar("T")
HERE = Connector("compute-1", "10.77.0.12")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def volumes(directory: Path, **options: Any) -> DirectoryVolumes:
    return DirectoryVolumes(Place("lab", "compute-1", "10.77.0.12", directory / "state"), DirectoryOptions(directory, **options))


@needs_qemu_img
class TestDirectory:
    @pytest.fixture
    def bench(self, tmp_path: Path) -> FilesBench:
        return FilesBench(volumes(tmp_path))

    @pytest.mark.parametrize("verb", ["snapshot", "clone", "extend", "write_image"])
    def test_what_a_guest_has_open_is_left_alone(self, bench: FilesBench, verb: str) -> None:
        driver = bench.driver
        run(driver.create("v1", 1))
        run(driver.connect("v1", HERE))
        verbs = {
            "snapshot": lambda: driver.snapshot("v1", "s1"),
            "clone": lambda: driver.clone("v2", 1, "v1"),
            "extend": lambda: driver.extend("v1", 2),
            "write_image": lambda: driver.write_image("v1", "i1", 0, "", holding(b"")),
        }
        with pytest.raises(VolumeError, match=r"volume v1 is attached on compute-1 .* detach it first"):
            run(verbs[verb]())
        assert run(driver.volumes()) == ["v1"]
        run(driver.disconnect("v1", HERE))
        run(verbs[verb]())

    def test_snapshots_of_an_attached_volume_are_merged_when_it_is_detached(self, bench: FilesBench) -> None:
        driver = bench.driver
        run(driver.create("v1", 1))
        bench.write("v1", 1)
        run(driver.snapshot("v1", "s1"))
        run(driver.connect("v1", HERE))
        run(driver.delete_snapshot("s1"))
        assert bench.leftovers() == ["base-s1", "volume-v1@compute-1"]
        assert bench.holds("v1", 1)
        run(driver.disconnect("v1", HERE))
        assert bench.leftovers() == []
        assert bench.holds("v1", 1)

    @pytest.mark.parametrize("crash", ["linked", "overlaid"])
    def test_a_crash_in_a_snapshot_is_mended_at_the_next_start(self, bench: FilesBench, tmp_path: Path, crash: str) -> None:
        driver, files = bench.driver, tmp_path / "lab"
        run(driver.create("v1", 1))
        bench.write("v1", 5)
        (files / "base-s1").hardlink_to(files / "volume-v1")
        if crash == "overlaid":
            run(driver._overlay("volume-v1", "base-s1", 1024**3))
        (files / "volume-v2.part").write_bytes(b"half")
        again = FilesBench(volumes(tmp_path))
        assert again.leftovers() == []
        assert run(again.driver.volumes()) == ["v1"]
        assert again.holds("v1", 5)

    def test_two_copies_and_a_merge_at_once(self, bench: FilesBench) -> None:
        driver = bench.driver

        async def work() -> None:
            await driver.create("v1", 1)
            await driver.snapshot("v1", "s1")
            await driver.snapshot("v1", "s2")
            await asyncio.gather(driver.clone("c1", 1, "v1"), driver.clone("c2", 1, "s1"), driver.delete_snapshot("s2"), driver.stats())
            await driver.delete_snapshot("s1")

        run(work())
        assert run(driver.volumes()) == ["c1", "c2", "v1"]
        assert bench.leftovers() == []

    def test_a_directory_of_others_is_not_taken(self, tmp_path: Path) -> None:
        (tmp_path / "lab").mkdir()
        (tmp_path / "lab" / "volume-1").write_bytes(b"of cinder")
        with pytest.raises(VolumeError, match=r"lab holds files and is not ours .* give another path"):
            run(volumes(tmp_path).open())
        (tmp_path / "lab" / TAG).write_text("lab2")
        with pytest.raises(VolumeError, match="belongs to the cloud 'lab2'"):
            run(volumes(tmp_path).open())
        assert (tmp_path / "lab" / "volume-1").read_bytes() == b"of cinder"

    def test_images_that_read_other_files_are_refused(self, bench: FilesBench, tmp_path: Path) -> None:
        secret, image = tmp_path / "secret", tmp_path / "image.qcow2"
        secret.write_bytes(bytes(1024**2))
        for extra in (["-b", str(secret), "-F", "raw"], ["-o", f"data_file={tmp_path / 'data'}"]):
            assert bench.tool("qemu-img", "create", "-q", "-f", "qcow2", *extra, str(image), "1M").returncode == 0
            run(bench.driver.create("v1", 1))
            with pytest.raises(VolumeError, match="image i1 refers to another file; make it whole"):
                run(bench.driver.write_image("v1", "i1", 0, "", holding(image.read_bytes())))
            image.unlink()
        with pytest.raises(VolumeError, match="image i1 is a vmdk file; make it qcow2"):
            run(bench.driver.write_image("v1", "i1", 0, "", holding(b"KDMV" + bytes(1000))))
        assert bench.leftovers() == []

    def test_an_image_that_is_too_large_is_refused(self, bench: FilesBench, tmp_path: Path) -> None:
        image = tmp_path / "image.qcow2"
        assert bench.tool("qemu-img", "create", "-q", "-f", "qcow2", str(image), "3G").returncode == 0
        run(bench.driver.create("v1", 1))
        with pytest.raises(VolumeError, match="do not fit into volume-v1 with 1 GiB; make a volume of 3 GiB"):
            run(bench.driver.write_image("v1", "i1", 0, "", holding(image.read_bytes())))
        assert bench.size_gib("v1") == 1
        assert bench.leftovers() == []

    def test_a_clone_is_no_smaller_than_its_source(self, bench: FilesBench) -> None:
        run(bench.driver.create("v1", 3))
        with pytest.raises(VolumeError, match="v1 has 3 GiB and does not fit into 2 GiB"):
            run(bench.driver.clone("v2", 2, "v1"))

    def test_another_host_does_not_see_this_directory(self, bench: FilesBench, tmp_path: Path) -> None:
        run(bench.driver.create("v1", 1))
        with pytest.raises(VolumeError, match="compute-2 does not see them; use the volume driver nfs"):
            run(bench.driver.connect("v1", Connector("compute-2", "10.77.0.13")))
        shared = volumes(tmp_path, shared=True)
        assert run(shared.connect("v1", Connector("compute-2", "10.77.0.13")))["driver_volume_type"] == "local"

    def test_a_damaged_file_is_named(self, bench: FilesBench, tmp_path: Path) -> None:
        (tmp_path / "lab" / "volume-v1").write_bytes(b"rubbish")
        with pytest.raises(VolumeError, match="volume-v1 is no qcow2 file"):
            run(bench.driver.stats())


def test_without_qemu_img_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = volumes(tmp_path / "d")
    run(driver.open())
    with pytest.raises(VolumeError, match="qemu-img is not installed; sudo apt-get install -y qemu-utils"):
        run(driver.create("v1", 1))
    assert run(driver.volumes()) == []
    findings = {finding.what: finding for finding in run(DirectoryVolumes.probe(driver.place, DirectoryOptions(tmp_path)))}
    assert not findings["qemu-img"].ok
    assert "qemu-utils" in findings["qemu-img"].remedy


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="clone is 'deep'; give 'copy'"):
        volumes(tmp_path, clone="deep")
    place = Place("lab", "compute-1", "10.77.0.12", tmp_path)
    for export in ("nas", "nas:", ":/export", "nas:export"):
        with pytest.raises(VolumeError, match="give HOST:/path"):
            NfsVolumes(place, NfsOptions(export))


@pytest.fixture(scope="module")
def nas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ganesha]:
    need("qemu-img: qemu-utils")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        nas = Ganesha(bed.host("nas-1"))
        yield nas
        nas.close()


@pytest.mark.real
class TestNas:
    def driver(self, nas: Ganesha, directory: Path, export: str = "", cloud: str = "lab") -> NfsVolumes:
        return NfsVolumes(Place(cloud, "controller-1", "10.77.0.1", directory), NfsOptions(export or nas.export, timeout_s=1.0))

    def test_no_nas_is_an_error_within_seconds(self, nas: Ganesha, tmp_path: Path) -> None:
        for address in ("10.77.0.99", "203.0.113.1", "10.77.0.1"):
            start = time.monotonic()
            with pytest.raises(VolumeError, match=f"the NAS {address} cannot be reached on port 2049 .* the option export"):
                nas.host.play(self.driver(nas, tmp_path, f"{address}:/srv/export").open())
            assert time.monotonic() - start < 3

    def test_an_export_that_is_not_there_is_named(self, nas: Ganesha, tmp_path: Path) -> None:
        with pytest.raises(VolumeError, match=r"10.77.0.11:/srv/other/lab: .*while it was prepared"):
            nas.host.play(self.driver(nas, tmp_path, f"{nas.address}:/srv/other").open())

    def test_a_directory_of_others_on_the_nas_is_not_taken_and_not_swept(self, nas: Ganesha, tmp_path: Path) -> None:
        theirs = nas.files / "lab3" / "volume-1"
        theirs.parent.mkdir()
        theirs.write_bytes(b"of cinder")
        driver = self.driver(nas, tmp_path, cloud="lab3")
        with pytest.raises(VolumeError, match="lab3 holds files and is not ours"):
            nas.host.play(driver.open())
        assert nas.host.play(driver.found()) == []
        for name in (driver.pool.files.url("volume-1"), driver.pool.where):
            with pytest.raises(VolumeError):
                nas.host.play(driver.remove(Trace("file", name)))
        assert theirs.read_bytes() == b"of cinder"

    def test_what_is_ours_on_the_nas_is_swept(self, nas: Ganesha, tmp_path: Path) -> None:
        driver = self.driver(nas, tmp_path, cloud="lab4")

        async def work() -> None:
            await driver.open()
            await driver.create("v1", 1)
            await driver.snapshot("v1", "s1")
            for trace in await driver.found():
                await driver.remove(trace)
            await driver.close()

        nas.host.play(work())
        assert not (nas.files / "lab4").exists()

    def test_a_nas_that_comes_back_is_found_again(self, nas: Ganesha, tmp_path: Path) -> None:
        driver = self.driver(nas, tmp_path, cloud="lab5")
        nas.host.play(driver.open())
        nas.host.play(driver.create("v1", 1))
        nas.stop()
        with pytest.raises(VolumeError, match="cannot be reached"):
            nas.host.play(driver.volumes())
        nas.start()
        assert nas.host.play(driver.volumes()) == ["v1"]
        nas.host.play(driver.close())

    def test_a_nas_that_dies_under_a_copy_ends_it(self, nas: Ganesha, tmp_path: Path) -> None:
        driver = self.driver(nas, tmp_path, cloud="lab6")
        data = bytes(range(256)) * 4 * 1024 * 64

        async def work() -> float:
            await driver.open()
            await driver.create("v1", 1)
            writing = asyncio.ensure_future(driver.write_image("v1", "i1", len(data), "", holding(data)))
            while not list((nas.files / "lab6").glob("*.part")):
                await asyncio.sleep(0.005)
            await asyncio.to_thread(nas.stop)
            start = time.monotonic()
            with pytest.raises(VolumeError):
                await writing
            return time.monotonic() - start

        assert nas.host.play(work()) < 15
        nas.start()
        nas.host.play(driver.open())
        assert sorted(path.name for path in (nas.files / "lab6").iterdir()) == [TAG, "volume-v1"]
        nas.host.play(driver.close())
