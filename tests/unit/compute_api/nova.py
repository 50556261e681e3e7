"""nova-api alone on a virtual clock: the real API, records and quotas over a manager that only writes records.

A token is `role:user@project`; neutron is a stand-in that knows ports and security groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lab.config import Config
from lab.context import Context
from lab.errors import NotFound
from lab.process import Process
from lab.rest import READER, Api, Request, Response, Route
from lab.services.compute import quotas, server_groups
from lab.services.compute.api import ComputeApi
from lab.services.compute.model import BlockDevice, ComputeNode, ComputeService, Server, VirtualInterface
from lab.services.compute.requests import CreateServer
from lab.wires import Wires
from sim.loop import SimLoop

ADMIN = "admin:root@ops"
ALICE = "member:alice@red"
BOB = "member:bob@blue"
READ_ONLY = "reader:carol@red"
SERVICE = "service:neutron@service"
LATEST = (2, 104)
IMAGE = "7e1f4f46-2e5c-4f3c-9d1c-0d6f5f4b8a11"
NETWORK = "11111111-2222-3333-4444-555555555555"
VOLUME = "99999999-8888-7777-6666-555555555555"
HOST = "compute-1"
NODE = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


async def identify(token: str) -> Context | None:
    """Read a token of the form role:user@project."""
    if ":" not in token:
        return None
    role, _, rest = token.partition(":")
    user, _, project = rest.partition("@")
    return Context(user_id=user, project_id=project, roles=(role,), token=token)


class Neutron(Api):
    """Ports and security groups that tests put there."""

    service: ClassVar[str] = "network"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/v2.0/ports", "ports", READER),
        Route("GET", "/v2.0/ports/{port_id}", "port", READER),
        Route("PUT", "/v2.0/ports/{port_id}", "update_port", READER),
        Route("GET", "/v2.0/security-groups", "groups", READER),
    )

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.all_ports: list[dict[str, Any]] = []
        self.all_groups: list[dict[str, Any]] = []
        self.asked: list[str] = []

    async def ports(self, ctx: Context, req: Request) -> dict[str, Any]:
        self.asked.append(req.target)
        wanted = req.args("device_id")
        return {"ports": [port for port in self.all_ports if port["device_id"] in wanted]}

    async def port(self, ctx: Context, req: Request) -> dict[str, Any]:
        self.asked.append(req.target)
        for port in self.all_ports:
            if port["id"] == req.params["port_id"]:
                return {"port": port}
        raise NotFound(f"Port {req.params['port_id']} could not be found.")

    async def update_port(self, ctx: Context, req: Request) -> dict[str, Any]:
        (port,) = [port for port in self.all_ports if port["id"] == req.params["port_id"]]
        port.update(req.data["port"])
        return {"port": port}

    async def groups(self, ctx: Context, req: Request) -> dict[str, Any]:
        self.asked.append(req.target)
        ids, names = req.args("id"), req.args("name")
        return {"security_groups": [g for g in self.all_groups if g["id"] in ids or g["name"] in names]}


class Manager:
    """Writes what the real manager's use cases would have written at once, and notes what it was asked."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.calls: list[tuple[Any, ...]] = []

    async def create_servers(self, ctx: Context, request: CreateServer) -> list[Server]:
        self.calls.append(("create", request))

        def insert(tx: Any) -> list[Server]:
            count = quotas.reserve_servers(tx, self.process.config, ctx.project_id, request.flavor, (request.min_count, request.max_count))
            made = [self._record(ctx, request, tx, place) for place in range(count)]
            for server in made:
                tx.insert(server)
                for group_id in request.hints.get("group", ()):
                    server_groups.add_member(tx, self.process.config, group_id, server.id)
            return made

        return await self.process.store.run(insert)

    def _record(self, ctx: Context, request: CreateServer, tx: Any, place: int) -> Server:
        return Server.make(
            id=self.process.uuid(),
            number=tx.count(Server) + place + 1,
            project_id=ctx.project_id,
            user_id=ctx.user_id,
            name=request.name,
            created_at=self.process.runtime.iso(),
            description=request.description,
            hostname=request.hostname or request.name,
            image_id=request.image_id,
            flavor=request.flavor.snapshot(),
            availability_zone=request.availability_zone,
            pinned_availability_zone=request.availability_zone,
            key_name=request.keypair.name if request.keypair else None,
            metadata_=request.metadata,
            tags=list(request.tags),
            config_drive=request.config_drive,
            reservation_id=request.reservation_id,
            security_groups=list(request.security_groups),
            scheduler_hints=request.hints,
            server_group_id=(request.hints.get("group") or [None])[0],
            disk_config=request.disk_config,
            access_ip_v4=request.access_ip_v4,
            access_ip_v6=request.access_ip_v6,
        )

    async def lock_server(self, ctx: Context, server: Server, reason: str | None) -> None:
        await self.update_server(ctx, server, {"locked": True, "locked_reason": reason})

    async def unlock_server(self, ctx: Context, server: Server) -> None:
        await self.update_server(ctx, server, {"locked": False, "locked_reason": None})

    async def update_server(self, ctx: Context, server: Server, changes: dict[str, Any]) -> Server:
        self.calls.append(("update", server.id, changes))
        stamped = {**changes, "updated_at": self.process.runtime.iso()}
        return await self.process.store.run(lambda tx: tx.update(tx.get(Server, server.id), **stamped))

    async def delete_server(self, ctx: Context, server: Server, force: bool = False) -> None:
        self.calls.append(("delete", server.id, force))

        def end(tx: Any) -> None:
            quotas.release_server(tx, server.project_id, server.flavor)
            now = self.process.runtime.iso()
            tx.update(server, deleted=True, vm_state="deleted", terminated_at=now, updated_at=now)

        await self.process.store.run(end)

    async def attach_volume(
        self, ctx: Context, server: Server, volume_id: str, device: str | None, tag: str | None, ends: bool
    ) -> BlockDevice:
        record = BlockDevice.make(
            id=self.process.uuid(),
            server_id=server.id,
            created_at=self.process.runtime.iso(),
            source_type="volume",
            destination_type="volume",
            volume_id=volume_id,
            device_name=device or "/dev/vdb",
            tag=tag,
            delete_on_termination=ends,
            attachment_id=self.process.uuid(),
        )
        return await self.process.store.run(lambda tx: tx.insert(record))

    async def update_block_device(self, ctx: Context, server: Server, device: BlockDevice, ends: bool) -> None:
        await self.process.store.run(lambda tx: tx.update(device, delete_on_termination=ends))

    async def external_events(self, ctx: Context, events: list[dict[str, Any]]) -> list[int]:
        def codes(tx: Any) -> list[int]:
            servers = [tx.get(Server, event["server_uuid"]) for event in events]
            return [404 if server is None else 200 if server.host else 422 for server in servers]

        return await self.process.store.run(codes)

    async def set_service(
        self, ctx: Context, service: ComputeService, disabled: bool | None, reason: str | None, down: bool | None
    ) -> ComputeService:
        changes: dict[str, Any] = {} if down is None else {"forced_down": down}
        if disabled is not None:
            changes.update(disabled=disabled, disabled_reason=reason)
        return await self.process.store.run(lambda tx: tx.update(service, **changes))

    async def host_uptime(self, ctx: Context, node: ComputeNode) -> str:
        return "up 3 days"

    async def console_output(self, ctx: Context, server: Server, length: int | None) -> str:
        return "\n".join(["login:\x07", "ok"][-(length or 2) :])

    def __getattr__(self, name: str) -> Any:
        async def note(ctx: Context, *rest: Any) -> Any:
            self.calls.append((name, *(item.id if isinstance(item, Server) else item for item in rest)))
            return (rest[1] or rest[2] or "a new port") if name == "attach_interface" else None

        return note


class Nova:
    """The process under test and a client of it."""

    def __init__(self, **settings: Any) -> None:
        self.loop = SimLoop(seed=1)
        self.wires = Wires(self.loop.runtime, Config().but(**settings))
        self.wires.start("nova-api", "controller-1", self._start)
        self.wires.start("neutron-api", "controller-1", self._start_neutron)
        self.client = self.wires.start("client", "laptop-1", lambda process: None)

    def _start(self, process: Process) -> None:
        self.manager = Manager(process)
        self.api = ComputeApi(process, self.manager)  # type: ignore[arg-type]
        self.api.authenticator.local = identify
        self.api.start()

    def _start_neutron(self, process: Process) -> None:
        self.neutron = Neutron(process)
        self.neutron.authenticator.local = identify
        self.neutron.start()

    def run(self, work: Any) -> Any:
        """Run a coroutine in the world."""
        return self.loop.run_until_complete(work)

    def store(self, work: Any) -> Any:
        """Run one transaction."""
        return self.run(self.wires.store.run(work))

    def call(self, method: str, target: str, body: Any = None, token: str = ALICE, version: tuple[int, int] | None = LATEST) -> Response:
        """Send one request and wait for its answer."""
        headers = {"x-auth-token": token} if token else {}
        work = self.client.rest.call(
            Context(request_id="req-1"),
            "compute",
            method,
            target,
            body=body,
            version=version,
            auth="none",
            headers=headers,
        )
        response: Response = self.run(work)
        assert not self.loop.runtime.errors, self.loop.runtime.errors
        return response

    def ok(self, method: str, target: str, body: Any = None, token: str = ALICE, version: tuple[int, int] = LATEST) -> Any:
        """The same, which must succeed; returns the JSON."""
        response = self.call(method, target, body, token, version)
        assert response.ok, (response.status, response.content())
        return response.json()

    def fault(
        self, method: str, target: str, body: Any = None, token: str = ALICE, version: tuple[int, int] = LATEST
    ) -> tuple[int, str, str]:
        """The same, which must fail; returns status, name of the fault and message."""
        response = self.call(method, target, body, token, version)
        assert not response.ok, response.content()
        ((name, inner),) = response.json().items()
        assert inner["code"] == response.status
        return response.status, name, inner["message"]

    def flavor(self, name: str = "m1.tiny", token: str = ADMIN, **values: Any) -> str:
        """Create a flavor and return its id."""
        body = {"flavor": {"name": name, "ram": 512, "vcpus": 1, "disk": 1, **values}}
        flavor_id: str = self.ok("POST", "/v2.1/flavors", body, token)["flavor"]["id"]
        return flavor_id

    def server(self, name: str = "web", token: str = ALICE, version: tuple[int, int] = LATEST, **values: Any) -> str:
        """Create a server and return its id."""
        server = {"name": name, "imageRef": IMAGE, "flavorRef": "1", "networks": "none", **values}
        server_id: str = self.ok("POST", "/v2.1/servers", {"server": server}, token, version)["server"]["id"]
        return server_id

    def change(self, server_id: str, **changes: Any) -> None:
        """Change a server's record behind nova's back."""
        self.store(lambda tx: tx.update(tx.get(Server, server_id), **changes))

    def activate(self, server_id: str, host: str = HOST) -> None:
        """Put a server on a host with one port."""
        now = self.loop.runtime.iso()
        vif = {
            "port_id": f"port-{server_id}",
            "network_id": NETWORK,
            "label": "net1",
            "mac_address": "fa:16:3e:00:00:01",
            "fixed_ips": [{"address": "10.0.0.5", "version": 4, "floating_ips": ["203.0.113.9"]}],
            "tag": None,
        }
        self.change(
            server_id,
            vm_state="active",
            task_state=None,
            power_state=1,
            host=host,
            node=host,
            launched_at=now,
            updated_at=now,
            network_info=[vif],
        )
        self.store(
            lambda tx: tx.insert(
                VirtualInterface.make(id=vif["port_id"], server_id=server_id, address="fa:16:3e:00:00:01", created_at=now, tag="nic")
            )
        )
        self.neutron.all_ports.append(
            {
                "id": vif["port_id"],
                "device_id": server_id,
                "network_id": NETWORK,
                "mac_address": "fa:16:3e:00:00:01",
                "status": "ACTIVE",
                "fixed_ips": [{"subnet_id": NETWORK, "ip_address": "10.0.0.5"}],
                "security_groups": ["sg-1"],
            }
        )
        if not self.neutron.all_groups:
            self.neutron.all_groups.append({"id": "sg-1", "name": "default", "description": "", "project_id": "red"})

    def host(self, name: str = HOST, uuid: str = NODE) -> str:
        """Register a compute host and return the uuid of its service."""
        now = self.loop.runtime.iso()

        def insert(tx: Any) -> str:
            service_id = f"5e{uuid[2:]}"
            tx.insert(
                ComputeService.make(
                    uuid=service_id,
                    id=tx.count(ComputeService) + 1,
                    binary="nova-compute",
                    host=name,
                    topic="compute",
                    created_at=now,
                    last_seen_ns=self.loop.runtime.now_ns(),
                    updated_at=now,
                )
            )
            tx.insert(
                ComputeNode.make(
                    uuid=uuid,
                    id=tx.count(ComputeNode) + 1,
                    host=name,
                    hypervisor_hostname=name,
                    hypervisor_type="QEMU",
                    hypervisor_version=8002000,
                    host_ip="10.1.0.1",
                    service_id=1,
                    created_at=now,
                    vcpus=16,
                    memory_mb=32768,
                    local_gb=500,
                )
            )
            return service_id

        service: str = self.store(insert)
        return service
