"""The one program on a real machine: a guest by libvirt, Open vSwitch, dnsmasq and files, with the messages of the simulated cloud.

    Cloud.real       all processes and the program in this one, inside the host
    Cloud.connect    `glasscloud up --real` as a program of its own in the host, the program at its URL
    Cloud.simulated  no machine at all
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from drivers.site import load
from lab.cloud import Cloud
from lab.journal import Entry
from lab.watch.line import entry_of
from tests.real.bed.guest_images import guest_image
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.inside import Inside
from tests.real.bed.libvirtd import Libvirtd
from tests.real.bed.ovs import Ovs
from tests.real.bed.waiting import until
from tests.real.sameness import Seen, assert_same, simulated, watch, watch_here

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PASSWORD = "a word for the administrator"
STORY_S = 200.0
CONFIG = """
[cloud]
id = "same"
url = "{url}"
state = "{directory}/state"
admin_password = "{password}"
[hosts.server-1]
address = "{address}"
[hypervisor]
uri = "{libvirt}"
virt_type = "qemu"
[network]
driver = "openvswitch"
datapath_type = "netdev"
bridge_mappings = {{ physnet1 = "trunk" }}
run_directory = "{ovs}"
[volume]
driver = "directory"
[settings]
password_cost = 4
network_vlan_ranges = {{ physnet1 = [100, 199] }}
"""


class Machine:
    """A host of the bed with all that a cloud of one host needs."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        bed = stack.enter_context(Bed(directory))
        self.host: Host = bed.host("server-1")
        self.host.run("ip", "link", "add", "trunk", "type", "veth", "peer", "name", "cable")
        ovs = stack.enter_context(Ovs(self.host))
        libvirtd = Libvirtd(self.host)
        stack.callback(libvirtd.close)
        self.inside = stack.enter_context(Inside(self.host))
        self.url = f"http://{self.host.address}:8774"
        self.config = self.host.directory / "cloud.toml"
        self.config.write_text(CONFIG.format(
            url=self.url, directory=self.host.directory, password=PASSWORD, address=self.host.address,
            libvirt=libvirtd.uri(), ovs=ovs.directory,
        ))  # fmt: skip

    def play(self, story: Callable[[], Coroutine[Any, Any, Seen]]) -> Seen:
        """Run a story inside the host."""
        return self.inside.run(story(), STORY_S)

    @contextmanager
    def up(self) -> Iterator[None]:
        """`glasscloud up --real` in the host, until the block ends."""
        log = self.host.directory / "up.log"
        clouds = self.host.directory / "clouds.yaml"
        command = [sys.executable, "-m", "lab.cli.main", "up", "--real", "--config", str(self.config), "--clouds", str(clouds)]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "GLASSCLOUD_CLOUD_HOST": "server-1"}
        with log.open("wb") as said:
            running = self.host.popen(*command, stdout=said, stderr=said, env=environment)
        try:
            until(lambda: running.poll() is not None or b"is ready at" in log.read_bytes(), "the cloud is up")
            assert running.poll() is None, log.read_text()
            yield
        finally:
            running.terminate()
            running.wait(30)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    need("dnsmasq: dnsmasq-base", "qemu-img: qemu-utils")
    with ExitStack() as stack:
        yield Machine(tmp_path, stack)


def overhead_s(entries: Iterable[Entry]) -> float:
    """The seconds from the first server's POST to its ACTIVE, without those in the hypervisor's `spawn`."""
    rows = list(entries)
    start = next(e for e in rows if e.kind == "rest" and e.name == "POST" and e.where == "/v2.1/servers")
    active = next(e for e in rows if e.kind == "state" and e.target == "server" and e.name.endswith("active/None"))
    spawn = next(e for e in rows if e.kind == "driver_reply" and e.name == "hypervisor.spawn")
    return (active.t - start.t - spawn.duration) / 1e9


def test_the_same_in_this_program(machine: Machine) -> None:
    image = guest_image("qemu")

    async def story() -> Seen:
        async with Cloud.real(load(machine.config, "server-1")) as cloud:
            return await watch_here(cloud, image)

    seen = machine.play(story)
    assert_same(simulated(image), seen)
    print(f"first server create beside the hypervisor's part, its image brought to the host: {overhead_s(seen.entries):.2f} s")


def test_the_same_at_a_url(machine: Machine) -> None:
    image = guest_image("qemu")

    async def story() -> Seen:
        async with Cloud.connect(machine.url, password=PASSWORD) as cloud, httpx.AsyncClient(base_url=machine.url, trust_env=False) as http:

            async def read(since: int) -> Iterable[Entry]:
                answer = await http.get(f"/glasscloud/journal?since={since}", headers={"x-auth-token": cloud.session.token})
                return [entry_of(line) for line in answer.raise_for_status().content.splitlines()]

            return await watch(cloud, image, read)

    with machine.up():
        seen = machine.play(story)
    assert_same(simulated(image), seen)
