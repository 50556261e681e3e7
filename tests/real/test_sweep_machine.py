"""Sweeping a whole host: a guest, its tap, a switch, files and records go; what belongs to others stays as it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.registry import make
from drivers.site import Site, load
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from tests.content import holding
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.libvirtd import Libvirtd
from tests.real.bed.ovs import Ovs

pytestmark = pytest.mark.real
GUEST = "5d1b1f6e-0c1e-4bb5-9f0d-2f6f6f5b1c11"
CONFIG = """
[cloud]
id = "lab"
host = "compute-1"
state = "{state}"
[hosts.compute-1]
address = "10.77.0.11"
[hypervisor]
uri = "{uri}"
virt_type = "qemu"
[network]
datapath_type = "netdev"
run_directory = "{ovs}"
"""
DOMAIN = "<domain type='qemu'><name>instance-2</name><memory unit='MiB'>64</memory><os><type machine='pc'>hvm</type></os></domain>"


class Machine:
    """A host with libvirt and Open vSwitch, and things of others that look like ours."""

    def __init__(self, directory: Path) -> None:
        self.bed = Bed(directory / "bed")
        self.host: Host = self.bed.host("compute-1")
        self.libvirtd = Libvirtd(self.host)
        self.ovs = Ovs(self.host)
        self.config = directory / "cloud.toml"
        text = CONFIG.format(state=directory / "state", uri=self.libvirtd.uri(), ovs=self.ovs.directory)
        self.config.write_text(text, encoding="utf-8")
        self.site: Site = load(self.config)
        domain = directory / "domain.xml"
        domain.write_text(DOMAIN)
        self.libvirtd.virsh("define", str(domain))
        self.ovs.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")
        self.host.run("ip", "tuntap", "add", "tap99999999-99", "mode", "tap")
        self.host.run("ip", "link", "set", "tap99999999-99", "alias", "glasscloud:lab2:port 9")
        self.host.run("nft", "add", "table", "inet", "gc_lab2")

    def things(self) -> tuple[str, ...]:
        """What is on the machine."""
        files = sorted(str(path) for path in (self.site.cloud.state).rglob("*"))
        links = self.host.run("ls", "/sys/class/net").stdout
        return links, self.libvirtd.virsh("list", "--all", "--name").stdout, self.ovs.vsctl("list-br"), self.host.run(
            "nft", "list", "tables"
        ).stdout, *files

    async def leave_things(self) -> None:
        """Use the drivers as a cloud does, and go."""
        place = self.site.place("compute-1")
        hypervisor, network, volumes = (make(port, self.site.tables(port)[""], place, port) for port in ("hypervisor", "network", "volume"))
        for driver in (hypervisor, network, volumes):
            await driver.open()
        await hypervisor.cache_image("i1", 0, "", holding(bytes(1024**2)))
        nic = GuestNic("11111111-2222-3333", "fa:16:3e:00:00:01", "net", "tap11111111-22")
        disk = GuestDisk("/dev/vda", 1, image_id="i1")
        await hypervisor.spawn(GuestSpec(GUEST, "instance-1", "web", 1, 64, nics=(nic,), disks=(disk,)))
        await volumes.create("v1", 1)
        for driver in (hypervisor, network, volumes):
            await driver.close()

    def sweep(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command on the machine."""
        command = [sys.executable, "-m", "lab.cli.main", "sweep", "--lang", "en", "--config", str(self.config), *arguments]
        return self.host.run(*command, check=False, cwd=Path(__file__).parents[2])

    def close(self) -> None:
        self.libvirtd.close()
        self.ovs.close()
        self.bed.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    need("qemu-img: qemu-utils")
    made = Machine(tmp_path)
    yield made
    made.close()


def test_a_host_is_as_it_was_before_the_cloud(machine: Machine) -> None:
    before = machine.things()
    machine.host.play(machine.leave_things())
    after = machine.things()
    assert after != before
    looked = machine.sweep()
    assert looked.returncode == 0, looked.stdout + looked.stderr
    for kind in ("domain", "tap", "files of a guest", "image cache", "ovs-bridge", "nft-table", "volume file", "directory"):
        assert kind in looked.stdout
    for name in ("instance-2", "br-int ", "tap99999999-99", "gc_lab2"):
        assert name not in looked.stdout
    assert machine.things() == after
    swept = machine.sweep("--yes")
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert swept.stderr == ""
    assert machine.things()[:4] == before[:4]
    assert not (machine.site.cloud.state / "lab").exists()
    assert "Nothing of the cloud lab" in machine.sweep("--yes").stdout
