"""Operations whose messages are worth reading alone: each is run in a fresh cloud, and its part of the journal is kept.

The names are those of the captured traces of real OpenStack; so are the preparations. Caches of tokens are warm, and
the image is on no host but in `_warm`; `_cold_token_cache` begins with empty token caches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lab.journal import Entry
from lab.journal.export import trace
from lab.teach.stage import Stage

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud

AFTERMATH_S = 20.0
"""How long an operation's last messages may take: longer than send_events_interval (2 s) and the agents' polling (2 s)."""
IMAGE_BYTES = 100_000
"""Size of the uploaded image. Source: the image of the captured traces."""
HUGE_GIB = 9_000_000
"""A disk that no host has; the captured `server_create_novalidhost` asks for so much memory, which our default quota forbids."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The messages of one operation, and what its ids are called."""

    operation: str
    entries: tuple[Entry, ...]
    names: Mapping[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """The messages in the fields of the captured traces, numbered and timed from the first one."""
        rows = trace(self.entries, dict(self.names))
        start = rows[0]["t_ms"] if rows else 0.0
        return [{**row, "seq": number, "t_ms": round(row["t_ms"] - start, 3)} for number, row in enumerate(rows, 1)]


class Prepared:
    """A cloud with an image, a flavor and a network, its token caches warm."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud, self.stage = cloud, Stage(cloud)
        self.others: dict[str, str] = {}
        """Ids of what an operation makes beside what was prepared."""

    async def prepare(self) -> None:
        """Make what every operation needs, and one server on each host that comes and goes, so that nothing is new to anybody."""
        stage = self.stage
        await stage.image("cirros", size_mib=20)
        await stage.flavor("m1.tiny")
        await stage.network("net")
        hosts = len(self.cloud.world.computes)
        for server in await stage.server("first", "m1.tiny", "net", image="cirros", count=hosts):
            await stage.delete(server=str(server.name))
        await stage.image("fedora", size_mib=20)
        await self.cloud.volume.volumes.list()
        await self.cloud.sleep(AFTERMATH_S)

    async def server(self, image: str = "cirros") -> None:
        """Have a server named web."""
        await self.stage.server("web", "m1.tiny", "net", image=image)
        await self.cloud.sleep(AFTERMATH_S)

    async def image_create_upload_delete(self) -> None:
        """Register an image, upload its bytes, and delete it."""
        image = await self.cloud.image.images.create("other")
        self.others[image.id] = "{image2}"
        await image.upload(bytes(IMAGE_BYTES))
        await image.delete()

    async def network_subnet_create(self) -> None:
        """Make a network with a subnet."""
        await self.stage.network("other", cidr="10.1.0.0/24")

    async def volume(self) -> None:
        """Have a volume named data, and a server."""
        await self.stage.volume("data")
        await self.server()

    async def attached(self) -> None:
        """Have a volume attached to a server."""
        await self.volume()
        await self.stage.attach("web", "data")
        await self.cloud.sleep(AFTERMATH_S)

    async def stopped(self) -> None:
        """Have a server that is shut down."""
        await self.server()
        await self.stage.stop("web")
        await self.cloud.sleep(AFTERMATH_S)

    async def huge(self) -> None:
        """Have a flavor that fits nowhere."""
        await self.stage.flavor("huge", disk_gib=HUGE_GIB)

    async def forgotten(self) -> None:
        """Empty every token cache, and come with a new token."""
        for listeners in self.cloud.wires.router.listeners.values():
            for listener in listeners:
                listener.api.authenticator.forget()
        await self.cloud.session.authenticate()

    async def act(self, verb: str, *arguments: str) -> None:
        """Ask for something of the server and let it happen."""
        await getattr(self.stage.servers["web"], verb)(*arguments)

    async def attach_volume(self) -> None:
        """Ask for the volume to be attached."""
        await self.act("attach_volume", self.stage.volumes["data"].id)

    async def detach_volume(self) -> None:
        """Ask for the volume to be detached."""
        await self.act("detach_volume", self.stage.volumes["data"].id)

    async def attach_interface(self) -> None:
        """Ask for one more port on the network."""
        await self.act("attach_interface", self.stage.networks["net"].id)

    async def create(self, flavor: str = "m1.tiny", image: str = "fedora") -> None:
        """Create a server and wait for it."""
        await self.stage.server("web", flavor, "net", image=image)

    async def create_volume(self) -> None:
        """Ask for an empty volume."""
        await self.stage.volume("data", wait=False)

    async def names(self) -> dict[str, str]:
        """What the ids in the messages are called."""
        stage, session = self.stage, self.cloud.session
        shelves = (("image", stage.images), ("network", stage.networks), ("volume", stage.volumes), ("server", stage.servers))
        found = {thing.id: f"{{{kind}}}" for kind, shelf in shelves for thing in shelf.values()}
        found |= {port.id: "{port}" for port in await self.cloud.network.ports.list()}
        found |= {subnet.id: "{subnet}" for subnet in stage.subnets.values()}
        return {**found, **self.others, session.project_id: "{project}"}


Part = Callable[[Prepared], Awaitable[None]]


async def nothing(prepared: Prepared) -> None:
    """Need no more than what every operation needs."""


# Operation -> (what must be there before, what is recorded).
OPERATIONS: Mapping[str, tuple[Part, Part]] = MappingProxyType({
    "image_create_upload_delete": (nothing, Prepared.image_create_upload_delete),
    "network_subnet_create": (nothing, Prepared.network_subnet_create),
    "server_create": (nothing, Prepared.create),
    "server_create_warm": (nothing, partial(Prepared.create, image="cirros")),
    "server_create_cold_token_cache": (Prepared.forgotten, Prepared.create),
    "server_create_novalidhost": (Prepared.huge, partial(Prepared.create, flavor="huge")),
    "server_delete_warm": (Prepared.server, partial(Prepared.act, verb="delete")),
    "server_start": (Prepared.stopped, partial(Prepared.act, verb="start")),
    "server_stop": (Prepared.server, partial(Prepared.act, verb="stop")),
    "server_reboot_soft": (Prepared.server, partial(Prepared.act, verb="reboot")),
    "volume_create": (nothing, Prepared.create_volume),
    "volume_attach": (Prepared.volume, Prepared.attach_volume),
    "volume_detach": (Prepared.attached, Prepared.detach_volume),
    "interface_attach": (Prepared.server, Prepared.attach_interface),
})


def record(operation: str, seed: int | None = None) -> Recording:
    """Run one operation in a fresh cloud of the default scenario and answer its messages."""
    from lab.cloud import run
    from lab.teach.scenario import find

    default = find("default")
    chosen = default.seed if seed is None else seed

    async def main() -> Recording:
        from lab.cloud import Cloud

        before, deed = OPERATIONS[operation]
        async with Cloud.simulated(chosen, config=default.settings(), datacenter=dict(default.datacenter)) as cloud:
            prepared = Prepared(cloud)
            await prepared.prepare()
            await before(prepared)
            mark = cloud.journal.seq
            await deed(prepared)
            await cloud.sleep(AFTERMATH_S)
            opening = [entry for entry in (cloud.journal.get(1),) if entry.kind == "world"]
            entries = (*opening, *cloud.journal.since(mark))
            return Recording(operation, entries, await prepared.names())

    return run(main, seed=chosen)
