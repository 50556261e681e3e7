"""The unmodified `openstack` command line works against `glasscloud up`: each command of a day's work exits 0 with sense.

The commands build on each other, so they run in their order, in one process of the test runner.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]


@dataclass
class Client:
    """The client in a folder with an image file and the cloud's clouds.yaml."""

    folder: Path
    url: str
    seen: dict[str, Any] = field(default_factory=dict)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run `openstack COMMAND`."""
        environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"), "OS_CLOUD": "glasscloud"}
        words = [str(BIN / "openstack"), *command.split()]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder, env=environment)

    def told(self, command: str) -> Any:
        """Run a command that must exit 0 and answer its JSON, or its text when it prints none."""
        done = self.run(command)
        assert done.returncode == 0, f"openstack {command}\n{done.stdout}{done.stderr}"
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One cloud for all commands."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "img.bin").write_bytes(bytes(100_000))
    command = [sys.executable, "-m", "lab.cli.main", "up", "--port", "0", "--clouds", str(folder / "clouds.yaml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    ready = next((line for line in process.stdout if line.startswith("Glasscloud is ready at ")), "")
    assert ready, "the cloud did not come up"
    yield Client(folder, ready.split()[4])
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def has(**wanted: Any) -> Callable[[Any], bool]:
    """The answer is one thing with these values."""
    return lambda told: {name: told.get(name) for name in wanted} == wanted


def lists(name: str, value: Any, count: int = 1) -> Callable[[Any], bool]:
    """The answer is a list, `count` of whose rows have this value."""
    return lambda told: sum(row.get(name) == value for row in told) == count


def silent(told: Any) -> bool:
    """Nothing is printed."""
    return told == ""


JSON = "-f json"
# The commands of a day's work, in order, and what must be seen.
COMMANDS: list[tuple[str, Callable[[Any], bool]]] = [
    (f"token issue {JSON}", lambda told: bool(told["id"] and told["expires"] and told["project_id"] and told["user_id"])),
    (
        f"catalog list {JSON}",
        lambda told: (
            {row["Type"] for row in told} == {"identity", "compute", "image", "network", "block-storage", "placement", "object-store"}
        ),
    ),
    (
        f"image create --disk-format qcow2 --container-format bare --file img.bin --public cirros {JSON}",
        has(name="cirros", status="active", visibility="public"),
    ),
    (f"image list {JSON}", lists("Status", "active")),
    (f"image show cirros {JSON}", has(size=100_000, disk_format="qcow2")),
    (f"flavor create --ram 512 --disk 1 --vcpus 1 m1.tiny {JSON}", has(name="m1.tiny", ram=512, disk=1, vcpus=1)),
    (f"flavor list {JSON}", lists("Name", "m1.tiny")),
    (f"flavor show m1.tiny {JSON}", has(ram=512, properties={})),
    (f"network create net1 {JSON}", has(name="net1", status="ACTIVE", admin_state_up=True)),
    (f"network list {JSON}", lists("Name", "net1")),
    (f"network show net1 {JSON}", has(name="net1", mtu=1500)),
    (f"subnet create --network net1 --subnet-range 10.0.0.0/24 sub1 {JSON}", has(cidr="10.0.0.0/24", gateway_ip="10.0.0.1")),
    (f"port list {JSON}", lambda told: isinstance(told, list)),
    (f"security group rule create --protocol tcp --dst-port 22 default {JSON}", has(protocol="tcp", port_range_min=22)),
    (f"keypair create key1 --private-key key1.pem {JSON}", has(name="key1")),
    (
        f"server create --image cirros --flavor m1.tiny --network net1 --key-name key1 --wait s1 {JSON}",
        has(name="s1", status="ACTIVE", key_name="key1"),
    ),
    (f"server list {JSON}", lambda told: [row["Networks"]["net1"][0].rpartition(".")[0] for row in told] == ["10.0.0"]),
    (f"server show s1 {JSON}", has(status="ACTIVE", name="s1")),
    ("server stop s1", silent),
    ("server start s1", silent),
    ("server reboot --wait s1", lambda told: "Complete" in told),
    (f"server event list s1 {JSON}", lambda told: {"create", "stop", "start", "reboot"} <= {row["Action"] for row in told}),
    ("console log show s1", lambda told: "login:" in told),
    (f"volume type create fast {JSON}", has(name="fast", is_public=True)),
    (f"volume create --size 1 vol1 {JSON}", has(name="vol1", size=1)),
    (f"volume list {JSON}", lists("Name", "vol1")),
    (f"volume snapshot create --volume vol1 snap1 {JSON}", has(name="snap1", size=1)),
    (f"server add volume s1 vol1 {JSON}", lambda told: told["Device"].startswith("/dev/vd")),
    (f"hypervisor list {JSON}", lists("State", "up", 4)),
    (f"compute service list {JSON}", lambda told: {"nova-scheduler", "nova-conductor", "nova-compute"} <= {row["Binary"] for row in told}),
    (f"network agent list {JSON}", lambda told: all(row["Alive"] is True for row in told)),
    (f"volume service list {JSON}", lambda told: {row["Binary"] for row in told} == {"cinder-scheduler", "cinder-volume"}),
    (f"resource provider list {JSON}", lambda told: len(told) == 4),
    (f"container create c1 {JSON}", lists("container", "c1")),
    (f"object create c1 img.bin {JSON}", lists("object", "img.bin")),
    (f"object list c1 {JSON}", lists("Name", "img.bin")),
    ("server delete --wait s1", silent),
    (f"server list {JSON}", lambda told: told == []),
]


@pytest.mark.parametrize(("command", "sensible"), COMMANDS, ids=[command.removesuffix(f" {JSON}") for command, _ in COMMANDS])
def test_command(client: Client, command: str, sensible: Callable[[Any], bool]) -> None:
    told = client.told(command)
    assert sensible(told), told


def test_a_missing_thing_is_answered_in_the_clients_words(client: Client) -> None:
    for noun in ("server", "image", "flavor", "network", "volume"):
        done = client.run(f"{noun} show nowhere")
        assert done.returncode == 1
        assert "No" in done.stderr
        assert "nowhere" in done.stderr


def test_one_command_authenticates_once(client: Client) -> None:
    before = len(tokens(client))
    client.told("server list")
    # Reading the journal twice takes a token each.
    assert len(tokens(client)) - before == 2


def tokens(client: Client) -> list[str]:
    """The requests for tokens in the journal, that for reading it included."""
    command = [sys.executable, "-m", "lab.cli.main", "trace", "read", "--connect", client.url, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=client.folder)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    asked = [row for row in rows if row["method"] == "POST" and row["path_or_topic"] == "/v3/auth/tokens"]
    return [row["source"] for row in asked if row["source"] == "client"]
