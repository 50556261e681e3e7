"""Servers come and go on small hosts, in any order, while messages, processes and driver calls fail: what is promised of scheduling.

No host bears more than its capacity times its ratio, at any instant. Whenever the cloud comes to rest, placement's allocations are
what the servers hold, every count is true, and nothing is left of what was deleted.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lab.client.transports import InWorld
from lab.cloud import SimulatedCloud
from lab.config import Config
from lab.errors import LabError
from lab.services.compute.model import Server
from lab.services.volume.model import Volume
from lab.testing.capacity import miscounted, overbooked, untrue
from lab.testing.leftovers import leftovers
from sim.faults import Match
from sim.loop import SimLoop
from sim.world import SimWorld

T = TypeVar("T")

HOSTS = 3
DATACENTER = {"racks": 1, "hosts_per_rack": HOSTS, "storage_nodes": 0, "vcpus": 4, "memory_mib": 2048, "disk_gib": 12}
CONFIG = Config(
    cpu_allocation_ratio=1.5,
    reserved_host_memory_mb=512,
    vif_plugging_timeout_s=40,
    rpc_response_timeout_s=10,
    long_rpc_timeout_s=60,
    rest_timeout_s=30,
    compute_quotas={**Config().compute_quotas, "instances": 100, "cores": 1000, "ram": 10**6},
)
# name -> vcpus, MiB, GiB. Beside 1.5 x 4 vcpus, 1,536 MiB and 12 GiB a host: each resource is the short one for somebody.
FLAVORS = {"small": (1, 256, 1), "wide": (3, 256, 1), "tall": (1, 768, 2), "deep": (1, 256, 5), "whole": (2, 1536, 2)}
QUICK = 12
"""Examples in a quick run; a profile that asks for more than Hypothesis' hundred gets what it asks for."""
REST_S, REST_MAX_S = 400.0, 6000.0
"""A cloud at rest: longer than every timeout above; at most until every periodic task has run (a full look takes 1,800 s)."""
LATE_S = 5.0
"""A delay within every timeout: messages overtake each other, nobody gives up."""
FATES = ("drop", "lose_reply", "duplicate", "delay", "kill_before", "kill_after")
DRIVER_FATES = ("raise", "raise", "lie", "hang", "kill_before", "kill_after")
STORMS = ("duplicate", "duplicate", "delay", "drop", "lose_reply")

messages = st.sampled_from(
    [
        "schedule_and_build_instances", "select_destinations", "build_and_run_instance", "build_instances", "terminate_instance",
        "object_action(Instance.save)", "object_action(Instance.destroy)", "GET /allocation_candidates", "PUT /allocations/*",
        "DELETE /allocations/*", "GET /allocations/*", "POST /v2.0/ports", "DELETE /v2.0/ports/*", "external_instance_event",
        "update_device_list", "stop_instance", "attach_volume", "detach_volume", "POST /v3/attachments", "DELETE /v3/attachments/*",
    ]
)  # fmt: skip
driver_calls = st.sampled_from(
    ["hypervisor.spawn", "hypervisor.spawn", "hypervisor.spawn", "hypervisor.destroy", "hypervisor.cache_image", "hypervisor.attach_disk",
     "l2.wire"]
)  # fmt: skip
processes = st.sampled_from(
    [*(f"nova-compute@compute-{number}" for number in range(1, HOSTS + 1)), "nova-conductor@controller-1", "nova-scheduler@controller-1",
     "placement@controller-1", "neutron-api@controller-1", "neutron-l2-agent@compute-1"]
)  # fmt: skip
few = st.integers(0, 5)
soon = st.sampled_from([1, 1, 1, 2, 3])
faults = st.one_of(
    st.tuples(st.sampled_from(FATES), st.builds(Match, messages, nth=soon)),
    st.tuples(st.sampled_from(DRIVER_FATES), st.builds(Match, driver_calls, kinds=st.just(("driver",)), nth=soon)),
    # From now on any message may meet this fate.
    st.tuples(st.sampled_from(STORMS), st.builds(Match, times=st.just(0), chance=st.sampled_from([0.05, 0.3]))),
)


class Scheduling(RuleBasedStateMachine):
    """One cloud of three small hosts, driven step by step."""

    @initialize(seed=st.integers(0, 999), fault=faults | st.none(), which=few, crowd=st.integers(1, 4))
    def build(self, seed: int, fault: tuple[str, Match] | None, which: int, crowd: int) -> None:
        self.loop = SimLoop(seed)
        self.world = SimWorld(self.loop, seed, config=CONFIG, datacenter=DATACENTER)
        self.cloud = SimulatedCloud(self.world, InWorld(self.world.client))
        self.run(self._furnish())
        if fault is not None:
            self.disturb(fault)
        self.create(which, crowd)

    async def _furnish(self) -> None:
        cloud = self.cloud
        await cloud.ready()
        flavors = cloud.compute.flavors
        self.flavors = [(await flavors.create(name, vcpus=c, ram=m, disk=d)).id for name, (c, m, d) in FLAVORS.items()]
        image = await cloud.image.images.create("base", visibility="public")
        self.image = (await image.upload_sparse(1 << 20)).id
        self.network = (await cloud.network.networks.create("net")).id
        await cloud.network.subnets.create(self.network, "10.0.0.0/24")
        self.volumes = [(await cloud.volume.volumes.create(1)).id for _ in range(2)]
        await cloud.sleep(LATE_S)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.run(self._end())
                assert self.loop.runtime.errors == []
        finally:
            self.run(self.world.close())
            self.loop.close()

    def run(self, work: Awaitable[T]) -> T:
        result: T = self.loop.run_until_complete(work)
        return result

    def ask(self, work: Awaitable[Any]) -> None:
        """Send a request; refusals, timeouts and lost connections are answers too."""

        async def send() -> None:
            with suppress(LabError):
                await work

        self.run(send())

    def records(self, model: Any) -> list[Any]:
        return self.run(self.cloud.wires.store.run(lambda tx: tx.all(model)))

    def living(self) -> list[Server]:
        return [server for server in self.records(Server) if not server.deleted]

    def _pick(self, things: list[T], number: int) -> T:
        return things[number % len(things)]

    # -- what users ask ---------------------------------------------------------------------------

    @rule(which=few, count=st.sampled_from([1, 1, 2, 4]))
    def create(self, which: int, count: int) -> None:
        body: dict[str, Any] = {
            "name": "s",
            "flavorRef": self._pick(self.flavors, which),
            "imageRef": self.image,
            "networks": [{"uuid": self.network}],
            "min_count": 1,
            "max_count": count,
        }
        self.ask(self.cloud.session.json("compute", "POST", "/v2.1/servers", {"server": body}))

    @precondition(lambda self: self.living())
    @rule(which=few)
    def delete(self, which: int) -> None:
        self.ask(self.cloud.compute.servers.delete(self._pick(self.living(), which).id))

    @precondition(lambda self: self.living())
    @rule(which=few, action=st.sampled_from(["os-stop", "os-start"]))
    def act(self, which: int, action: str) -> None:
        path = f"/v2.1/servers/{self._pick(self.living(), which).id}/action"
        self.ask(self.cloud.session.send("compute", "POST", path, {action: None}))

    @precondition(lambda self: self.living())
    @rule(which=few, volume=few, attach=st.booleans())
    def use_volume(self, which: int, volume: int, attach: bool) -> None:
        """Attach a volume, or detach it."""
        path, device = f"/v2.1/servers/{self._pick(self.living(), which).id}/os-volume_attachments", self._pick(self.volumes, volume)
        if attach:
            self.ask(self.cloud.session.send("compute", "POST", path, {"volumeAttachment": {"volumeId": device}}))
        else:
            self.ask(self.cloud.session.send("compute", "DELETE", f"{path}/{device}"))

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.run(self.cloud.sleep(seconds))

    # -- what operators and accidents do ----------------------------------------------------------

    @rule(host=few, status=st.sampled_from(["disabled", "enabled"]))
    def set_host(self, host: int, status: str) -> None:
        self.ask(self._set_host(host % HOSTS, status))

    async def _set_host(self, host: int, status: str) -> None:
        session, name = self.cloud.session, f"compute-{host + 1}"
        found = await session.json("compute", "GET", f"/v2.1/os-services?binary=nova-compute&host={name}")
        for service in found["services"]:
            await session.json("compute", "PUT", f"/v2.1/os-services/{service['id']}", {"status": status})

    @rule(name=processes, back=st.booleans())
    def kill(self, name: str, back: bool) -> None:
        self.cloud.wires.kill(name)
        if back:
            self.cloud.wires.restart(name)

    @rule(fault=faults)
    def disturb(self, fault: tuple[str, Match]) -> None:
        act, match = fault
        self.cloud.faults.arm(act, match, delay_s=LATE_S)

    # -- rest -------------------------------------------------------------------------------------

    @rule()
    def rest(self) -> None:
        self.run(self._rest())

    async def _rest(self) -> None:
        """Take all faults back, start what is dead or hangs in its driver, and let time pass until nothing is wrong."""
        cloud, runtime = self.cloud, self.cloud.wires.runtime
        stuck = any(fault.act == "hang" and fault.done for fault in cloud.faults.rules.values())
        for number in list(cloud.faults.rules):
            cloud.faults.disarm(number)
        self._start(("nova-compute", "neutron-l2-agent") if stuck else ())
        await cloud.sleep(REST_S)
        self._start()  # a message that was under way may have killed once more
        end = runtime.now() + REST_MAX_S
        await cloud.sleep(REST_S)
        while wrong := await self._wrong():
            assert runtime.now() < end, "; ".join(wrong)
            if any(line.startswith("DHCP reservation") for line in wrong):
                # A port_delete_end that was lost is made good when its agent starts: neutron's looks again only after failures.
                self._start(("neutron-dhcp-agent",))
            await cloud.sleep(REST_S)

    def _start(self, again: tuple[str, ...] = ()) -> None:
        """Start dead processes, and those that hang."""
        for name, process in list(self.cloud.wires.processes.items()):
            if not process.alive or process.binary in again:
                self.cloud.wires.restart(name)

    async def _wrong(self) -> list[str]:
        return await miscounted(self.cloud) + await leftovers(self.cloud)

    async def _end(self) -> None:
        """Delete every server: then nothing is left, and each volume is somebody's to take."""
        await self._rest()
        session = self.cloud.session
        for server in await self._alive():
            await session.send("compute", "DELETE", f"/v2.1/servers/{server}")
        await self._rest()
        assert await self._alive() == [], "servers are still there after their delete"
        for volume in await self.cloud.wires.store.run(lambda tx: tx.all(Volume)):
            assert volume.status == "available", f"volume {volume.id} is {volume.status}"
        providers = await self.cloud.placement.resource_providers()
        for provider in providers:
            used = await self.cloud.placement.usages(provider["uuid"])
            assert not any(used.values()), f"{provider['name']} is used: {used}"

    async def _alive(self) -> list[str]:
        everyone = await self.cloud.wires.store.run(lambda tx: tx.all(Server))
        return [server.id for server in everyone if not server.deleted]

    @invariant()
    def no_host_bears_more_than_it_can_and_every_count_is_true(self) -> None:
        if hasattr(self, "cloud"):
            assert self.run(self.cloud.wires.store.run(lambda tx: [*overbooked(tx), *untrue(tx, CONFIG)])) == []
            assert self.loop.runtime.errors == []


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(
    max_examples=QUICK if settings.default.max_examples <= 100 else settings.default.max_examples,
    stateful_step_count=20,
)
