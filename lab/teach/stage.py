"""The hands of demo, traces and scenarios: one coroutine for each kind of step, over the typed nouns of the cloud.

What was made is kept by its name. A step that the cloud refuses raises; a state that does not come in time is noted,
not raised, since that may be what a scenario is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.client.compute import Flavor, Server
from lab.client.network import Network, Subnet
from lab.client.resource import Resource, WaitFailed
from lab.client.session import ApiError
from lab.client.storage import Image, Volume

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud

SETTLE_S = 600.0
"""How long a step waits for a state unless told otherwise: twice vif_plugging_timeout (300 s)."""
POLLING_S = 1.0
"""How often a step looks whether its state is there. Source: tempest's build_interval."""
PATIENCE_S = 30.0
"""How long a ping is tried: a guest is ACTIVE when its power is on, and has yet to boot and to ask for an address."""
PING_INTERVAL_S = 5.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Pinged:
    """What came of one ping: the hops as text, and where and why it ended when nothing came back."""

    ok: bool
    rtt_ms: float | None
    hops: tuple[str, ...]
    failed_at: str = ""
    reason: str = ""


class Stage:
    """One cloud being worked on."""

    lang = "en"
    """The language of the notes."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud = cloud
        self.images: dict[str, Image] = {}
        self.flavors: dict[str, Flavor] = {}
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.volumes: dict[str, Volume] = {}
        self.servers: dict[str, Server] = {}
        self.pings: dict[tuple[str, str], Pinged] = {}
        self.took_s: dict[str, float] = {}
        """Name of a server or volume -> seconds from the request until it settled."""
        self.notes: list[str] = []

    def now(self) -> float:
        """Seconds on the cloud's clock."""
        return self.cloud.session.transport.now()

    # -- making -------------------------------------------------------------------------------

    async def image(
        self, name: str, size_mib: int = 20, disk_format: str = "qcow2", min_ram_mib: int = 0, min_disk_gib: int = 0,
        properties: dict[str, Any] | None = None,
    ) -> Image:
        """Register an image and give it `size_mib` of made-up content."""
        properties = {**(properties or {}), "min_ram": min_ram_mib, "min_disk": min_disk_gib}
        image = await self.cloud.image.images.create(name, disk_format=disk_format, visibility="public", **properties)
        self.images[name] = await image.upload_sparse(size_mib * MIB)
        return self.images[name]

    async def flavor(
        self, name: str, vcpus: int = 1, ram_mib: int = 512, disk_gib: int = 1,
        extra_specs: dict[str, str] | None = None,
    ) -> Flavor:
        """Make a flavor."""
        flavors = self.cloud.compute.flavors
        flavor = self.flavors[name] = await flavors.create(name, vcpus=vcpus, ram=ram_mib, disk=disk_gib)
        if extra_specs:
            await flavors.set_extra_specs(flavor.id, extra_specs)
        return flavor

    async def network(
        self, name: str, cidr: str = "10.0.0.0/24", gateway: str | None = None, type: str | None = None,
        segment: int | None = None, physical_network: str | None = None,
    ) -> Network:
        """Make a network with one subnet."""
        network = self.networks[name] = await self.cloud.network.networks.create(
            name, network_type=type, segmentation_id=segment, physical_network=physical_network
        )
        more = {"gateway_ip": gateway} if gateway else {}
        self.subnets[name] = await self.cloud.network.subnets.create(network.id, cidr, name=f"{name}-v4", **more)
        return network

    async def volume(
        self, name: str, size_gib: int = 1, image: str | None = None, wait: bool = True, timeout_s: float = SETTLE_S
    ) -> Volume:
        """Make a volume, empty or filled from an image."""
        start = self.now()
        source = self.images[image].id if image else None
        volume = self.volumes[name] = await self.cloud.volume.volumes.create(size_gib, name=name, image=source)
        if wait:
            await self.settled(volume, ("available", "error"), timeout_s)
            self.took_s[name] = self.now() - start
        return volume

    async def server(self, name: str, flavor: str, network: str, count: int = 0, **options: Any) -> list[Server]:
        """Make a server, or `count` numbered ones at once. Options: image, host, boot_volume_gib, wait, timeout_s."""
        names = [f"{name}-{i + 1}" for i in range(count)] if count else [name]
        wait, timeout_s = options.pop("wait", True), options.pop("timeout_s", SETTLE_S)
        start = self.now()
        made = [await self._ask(each, flavor, network, **options) for each in names]
        if wait:
            for each in made:
                await self.settled(each, ("ACTIVE", "ERROR"), timeout_s)
                self.took_s[str(each.name)] = self.now() - start
        return made

    async def _ask(
        self, name: str, flavor: str, network: str, image: str | None = None, host: str | None = None,
        boot_volume_gib: int | None = None,
    ) -> Server:
        server = self.servers[name] = await self.cloud.compute.servers.create(
            name,
            self.flavors[flavor].id,
            image=self.images[image].id if image else None,
            networks=[{"uuid": self.networks[network].id}],
            boot_volume_gib=boot_volume_gib,
            availability_zone=f"{self.cloud.config.availability_zone}:{host}" if host else None,
        )
        return server

    # -- changing -----------------------------------------------------------------------------

    async def attach(self, server: str, volume: str, timeout_s: float = SETTLE_S) -> None:
        """Attach a volume."""
        await self.servers[server].attach_volume(self.volumes[volume].id)
        await self.settled(self.volumes[volume], ("in-use", "error", "available"), timeout_s, fresh=True)

    async def detach(self, server: str, volume: str, timeout_s: float = SETTLE_S) -> None:
        """Detach a volume."""
        await self.servers[server].detach_volume(self.volumes[volume].id)
        await self.settled(self.volumes[volume], ("available", "error"), timeout_s, fresh=True)

    async def stop(self, server: str, timeout_s: float = SETTLE_S) -> None:
        """Shut a server down."""
        await self.servers[server].stop()
        await self.settled(self.servers[server], ("SHUTOFF", "ERROR"), timeout_s, fresh=True)

    async def start(self, server: str, timeout_s: float = SETTLE_S) -> None:
        """Power a server on."""
        await self.servers[server].start()
        await self.settled(self.servers[server], ("ACTIVE", "ERROR"), timeout_s, fresh=True)

    async def reboot(self, server: str, timeout_s: float = SETTLE_S) -> None:
        """Restart a server softly."""
        await self.servers[server].reboot()
        await self.settled(self.servers[server], ("ACTIVE", "ERROR"), timeout_s, fresh=True)

    async def delete(self, timeout_s: float = SETTLE_S, **what: str) -> None:
        """Delete things and wait until they are gone: server=…, volume=…, network=…, image=…"""
        for kind, name in what.items():
            shelf: dict[str, Any] = getattr(self, f"{kind}s")
            thing: Resource = shelf[name]
            await thing.delete()
            try:
                await thing.wait_gone(timeout=timeout_s, interval=POLLING_S)
            except WaitFailed as error:
                self.notes.append(error.say(self.lang))

    async def wait(
        self, seconds: float = 0.0, server: str = "", volume: str = "", status: str = "", timeout_s: float = SETTLE_S
    ) -> None:
        """Let time pass, or wait until a server or volume is in a state."""
        if seconds:
            await self.cloud.sleep(seconds)
        thing: Resource | None = self.servers[server] if server else self.volumes[volume] if volume else None
        if thing is not None:
            await self.settled(thing, (status or "ACTIVE",), timeout_s, fresh=True)

    async def ping(self, source: str, to: str, timeout_s: float = PATIENCE_S) -> Pinged:
        """Send an echo request from one server to the other, again and again until one is answered or the time is up."""
        end = self.now() + timeout_s
        result = await self._ping(source, to)
        while not result.ok and self.now() < end:
            await self.cloud.sleep(PING_INTERVAL_S)
            result = await self._ping(source, to)
        self.pings[source, to] = result
        return result

    async def _ping(self, source: str, to: str) -> Pinged:
        addresses = self.servers[to].addresses
        if not addresses:
            return Pinged(False, None, (), source, f"{to} has no address")
        walk = await self.cloud.ping(self.servers[source].id, addresses[0])
        failed_at = walk.lost.device if walk.lost is not None else ""
        rtt_ms = None if walk.rtt_ns is None else walk.rtt_ns / 1e6
        return Pinged(walk.ok, rtt_ms, tuple(str(hop) for hop in walk.hops), failed_at, walk.reason)

    # -- waiting ------------------------------------------------------------------------------

    async def settled(
        self, thing: Resource, states: tuple[str, ...], timeout_s: float, *, fresh: bool = False
    ) -> None:
        """Poll until the thing is in one of the states; a time that is up is noted."""
        try:
            if fresh:
                await thing.refresh()
            await thing.wait_for(*states, timeout=timeout_s, interval=POLLING_S)
        except WaitFailed as error:
            self.notes.append(error.say(self.lang))

    async def final(self) -> None:
        """Read every server and volume anew; what is gone keeps the status DELETED."""
        things: list[Resource] = [*self.servers.values(), *self.volumes.values()]
        for thing in things:
            try:
                await thing.refresh()
            except ApiError as error:
                if error.status != 404:
                    raise
                thing.data = {**thing.data, "status": "DELETED"}
