"""kill -9 of agents, a conductor and RabbitMQ at random moments while servers come and go: nothing hangs, nothing is left."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.client.compute import Server
from lab.client.session import ApiError
from lab.cloud import Cloud
from lab.errors import LabError
from tests.real.bed.drill import URI, Machine, Records, disagreements
from tests.real.bed.guest_images import guest_image
from tests.real.bed.host import need
from tests.real.bed.rabbitmq import need_rabbitmq
from tests.real.bed.town import PASSWORD, Town, town

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

VICTIMS = ("compute-2", "l2-2", "nova-conductor", "rabbitmq")
MOMENTS = int(os.environ.get("GLASSCLOUD_DRILLS", "10"))
OLD, NEW = 2, 4
"""Servers that are there before and are deleted in the drill, and that are created in it."""
WORK_S = 1.2
"""Within it all requests are sent; a create takes about a second and a half."""
KILL_S = 2.2
DOWN_S = 2.0
RPC_S = 20
"""rpc_response_timeout of this cloud: who waits for an answer that died with a conductor waits as long."""
SETTLE_S = 120.0
LOST = ("schedule_and_build_instances", "build_and_run_instance")
"""The casts that carry a server that has no host yet."""


class Drills:
    """A town with one network, and a client of it."""

    def __init__(self, town: Town) -> None:
        self.town, self.inside = town, town.bed.worker()
        self.stack = AsyncExitStack()
        self.url = f"http://{town.bed.address}:8774"
        self.cloud: Cloud = self.inside.run(self.stack.enter_async_context(Cloud.connect(self.url, password=PASSWORD)))
        self.kinds = self.inside.run(self._prepare(guest_image("lxc")))

    def close(self) -> None:
        """Let go of the client."""
        self.inside.run(self.stack.aclose())
        self.inside.close()

    async def _prepare(self, content: bytes) -> dict[str, Any]:
        cloud = self.cloud
        image = await cloud.image.images.create("guest", disk_format="raw", img_hv_type="lxc")
        await image.upload(content)
        network = await cloud.network.networks.create("net")
        await cloud.network.subnets.create(network.id, "10.20.0.0/24")
        for group in await cloud.network.security_groups.list():
            await cloud.network.security_group_rules.create(group.id, protocol="icmp")
        flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=64, disk=1)
        return {"flavor": flavor.id, "image": image.id, "networks": [{"uuid": network.id}]}

    async def create(self, name: str) -> Server:
        """Ask for a server."""
        return await self.cloud.compute.servers.create(name, **self.kinds)

    # -- one drill ----------------------------------------------------------------------------

    def play(self, victim: str, moment: int) -> None:
        """Servers come and go; the victim dies in the middle and comes back; look, end all, look again."""
        draw = random.Random(f"{victim} {moment}")
        old = self.inside.run(self._old())
        steps = [(draw.uniform(0, WORK_S), "create", f"new-{n}") for n in range(NEW)]
        steps += [(draw.uniform(0, WORK_S), "delete", server.id) for server in old]
        kill_s, down_s = draw.uniform(0, KILL_S), draw.uniform(0, DOWN_S)
        told = f"{victim} died after {kill_s:.2f} s for {down_s:.2f} s; {[(round(at, 2), verb) for at, verb, _ in sorted(steps)]}"
        begin = time.monotonic()
        working = self.inside.begin(self._work(sorted(steps)))
        time.sleep(max(0, kill_s + begin - time.monotonic()))
        self._kill(victim)
        time.sleep(down_s)
        self._start(victim)
        refused = working.result(SETTLE_S)
        stuck = self.settled()
        records, machine = self.inside.run(Records.of(self.cloud)), Machine(self.town)
        states = sorted(f"{server.name} {server.status} {server.fault or ''}" for server in records.servers.values())
        told += f"; refused {refused}; {states}"
        print(told)
        assert disagreements(records, machine) == [], told
        assert self.unexplained(stuck) == [], told
        assert self.mute(records) == [], told
        assert self.end() == [], told

    async def _old(self) -> list[Server]:
        old = [await self.create(f"old-{n}") for n in range(OLD)]
        return [await server.wait_for("ACTIVE", timeout=60, interval=0.2) for server in old]

    async def _work(self, steps: list[tuple[float, str, str]]) -> list[str]:
        """Send the requests at their times; which were refused."""
        transport, refused = self.cloud.session.transport, []
        begin = transport.now()
        for at_s, verb, what in steps:
            await transport.sleep(max(0, begin + at_s - transport.now()))
            try:
                await (self.create(what) if verb == "create" else self.cloud.compute.servers.delete(what))
            except LabError as error:
                refused.append(f"{verb} {what}: {error}")
        return refused

    def _kill(self, victim: str) -> None:
        self.town.mq.kill() if victim == "rabbitmq" else self.town.kill(victim)

    def _start(self, victim: str) -> None:
        self.town.mq.start() if victim == "rabbitmq" else self.town.start(victim)

    # -- looked at ----------------------------------------------------------------------------

    def settled(self) -> list[Server]:
        """Wait until every server is ACTIVE or ERROR, or gone, or has been in BUILD without a host for longer than a call may take."""
        servers: list[Server] = []
        since = time.monotonic()

        def rest() -> bool:
            nonlocal servers, since
            now = self.inside.run(self.cloud.compute.servers.list())
            if [server.data for server in now] != [server.data for server in servers]:
                servers, since = now, time.monotonic()
            open_ = [server for server in servers if server.status not in ("ACTIVE", "ERROR") or server.task_state]
            idle = all(server.status == "BUILD" and not server.host for server in open_)
            return not open_ or (idle and time.monotonic() - since > RPC_S + 2)

        try:
            self.town.until(rest, "all servers are settled", SETTLE_S)
        except AssertionError as error:
            hung = [f"{server.name} {server.id} {server.status}/{server.task_state} at {server.host}" for server in servers]
            raise AssertionError(f"{error}: {hung}") from None
        return [server for server in servers if server.status == "BUILD"]

    def unexplained(self, stuck: list[Server]) -> list[str]:
        """Servers in BUILD of whose request `glasscloud trace` does not show the lost cast as the last that went on with it."""
        if not stuck:
            return []
        rows = self.trace()
        found = []
        for server in stuck:
            [create] = self.inside.run(server.events())
            told = [row for row in rows if row["note"]["req_id"] == create["request_id"]]
            casts = [row["method"] for row in told if row["kind"] == "rpc_cast"]
            if not casts or casts[-1] not in LOST:
                found.append(f"{server.name} {server.id}: {casts or told}")
        return found

    def trace(self) -> list[dict[str, Any]]:
        """What `glasscloud trace` shows of the cloud."""
        clouds = str(self.town.directory / "clouds.yaml")
        command = (sys.executable, "-m", "lab.cli.main", "trace", "read", "--connect", self.url, "--clouds", clouds, "--all")
        shown = self.town.bed.run(*command, "--format", "json", env=os.environ | {"PYTHONPATH": str(Path.cwd())}).stdout
        return [json.loads(line) for line in shown.splitlines()]

    def mute(self, records: Records) -> list[str]:
        """ACTIVE servers that do not answer a ping over the trunk."""
        left = {server.name: server.addresses[0] for server in records.servers.values() if server.status == "ACTIVE"}
        namespace = f"gc-town-dhcp-{self.kinds['networks'][0]['uuid']}"

        def answered() -> bool:
            for name, address in list(left.items()):
                ping = ("ip", "netns", "exec", namespace, "ping", "-c1", "-W1", address)
                if self.town.bed.hosts["compute-1"].run(*ping, check=False).returncode == 0:
                    del left[name]
            return not left

        try:
            self.town.until(answered, "all ACTIVE servers answer", 30)
        except AssertionError:
            return [f"{name} {address} answers no ping" for name, address in left.items()]
        return []

    def end(self) -> list[str]:
        """Delete all servers; what is left of them."""
        self.inside.run(self._delete_all())
        wrong: list[str] = []

        def clean() -> bool:
            nonlocal wrong
            records, machine = self.inside.run(Records.of(self.cloud)), Machine(self.town)
            wrong = [f"server {each.id} is {each.status}/{each.task_state}" for each in records.servers.values()]
            wrong += disagreements(records, machine)
            wrong += [f"port {port['id']} of {port['device_id']}" for port in records.ports]
            wrong += ["DHCP reservations"] if len(machine.reserved().splitlines()) > len(records.dhcp) else []
            return not wrong

        try:
            self.town.until(clean, "nothing is left of the deleted servers", 60)
        except AssertionError:
            return wrong
        return []

    async def _delete_all(self) -> None:
        for server in await self.cloud.compute.servers.list():
            try:
                await server.delete()
            except ApiError as error:
                if error.status != 404:
                    raise


@pytest.fixture(scope="module")
def drills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drills]:
    need("libvirtd: libvirt-daemon-system", "ovs-vswitchd: openvswitch-switch", "ganesha.nfsd: nfs-ganesha")
    need_rabbitmq()
    with town(tmp_path_factory.mktemp("drills"), f"rpc_response_timeout_s = {RPC_S}") as running:
        found = Drills(running)
        try:
            yield found
        finally:
            found.close()


@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_kill_9_every_server_is_accounted_for_and_nothing_is_left(drills: Drills, victim: str, moment: int) -> None:
    drills.play(victim, moment)


def test_a_cast_that_died_with_the_conductor_is_shown_by_trace(drills: Drills) -> None:
    scheduler = drills.town.programs["nova-scheduler"]
    scheduler.send_signal(signal.SIGSTOP)  # so that the conductor, which asks it, has taken the cast and has not passed it on
    drills.inside.run(drills.create("lost"))
    drills.town.until(lambda: any(row["method"] == "select_destinations" for row in drills.trace()[-30:]), "the conductor asks for a host")
    drills.town.kill("nova-conductor")
    drills.town.start("nova-conductor")
    scheduler.send_signal(signal.SIGCONT)
    stuck = drills.settled()
    assert [(server.name, server.status, server.host) for server in stuck] == [("lost", "BUILD", None)]
    assert drills.unexplained(stuck) == []
    assert drills.end() == []


def test_sweep_finds_nothing_of_the_deleted_servers(drills: Drills) -> None:
    for host in URI:
        sweep = (sys.executable, "-m", "lab.cli.main", "sweep", "--config", str(drills.town.config), "--lang", "en")
        shown = drills.town.bed.hosts[host].run(*sweep, env=os.environ | {"PYTHONPATH": str(Path.cwd()), "COLUMNS": "400"}).stdout
        kinds = {line.partition("  ")[0] for line in shown.splitlines()}
        assert not kinds & {"domain", "network namespace", "files of a guest", "tap"}, shown
        assert "things of the cloud town" in shown
