"""One program for every cloud: simulated, real, or at a URL.

It makes an image, a network and a server, waits for it, plugs a volume in and out, asks for a server that fits
nowhere, and removes all again. It tells what it saw, in states and faults; on every cloud the same.
"""

from __future__ import annotations

from lab.client.resource import Resource, WaitFailed
from lab.cloud import Cloud

MISFIT_VCPUS = 64
"""More than any host of a small cloud gives; a quota of more lets the request pass."""


class Program:
    """One run: `told` grows by a line for each thing that was seen."""

    def __init__(self, cloud: Cloud, boot_image: bytes, disk_format: str = "raw", **properties: str) -> None:
        self.cloud = cloud
        self.boot_image, self.disk_format, self.properties = boot_image, disk_format, properties
        self.told: list[str] = []

    def tell(self, what: str, thing: Resource) -> None:
        """Keep what a resource is now."""
        self.told.append(f"{what}: {thing.status}")

    async def run(self) -> list[str]:
        """Do all of it; answer what was seen."""
        cloud = self.cloud
        image = await cloud.image.images.create("same-image", disk_format=self.disk_format, **self.properties)
        self.tell("image", image)
        await image.upload(self.boot_image)
        self.tell("image", await image.wait_for("active"))
        network = await cloud.network.networks.create("same-net")
        await cloud.network.subnets.create(network.id, "10.20.0.0/24")
        self.tell("network", network)
        small = await cloud.compute.flavors.create("same-small", vcpus=1, ram=128, disk=1)
        on_it = [{"uuid": network.id}]
        server = await cloud.compute.servers.create("same-server", small.id, image=image.id, networks=on_it)
        self.tell("server", await server.wait_for("ACTIVE"))
        await self.volume(server.id)
        await self.misfit(image.id, on_it)
        await server.delete()
        await server.wait_gone()
        self.told.append("server: gone")
        await network.delete()
        await image.delete()
        await small.delete()
        return self.told

    async def volume(self, server_id: str) -> None:
        """Plug a volume in and out."""
        server = await self.cloud.compute.servers.get(server_id)
        volume = await self.cloud.volume.volumes.create(1, name="same-volume")
        self.tell("volume", await volume.wait_for("available"))
        attachment = await server.attach_volume(volume.id)
        self.told.append(f"attached as {attachment['device']}")
        self.tell("volume", await volume.wait_for("in-use"))
        await server.detach_volume(volume.id)
        self.tell("volume", await volume.wait_for("available"))
        await volume.delete()
        await volume.wait_gone()
        self.told.append("volume: gone")

    async def misfit(self, image_id: str, on_it: list[dict[str, str]]) -> None:
        """Ask for a server that no host can hold."""
        project = self.cloud.session.project_id
        quota = {"quota_set": {"cores": 2 * MISFIT_VCPUS}}
        await self.cloud.session.json("compute", "PUT", f"/v2.1/os-quota-sets/{project}", quota)
        huge = await self.cloud.compute.flavors.create("same-huge", vcpus=MISFIT_VCPUS, ram=128, disk=1)
        server = await self.cloud.compute.servers.create("same-misfit", huge.id, image=image_id, networks=on_it)
        try:
            await server.wait_for("ACTIVE")
        except WaitFailed:
            fault = (await server.refresh())["fault"]
            self.told.append(f"misfit: {server.status} {fault['code']} {fault['message']}")
        await server.delete()
        await server.wait_gone()
        await huge.delete()
