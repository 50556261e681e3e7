"""What only a real hypervisor has: systems that boot and say what they see, things of others, a libvirtd that comes and goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.devices import offload_off
from drivers.place import Place
from lab.errors import HypervisorError
from lab.services.compute.driver import GuestSpec
from tests.contracts.hypervisor import RUNNING, SHUTDOWN, new_nic
from tests.contracts.test_hypervisor import LibvirtBench
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.libvirtd import Libvirtd

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

METADATA = "169.254.169.254"
SERVER = "10.5.0.2"
SERVICE = """
import functools, http.server, socketserver, sys
class Service(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass
socketserver.ThreadingTCPServer(("169.254.169.254", 80), functools.partial(Service, directory=sys.argv[1])).serve_forever()
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Libvirtd]]:
    need("libvirtd: libvirt-daemon", "qemu-img: qemu-utils", "dnsmasq: dnsmasq-base", "curl: curl")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        made = bed.host("compute-1")
        libvirtd = Libvirtd(made)
        yield made, libvirtd
        libvirtd.close()


@pytest.fixture
def qemu(host: tuple[Host, Libvirtd]) -> Iterator[LibvirtBench]:
    made = LibvirtBench(*host, "qemu")
    yield made
    made.close()


@pytest.fixture
def lxc(host: tuple[Host, Libvirtd]) -> Iterator[LibvirtBench]:
    made = LibvirtBench(*host, "lxc")
    yield made
    made.close()


def told(spec: GuestSpec) -> dict[str, bytes]:
    """Metadata and user data of a server."""
    metadata = {"uuid": spec.id, "hostname": "web.novalocal", "public_keys": {"mine": "ssh-ed25519 AAAAC3 me@home"}}
    script = b"#!/bin/sh\necho user data runs on $(hostname)\n"
    return {"openstack/latest/meta_data.json": json.dumps(metadata).encode(), "openstack/latest/user_data": script}


def as_qcow2(image: bytes, folder: Path) -> bytes:
    """The image in the format in which cloud images come."""
    (folder / "raw").write_bytes(image)
    subprocess.run(["qemu-img", "convert", "-c", "-O", "qcow2", "raw", "qcow2"], cwd=folder, check=True)
    return (folder / "qcow2").read_bytes()


def said(bench: LibvirtBench, spec: GuestSpec, *texts: str) -> None:
    """Wait until the guest has printed all of them."""
    for text in texts:
        bench.until(lambda text=text: text in bench.console(spec.id))  # type: ignore[misc]


def test_a_machine_boots_reads_its_config_drive_and_sees_what_is_plugged_in(qemu: LibvirtBench, tmp_path: Path) -> None:
    qemu.image = as_qcow2(qemu.image, tmp_path)
    qemu.cache()
    spec = qemu.spec()
    spec = replace(spec, documents=told(spec))
    qemu.run(qemu.driver.spawn(spec))
    said(qemu, spec, f"glass: metadata from config drive: instance-id {spec.id} hostname web keys 1")
    said(qemu, spec, "user data runs on web", "glass: user data ended with 0", "web login:")
    assert f"glass: nic eth0 {spec.nics[0].mac_address} mtu 1450" in qemu.console(spec.id)
    assert "glass: disk vda 1024 MiB" in qemu.console(spec.id)
    disk, nic = qemu.volume(), new_nic()
    qemu.run(qemu.driver.attach_disk(spec.id, disk))
    said(qemu, spec, f"glass: disk vdb 64 MiB serial {disk.volume_id[:20] if disk.volume_id else ''}")
    qemu.run(qemu.driver.attach_nic(spec.id, nic))
    said(qemu, spec, f"glass: nic eth1 {nic.mac_address} mtu 1450")
    qemu.run(qemu.driver.detach_disk(spec.id, disk.volume_id or ""))
    said(qemu, spec, "glass: disk gone vdb")
    qemu.run(qemu.driver.detach_nic(spec.id, nic.port_id))
    said(qemu, spec, "glass: nic gone eth1")


@pytest.fixture
def network(host: tuple[Host, Libvirtd], tmp_path: Path) -> Iterator[Host]:
    """A bridge with DHCP and a web server at the metadata address, which shows the folder `latest` of tmp_path."""
    made = host[0]
    made.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
    made.run("ip", "link", "set", "br0", "up")
    made.run("ip", "address", "add", f"{SERVER}/24", "dev", "br0")
    made.run("ip", "address", "add", f"{METADATA}/32", "dev", "br0")
    options = ["--dhcp-range=10.5.0.10,10.5.0.99,255.255.255.0", f"--dhcp-option=121,{METADATA}/32,{SERVER}", "--dhcp-option=26,1400"]
    options += ["--port=0", "--interface=br0", "--user=root", "--no-ping", f"--dhcp-leasefile={tmp_path}/leases"]
    made.call(lambda: offload_off("br0"))
    dnsmasq = made.popen("dnsmasq", "-k", "--conf-file=/dev/null", *options)
    service = made.popen("python3", "-c", SERVICE, str(tmp_path))
    yield made
    for process in (dnsmasq, service):
        process.terminate()
        process.wait(10)
    made.run("ip", "link", "del", "br0")


def test_a_container_gets_its_address_and_metadata_and_can_be_asked(lxc: LibvirtBench, network: Host, tmp_path: Path) -> None:
    lxc.cache()
    spec = replace(lxc.spec(), documents={})
    for name, data in told(spec).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    async def plugged() -> None:
        await asyncio.to_thread(network.run, "ip", "link", "set", spec.nics[0].tap, "master", "br0")

    lxc.run(lxc.driver.spawn(spec, plugged))
    said(lxc, spec, f"glass: metadata from metadata service: instance-id {spec.id} hostname web keys 1")
    said(lxc, spec, "user data runs on web", "web login:")
    line = next(line for line in lxc.console(spec.id).splitlines() if line.startswith("glass: address eth0"))
    address, mtu = line.split()[3].partition("/")[0], line.split()[5]
    assert address.startswith("10.5.0.")
    assert mtu == "1400"
    asked = network.run("curl", "-s", "--data-binary", f"ping -c 1 -W 5 {SERVER}; hostname", f"http://{address}/cgi-bin/run").stdout
    assert "1 packets received" in asked
    assert asked.endswith("web\nexit 0\n")


@pytest.mark.slow
def test_the_probe_counts_where_guests_run_and_its_answer_is_kept(qemu: LibvirtBench) -> None:
    from drivers.hypervisor.domain import Mark
    from drivers.hypervisor.libvirt import LibvirtHypervisor
    from drivers.hypervisor.proof import counts
    from drivers.hypervisor.settings import LibvirtOptions

    assert isinstance(qemu.driver, LibvirtHypervisor)
    connection = qemu.driver.connection
    assert qemu.run(counts(connection, Mark("test", "compute-1"), qemu.state, 60.0, "qemu")), "it runs by emulation everywhere"
    assert not qemu.run(counts(connection, Mark("test", "compute-1"), qemu.state, 0.0, "qemu")), "and not in no time"
    auto = LibvirtHypervisor(qemu.driver.place, LibvirtOptions(uri=qemu.libvirtd.uri("qemu"), proof_s=3.0))
    qemu.run(auto.open())
    answer = qemu.host.path(qemu.state / "hypervisor/virt_type.json")
    kept = json.loads(answer.read_text())
    assert auto.machine.virt_type == kept["virt_type"]
    assert qemu.libvirtd.virsh("list", "--all", "--name").stdout.split() == []
    answer.write_text(json.dumps({**kept, "virt_type": "kvm"}))
    qemu.run(auto.close())
    qemu.run(auto.open())
    assert auto.machine.virt_type == "kvm", "it is not asked twice in one boot"
    answer.write_text(json.dumps({**kept, "virt_type": "kvm", "boot": "another"}))
    qemu.run(auto.close())
    qemu.run(auto.open())
    assert auto.machine.virt_type == kept["virt_type"], "a new boot is a new machine"
    qemu.run(auto.close())


def test_things_of_others_are_in_the_way_and_stay(lxc: LibvirtBench, tmp_path: Path) -> None:
    lxc.cache()
    spec = lxc.spec()
    xml = f"<domain type='lxc'><name>{spec.name}</name><memory>65536</memory><os><type>exe</type><init>/bin/sh</init></os></domain>"
    (tmp_path / "other.xml").write_text(xml)
    lxc.libvirtd.virsh("define", str(tmp_path / "other.xml"), driver="lxc")
    before = lxc.footprint()
    with pytest.raises(HypervisorError, match="there is a domain instance-00000001 on compute-1 already, and it is not of cloud test"):
        lxc.run(lxc.driver.spawn(spec))
    assert lxc.footprint() == before
    assert lxc.run(lxc.driver.guests()) == []
    theirs = lxc.libvirtd.virsh("domuuid", spec.name, driver="lxc").stdout.strip()
    with pytest.raises(HypervisorError, match="is not of cloud test; it is left as it is"):
        lxc.run(lxc.driver.destroy(theirs))
    lxc.libvirtd.virsh("undefine", spec.name, driver="lxc")

    lxc.host.run("ip", "link", "add", spec.nics[0].tap, "type", "bridge")
    before = lxc.footprint()
    with pytest.raises(HypervisorError, match=f"there is a device {spec.nics[0].tap} on compute-1 already, and it is not of cloud test"):
        lxc.run(lxc.driver.spawn(spec))
    assert lxc.footprint() == before
    lxc.host.run("ip", "link", "del", spec.nics[0].tap)


@pytest.mark.parametrize("kind", ["qemu", "lxc"])
def test_a_sweep_finds_all_of_ours_and_nothing_of_others(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    bench: LibvirtBench = request.getfixturevalue(kind)
    empty = bench.footprint()
    spec = bench.spawned()
    other = "glasscloud:other:port:1"
    bench.host.run("ip", "tuntap", "add", "tapother", "mode", "tap")
    bench.host.run("ip", "link", "set", "tapother", "alias", other)
    bench.host.run("ip", "netns", "add", "gc-other-guest-1")
    init = "<os><type>exe</type><init>/bin/sh</init></os>" if kind == "lxc" else "<os><type>hvm</type></os>"
    (tmp_path / "other.xml").write_text(f"<domain type='{kind}'><name>others</name><memory>65536</memory>{init}</domain>")
    bench.libvirtd.virsh("define", str(tmp_path / "other.xml"), driver=kind)
    mine = bench.host.path(bench.state / "guests/mine")
    mine.mkdir()
    found = bench.run(bench.driver.found())  # type: ignore[attr-defined]
    assert {trace.name for trace in found} & {"tapother", "gc-other-guest-1", "others"} == set()
    assert any(trace.kind == "domain" and spec.id in trace.detail for trace in found)
    for _ in range(2):
        for trace in found:
            bench.run(bench.driver.remove(trace))  # type: ignore[attr-defined]
    assert bench.run(bench.driver.found()) == []  # type: ignore[attr-defined]
    from drivers.sweep import Trace

    for name, what in (("others", "domain"), ("tapother", "tap")):
        with pytest.raises(HypervisorError, match="left as it is"):
            bench.run(bench.driver.remove(Trace(what, name)))  # type: ignore[attr-defined]
    bench.libvirtd.virsh("undefine", "others", driver=kind)
    bench.host.run("ip", "link", "del", "tapother")
    bench.host.run("ip", "netns", "del", "gc-other-guest-1")
    mine.rmdir()
    assert set(bench.footprint()) <= set(empty)


def test_guests_go_on_while_libvirtd_is_killed_and_started_anew(lxc: LibvirtBench) -> None:
    spec = lxc.spawned()
    lxc.libvirtd.stop(signal.SIGKILL)
    with pytest.raises(HypervisorError, match=r"no libvirtd listens|connection to .* was lost|Failed to connect"):
        lxc.run(lxc.driver.guests())
    lxc.libvirtd.start()
    assert lxc.power(spec.id) == RUNNING
    news: list[tuple[str, int]] = []
    lxc.driver.on_power_change(lambda guest_id, power: news.append((guest_id, power)))
    lxc.crash(spec.id)
    lxc.until(lambda: bool(news))


def test_a_container_ends_though_libvirt_does_not_know_its_first_process(lxc: LibvirtBench, monkeypatch: pytest.MonkeyPatch) -> None:
    import libvirt

    class Unknown(libvirt.libvirtError):  # type: ignore[misc]
        def get_error_code(self) -> int:
            return int(libvirt.VIR_ERR_OPERATION_INVALID)

    def refuse(*_: object) -> None:
        raise Unknown("Requested operation is not valid: Init process ID is not yet known")

    monkeypatch.setattr(libvirt.virDomain, "shutdownFlags", refuse)
    spec = lxc.spawned()
    lxc.booted(spec.id)
    lxc.run(lxc.driver.power_off(spec.id, 30))
    assert lxc.power(spec.id) == SHUTDOWN
    assert lxc.console(spec.id).splitlines()[-1] == "glass: power off"


def test_what_is_wrong_is_said_with_the_way_out(lxc: LibvirtBench, monkeypatch: pytest.MonkeyPatch) -> None:
    from drivers.hypervisor.libvirt import LibvirtHypervisor
    from drivers.hypervisor.settings import LibvirtOptions

    place = Place("test", "compute-1", lxc.host.address, lxc.state)

    def opened(uri: str, **options: str) -> str:
        with pytest.raises(HypervisorError) as caught:
            lxc.run(LibvirtHypervisor(place, LibvirtOptions(uri=uri, **options)).open())  # type: ignore[arg-type]
        return caught.value.message

    assert "no libvirtd listens on /run/none; start it" in opened("lxc:///system?socket=/run/none")
    assert "the uri must be qemu:///system or lxc:///" in opened("xen:///system")
    assert "give the uri of its own libvirt" in opened("qemu+tcp://10.77.0.1/system")
    assert "give auto, kvm or qemu" in opened(lxc.libvirtd.uri("qemu"), virt_type="xen")
    with pytest.raises(HypervisorError, match="no root file system: containers of compute-1 want a tar"):
        lxc.image = b"QFI\xfb" + bytes(1000)
        lxc.cache()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "this process is user 1000; run it with sudo" in opened(lxc.libvirtd.uri("lxc"))


def test_what_the_machine_has_is_told(lxc: LibvirtBench) -> None:
    from drivers.hypervisor.libvirt import LibvirtHypervisor
    from drivers.hypervisor.settings import LibvirtOptions

    place = Place("test", "compute-1", lxc.host.address, lxc.state)
    for kind in ("qemu", "lxc"):
        found = lxc.run(LibvirtHypervisor.probe(place, LibvirtOptions(uri=lxc.libvirtd.uri(kind))))
        assert all(finding.ok for finding in found), found
    found = lxc.run(LibvirtHypervisor.probe(place, LibvirtOptions(uri="qemu:///system?socket=/run/none")))
    [missing] = [finding for finding in found if not finding.ok]
    assert missing.remedy == "sudo systemctl start libvirtd"  # it is installed, and nobody listens there


def test_the_probe_is_what_its_source_says(tmp_path: Path) -> None:
    import shutil

    from drivers.hypervisor import proof

    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("binutils is not installed")
    source = Path(proof.__file__).with_name("probe.s")
    subprocess.run(["as", "--64", "-o", "probe.o", str(source)], cwd=tmp_path, check=True)
    link = ["ld", "-m", "elf_x86_64", "-Ttext", "0x7c00", "--oformat", "binary", "-o", "probe.bin", "probe.o"]
    subprocess.run(link, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "probe.bin").read_bytes() == proof.PROBE


@pytest.mark.parametrize("kind", ["qemu", "lxc"])
def test_a_guest_gets_its_devices_again_after_the_host_was_off(kind: str, request: pytest.FixtureRequest) -> None:
    bench: LibvirtBench = request.getfixturevalue(kind)
    spec, nic = bench.spawned(), new_nic()
    bench.run(bench.driver.power_off(spec.id, 0))
    bench.run(bench.driver.attach_nic(spec.id, nic))
    for tap in bench.taps():
        bench.host.run("ip", "link", "del", tap)
    bench.host.run("sh", "-c", "cd /run/netns && for name in *; do ip netns del $name; done", check=False)
    if kind == "lxc":
        bench.host.run("umount", str(bench.driver.files(spec.id).directory / "root"))
    assert bench.taps() == set()
    bench.run(bench.again().power_on(spec.id))
    assert bench.power(spec.id) == RUNNING
    assert bench.taps() == {spec.nics[0].tap, nic.tap}


def ask(bench: LibvirtBench, spec: GuestSpec, script: str) -> str:
    """Run a script on the host in the root of a guest."""
    root = bench.driver.files(spec.id).directory / "root"
    return bench.host.run("sh", "-c", f"cd {root}; {script}", check=False).stdout.strip()


@pytest.mark.parametrize("layered", [True, False])
def test_containers_of_one_image_have_roots_of_their_own(lxc: LibvirtBench, layered: bool) -> None:
    if layered and not lxc.driver.roots.layered:
        pytest.skip("this kernel has no overlayfs: modprobe overlay")
    lxc.driver.roots.layered = layered
    one, other = lxc.spawned(), replace(lxc.spec("instance-00000002"), name="instance-00000002")
    lxc.run(lxc.driver.spawn(other))
    assert (ask(lxc, one, "stat -f -c %T .") == "overlayfs") is layered
    ask(lxc, one, "echo one > etc/mine; rm bin/date")
    assert ask(lxc, other, "ls etc/mine; ls bin/date") == "bin/date"
    lxc.run(lxc.driver.power_off(one.id, 0))
    lxc.run(lxc.driver.power_on(one.id))
    assert ask(lxc, one, "cat etc/mine; ls bin/date") == "one"
    traces = [trace for trace in lxc.run(lxc.driver.found()) if trace.kind == "unpacked image"]
    assert len(traces) == layered
    alike = lxc.state / "roots" / "gc-test2-image-1"
    lxc.host.run("mkdir", "-p", str(alike))
    for spec in (one, other):
        lxc.run(lxc.driver.destroy(spec.id))
    for trace in lxc.run(lxc.driver.found()):
        lxc.run(lxc.driver.remove(trace))
    assert lxc.host.run("find", str(lxc.state), "-mindepth", "2").stdout.split() == [str(alike)]


def test_an_archive_that_is_no_root_is_refused_when_it_is_cached(lxc: LibvirtBench) -> None:
    before = lxc.footprint()
    lxc.image = b"\x1f\x8b" + bytes(1000)
    with pytest.raises(HypervisorError, match="cannot be unpacked"):
        lxc.cache()
    assert lxc.footprint() == before
