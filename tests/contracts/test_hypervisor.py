"""The promises of hypervisor drivers, on the simulated one, on QEMU and on LXC."""

from __future__ import annotations

import contextlib
import re
import subprocess
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from drivers.place import Place
from lab.services.compute.driver import GuestDisk, GuestSpec, HypervisorDriver
from lab.services.volume.driver import Connector
from sim.datacenter.datacenter import Datacenter
from sim.hypervisor import SimHypervisor
from sim.loop import SimLoop
from sim.volume import SimNas
from tests.breakage import WorldFaults
from tests.contracts.hypervisor import HypervisorBench, HypervisorContract
from tests.real.bed.guest_images import guest_image
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.libvirtd import Libvirtd

T = TypeVar("T")
ADMIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
SMALL = 48
"""MiB of the file system on which a host keeps images and guests, so that it can be full."""


class SimBench(HypervisorBench):
    """A host of a simulated datacenter, in virtual time."""

    def __init__(self) -> None:
        self.loop = SimLoop(7)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random)
        self.driver: SimHypervisor = SimHypervisor(self.dc, "compute-1")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def footprint(self) -> list[str]:
        host = self.driver.host
        return [str(each) for each in (host.disk.used, sorted(host.guests), sorted(host.bridge.taps), sorted(self.dc.vifs), host.busy)]

    def taps(self) -> set[str]:
        return {vif.nic.tap for guest in self.driver.host.guests.values() for vif in guest.vifs.values()}

    def again(self) -> HypervisorDriver:
        self.driver = SimHypervisor(self.dc, "compute-1")
        return self.driver

    def volume(self) -> GuestDisk:
        nas, volume_id = SimNas(self.dc, "nas-1"), str(uuid.uuid4())
        self.run(nas.create(volume_id, 1))
        connection = self.run(nas.connect(volume_id, Connector("compute-1", self.driver.host.address)))
        return GuestDisk("/dev/vdb", 1, volume_id=volume_id, connection=connection)

    def plugged(self, guest_id: str) -> list[str]:
        return [disk.volume_id for disk in self.driver.host.guests[guest_id].disks.values() if disk.volume_id]

    def crash(self, guest_id: str) -> None:
        WorldFaults(self.dc).crash_guest(guest_id)

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        mend = WorldFaults(self.dc).fill_disk("compute-1")
        yield
        mend()


class LibvirtBench(HypervisorBench):
    """libvirt in a host of the test bed; `run` works inside it."""

    UP = "glass: nic eth0"

    def __init__(self, host: Host, libvirtd: Libvirtd, kind: str) -> None:
        from drivers.hypervisor.libvirt import LibvirtHypervisor
        from drivers.hypervisor.settings import LibvirtOptions

        self.host, self.libvirtd, self.kind, self.image = host, libvirtd, kind, guest_image(kind)
        self.state = host.directory / f"state-{uuid.uuid4().hex[:8]}"
        self.state.mkdir()
        host.run("mount", "-t", "tmpfs", "-o", f"size={SMALL}m", "tmpfs", str(self.state))
        self.inside = host.worker()
        place = Place("test", "compute-1", host.address, self.state)
        self.make = lambda: LibvirtHypervisor(place, LibvirtOptions(uri=libvirtd.uri(kind), virt_type="qemu"))
        self.driver = self.make()
        self.run(self.driver.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.inside.run(work)

    def footprint(self) -> list[str]:
        domains = self.libvirtd.virsh("list", "--all", "--name", driver=self.kind).stdout.split()
        links = self.host.run("sh", "-c", "ip -o link | cut -d: -f2,3 | cut -d' ' -f1,2; ls /run/netns").stdout.split()
        files = self.host.run("find", str(self.state), "-not", "-path", "*/guests").stdout.split()
        return [*sorted(domains), *sorted(links), *sorted(files)]

    def taps(self) -> set[str]:
        lines = self.host.run("ip", "-o", "link").stdout.splitlines()
        return {line.split(":")[1].strip().partition("@")[0] for line in lines if ": tap" in line}

    def again(self) -> HypervisorDriver:
        self.run(self.driver.close())
        self.driver = self.make()
        self.run(self.driver.open())
        return self.driver

    def spec(self, name: str = "instance-00000001") -> GuestSpec:
        spec = super().spec(name)
        metadata = f'{{"uuid": "{spec.id}", "hostname": "web.novalocal"}}'.encode()
        return replace(spec, documents={"openstack/latest/meta_data.json": metadata})

    def volume(self) -> GuestDisk:
        if self.kind == "lxc":
            pytest.skip("containers have no volumes")
        volume_id = str(uuid.uuid4())
        path = self.host.directory / f"volume-{volume_id}"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "64M"], check=True)
        data = {"path": str(path), "format": "qcow2"}
        return GuestDisk("/dev/vdb", 1, volume_id=volume_id, connection={"driver_volume_type": "local", "data": data})

    def plugged(self, guest_id: str) -> list[str]:
        return re.findall("<serial>(.+)</serial>", self.libvirtd.virsh("dumpxml", guest_id, driver=self.kind).stdout)

    def crash(self, guest_id: str) -> None:
        what = "qemu-system.*-name guest=instance" if self.kind == "qemu" else "libvirt_lxc --name instance"
        mine = [pid for pid in self.host.run("pgrep", "-f", what).stdout.split() if self._is_ours(pid)]
        self.host.run("kill", "-9", *mine)

    def _is_ours(self, pid: str) -> bool:
        return Path(f"/proc/{pid}/ns/uts").readlink() == Path(f"/proc/{self.host.pid}/ns/uts").readlink()

    @contextlib.contextmanager
    def fill(self) -> Iterator[None]:
        self.host.run("sh", "-c", f"cat /dev/zero > {self.state}/filler", check=False)
        try:
            yield
        finally:
            self.host.run("rm", f"{self.state}/filler")

    def close(self) -> None:
        for state in self.run(self.driver.guests()):
            self.run(self.driver.destroy(state.id))
        self.run(self.driver.close())
        self.inside.close()
        self.host.run("umount", str(self.state))


class TestSimulated(HypervisorContract):
    driver = "simulated"

    @pytest.fixture
    def bench(self) -> Iterator[HypervisorBench]:
        made = SimBench()
        yield made
        made.loop.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Libvirtd]]:
    need("libvirtd: libvirt-daemon", "qemu-img: qemu-utils")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        made = bed.host("compute-1")
        libvirtd = Libvirtd(made)
        yield made, libvirtd
        libvirtd.close()


def versions_of(*programs: str) -> str:
    """The first lines that these programs say of their versions."""
    said = (subprocess.run([program, "--version"], capture_output=True, text=True, check=True, env=ADMIN).stdout for program in programs)
    return ", ".join(text.partition("\n")[0].partition(" (Debian")[0] for text in said)


class OnLibvirt(HypervisorContract):
    """The same on a real libvirt."""

    kind: ClassVar[str]

    @pytest.fixture
    def bench(self, host: tuple[Host, Libvirtd]) -> Iterator[HypervisorBench]:
        made = LibvirtBench(*host, self.kind)
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(180)
class TestQemu(OnLibvirt):
    driver, kind = "libvirt qemu", "qemu"
    versions = staticmethod(lambda: f"{versions_of('libvirtd', 'qemu-system-x86_64')}, emulated")


@pytest.mark.real
@pytest.mark.timeout(180)
class TestLxc(OnLibvirt):
    driver, kind = "libvirt lxc", "lxc"
    versions = staticmethod(lambda: versions_of("libvirtd"))
