"""What a user is told who types `glasscloud up --real` or `glasscloud service` where something is missing, wrong or in the way."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.real.bed.alone import GIVEN, Machine, small_disk
from tests.real.bed.postgres import Postgres
from tests.real.bed.rabbitmq import RabbitMQ, need_rabbitmq

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
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
    assert re.search(r"port 8774 cannot be used \(Address already in use\); choose another \[cloud\] url in /", line), line
    elsewhere = GIVEN["cloud"].replace("127.0.0.1:8774", "10.1.1.1:8774")
    line = machine.told("up", "--real", config=machine.config(cloud=elsewhere))
    assert re.search(r"address 10.1.1.1 cannot be used \(Cannot assign requested address\); choose another \[cloud\] url in", line), line


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
        mq.url.replace("guest:guest", "guest:wrong"): r".*ACCESS_REFUSED.*; correct user, password or vhost",
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
    assert re.search(r"port 15000 cannot be used \(Address already in use\); choose another \[endpoints\] entry in /", line), line
