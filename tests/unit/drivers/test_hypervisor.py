"""What the libvirt driver writes, without a libvirt: its XML, its image cache, its config drives."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("lxml", reason="lxml is missing; pip install glasscloud[real]")

from lxml import etree

from drivers.hypervisor import domain
from drivers.hypervisor.config_drive import config_drive
from drivers.hypervisor.console import tail
from drivers.hypervisor.domain import Machine, Mark
from drivers.hypervisor.images import ImageCache, virtual_size
from drivers.hypervisor.volumes import filers, need_filers
from lab.errors import HypervisorError
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from tests.content import holding

NIC = GuestNic("0123456789abcdef", "fa:16:3e:00:00:01", "net", "tap0123456789a", 1450)
NFS = {"driver_volume_type": "nfs", "data": {"export": "10.0.0.9:/srv/", "name": "lab/volume-1", "format": "qcow2"}}
DISKS = (GuestDisk("/dev/vda", 1, image_id="i"), GuestDisk("/dev/vdb", 1, volume_id="v", connection=NFS))
SPEC = GuestSpec("7f3e", "instance-1", "web", 2, 512, (NIC,), DISKS)
MARK = Mark("lab", "compute-1").with_nic(NIC)


def made(machine: Machine, **changes: object) -> etree._Element:
    return etree.fromstring(domain.domain(replace(SPEC, **changes), MARK, machine, Path("/var/guests/gc-lab-guest-7f3e")))


def test_a_machine_as_libvirt_reads_it() -> None:
    node = made(Machine("qemu", "pc", "maximum"))
    assert (node.get("type"), node.findtext("vcpu"), node.findtext("memory")) == ("qemu", "2", "512")
    assert node.find("os/type").get("machine") == "pc"
    first, second = node.findall("devices/disk")
    assert first.find("source").get("file") == "/var/guests/gc-lab-guest-7f3e/vda.qcow2"
    assert (second.get("type"), second.find("source").get("name"), second.findtext("serial")) == ("network", "/srv/lab/volume-1", "v")
    assert second.find("source/host").get("name") == "10.0.0.9"
    card = node.find("devices/interface")
    assert (card.find("target").get("dev"), card.find("target").get("managed"), card.find("mtu").get("size")) == (NIC.tap, "no", "1450")
    assert card.find("driver/host").get("csum") == "off"
    assert made(Machine("qemu", offload=True)).find("devices/interface/driver") is None
    assert "OpenStack Nova" in node.xpath("sysinfo/system/entry[@name='product']/text()"), "cloud images find their metadata by it"
    assert node.xpath("devices/disk[@device='cdrom']") == []


def test_a_config_drive_moves_no_other_disk() -> None:
    for machine, bus in (("pc", "ide"), ("q35", "sata"), ("virt", "scsi")):
        [drive] = made(Machine("qemu", machine), documents={"a": b"b"}).xpath("devices/disk[@device='cdrom']")
        assert drive.find("target").get("bus") == bus


def test_a_container_as_libvirt_reads_it() -> None:
    node = made(Machine("lxc"))
    assert node.find("devices/filesystem/source").get("dir") == "/var/guests/gc-lab-guest-7f3e/root"
    assert node.find("{*}namespace/{*}sharenet").get("value") == "gc-lab-guest-7f3e"
    assert node.find("devices/interface") is None


def test_the_mark_is_read_as_it_was_written() -> None:
    second = replace(NIC, port_id="other", tap="tapother")
    mark = MARK.with_nic(second)
    assert [card.device for card in mark.cards] == ["eth0", "eth1"]
    assert domain.read_mark(mark.xml()) == mark
    assert [card.device for card in mark.without(NIC.port_id).with_nic(NIC).cards] == ["eth1", "eth0"], "the first free name"
    assert mark.card("none") is None


def test_devices_are_found_in_a_domain() -> None:
    xml = domain.domain(SPEC, MARK, Machine("qemu"), Path("/g"))
    assert "volume-1" in (domain.find_disk(xml, "v") or "")
    assert domain.find_disk(xml, "w") is None
    assert NIC.tap in (domain.find_interface(xml, NIC.tap) or "")
    assert domain.find_interface(xml, "tapother") is None
    assert filers(xml) == {"10.0.0.9"}
    with pytest.raises(HypervisorError, match=r"the type 'iscsi' cannot be plugged into a guest; known: nfs, local"):
        domain.disk(replace(DISKS[1], connection={"driver_volume_type": "iscsi"}), Path("/g"))


def test_a_filer_that_is_gone_is_named() -> None:
    with pytest.raises(HypervisorError, match=r"the NAS 127\.0\.0\.9 cannot be reached from compute-1 on port 2049"):
        asyncio.run(need_filers({"127.0.0.9"}, "compute-1"))


def put(cache: ImageCache, data: bytes, size: int | None = None, checksum: str | None = None) -> None:
    digest = hashlib.md5(data).hexdigest() if checksum is None else checksum
    asyncio.run(cache.put("image-1", len(data) if size is None else size, digest, holding(data)))


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    made = ImageCache(tmp_path / "images", "lab", "compute-1")
    made.open()
    return made


def kept(cache: ImageCache) -> list[str]:
    return sorted(path.name for path in cache.directory.iterdir() if path.name != ".glasscloud")


def test_an_image_is_kept_whole_with_its_format(cache: ImageCache) -> None:
    data = b"raw " * 600_000
    put(cache, data)
    assert kept(cache) == ["image-1.raw"]
    assert cache.need("image-1").read_bytes() == data
    assert virtual_size(cache.need("image-1")) == len(data)
    put(cache, b"never read")
    assert cache.need("image-1").read_bytes() == data


def test_an_image_that_is_not_what_it_should_be_leaves_nothing(cache: ImageCache) -> None:
    wrong = [
        (b"data", 5, None, "4 bytes came instead of 5"),
        (b"data", None, "00", "its MD5 is .* instead of 00"),
        (b"KDMV" + bytes(100), None, None, "is a vmdk file; make it qcow2"),
        (b"data", 10**18, None, "No space left on device"),
    ]
    for data, size, checksum, words in wrong:
        with pytest.raises(HypervisorError, match=words):
            put(cache, data, size, checksum)
        assert kept(cache) == []
    with pytest.raises(HypervisorError, match="image image-1 is not in the cache of compute-1"):
        cache.need("image-1")


def test_a_qcow2_that_reads_other_files_is_refused(cache: ImageCache) -> None:
    name = b"/etc/passwd"
    head = b"QFI\xfb" + (3).to_bytes(4, "big") + (104).to_bytes(8, "big") + len(name).to_bytes(4, "big") + (16).to_bytes(4, "big")
    head += (1024**3).to_bytes(8, "big") + bytes(104 - 32)
    with pytest.raises(HypervisorError, match="refers to another file"):
        put(cache, head + name)
    assert kept(cache) == []


def test_what_was_half_written_goes_at_the_next_start(cache: ImageCache) -> None:
    (cache.directory / "image-2.part").write_bytes(b"half")
    assert cache.find("image-2") is None
    cache.open()
    assert kept(cache) == []
    with pytest.raises(HypervisorError, match="belongs to the cloud 'lab'"):
        ImageCache(cache.directory, "other", "compute-1").open()


def test_a_config_drive_holds_its_documents(tmp_path: Path) -> None:
    pycdlib = pytest.importorskip("pycdlib", reason="pycdlib is missing; pip install glasscloud[real]")
    documents = {"openstack/latest/meta_data.json": b"{}", "openstack/latest/user_data": b"#!/bin/sh\n", "openstack/other": b"x"}
    config_drive(tmp_path / "drive", documents)
    iso = pycdlib.PyCdlib()
    iso.open(str(tmp_path / "drive"))
    assert iso.pvd.volume_identifier.strip() == b"config-2"
    for path, data in documents.items():
        iso.get_file_from_iso(str(tmp_path / "out"), rr_path=f"/{path}")
        assert (tmp_path / "out").read_bytes() == data
    iso.close()


def test_the_tail_of_a_console() -> None:
    assert tail("a\nb\nlogin: ", 2) == "b\nlogin: "
    assert (tail("a\nb\n", None), tail("a\nb\n", -1), tail("a\nb\n", 0)) == ("a\nb\n", "a\nb\n", "")
