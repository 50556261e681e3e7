"""All of nova's own processes and a real placement on a virtual clock, among obedient neighbours."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from lab.config import Config
from lab.context import Context
from lab.errors import NoValidHost
from lab.process import Process
from lab.rest import Response
from lab.services.compute import quotas
from lab.services.compute.agent import start as start_agent
from lab.services.compute.api.application import start as start_api
from lab.services.compute.conductor import start as start_conductor
from lab.services.compute.flavors import Flavor
from lab.services.compute.model import BlockDevice, ComputeNode, Server
from lab.services.compute.servicegroup import ServiceReporter
from lab.services.placement.api import start as start_placement
from lab.wires import Wires
from sim.faults import Faults
from sim.loop import SimLoop
from tests.played import played
from tests.unit.compute.neighbours import (
    IMAGE,
    NETWORK,
    Cinder,
    Glance,
    Hypervisor,
    Json,
    Keystone,
    Neighbour,
    Neutron,
    identify,
)

ALICE = "member:alice@red"
ADMIN = "admin:root@ops"
CONTROLLER = "controller-1"


class FirstHosts:
    """A scheduler that takes the first hosts with room, in order of their names."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.told: list[tuple[str, str]] = []
        handlers = {
            "select_destinations": self.select_destinations,
            "update_instance_info": partial(self._note, "update"),
            "delete_instance_info": partial(self._note, "delete"),
        }
        process.rpc.serve("scheduler", handlers, host=process.host, fanout=True)
        ServiceReporter(process, "scheduler").start()

    async def _note(self, what: str, ctx: Context, host_name: str, **rest: Any) -> None:
        self.told.append((what, host_name))

    async def select_destinations(self, ctx: Context, instance_uuids: list[str], spec_obj: Json, **rest: Any) -> list[list[Json]]:
        flavor = spec_obj["flavor"]
        nodes = await self._process.store.run(lambda tx: tx.all(ComputeNode))
        nodes = sorted((n for n in nodes if n.free_ram_mb >= flavor["ram"]), key=lambda n: n.host)
        if not nodes:
            raise NoValidHost("No valid host was found. There are not enough hosts available.")
        resources = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": max(flavor["disk"], 1)}
        selections = [
            {"service_host": n.host, "nodename": n.host, "allocation_request": {"allocations": {n.uuid: {"resources": resources}}}}
            for n in nodes[: self._process.config.max_attempts]
        ]
        for server_id in instance_uuids:
            body = {
                **selections[0]["allocation_request"],
                "project_id": spec_obj["project_id"],
                "user_id": spec_obj["user_id"],
                "consumer_generation": None,
            }
            answer = await self._process.rest.call(
                ctx, "placement", "PUT", f"/allocations/{server_id}", body=body, version=(1, 28), auth="service"
            )
            assert answer.status == 204, answer.content()
        return [selections for _ in instance_uuids]


class SmallNova:
    """The cloud, a client of nova, and what tests look at."""

    def __init__(self, loop: SimLoop, hosts: int, **settings: Any) -> None:
        self.wires = Wires(loop.runtime, Config().but(**settings))
        self.faults = Faults(self.wires)
        self._neighbours: dict[str, Neighbour] = {}
        for binary, kind in (("glance", Glance), ("keystone", Keystone), ("neutron-api", Neutron), ("cinder-api", Cinder)):
            self.wires.start(binary, CONTROLLER, partial(self._neighbour, binary, kind))
        self.wires.start("placement", CONTROLLER, self._trusting("placement", start_placement))
        self.wires.start("nova-conductor", CONTROLLER, start_conductor)
        self.wires.start("nova-scheduler", CONTROLLER, self._schedule)
        self.wires.start("nova-api", CONTROLLER, self._trusting("compute", start_api))
        self.hypervisors: dict[str, Hypervisor] = {}
        for number in range(1, hosts + 1):
            host = f"compute-{number}"
            driver = self.hypervisors[host] = Hypervisor(lambda port_id: self.neutron.plug(port_id))  # noqa: PLW0108 - a restarted neutron
            self.wires.start("nova-compute", host, partial(start_agent, driver=driver))
        self.client = self.wires.start("client", "laptop-1", lambda process: None)
        self._requests = 0

    def _neighbour(self, binary: str, kind: type[Neighbour], process: Process) -> None:
        """Start a neighbour; one that is started again has kept everything."""
        old, new = self._neighbours.get(binary), kind(process)
        if old is not None:
            new.keep(old)
        self._neighbours[binary] = new
        new.start()

    def _schedule(self, process: Process) -> None:
        self.scheduler = FirstHosts(process)

    def _trusting(self, service: str, start: Callable[[Process], None]) -> Callable[[Process], None]:
        """A factory of an API that reads tokens that say who they are."""

        def begin(process: Process) -> None:
            start(process)
            self.wires.router.api(service).authenticator.local = identify

        return begin

    @property
    def glance(self) -> Glance:
        return cast("Glance", self._neighbours["glance"])

    @property
    def neutron(self) -> Neutron:
        return cast("Neutron", self._neighbours["neutron-api"])

    @property
    def cinder(self) -> Cinder:
        return cast("Cinder", self._neighbours["cinder-api"])

    # -- asking ---------------------------------------------------------------------------------

    async def call(self, method: str, target: str, body: Any = None, token: str = ALICE) -> Response:
        """Send one request to nova."""
        self._requests += 1
        ctx = Context(request_id=f"req-{self._requests}")
        return await self.client.rest.call(
            ctx, "compute", method, target, body=body, version=(2, 96), auth="none", headers={"x-auth-token": token}
        )

    async def create(self, **values: Any) -> str:
        """Ask for a server with one card and return its id."""
        server = {"name": "web", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}], **values}
        server = {name: value for name, value in server.items() if value is not None}
        answer = await self.call("POST", "/v2.1/servers", {"server": server})
        assert answer.status == 202, answer.content()
        return str(answer.json()["server"]["id"])

    async def delete(self, server_id: str) -> None:
        answer = await self.call("DELETE", f"/v2.1/servers/{server_id}")
        assert answer.status == 204, answer.content()

    async def act(self, server_id: str, **action: Any) -> Response:
        return await self.call("POST", f"/v2.1/servers/{server_id}/action", action)

    async def volume(self, size: int = 1) -> str:
        """Make a volume behind nova's back."""
        volume_id = self.client.uuid()
        self.cinder.volumes[volume_id] = {"id": volume_id, "status": "available", "size": size, "bootable": "true"}
        return volume_id

    # -- waiting and looking --------------------------------------------------------------------

    async def settle(self, seconds: float = 30.0) -> None:
        """Let time pass."""
        await self.client.sleep(seconds)

    async def record(self, server_id: str) -> Server:
        """The server's record, deleted or not."""
        found: Server | None = await self.wires.store.run(lambda tx: tx.get(Server, server_id))
        assert found is not None
        return found

    async def node(self, host: str) -> ComputeNode:
        found: ComputeNode | None = await self.wires.store.run(lambda tx: tx.one(ComputeNode, host=host))
        assert found is not None
        return found

    async def held(self, server_id: str) -> Json:
        """What the server holds in placement."""
        answer = await self.client.rest.call(
            Context(request_id="req-look"),
            "placement",
            "GET",
            f"/allocations/{server_id}",
            version=(1, 28),
            auth="none",
            headers={"x-auth-token": ADMIN},
        )
        return dict(answer.json()["allocations"])

    async def leftovers(self, server_id: str) -> list[str]:
        """Everything that is still there of a server, beside its record."""
        left = [f"allocation {rp}" for rp in await self.held(server_id)]
        left += [f"port {p['id']}" for p in self.neutron.ports.values() if p["device_id"] == server_id]
        left += [f"attachment {a['id']}" for a in self.cinder.attachments.values() if a["instance"] == server_id]
        left += [f"guest on {host}" for host, driver in self.hypervisors.items() if server_id in driver.guests_here]
        devices = await self.wires.store.run(lambda tx: tx.find(BlockDevice, server_id=server_id))
        return left + [f"device {device.id}" for device in devices]

    def names(self, *kinds: str) -> list[str]:
        """Names of what the journal has of these kinds, in order."""
        return [entry.name for entry in self.wires.journal.since() if entry.kind in kinds]


def play(main: Callable[[SmallNova], Coroutine[Any, Any, Any]], hosts: int = 1, **settings: Any) -> Any:
    """Run `main(cloud)` once all agents have registered; an unexpected error anywhere fails."""
    loop = SimLoop(seed=1)

    async def whole() -> Any:
        cloud = SmallNova(loop, hosts, **settings)

        def prepare(tx: Any) -> None:
            now = loop.runtime.iso()
            tx.insert(Flavor.make(id="1", name="m1.tiny", ram=512, vcpus=1, disk=1, created_at=now))
            unlimited = dict.fromkeys(("instances", "cores", "ram"), -1)
            tx.insert(quotas.ComputeQuota.make(scope="red", limits=unlimited))

        await cloud.wires.store.run(prepare)
        await cloud.settle(5)
        return await main(cloud)

    return played(loop, whole())


async def active(cloud: SmallNova) -> str:
    """Create a server and wait until it runs."""
    server_id = await cloud.create()
    await cloud.settle()
    assert (await cloud.record(server_id)).vm_state == "active"
    return server_id


async def state(cloud: SmallNova, server_id: str) -> tuple[str, str | None, int]:
    """The three states of a server."""
    server = await cloud.record(server_id)
    return server.vm_state, server.task_state, server.power_state


async def attached(cloud: SmallNova, server_id: str) -> str:
    """Attach a new volume to a server and wait until it is in use."""
    volume_id = await cloud.volume()
    body = {"volumeAttachment": {"volumeId": volume_id}}
    answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-volume_attachments", body)
    assert answer.status == 200, answer.content()
    assert answer.json()["volumeAttachment"]["device"] == "/dev/vdb"
    await cloud.settle()
    return volume_id
