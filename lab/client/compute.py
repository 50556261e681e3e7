"""cloud.compute: servers, flavors, keypairs, hypervisors, services."""

from __future__ import annotations

from typing import Any, Literal

from lab.client.resource import Collection, Resource
from lab.client.session import Session


class Server(Resource):
    """A server."""

    @property
    def host(self) -> str | None:
        """The hypervisor host that it is on (administrators see it)."""
        return self.data.get("OS-EXT-SRV-ATTR:host")

    @property
    def task_state(self) -> str | None:
        """What is being done with it."""
        return self.data.get("OS-EXT-STS:task_state")

    @property
    def fault(self) -> str | None:
        """Why it is ERROR."""
        return (self.data.get("fault") or {}).get("message")

    @property
    def addresses(self) -> list[str]:
        """All its fixed addresses."""
        return [a["addr"] for entries in self.data.get("addresses", {}).values() for a in entries]

    async def _act(self, body: dict[str, Any]) -> Any:
        return await self.collection.session.json("compute", "POST", f"/v2.1/servers/{self.id}/action", body)

    async def stop(self) -> None:
        """Shut it down; wait_for('SHUTOFF')."""
        await self._act({"os-stop": None})

    async def start(self) -> None:
        """Power it on; wait_for('ACTIVE')."""
        await self._act({"os-start": None})

    async def pause(self) -> None:
        """Hold it still; wait_for('PAUSED')."""
        await self._act({"pause": None})

    async def unpause(self) -> None:
        """Let it go on; wait_for('ACTIVE')."""
        await self._act({"unpause": None})

    async def reboot(self, hard: bool = False) -> None:
        """Restart it."""
        await self._act({"reboot": {"type": "HARD" if hard else "SOFT"}})

    async def console_log(self, lines: int | None = None) -> str:
        """The tail of its serial console."""
        answer = await self._act({"os-getConsoleOutput": {} if lines is None else {"length": lines}})
        return str(answer["output"])

    async def attach_volume(self, volume_id: str) -> dict[str, Any]:
        """Plug a volume in."""
        body = {"volumeAttachment": {"volumeId": volume_id}}
        answer = await self.collection.session.json(
            "compute", "POST", f"/v2.1/servers/{self.id}/os-volume_attachments", body
        )
        return answer["volumeAttachment"]  # type: ignore[no-any-return]

    async def detach_volume(self, volume_id: str) -> None:
        """Unplug a volume."""
        await self.collection.session.send(
            "compute", "DELETE", f"/v2.1/servers/{self.id}/os-volume_attachments/{volume_id}"
        )

    async def attach_interface(self, network_id: str | None = None, port_id: str | None = None) -> dict[str, Any]:
        """Plug in a port, given or made on a network."""
        body = {"interfaceAttachment": {"port_id": port_id} if port_id else {"net_id": network_id}}
        answer = await self.collection.session.json("compute", "POST", f"/v2.1/servers/{self.id}/os-interface", body)
        return answer["interfaceAttachment"]  # type: ignore[no-any-return]

    async def detach_interface(self, port_id: str) -> None:
        """Unplug a port."""
        await self.collection.session.send("compute", "DELETE", f"/v2.1/servers/{self.id}/os-interface/{port_id}")

    async def events(self) -> list[dict[str, Any]]:
        """The actions done on it, newest first."""
        answer = await self.collection.session.json("compute", "GET", f"/v2.1/servers/{self.id}/os-instance-actions")
        return answer["instanceActions"]  # type: ignore[no-any-return]


class Servers(Collection[Server]):
    """cloud.compute.servers"""

    service, path, key, plural, kind, detail = "compute", "/v2.1/servers", "server", "servers", Server, "/detail"

    async def create(
        self,
        name: str,
        flavor: str,
        *,
        image: str | None = None,
        networks: list[dict[str, str]] | Literal["auto", "none"] = "auto",
        boot_volume_gib: int | None = None,
        availability_zone: str | None = None,
        **more: Any,
    ) -> Server:
        """Ask for a server and answer it as it is then: BUILD, with its id.

        flavor, image: ids. boot_volume_gib: boot from a new volume of that size, filled from the image.
        more: other fields of the API's body (key_name, metadata, block_device_mapping_v2, …).
        """
        body: dict[str, Any] = {"name": name, "flavorRef": flavor, "networks": networks, **more}
        if availability_zone:
            body["availability_zone"] = availability_zone
        if boot_volume_gib:
            disk = {
                "boot_index": 0,
                "uuid": image,
                "source_type": "image",
                "destination_type": "volume",
                "volume_size": boot_volume_gib,
                "delete_on_termination": True,
            }
            body["block_device_mapping_v2"] = [disk]
        elif image:
            body["imageRef"] = image
        answer = await self.session.json("compute", "POST", self.path, {"server": body})
        return await self.get(answer["server"]["id"])


class Flavor(Resource):
    """A size of servers."""


class Flavors(Collection[Flavor]):
    """cloud.compute.flavors"""

    service, path, key, plural, kind, detail = "compute", "/v2.1/flavors", "flavor", "flavors", Flavor, "/detail"

    async def create(self, name: str, *, vcpus: int, ram: int, disk: int, id: str | None = None, **more: Any) -> Flavor:
        """Make a flavor: `ram` in MiB, `disk` in GiB."""
        return await self._create({"name": name, "vcpus": vcpus, "ram": ram, "disk": disk, "id": id, **more})

    async def set_extra_specs(self, flavor_id: str, specs: dict[str, str]) -> None:
        """Set extra specs."""
        await self.session.send("compute", "POST", f"{self.path}/{flavor_id}/os-extra_specs", {"extra_specs": specs})


class Keypair(Resource):
    """An SSH key."""

    @property
    def id(self) -> str:
        return str(self.data["name"])


class Keypairs(Collection[Keypair]):
    """cloud.compute.keypairs"""

    service, path, key, plural, kind = "compute", "/v2.1/os-keypairs", "keypair", "keypairs", Keypair

    async def create(self, name: str, public_key: str) -> Keypair:
        """Keep a public key."""
        return await self._create({"name": name, "public_key": public_key})

    def make(self, data: dict[str, Any]) -> Keypair:
        """A key pair; a list wraps each of its own once more."""
        return super().make(data.get("keypair", data))


class Hypervisor(Resource):
    """A hypervisor host."""

    @property
    def name(self) -> str | None:
        return self.data.get("hypervisor_hostname")


class Hypervisors(Collection[Hypervisor]):
    """cloud.compute.hypervisors"""

    service, path, key, plural, kind, detail = (
        "compute",
        "/v2.1/os-hypervisors",
        "hypervisor",
        "hypervisors",
        Hypervisor,
        "/detail",
    )


class Service(Resource):
    """One of nova's processes."""

    @property
    def name(self) -> str | None:
        return f"{self.data['binary']}@{self.data['host']}"


class Services(Collection[Service]):
    """cloud.compute.services"""

    service, path, key, plural, kind = "compute", "/v2.1/os-services", "service", "services", Service


class Compute:
    """cloud.compute"""

    def __init__(self, session: Session) -> None:
        self.servers = Servers(session)
        self.flavors = Flavors(session)
        self.keypairs = Keypairs(session)
        self.hypervisors = Hypervisors(session)
        self.services = Services(session)
