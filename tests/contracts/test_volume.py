"""The promises of volume drivers, on the simulated NAS, on a directory, and on a real NAS over NFS."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers.place import Place
from drivers.volume.directory import DirectoryOptions, DirectoryVolumes
from drivers.volume.nfs import NfsOptions, NfsVolumes
from drivers.volume.qcow2 import Qcow2Volumes
from drivers.volume.qemu_img import HEADER_BYTES, header
from lab.services.volume.driver import Connector
from sim.datacenter.datacenter import Datacenter
from sim.loop import SimLoop
from sim.volume import SimNas
from tests.breakage import WorldFaults
from tests.contracts.volume import VolumeBench, VolumeContract
from tests.real.bed.ganesha import Ganesha
from tests.real.bed.host import Bed, Holder, need

T = TypeVar("T")
GIB = 1024**3


class SimBench(VolumeBench):
    """The filer of a simulated datacenter, in virtual time."""

    def __init__(self) -> None:
        self.loop = SimLoop(7)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random)
        self.driver: SimNas = SimNas(self.dc, "nas-1")
        self.here = Connector("compute-1", "172.16.1.1")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def size_gib(self, volume_id: str) -> int:
        return self.driver.nas.volumes[volume_id].size_gib

    def leftovers(self) -> list[str]:
        nas = self.driver.nas
        exports = [f"{v.id} exported to {host}" for v in nas.volumes.values() for host in v.exports]
        taken = sum(volume.used for volume in nas.volumes.values())
        return exports + ([f"{nas.written - taken} bytes"] if nas.written != taken else [])

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        mend = WorldFaults(self.dc).fill_nas("nas-1")
        yield
        mend()

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        link = self.dc.fabric.links["nas-1--leaf-0"]
        link.set(False)
        yield
        link.set(True)

    def write(self, volume_id: str, byte: int) -> None:
        pytest.skip("simulated volumes hold no bytes")

    def holds(self, volume_id: str, byte: int) -> bool:
        pytest.skip("simulated volumes hold no bytes")


class FilesBench(VolumeBench):
    """qcow2 files, with a guest played by qemu-io."""

    driver: Qcow2Volumes
    here = Connector("compute-1", "10.77.0.12")

    def __init__(self, driver: Qcow2Volumes) -> None:
        self.driver = driver
        self.run(driver.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def size_gib(self, volume_id: str) -> int:
        return header(self.play(lambda: self.driver.pool.files.head(f"volume-{volume_id}", HEADER_BYTES)), volume_id).size // GIB

    def play(self, work: Any) -> Any:
        """Call where the driver works."""
        return work()

    def leftovers(self) -> list[str]:
        files = self.play(self.driver.pool.files.names)
        known = {f"{kind}-{name}" for name in self.run(self.driver.volumes()) for kind in ("volume", "snapshot")}
        known |= {name.replace("snapshot-", "base-", 1) for name in files if name.startswith("snapshot-")}
        spools = [path.name for path in self.driver.place.state.glob("spool-*")]
        return [name for name in files if name not in known] + spools

    def tool(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program where the driver works."""
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def _io(self, volume_id: str, order: str) -> bool:
        url = self.driver.pool.files.url(f"volume-{volume_id}")
        done = self.tool("qemu-io", "-f", "qcow2", "-c", order, url)
        return done.returncode == 0 and "verification failed" not in done.stdout

    def write(self, volume_id: str, byte: int) -> None:
        assert self._io(volume_id, f"write -P {byte} 0 1M")

    def holds(self, volume_id: str, byte: int) -> bool:
        return self._io(volume_id, f"read -P {byte} 0 1M")

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        pytest.skip("the directory is on this machine's own disk; as root a small one is made")
        yield

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        pytest.skip("a directory of this machine is always in reach")
        yield


class InsideBench(FilesBench):
    """The same, in the namespaces of a host of the test bed; `disk` is the file system where the files lie, seen from here."""

    def __init__(self, driver: Qcow2Volumes, host: Holder, disk: Path) -> None:
        self.host, self.disk = host, disk
        super().__init__(driver)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.host.play(work)

    def play(self, work: Any) -> Any:
        return self.host.call(work)

    def tool(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.host.run(*command, check=False)

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as out:
            while out.write(bytes(65_536)):
                pass
        try:
            yield
        finally:
            filler.unlink()


class NasBench(InsideBench):
    """The same, with the files on a NAS."""

    def __init__(self, driver: Qcow2Volumes, host: Holder, nas: Ganesha) -> None:
        self.nas = nas
        super().__init__(driver, host, nas.files)

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        self.nas.host.run("ip", "link", "set", "eth0", "down")
        try:
            yield
        finally:
            self.nas.host.run("ip", "link", "set", "eth0", "up")
            until = time.monotonic() + 30
            while self.host.run("nfs-ls", f"nfs://{self.nas.export.replace(':', '')}", check=False).returncode != 0:
                assert time.monotonic() < until, "the NAS did not come back"


def qemu_version() -> str:
    """Which qemu-img it is."""
    return f"qemu-img {subprocess.run(['qemu-img', '--version'], capture_output=True, text=True, check=True).stdout.split()[2]}"


class TestSimulated(VolumeContract):
    driver = "simulated nas"

    @pytest.fixture
    def bench(self) -> Iterator[VolumeBench]:
        made = SimBench()
        yield made
        made.loop.close()


needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed; apt-get install qemu-utils")


@needs_qemu_img
@pytest.mark.parametrize("cloning", ["copy", "overlay"])
class TestDirectory(VolumeContract):
    driver, versions = "directory", staticmethod(qemu_version)

    @pytest.fixture
    def bench(self, tmp_path: Path, cloning: str) -> VolumeBench:
        place = Place("test", "compute-1", "10.77.0.12", tmp_path)
        return FilesBench(DirectoryVolumes(place, DirectoryOptions(clone=cloning)))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    need("qemu-img: qemu-utils")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        bed.host("nas-1")
        bed.host("compute-1")
        yield bed


@pytest.mark.real
class TestDirectoryOnASmallDisk(VolumeContract):
    driver, versions = "directory", staticmethod(qemu_version)

    @pytest.fixture
    def bench(self, bed: Bed, tmp_path: Path) -> Iterator[VolumeBench]:
        host = bed.hosts["compute-1"]
        host.run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", "/mnt")
        place = Place("test", "compute-1", host.address, tmp_path)
        yield InsideBench(DirectoryVolumes(place, DirectoryOptions(path=Path("/mnt"))), host, host.path("/mnt"))
        host.run("umount", "/mnt")


@pytest.fixture(scope="module")
def nas(bed: Bed) -> Iterator[Ganesha]:
    nas = Ganesha(bed.hosts["nas-1"], size_mib=64)
    yield nas
    nas.close()


def nas_versions() -> str:
    """What the NAS and its client are."""
    nas = subprocess.run(["ganesha.nfsd", "-v"], capture_output=True, text=True, check=False).stdout.split()[3]
    return f"{qemu_version()}, libnfs.so.13, NFS-Ganesha {nas}, NFSv3"


@pytest.mark.real
@pytest.mark.parametrize("cloning", ["copy", "overlay"])
class TestNfs(VolumeContract):
    driver, versions = "nfs", staticmethod(nas_versions)

    @pytest.fixture
    def bench(self, bed: Bed, nas: Ganesha, tmp_path: Path, cloning: str) -> Iterator[VolumeBench]:
        place = Place("test", "controller-1", bed.address, tmp_path)
        driver = NfsVolumes(place, NfsOptions(nas.export, clone=cloning, timeout_s=1.0))
        yield NasBench(driver, bed, nas)
        bed.play(driver.close())
        for left in nas.files.iterdir():
            shutil.rmtree(left)
