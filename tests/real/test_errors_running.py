"""What is said when something goes away under a running cloud: the server's fault or the journal names it, and nothing is left."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest

from lab.cli.journals import fetched
from lab.client.compute import Server
from lab.cloud import Cloud
from tests.real.bed.alone import Machine, environment, small_disk
from tests.real.bed.ganesha import Ganesha
from tests.real.bed.guest_images import guest_image
from tests.real.bed.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


class Running:
    """`up --real` on that host, its files on a disk of 24 MiB and its volumes on a NAS, and a client of it."""

    def __init__(self, machine: Machine, stack: ExitStack) -> None:
        self.machine, self.nas = machine, Ganesha(machine.bed.host("nas"), 4096)
        stack.callback(self.nas.close)
        self.disk = machine.host.path(stack.enter_context(small_disk(machine, "disk", "24m")))
        config = machine.config(
            state=f'state = "{machine.directory / "disk"}"',
            database=f'[database]\nurl = "sqlite:///{machine.directory}/cloud.db"',
            volume=f'[volume]\ndriver = "nfs"\nexport = "{self.nas.export}"\ntimeout_s = 2',
            settings="[settings]\npassword_cost = 4\nvif_plugging_timeout_s = 10",
        )
        self.before = machine.things()
        log = stack.enter_context((machine.directory / "up.log").open("wb"))
        command = machine.command("up", "--real", config=config)
        self.program = machine.host.popen(*command, stdout=log, stderr=log, env=environment())
        stack.callback(self.program.wait, 30)
        stack.callback(self.program.terminate)
        until(self.ready, "the cloud is up", 60)
        self.inside = machine.host.worker()
        stack.callback(self.inside.close)
        self.client = AsyncExitStack()
        self.cloud: Cloud = self.inside.run(self.client.enter_async_context(Cloud.connect("http://127.0.0.1:8774", password="a")))
        stack.callback(lambda: self.inside.run(self.client.aclose()))
        self.kinds = self.inside.run(prepare(self.cloud, guest_image("lxc")))
        self.works()

    def works(self) -> None:
        """A server comes and goes."""
        server = self.create()
        assert server.status == "ACTIVE", self.told(server)
        self.delete()

    def ready(self) -> bool:
        """Whether it has said so."""
        said = (self.machine.directory / "up.log").read_text()
        if self.program.poll() is not None:
            raise RuntimeError(said)
        return "ready at" in said

    def create(self, **more: Any) -> Server:
        """Ask for a server and wait for what becomes of it."""

        async def asked() -> Server:
            server = await self.cloud.compute.servers.create("web", **{**self.kinds, **more})
            return await server.wait_for("ACTIVE", "ERROR", timeout=90, interval=0.2)

        return self.inside.run(asked())

    def delete(self) -> None:
        """Delete all servers; nothing may be left of them."""

        async def asked() -> None:
            for server in await self.cloud.compute.servers.list():
                await server.delete()
                await server.wait_gone(timeout=60, interval=0.2)

        self.inside.run(asked())
        until(lambda: self.left() == [], f"nothing is left: {self.left()}", 20)

    def left(self) -> list[str]:
        """What there is of guests."""
        host = self.machine.host
        found = self.machine.libvirtd.virsh("list", "--all", "--uuid", driver="lxc").stdout.split()
        found += [line for line in host.run("ip", "netns").stdout.splitlines() if line.startswith("gc-lab-guest-")]
        files = self.disk / "lab" / "one" / "guests"
        found += [path.name for path in files.glob("*")]
        taps = re.findall(r"^\d+: (tap\S+?)[@:]", host.run("ip", "-o", "link").stdout, re.MULTILINE)
        plugged = self.machine.ovs.vsctl("--bare", "--columns=name", "list", "Interface").split()
        taps += [name for name in plugged if name.startswith("tap")]
        ports = self.inside.run(self.cloud.network.ports.list(device_owner="network:dhcp"))
        return found + sorted(set(taps) - {f"tap{port.id[:11]}" for port in ports})

    def told(self, server: Server | None = None) -> str:
        """What the server's fault says, and what the journal tells of errors and warnings."""
        entries = self.machine.host.call(lambda: fetched("http://127.0.0.1:8774", self.machine.directory / "clouds.yaml"))
        bad = [entry for entry in entries if entry.kind == "error" or entry.status in ("error", "warning")]
        fault = str(server.fault) if server is not None else ""
        return "\n".join([fault, *(f"{entry.source} {entry.name} {entry.status} {entry.json()}" for entry in bad)])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(Machine(tmp_path_factory.mktemp("running"), stack), stack)


async def prepare(cloud: Cloud, content: bytes) -> dict[str, Any]:
    """What servers are made of."""
    image = await cloud.image.images.create("guest", disk_format="raw", img_hv_type="lxc")
    await image.upload(content)
    network = await cloud.network.networks.create("net", **{"provider:network_type": "vxlan"})
    await cloud.network.subnets.create(network.id, "10.20.0.0/24")
    flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=64, disk=0)
    return {"flavor": flavor.id, "image": image.id, "networks": [{"uuid": network.id}]}


def test_a_device_of_that_name_that_is_not_ours(running: Running) -> None:
    host = running.machine.host
    port = running.inside.run(running.cloud.network.ports.create(running.kinds["networks"][0]["uuid"]))
    tap = f"tap{port.id[:11]}"
    host.run("ip", "tuntap", "add", tap, "mode", "tap")
    try:
        server = running.create(networks=[{"port": port.id}])
        assert server.status == "ERROR"
        assert f"there is a device {tap} on one already, and it is not of cloud lab; remove it (ip link del {tap})" in running.told(server)
        assert tap in host.run("ip", "link", "show", tap).stdout
    finally:
        host.run("ip", "link", "del", tap)
    running.delete()
    running.inside.run(port.delete())


def test_a_full_disk_at_run_time(running: Running) -> None:
    filling = running.disk / "filling"
    with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert "No space left on" in running.told(server)
    finally:
        filling.unlink()
    running.delete()
    running.works()


def test_libvirt_is_gone_at_run_time(running: Running) -> None:
    libvirtd = running.machine.libvirtd
    libvirtd.stop(signal.SIGKILL)
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert re.search(r"libvirtd", running.told(server)), running.told(server)
    finally:
        libvirtd.start()
    running.delete()
    running.works()


def test_the_switch_is_gone_at_run_time(running: Running) -> None:
    ovs = running.machine.ovs
    ovs.stop_switch()
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert re.search(r"Open vSwitch", running.told(server)), running.told(server)
    finally:
        ovs.start_switch()
    running.delete()
    running.works()


def test_the_nas_is_gone_at_run_time(running: Running) -> None:
    async def create() -> str:
        volume = await running.cloud.volume.volumes.create(1, name="data")
        await volume.wait_for("available", "error", timeout=90, interval=0.2)
        await volume.delete()
        return str(volume.status)

    running.nas.stop()
    try:
        assert running.inside.run(create()) == "error"
        assert re.search(rf"the NAS {running.nas.address} cannot be reached on port 2049", running.told())
    finally:
        running.nas.start()
    assert running.inside.run(create()) == "available"
