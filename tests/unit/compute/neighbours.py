"""What nova talks to, small and obedient: keystone, glance, neutron, cinder, and a hypervisor per host.

Each keeps what it was given, so that a test can look for leftovers; `refuse` names requests that are answered with a fault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest, Conflict, HypervisorError, LabError, NotFound
from lab.process import Process
from lab.rest import PUBLIC, Api, Request, Response, Route, Stream
from lab.services.compute.driver import Content, GuestDisk, GuestNic, GuestSpec, GuestState, HostInventory, HypervisorDriver

Json = dict[str, Any]

IMAGE, NETWORK = "11111111-aaaa-4bbb-8ccc-000000000001", "22222222-aaaa-4bbb-8ccc-000000000002"
SUBNET = "33333333-aaaa-4bbb-8ccc-000000000003"
SERVICE_TOKEN = "service:nova@service"
RUNNING, PAUSED, SHUTDOWN = 1, 3, 4
KEPT = ("refuse", "image", "ports", "subnet_ids", "deaf", "unbindable", "_made", "volumes", "attachments", "slow_s", "dying_s")


async def identify(token: str) -> Context | None:
    """Read a token of the form role:user@project."""
    role, _, rest = token.partition(":")
    user, _, project = rest.partition("@")
    if not project:
        return None
    roles = ("admin", "service") if role == "service" else (role,)
    return Context(user_id=user, project_id=project, roles=roles, token=token)


class Neighbour(Api):
    """An API whose tokens say who they are, and which refuses what it is told to refuse."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.authenticator.local = identify
        self.refuse: dict[str, LabError] = {}

    def keep(self, old: Neighbour) -> None:
        """Take over what the last life knew: everything but its process."""
        mine = dict(self.__dict__)
        self.__dict__.update({name: value for name, value in old.__dict__.items() if name in KEPT})
        assert self.__dict__.keys() == mine.keys()

    async def handle(self, request: Request, sender: Context, cause: int) -> Response:
        for name, error in self.refuse.items():
            method, _, prefix = name.partition(" ")
            if request.method == method and request.path.startswith(prefix):
                return self.table.answer(error, sender.request_id)
        return await super().handle(request, sender, cause)


class Keystone(Neighbour):
    """Gives every service the same token."""

    service: ClassVar[str] = "identity"
    routes: ClassVar[Sequence[Route]] = (Route("POST", "/v3/auth/tokens", "issue", PUBLIC, 201),)

    async def issue(self, ctx: Context, req: Request) -> Response:
        return Response(201, {"token": {}}, {"X-Subject-Token": SERVICE_TOKEN})


class Glance(Neighbour):
    """Has one image."""

    service: ClassVar[str] = "image"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/v2/images/{image_id}", "show"),
        Route("GET", "/v2/images/{image_id}/file", "download"),
        Route("GET", "/v2/schemas/image", "schema"),
    )

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.image: Json = {
            "id": IMAGE,
            "name": "cirros",
            "status": "active",
            "size": 2 << 20,
            "checksum": "c0",
            "min_ram": 0,
            "min_disk": 0,
        }

    async def show(self, ctx: Context, req: Request) -> Json:
        if req.params["image_id"] != IMAGE:
            raise NotFound(f"No image found with ID {req.params['image_id']}")
        return self.image

    async def download(self, ctx: Context, req: Request) -> Response:
        async def chunks() -> Any:
            yield b""

        return Response(200, Stream(chunks, 2 << 20))

    async def schema(self, ctx: Context, req: Request) -> Json:
        return {"name": "image"}


class Neutron(Neighbour):
    """One network; ports are plugged one second after a guest shows their card."""

    service: ClassVar[str] = "network"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/v2.0/networks", "networks"),
        Route("GET", "/v2.0/networks/{network_id}", "network"),
        Route("GET", "/v2.0/quotas/{project_id}", "quota"),
        Route("GET", "/v2.0/extensions", "extensions"),
        Route("GET", "/v2.0/subnets", "subnets"),
        Route("GET", "/v2.0/security-groups", "groups"),
        Route("GET", "/v2.0/ports", "list_ports"),
        Route("GET", "/v2.0/ports/{port_id}", "show_port"),
        Route("POST", "/v2.0/ports", "create_port", success=201),
        Route("PUT", "/v2.0/ports/{port_id}", "update_port"),
        Route("DELETE", "/v2.0/ports/{port_id}", "delete_port", success=204),
    )

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.ports: dict[str, Json] = {}
        self.subnet_ids = [SUBNET]
        self.deaf = False
        self.unbindable: set[str] = set()
        self._made = 0

    async def networks(self, ctx: Context, req: Request) -> Json:
        known = {"id": NETWORK, "name": "net1", "mtu": 1450, "subnets": self.subnet_ids, "router:external": False}
        wanted = req.args("id")
        return {"networks": [known] if not wanted or NETWORK in wanted else []}

    async def network(self, ctx: Context, req: Request) -> Json:
        return {"network": {"provider:physical_network": None, "provider:network_type": "vxlan"}}

    async def quota(self, ctx: Context, req: Request) -> Json:
        return {"quota": {"port": -1}}

    async def extensions(self, ctx: Context, req: Request) -> Json:
        return {"extensions": [{"alias": "binding"}]}

    async def groups(self, ctx: Context, req: Request) -> Json:
        return {"security_groups": [{"id": "sg-1", "name": "default"}]}

    async def subnets(self, ctx: Context, req: Request) -> Json:
        return {"subnets": [{"id": SUBNET, "network_id": NETWORK, "cidr": "10.0.0.0/24"}]}

    async def list_ports(self, ctx: Context, req: Request) -> Json:
        device, address = req.arg("device_id"), req.arg("fixed_ips")
        if address is not None:
            wanted = address.removeprefix("ip_address=")
            return {"ports": [p for p in self.ports.values() if any(ip["ip_address"] == wanted for ip in p["fixed_ips"])]}
        return {"ports": [port for port in self.ports.values() if device is None or port["device_id"] == device]}

    async def show_port(self, ctx: Context, req: Request) -> Json:
        return {"port": self._port(req.params["port_id"])}

    def _port(self, port_id: str) -> Json:
        if port_id not in self.ports:
            raise NotFound(f"Port {port_id} could not be found.")
        return self.ports[port_id]

    async def create_port(self, ctx: Context, req: Request) -> Json:
        self._made += 1
        port = {
            "id": self.process.uuid(),
            "mac_address": f"fa:16:3e:00:00:{self._made:02x}",
            "fixed_ips": [{"ip_address": f"10.0.0.{self._made + 9}", "subnet_id": SUBNET}],
            "status": "DOWN",
            "device_owner": "",
            "security_groups": ["sg-1"],
            **req.data["port"],
        }
        self.ports[port["id"]] = port
        return {"port": port}

    async def update_port(self, ctx: Context, req: Request) -> Json:
        port = self._port(req.params["port_id"])
        port.update(req.data["port"])
        if port.get("binding:host_id"):
            failed = port["binding:host_id"] in self.unbindable
            port["binding:vif_type"] = "binding_failed" if failed else "ovs"
            self.process.spawn(self.tell("network-changed", port), "event")
        return {"port": port}

    async def delete_port(self, ctx: Context, req: Request) -> None:
        self._port(req.params["port_id"])
        del self.ports[req.params["port_id"]]

    def plug(self, port_id: str) -> None:
        """A guest shows the card of this port."""
        if not self.deaf and port_id in self.ports:
            self.process.spawn(self._plugged(self.ports[port_id]), "plug")

    async def _plugged(self, port: Json) -> None:
        await self.process.sleep(1)
        port["status"] = "ACTIVE"
        await self.tell("network-vif-plugged", port)

    async def tell(self, name: str, port: Json) -> None:
        """Send nova an event."""
        event = {"name": name, "server_uuid": port["device_id"], "tag": port["id"], "status": "completed"}
        ctx = self.process.context()
        await self.process.rest.call(ctx, "compute", "POST", "/v2.1/os-server-external-events", body={"events": [event]}, auth="service")


class Cinder(Neighbour):
    """Volumes that are available `slow_s` seconds after they were made."""

    service: ClassVar[str] = "volume"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/", "home", PUBLIC, 300),
        Route("POST", "/v3/volumes", "create", success=202),
        Route("GET", "/v3/volumes", "list_volumes"),
        Route("GET", "/v3/volumes/{volume_id}", "show"),
        Route("DELETE", "/v3/volumes/{volume_id}", "delete", success=202),
        Route("POST", "/v3/volumes/{volume_id}/action", "act", success=202),
        Route("GET", "/v3/attachments", "list_attachments"),
        Route("POST", "/v3/attachments", "attach"),
        Route("PUT", "/v3/attachments/{attachment_id}", "connect"),
        Route("POST", "/v3/attachments/{attachment_id}/action", "complete", success=204),
        Route("DELETE", "/v3/attachments/{attachment_id}", "detach"),
    )

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.volumes: dict[str, Json] = {}
        self.attachments: dict[str, Json] = {}
        self.slow_s, self.dying_s = 5.0, 0.0

    async def home(self, ctx: Context, req: Request) -> Response:
        return Response(300, {"versions": []})

    async def create(self, ctx: Context, req: Request) -> Json:
        volume = {"id": self.process.uuid(), "status": "creating", "bootable": "true", **req.data["volume"]}
        volume["born"] = self.process.runtime.now()
        self.volumes[volume["id"]] = volume
        return {"volume": volume}

    async def list_volumes(self, ctx: Context, req: Request) -> Json:
        return {"volumes": [volume for volume in self.volumes.values() if volume.get("name") == req.arg("name")]}

    async def show(self, ctx: Context, req: Request) -> Json:
        volume = self.volumes.get(req.params["volume_id"])
        if volume is None:
            raise NotFound(f"Volume {req.params['volume_id']} could not be found.")
        if volume["status"] == "creating" and self.process.runtime.now() >= volume["born"] + self.slow_s:
            volume["status"] = "available"
        return {"volume": volume}

    async def delete(self, ctx: Context, req: Request) -> None:
        volume = (await self.show(ctx, req))["volume"]
        if volume["status"] not in ("creating", "available", "error"):
            raise BadRequest(f"volume {volume['id']} is {volume['status']}")
        if not self.dying_s:
            del self.volumes[volume["id"]]
            return
        volume["status"] = "deleting"
        self.process.spawn(self._die(volume["id"]), "die")

    async def _die(self, volume_id: str) -> None:
        await self.process.sleep(self.dying_s)
        del self.volumes[volume_id]

    async def act(self, ctx: Context, req: Request) -> None:
        (verb,) = req.data
        self.volumes[req.params["volume_id"]]["status"] = "detaching" if verb == "os-begin_detaching" else "in-use"

    async def list_attachments(self, ctx: Context, req: Request) -> Json:
        wanted = req.arg("instance_id")
        return {"attachments": [a for a in self.attachments.values() if a["instance"] == wanted]}

    async def attach(self, ctx: Context, req: Request) -> Json:
        asked = req.data["attachment"]
        volume = self.volumes[asked["volume_uuid"]]
        if volume["status"] != "available":
            raise Conflict(f"volume {volume['id']} is {volume['status']}")
        volume["status"] = "reserved"
        made = {"id": self.process.uuid(), "volume_id": volume["id"], "instance": asked["instance_uuid"]}
        self.attachments[made["id"]] = made
        return {"attachment": made}

    async def connect(self, ctx: Context, req: Request) -> Json:
        attachment = self.attachments[req.params["attachment_id"]]
        attachment["connection_info"] = {"driver_volume_type": "nfs", "data": {}}
        self.volumes[attachment["volume_id"]]["status"] = "attaching"
        return {"attachment": attachment}

    async def complete(self, ctx: Context, req: Request) -> None:
        self.volumes[self.attachments[req.params["attachment_id"]]["volume_id"]]["status"] = "in-use"

    async def detach(self, ctx: Context, req: Request) -> Json:
        attachment = self.attachments.pop(req.params["attachment_id"], None)
        if attachment is None:
            raise NotFound("no such attachment")
        if attachment["volume_id"] in self.volumes:
            self.volumes[attachment["volume_id"]]["status"] = "available"
        return {"attachments": []}


class Hypervisor(HypervisorDriver):
    """One host's guests as dict entries; `broken` names verbs that fail, `lies` those that work and say they did not."""

    def __init__(self, plug: Callable[[str], None]) -> None:
        self.plug = plug
        self.guests_here: dict[str, tuple[GuestSpec, int]] = {}
        self.images: set[str] = set()
        self.disks: dict[str, list[str]] = {}
        self.cards: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.calls: list[str] = []
        self.tell: Callable[[str, int], None] = lambda guest_id, power: None
        self.vcpus = 8

    def _do(self, verb: str) -> None:
        self.calls.append(verb)
        if verb in self.broken:
            raise HypervisorError(f"the hypervisor refuses to {verb}")

    async def inventory(self) -> HostInventory:
        self._do("inventory")
        return HostInventory("QEMU", 8002000, self.vcpus, 16384, 100, "10.9.0.1", ("HW_CPU_X86_SSE2",))

    async def has_image(self, image_id: str) -> bool:
        return image_id in self.images

    async def cache_image(self, image_id: str, size: int, checksum: str, content: Content) -> None:
        self._do("cache_image")
        self.images.add(image_id)

    async def spawn(self, guest: GuestSpec, wait_plugged: Callable[[], Awaitable[None]] | None = None) -> None:
        self._do("spawn")
        for nic in guest.nics:
            self.plug(nic.port_id)
        if wait_plugged is not None:
            await wait_plugged()
        self.guests_here[guest.id] = (guest, RUNNING)
        self.cards[guest.id] = [nic.port_id for nic in guest.nics]
        self.disks[guest.id] = [disk.volume_id for disk in guest.disks if disk.volume_id]

    async def destroy(self, guest_id: str) -> None:
        self._do("destroy")
        self.guests_here.pop(guest_id, None)
        self.cards.pop(guest_id, None)
        self.disks.pop(guest_id, None)

    async def power_on(self, guest_id: str) -> None:
        self._do("power_on")
        self.guests_here[guest_id] = (self.guests_here[guest_id][0], RUNNING)

    async def power_off(self, guest_id: str, timeout_s: float = 60.0) -> None:
        self._do("power_off")
        self.guests_here[guest_id] = (self.guests_here[guest_id][0], SHUTDOWN)

    async def pause(self, guest_id: str) -> None:
        self._do("pause")
        self.guests_here[guest_id] = (self.guests_here[guest_id][0], PAUSED)

    async def unpause(self, guest_id: str) -> None:
        self._do("unpause")
        self.guests_here[guest_id] = (self.guests_here[guest_id][0], RUNNING)

    async def reboot(self, guest_id: str, hard: bool) -> None:
        self._do("reboot")

    async def guests(self) -> list[GuestState]:
        return [GuestState(i, spec.name, power) for i, (spec, power) in sorted(self.guests_here.items())]

    async def console(self, guest_id: str, lines: int | None = None) -> str:
        return "login: "

    async def attach_nic(self, guest_id: str, nic: GuestNic) -> None:
        self._do("attach_nic")
        self.cards[guest_id].append(nic.port_id)

    async def detach_nic(self, guest_id: str, port_id: str) -> None:
        self._do("detach_nic")
        if port_id in self.cards.get(guest_id, []):
            self.cards[guest_id].remove(port_id)

    async def attach_disk(self, guest_id: str, disk: GuestDisk) -> None:
        self._do("attach_disk")
        self.disks[guest_id].append(disk.volume_id or "")

    async def detach_disk(self, guest_id: str, volume_id: str) -> None:
        self._do("detach_disk")
        if volume_id in self.disks.get(guest_id, []):
            self.disks[guest_id].remove(volume_id)

    def on_power_change(self, callback: Callable[[str, int], None]) -> None:
        self.tell = callback
