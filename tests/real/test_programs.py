"""The control plane of a cloud as programs of their own: over RabbitMQ, HTTP and one PostgreSQL database, with one journal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.site import Site, load
from lab.client.transports import InWorld
from lab.cloud import Cloud
from lab.realtime import RealRuntime
from lab.rest import remote
from lab.wires import Wires
from tests.real.bed.postgres import postgres
from tests.real.bed.rabbitmq import RabbitMQ, free_port, rabbitmq

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

PROGRAMS = (
    ("keystone", "placement"),
    ("glance", "neutron-api"),
    ("neutron-rpc",),
    ("nova-api",),
    ("nova-conductor",),
    ("nova-scheduler",),
)
SERVICES = ("identity", "image", "placement", "network", "volume", "compute", "object")
FILE = """
[cloud]
id = "programs"
host = "controller-1"
url = "http://127.0.0.1:1"
state = "{state}"
admin_password = "admin-secret"
service_password = "service-secret"
[hosts.controller-1]
roles = ["controller", "network", "storage", "compute"]
[messaging]
url = "{messaging}"
[database]
url = "{database}"
[endpoints]
{endpoints}
"""


class Programs:
    """They run until the test ends."""

    def __init__(self, folder: Path, server: RabbitMQ, database: str) -> None:
        self.server = server
        self.file = folder / "cloud.toml"
        endpoints = "\n".join(f'{service} = "http://127.0.0.1:{free_port()}"' for service in SERVICES)
        self.file.write_text(FILE.format(state=folder, messaging=server.url, database=database, endpoints=endpoints))
        self.running: dict[tuple[str, ...], subprocess.Popen[str]] = {}

    def start(self, *names: str) -> None:
        """Start one and wait until it is up."""
        command = [sys.executable, "-m", "lab.cli.main", "service", *names, "--config", str(self.file)]
        started = self.running[names] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert started.stdout is not None
        line = started.stdout.readline()
        assert line.startswith("up:"), f"{names}: {line}"

    def kill(self, *names: str) -> None:
        """kill -9."""
        self.running[names].kill()
        self.running.pop(names).communicate()

    def close(self) -> None:
        """End all."""
        for names in list(self.running):
            self.kill(*names)

    @property
    def site(self) -> Site:
        """What they read."""
        return load(self.file)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with ExitStack() as stack:
        server, database = stack.enter_context(rabbitmq()), stack.enter_context(postgres())
        found = Programs(tmp_path_factory.mktemp("programs"), server, database.url())
        stack.callback(found.close)
        for names in PROGRAMS:
            found.start(*names)
        yield found


async def client_of(site: Site) -> tuple[Cloud, Wires]:
    """A client with a router of its own."""
    wires = Wires(RealRuntime(), site.settings, make_router=remote.over(site.urls()))
    process = wires.start("client", "outside", lambda process: None)
    return Cloud(InWorld(process), site.settings), wires


async def ask_for_a_server(cloud: Cloud, name: str) -> None:
    """All that a server needs, and the server; there is no compute host, so it ends in ERROR."""
    image = await cloud.image.images.create(f"image-{name}")
    await image.upload(b"not much of a system" * 100_000)
    flavor = await cloud.compute.flavors.create(f"flavor-{name}", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create(f"net-{name}")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    server = await cloud.compute.servers.create(name, flavor.id, image=image.id, networks=[{"uuid": network.id}])
    await server.wait_for("ERROR", timeout=60)
    assert "No valid host was found" in str(server.fault), "nothing else may be why"


def test_a_server_is_asked_for_through_six_programs(programs: Programs) -> None:
    async def main() -> None:
        cloud, wires = await client_of(programs.site)
        await ask_for_a_server(cloud, "web")
        await wires.router.close()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_it_goes_on_after_kill_9_of_a_conductor_an_api_and_rabbitmq(programs: Programs) -> None:
    async def main() -> None:
        cloud, wires = await client_of(programs.site)
        for names in (("nova-conductor",), ("nova-api",)):
            programs.kill(*names)
            await asyncio.to_thread(programs.start, *names)
            await ask_for_a_server(cloud, f"after-{names[0]}")
        programs.server.kill()
        await asyncio.to_thread(programs.server.start)
        await ask_for_a_server(cloud, "after-rabbitmq")
        await wires.router.close()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_program_without_the_others_says_who_is_missing(programs: Programs) -> None:
    async def main() -> None:
        cloud, wires = await client_of(programs.site)
        programs.kill("nova-api")
        with pytest.raises(Exception, match=r"compute cannot be reached for GET /v2.1/servers.*is its program up\?"):
            await cloud.compute.servers.list()
        await asyncio.to_thread(programs.start, "nova-api")
        assert await cloud.compute.servers.list()
        await wires.router.close()  # type: ignore[attr-defined]

    asyncio.run(main())


