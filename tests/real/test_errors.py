"""What a user is told who types `glasscloud up --real` or `glasscloud service` where something is missing, wrong or in the way."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.cli.journals import fetched
from lab.client.compute import Server
from lab.cloud import Cloud
from tests.real.bed.ganesha import Ganesha
from tests.real.bed.guest_images import guest_image
from tests.real.bed.host import Bed, Host
from tests.real.bed.libvirtd import SOCKET, Libvirtd
from tests.real.bed.ovs import Ovs
from tests.real.bed.ovs import need as need_ovs
from tests.real.bed.postgres import Postgres
from tests.real.bed.rabbitmq import RabbitMQ, need_rabbitmq
from tests.real.bed.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

GIVEN = {
    "cloud": '[cloud]\nid = "lab"\nhost = "one"\nadmin_password = "a"\nservice_password = "b"\nurl = "http://127.0.0.1:8774"',
    "state": "{state}",
    "hosts": '[hosts.one]\naddress = "127.0.0.1"',
    "hypervisor": '[hypervisor]\nuri = "lxc:///system?socket={socket}"',
    "network": '[network]\nrun_directory = "{ovs}"\ndatapath_type = "netdev"',
    "volume": "",
    "messaging": "",
    "database": "",
    "settings": "",
}
"""The configuration of one whole cloud on one host; a test changes some of its tables."""


class Machine:
    """One host that has all that a cloud needs."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.bed = stack.enter_context(Bed(directory / "bed"))
        self.host: Host = self.bed.host("one")
        self.ovs = stack.enter_context(Ovs(self.host))
        self.libvirtd = Libvirtd(self.host)
        stack.callback(self.libvirtd.close)

    def config(self, **tables: str) -> Path:
        """A configuration with some of its tables changed."""
        texts = {**GIVEN, "state": f'state = "{self.directory / "state"}"', **tables}
        text = "\n".join(texts.values()).replace("{socket}", SOCKET).replace("{ovs}", str(self.ovs.directory))
        path = self.directory / "cloud.toml"
        path.write_text(text)
        return path

    def command(self, *words: str, config: Path) -> list[str]:
        """A command of glasscloud."""
        clouds = ["--clouds", str(self.directory / "clouds.yaml")] if words[0] == "up" or "edge" in words else []
        return [sys.executable, "-m", "lab.cli.main", *words, "--config", str(config), *clouds]

    def told(self, *words: str, config: Path, through: tuple[str, ...] = ()) -> str:
        """The one line with which the command ended."""
        done = self.host.run(*through, *self.command(*words, config=config), check=False, timeout=60, env=environment())
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        assert done.stderr.startswith("glasscloud: ")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()

    def things(self) -> tuple[str, ...]:
        """Devices, addresses, namespaces, bridges, tables and guests."""
        links = self.host.run("ip", "-o", "link").stdout
        asked = (("ip", "-o", "address"), ("ip", "netns"), ("nft", "list", "tables"))
        bridges = self.ovs.vsctl("list-br")
        return (re.sub(r" state \w+| mode \w+", "", links), *(self.host.run(*each).stdout for each in asked), bridges)


def environment() -> dict[str, str]:
    """For a program of ours."""
    return os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    need_ovs()
    with ExitStack() as stack:
        yield Machine(tmp_path_factory.mktemp("errors"), stack)


# -- up --real ------------------------------------------------------------------------------------

NOBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps")
"""A user who is not root, but may read what the tests' files are."""


def test_not_root(machine: Machine) -> None:
    config = Path("/run/cloud.toml")
    machine.host.path(config).write_text(machine.config(state='state = "/run/state"').read_text())
    line = machine.told("up", "--real", config=config, through=NOBODY)
    assert re.search(r"user \d+ may not make guests and devices on one; run as root, as in sudo glasscloud", line), line


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("qemu:///system?socket=/run/nowhere", r"no libvirtd listens on /run/nowhere; start it \(sudo systemctl start libvirtd\)"),
        ("xen:///system", r"xen:///system: .*; the uri must be qemu:///system or lxc:///"),
        ("qemu+ssh://root@other/system", r"give the uri of its own libvirt, qemu:///system or lxc:///"),
        ("vmware", r"vmware: .*; the uri must be qemu:///system or lxc:///"),
    ],
)
def test_libvirt_is_not_there_or_its_address_is_none(machine: Machine, uri: str, says: str) -> None:
    line = machine.told("up", "--real", config=machine.config(hypervisor=f'[hypervisor]\nuri = "{uri}"'))
    assert re.search(says, line), line


def test_no_open_vswitch(machine: Machine) -> None:
    line = machine.told("up", "--real", config=machine.config(network='[network]\nrun_directory = "/run/nowhere"'))
    assert re.search(r"database /run/nowhere/db.sock does not answer .*; start it \(systemctl start openvswitch-switch\)", line), line


def test_a_bridge_of_that_name_that_is_not_ours(machine: Machine) -> None:
    machine.ovs.vsctl("add-br", "br-int-other", "--", "set", "bridge", "br-int-other", "datapath_type=netdev")
    before = machine.things()
    line = machine.told("up", "--real", config=machine.config(cloud=GIVEN["cloud"].replace("lab", "other")))
    assert re.search(r"br-int-other.* not .*other.*; ", line), line
    assert machine.things() == before
    machine.ovs.vsctl("del-br", "br-int-other")


def test_a_trunk_that_is_not_there_or_has_an_address(machine: Machine) -> None:
    network = GIVEN["network"] + '\nbridge_mappings = {physnet1 = "eth9"}'
    line = machine.told("up", "--real", config=machine.config(network=network))
    assert re.search(r"eth9.*trunk of physnet1: correct bridge_mappings", line), line
    line = machine.told("up", "--real", config=machine.config(network=network.replace("eth9", "eth0")))
    assert re.search(r"eth0 has the address 10.77.0.11.*give another interface to physnet1", line), line


def test_no_nas(machine: Machine) -> None:
    volume = '[volume]\ndriver = "nfs"\nexport = "10.77.0.99:/srv/export"\ntimeout_s = 2'
    line = machine.told("up", "--real", config=machine.config(volume=volume))
    assert re.search(r"the NAS 10.77.0.99 cannot be reached on port 2049 \(.*\); check its power, its network", line), line


def test_a_full_disk(machine: Machine) -> None:
    with small_disk(machine, "full", "64k") as full:
        (machine.host.path(full) / "filling").write_bytes(b"x" * 60_000)
        line = machine.told("up", "--real", config=machine.config(state=f'state = "{full}"'))
    assert re.search(rf"{full}.*(full|No space left).*; ", line), line


def test_a_port_in_use(machine: Machine) -> None:
    with listening(machine, 8774):
        line = machine.told("up", "--real", config=machine.config())
    assert re.search(r"127.0.0.1:8774 cannot be used \(Address already in use\); choose another one in \[cloud\] url of /", line), line
    elsewhere = GIVEN["cloud"].replace("127.0.0.1:8774", "10.1.1.1:8774")
    line = machine.told("up", "--real", config=machine.config(cloud=elsewhere))
    assert re.search(r"10.1.1.1:8774 cannot be used \(Cannot assign requested address\); .*\[cloud\] url", line), line


LISTENER = """
import socket, sys
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def listening(machine: Machine, port: int) -> Iterator[None]:
    """Another program has the port."""
    with machine.host.popen(sys.executable, "-c", LISTENER, str(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate()


@contextmanager
def small_disk(machine: Machine, name: str, size: str) -> Iterator[Path]:
    """A file system of that size, mounted where the host sees it."""
    folder = machine.directory / name
    folder.mkdir()
    machine.host.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        machine.host.run("umount", "-l", str(folder))


# -- service --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wires(machine: Machine) -> Iterator[tuple[RabbitMQ, Postgres]]:
    """RabbitMQ and PostgreSQL; the database wants passwords."""
    need_rabbitmq()
    bed = machine.bed
    with ExitStack() as stack:
        mq, db = RabbitMQ(bed.address, 5672, bed.enter()), Postgres(bed.address, 5432, bed.enter())
        stack.callback(db.close)
        stack.callback(mq.close)
        rules = db.folder / "data" / "pg_hba.conf"
        rules.write_text(rules.read_text().replace(f"{bed.address}/24 trust", f"{bed.address}/24 scram-sha-256"))
        db.start()
        mq.start()
        yield mq, db


@pytest.mark.parametrize("name", ["nova-conductor", "nova-compute", "edge"])
def test_no_rabbitmq_or_not_by_this_password(machine: Machine, wires: tuple[RabbitMQ, Postgres], name: str) -> None:
    mq, _ = wires
    wrong = {
        mq.url.replace(":5672", ":1"): r"RabbitMQ at 10.77.0.1:1 cannot be used: .*(refused|Connect call failed).*; is it up\?",
        mq.url.replace("guest:guest", "guest:wrong"): r"RabbitMQ at 10.77.0.1:5672 cannot be used: .*ACCESS_REFUSED.*; correct user, password or vhost in its URL",
        "http://10.77.0.1": r"'http://10.77.0.1' is no URL of a message queue; use amqp://USER:PASSWORD@HOST:PORT/VHOST",
        "": r"has no \[messaging\] url: programs of one cloud talk through RabbitMQ",
    }
    for url, says in wrong.items():
        database = f'[database]\nurl = "sqlite:///{machine.directory}/for-{name}.db"'
        line = machine.told("service", name, config=machine.config(messaging=f'[messaging]\nurl = "{url}"', database=database))
        assert re.search(says, line), line
        assert "wrong@" not in line


def test_no_postgresql_or_not_by_this_password(machine: Machine, wires: tuple[RabbitMQ, Postgres]) -> None:
    mq, db = wires
    good = db.url("glasscloud")
    wrong = {
        good.replace(":5432", ":1"): r"10.77.0.1:1.*(refused|cannot be reached).*; ",
        good.replace("postgres@", "postgres:wrong@"): r"password.*; ",
        good.replace("postgresql+psycopg", "oracle"): r"; ",
    }
    for url, says in wrong.items():
        tables = {"messaging": f'[messaging]\nurl = "{mq.url}"', "database": f'[database]\nurl = "{url}"'}
        line = machine.told("service", "nova-conductor", config=machine.config(**tables))
        assert re.search(says, line), line
        assert "wrong@" not in line


def test_the_port_of_a_service_is_in_use(machine: Machine, wires: tuple[RabbitMQ, Postgres]) -> None:
    mq, _ = wires
    tables = {"messaging": f'[messaging]\nurl = "{mq.url}"', "database": f'[database]\nurl = "sqlite:///{machine.directory}/port.db"'}
    with listening(machine, 15_000):
        line = machine.told("service", "keystone", config=machine.config(**tables))
    assert re.search(r"127.0.0.1:15000 cannot be used \(Address already in use\); choose another one in \[endpoints\] of /", line), line


# -- a running cloud ------------------------------------------------------------------------------


class Running:
    """`up --real` on that host, its files on a disk of 24 MiB and its volumes on a NAS, and a client of it."""

    def __init__(self, machine: Machine, stack: ExitStack) -> None:
        self.machine, self.nas = machine, Ganesha(machine.bed.host("nas"))
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
        first = self.create()
        assert first.status == "ACTIVE", first.fault
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
        ports = self.inside.run(self.cloud.network.ports.list(device_owner="network:dhcp"))
        return found + sorted(set(taps) - {f"tap{port.id[:11]}" for port in ports})

    def told(self) -> str:
        """What the journal tells of errors and warnings."""
        entries = self.machine.host.call(lambda: fetched("http://127.0.0.1:8774", self.machine.directory / "clouds.yaml"))
        bad = [entry for entry in entries if entry.kind == "error" or entry.status in ("error", "warning")]
        return "\n".join(f"{entry.name} {entry.json()}" for entry in bad)


@pytest.fixture(scope="module")
def running(machine: Machine) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(machine, stack)


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
    host.run("ip", "link", "add", tap, "type", "dummy")
    try:
        server = running.create(networks=[{"port": port.id}])
        assert server.status == "ERROR"
        assert f"there is a device {tap} on one already, and it is not of cloud lab; remove it (ip link del {tap})" in str(server.fault)
        assert "dummy" in host.run("ip", "-d", "link", "show", tap).stdout
    finally:
        host.run("ip", "link", "del", tap)
    running.delete()
    running.inside.run(port.delete())


def test_a_full_disk_at_run_time(running: Running) -> None:
    filling = running.disk / "filling"
    with filling.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 10_000)
            file.flush()
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert "No space left on" in str(server.fault)
    finally:
        filling.unlink()
    running.delete()
    assert running.create().status == "ACTIVE"
    running.delete()


def test_libvirt_is_gone_at_run_time(running: Running) -> None:
    libvirtd = running.machine.libvirtd
    libvirtd.stop(signal.SIGKILL)
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert re.search(r"libvirtd", str(server.fault)), server.fault
    finally:
        libvirtd.start()
    running.delete()
    assert running.create().status == "ACTIVE"
    running.delete()


def test_the_switch_is_gone_at_run_time(running: Running) -> None:
    ovs = running.machine.ovs
    ovs.stop_switch()
    try:
        server = running.create()
        assert server.status == "ERROR"
        assert "Virtual Interface creation failed" in str(server.fault)
        assert re.search(r"Open vSwitch", running.told()), running.told()
    finally:
        ovs.start_switch()
    running.delete()
    assert running.create().status == "ACTIVE"
    running.delete()


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
