"""A whole real cloud, used as its users use it: by the unmodified openstack client, with guests that boot, on a trunk with tags.

One virtual machine (emulated) on compute-1 and four containers on compute-2, on two VLAN networks and a VXLAN network.
"""

from __future__ import annotations

import asyncio
import re
import signal
import statistics
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.client.surface import Surface
from lab.cloud import Cloud
from lab.journal.export import trace
from lab.tui.app import GlassApp
from lab.watch.line import entry_of
from lab.watch.remote import RemoteFeed
from tests.fidelity.score import golden, messages, score, spine_faults
from tests.real.bed.cost import Bill, bill
from tests.real.bed.guest_images import guest_image
from tests.real.bed.town import PASSWORD, Town, town
from tests.real.figures import Figure

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

NETWORKS = {"red": "10.1.0.0/24", "blue": "10.2.0.0/24", "over": "10.3.0.0/24"}
SERVERS = {"vm": "red", "box-1": "red", "box-2": "red", "box-3": "blue", "box-4": "over"}
"""Server -> its network; `vm` is the virtual machine."""
PCAP = Path("build/real/trunk.pcap")
CREATES = 4
"""With the one before them, and the servers that are there, as many as a project may have."""
CPU_MAX_S = 0.26
"""Of one create: twice what was seen, 0.13 on two busy cores; what is wanted is 0.06."""
ASKS_ANEW = "extension_sync_interval_s = 5"
"""So that each create that is recorded asks which extensions neutron has, as the captured one did."""


class Walk:
    """The town, what was made in it, and what it was like before."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.ids: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.spaces: dict[str, str] = {}
        """Network -> the namespace of its DHCP server, from where guests can be asked."""
        self.before = self.machine()
        self.capture = self._capture()

    def _capture(self) -> subprocess.Popen[Any]:
        PCAP.parent.mkdir(parents=True, exist_ok=True)
        host = self.town.bed.hosts["compute-1"]
        process = host.popen("tcpdump", "-i", "trunk", "-U", "-w", str(PCAP.absolute()), stderr=subprocess.PIPE)
        assert process.stderr is not None
        while b"listening" not in process.stderr.readline():
            pass
        return process

    def end_capture(self) -> None:
        """Have the capture written whole."""
        self.capture.send_signal(signal.SIGINT)
        self.capture.communicate(timeout=10)

    def machine(self) -> dict[str, list[str]]:
        """All that the cloud may make on its hosts and its NAS; images that hosts keep are no leftovers."""
        found = {"nas": sorted(p.name for p in self.town.nas.files.rglob("*") if p.is_file())}
        for name, libvirt in self.town.libvirt.items():
            host, ovs = self.town.bed.hosts[name], self.town.ovs[name]
            links = re.findall(r"^\d+: ([^:@]+)", host.run("ip", "-o", "link").stdout, re.MULTILINE)
            state = self.town.directory / "state" / "town" / name
            domains = [libvirt.virsh("list", "--all", "--name", driver=driver).stdout for driver in ("qemu", "lxc")]
            found[name] = [
                *(f"link {link}" for link in sorted(links)),
                *(f"namespace {line.split()[0]}" for line in host.run("ip", "netns").stdout.splitlines()),
                *(f"port {line}" for line in ovs.vsctl("list-ports", "br-int-town").split()),
                *(f"domain {line}" for line in " ".join(domains).split()),
                *(f"file {path.name}" for part in ("guests", "dhcp") for path in sorted((state / part).rglob("*"))),
            ]
        return found

    def build(self) -> None:
        """Make images, a flavor, networks and servers, as a user does."""
        town = self.town
        for kind in ("qemu", "lxc"):
            path = town.directory / f"guest.{kind}"
            path.write_bytes(guest_image(kind))
            town.make("image", "create", kind, "--file", str(path), "--disk-format", "raw", "--property", f"img_hv_type={kind}", "--public")
        town.make("flavor", "create", "tiny", "--ram", "128", "--disk", "1", "--vcpus", "1")
        for name, cidr in NETWORKS.items():
            kind = ("--provider-network-type", "vxlan") if name == "over" else ()
            network = town.make("network", "create", *kind, name)
            self.spaces[name] = f"gc-town-dhcp-{network['id']}"
            town.make("subnet", "create", "--network", name, "--subnet-range", cidr, name)
        with ThreadPoolExecutor(2) as hands:
            for name, server in zip(SERVERS, hands.map(self._create, SERVERS), strict=True):
                assert server["status"] == "ACTIVE", server
                self.ids[name], self.addresses[name] = server["id"], server["addresses"][SERVERS[name]][0]

    def _create(self, name: str) -> dict[str, Any]:
        image = "qemu" if name == "vm" else "lxc"
        return self.town.make("server", "create", "--image", image, "--flavor", "tiny", "--network", SERVERS[name], "--wait", name)

    def left(self) -> list[str]:
        """What is on the hosts and the NAS that was not there before."""
        return [f"{where}: {each}" for where, found in self.machine().items() for each in found if each not in self.before[where]]

    def ask(self, guest: str, script: str, timeout: int = 15) -> str:
        """What a shell script says inside a guest; empty when the guest cannot be reached."""
        url = f"http://{self.addresses[guest]}/cgi-bin/run"
        space = self.spaces[SERVERS[guest]]
        command = ("ip", "netns", "exec", space, "curl", "-s", "-m", str(timeout), "--data-binary", script, url)
        return self.town.bed.hosts["compute-1"].run(*command, check=False).stdout

    def console(self, guest: str) -> str:
        """A guest's console."""
        return str(self.town.openstack("console", "log", "show", guest))

    def console_with(self, text: str, guest: str, timeout: float = 60) -> str:
        """A guest's console, once it shows a text."""
        said = ""

        def shows() -> bool:
            nonlocal said
            said = self.console(guest)
            return text in said

        self.town.until(shows, f"{guest} shows {text!r}", timeout)
        return said

    def play(self, story: Callable[[Cloud], Any]) -> Any:
        """Run a coroutine with the façade, inside."""

        async def whole() -> Any:
            async with Cloud.connect(f"http://{self.town.bed.address}:8774", password=PASSWORD) as cloud:
                return await story(cloud)

        return self.town.bed.play(whole())


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    guest_image("qemu")
    with town(tmp_path_factory.mktemp("town"), ASKS_ANEW) as running:
        walked = Walk(running)
        walked.build()
        yield walked
        if walked.capture.poll() is None:
            walked.end_capture()


def test_every_guest_has_its_address_its_metadata_and_a_login_prompt(walk: Walk, figure: Figure) -> None:
    for name, address in walk.addresses.items():
        said = walk.console_with("login:", name)
        mtu = 1450 if SERVERS[name] == "over" else 1500
        assert f"address eth0 {address}/24 mtu {mtu}" in said, said
        assert f"metadata from metadata service: instance-id {walk.ids[name]} hostname {name}" in said, said
    figure("guests with address, metadata, login prompt", "1 virtual machine, 4 containers", "1 and 4")


def test_a_rule_of_a_security_group_takes_effect(walk: Walk, figure: Figure) -> None:
    assert walk.ask("box-1", "id", timeout=3) == ""
    group = next(row["ID"] for row in walk.town.rows("security", "group", "list", "--project", "admin") if row["Name"] == "default")
    walk.town.make("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "80", group)
    walk.town.until(lambda: "uid=0" in walk.ask("box-1", "id", timeout=3), "the rule lets TCP to port 80 in", 20)
    figure("TCP to port 80 before and after the rule that lets it in", "no answer, an answer")


@pytest.mark.parametrize(("one", "other"), [("box-1", "box-2"), ("box-1", "vm"), ("vm", "box-2")])
def test_ping_and_tcp_pass_inside_a_network_and_across_hosts(walk: Walk, figure: Figure, one: str, other: str) -> None:
    address = walk.addresses[other]
    said = walk.ask(one, f"ping -c 2 -W 3 {address}; timeout 5 wget -q -O - http://{address}/")
    assert "2 packets received" in said, said
    assert "glasscloud guest" in said, said
    figure("ping and TCP inside a network, on a host and across hosts", f"{one} to {other}")


@pytest.mark.parametrize(("one", "other"), [("box-1", "box-3"), ("box-3", "vm"), ("box-4", "box-1")])
def test_nothing_passes_between_networks(walk: Walk, figure: Figure, one: str, other: str) -> None:
    said = walk.ask(one, f"ping -c 1 -W 2 {walk.addresses[other]}; timeout 3 wget -q -O - http://{walk.addresses[other]}/")
    assert "0 packets received" in said, said
    assert "glasscloud guest" not in said, said
    figure("ping and TCP between networks: nothing passes", f"{one} to {other}")


def test_a_volume_is_seen_written_snapshotted_and_let_go_while_the_guest_runs(walk: Walk, figure: Figure) -> None:
    town = walk.town
    town.make("volume", "create", "--size", "1", "data")
    town.until(lambda: town.make("volume", "show", "data")["status"] == "available", "the volume is there")
    town.openstack("server", "add", "volume", "vm", "data")
    walk.console_with("disk vdb 1024 MiB", "vm", 30)
    write = "mke2fs /dev/vdb >/dev/null 2>&1; mount /dev/vdb /mnt; echo kept > /mnt/file; sync; cat /mnt/file; umount /mnt"
    assert "kept" in walk.ask("vm", write)
    # From 3.66 on a volume in use needs no force; the client's own default asks for an older version and drops its --force.
    town.make("--os-volume-api-version", "3.66", "volume", "snapshot", "create", "--volume", "data", "then")
    town.until(lambda: town.make("volume", "snapshot", "show", "then")["status"] == "available", "the snapshot is there")
    town.openstack("server", "remove", "volume", "vm", "data")
    town.until(lambda: town.make("volume", "show", "data")["status"] == "available", "the volume is free")
    walk.console_with("disk gone vdb", "vm", 30)
    assert len([name for name in walk.machine()["nas"] if name not in walk.before["nas"]]) >= 2
    town.openstack("volume", "snapshot", "delete", "then")
    town.until(lambda: not town.rows("volume", "snapshot", "list"), "the snapshot is gone")
    town.openstack("volume", "delete", "data")
    town.until(lambda: not town.rows("volume", "list"), "the volume is gone")
    figure("a volume on the NAS while its guest runs", "attached, seen, written, snapshotted, detached")


def test_the_journal_of_a_create_is_that_of_real_openstack(walk: Walk, figure: Figure) -> None:
    """Parts of a create go on beside each other, so that the order of their messages, and with it the score, varies by some
    hundredths from one to the next, as it does in real OpenStack (0.84 to 0.91 against itself), and the more the busier the
    machine is. Of three the middle one must be good enough, and the table says whether the worst is; the spine is whole in each."""

    async def story(cloud: Cloud) -> list[bytes]:
        image = next(i for i in await cloud.image.images.list() if i.name == "lxc")
        fresh = await cloud.image.images.create("fresh", disk_format="raw", img_hv_type="lxc")
        await fresh.upload(await image.download())  # one that no host keeps yet, as in the captured flow
        flavor = next(f for f in await cloud.compute.flavors.list() if f.name == "tiny")
        network = next(n for n in await cloud.network.networks.list() if n.name == "red")
        surface = Surface(f"http://{walk.town.bed.address}:8774", password=PASSWORD)
        await surface.log_in()
        await asyncio.sleep(2)
        mark = (await surface.send("GET", "health")).json()["seq"]
        server = await cloud.compute.servers.create("told", flavor.id, image=fresh.id, networks=[{"uuid": network.id}])
        await server.wait_for("ACTIVE", interval=1.0)
        await asyncio.sleep(3)
        lines = (await surface.send("GET", f"journal?since={mark}")).content.splitlines()
        await server.delete()
        await server.wait_gone()
        await fresh.delete()
        await surface.close()
        return lines

    scores = []
    for _ in range(3):
        rows = messages(trace([entry_of(line) for line in walk.play(story)]))
        assert spine_faults(golden("server_create"), rows) == []
        scores.append(score(golden("server_create"), rows))
    middle, worst = statistics.median(scores)[0], min(scores)[0]
    said = f"score: median {middle:.3f}, worst {worst:.3f} of 3"
    figure("journal of server create against real OpenStack's", said, "each at least 0.80", worst >= 0.80)
    assert middle >= 0.80, ", ".join(f"{got:.3f}/{precision:.3f}" for got, precision in scores)


def test_the_tui_shows_the_messages_of_a_real_cloud(walk: Walk, figure: Figure) -> None:
    async def story() -> str:
        feed = RemoteFeed(f"http://{walk.town.bed.address}:8774", password=PASSWORD)
        await feed.connect()
        app = GlassApp(feed, "en")
        async with app.run_test(size=(120, 40)) as pilot:
            assert feed.cloud is not None
            flavor = next(f for f in await feed.cloud.compute.flavors.list() if f.name == "tiny")
            image = next(i for i in await feed.cloud.image.images.list() if i.name == "lxc")
            server = await feed.cloud.compute.servers.create("shown", flavor.id, image=image.id, networks="none")
            while not any(entry.name == "build_and_run_instance" for entry in app.desk.film):
                await pilot.pause(0.05)
            app.tell()
            await pilot.pause(0.3)
            shown = app.export_screenshot()
            await server.wait_for("ACTIVE")
            await server.delete()
            await server.wait_gone()
        await feed.close()
        assert app.desk.feed.unable["pause"] == "real"
        return shown

    shown = walk.town.bed.play(story())
    assert "Flow" in shown
    assert "conduc" in shown
    figure("the TUI, connected over HTTP", "shows the messages of a create")


def test_what_a_create_costs(walk: Walk, figure: Figure) -> None:
    """Containers one after another: CPU by program, wall time until ACTIVE, memory."""

    async def story(cloud: Cloud) -> Bill:
        return await bill(walk.town, cloud, PASSWORD, CREATES)

    told: Bill = walk.play(story)
    _, pss = walk.town.memory()
    pss *= 2**20 / 10**6
    for name, spent in told.create.items():
        each = f"{spent.own * 1000:.0f} ms, helpers {spent.helpers * 1000:.0f} ms"
        figure(f"CPU of a create: {name}", f"{each}; a GET {told.poll[name].own * 1000:.1f} ms; idle {told.idle[name].own * 100:.1f} %")
    polling = told.polls * sum(spent.own for spent in told.poll.values()) * 1000
    cpu = f"{told.cpu_s * 1000:.0f} ms, and {polling:.0f} ms for {told.polls:.1f} GETs of its client"
    figure("CPU of a create: all programs and their helpers", cpu, "60 ms", told.cpu_s <= 0.060)
    boot = statistics.median(told.boot)
    taken = f"median {told.overhead_s:.2f} s, and {boot:.2f} s of boot"
    figure("time from POST to ACTIVE of a container", taken, "0.5 s beside the boot", told.overhead_s <= 0.5)
    figure("memory of all programs, shared pages once", f"{pss:.0f} MB in {len(walk.town.programs)} programs", "600 MB", pss <= 600)
    assert sum(spent.helpers for spent in told.create.values()) < 0.005, "a create runs no helper programs"
    assert told.cpu_s < CPU_MAX_S, cpu
    assert told.overhead_s < 1.0, taken
    assert pss <= 600


def test_deleting_all_leaves_nothing(walk: Walk, figure: Figure) -> None:
    town = walk.town
    town.openstack("server", "delete", *(row["Name"] for row in town.rows("server", "list")))
    town.until(lambda: not town.rows("server", "list"), "all servers are gone", 60)
    town.openstack("network", "delete", *NETWORKS)
    town.openstack("image", "delete", "qemu", "lxc")
    try:
        town.until(lambda: not walk.left(), "nothing is left", 30)
    except AssertionError:
        assert walk.left() == []
    assert walk.machine() == walk.before
    figure("left on two hosts and the NAS after deleting all", "nothing", "nothing")


def test_the_trunk_carried_tags_of_both_networks_and_nothing_untagged(walk: Walk, figure: Figure) -> None:
    walk.end_capture()
    lines = subprocess.run(["tcpdump", "-e", "-n", "-r", str(PCAP)], capture_output=True, text=True, check=True).stdout.splitlines()
    tags = {tag: sum(f"vlan {tag}," in line for line in lines) for tag in (100, 101)}
    untagged = [line for line in lines if "802.1Q" not in line and ("ARP" in line or "IPv4" in line)]
    assert all(tags.values()), tags
    assert untagged == [], untagged[:5]
    figure("frames on the trunk by their 802.1Q tag", f"{tags}, none untagged; {PCAP}", "no untagged")
