"""One boot of a kept cloud: seeded work on it, its end in the middle of that, and what must hold afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson

from lab.client.resource import Resource
from lab.client.session import ApiError
from lab.client.transports import InWorld
from lab.cloud import Cloud, SimulatedCloud
from lab.errors import LabError, ProcessKilled
from sim.loop import SimLoop
from sim.world import SimWorld

MIB = 1 << 20
SMALL = {"racks": 1, "hosts_per_rack": 2}
SETTLE_S = 700.0
"""Longer than sync_power_state_interval (600 s): by then agents have looked at everything once."""
GONE_S = 900.0
NOT_ANSWERED = (LabError, ApiError)


@dataclass
class Seen:
    """What clients of all boots have been told: it must stay true."""

    ids: dict[str, str] = field(default_factory=dict)
    """Id -> what has it."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """Name -> content, as acknowledged."""
    unsure: set[str] = field(default_factory=set)
    """Objects whose put or delete was never answered."""
    now: str = ""

    def new(self, kind: str, given: str) -> None:
        """An id was given out; twice is an error."""
        assert given not in self.ids, f"{kind} {given} was given before, to {self.ids[given]}"
        self.ids[given] = kind

    def tick(self, now: str) -> None:
        """The cloud told its time; before what it told earlier is an error."""
        assert now >= self.now, f"the cloud's clock went back from {self.now} to {now}"
        self.now = now


class Worker:
    """A client that does random things until it is stopped."""

    def __init__(self, cloud: Cloud, seed: str, seen: Seen, pause_s: float = 3.0) -> None:
        self.cloud, self.seen, self.dice, self.pause_s = cloud, seen, Random(seed), pause_s
        self.flavor = self.network = self.image = ""

    async def prepare(self) -> None:
        """Find or make what servers need."""
        cloud = self.cloud
        flavors = {str(f.name): f.id for f in await cloud.compute.flavors.list()}
        self.flavor = flavors.get("tiny") or (await cloud.compute.flavors.create("tiny", vcpus=1, ram=64, disk=1)).id
        networks = {str(n.name): n.id for n in await cloud.network.networks.list()}
        if "net" not in networks:
            networks["net"] = (await cloud.network.networks.create("net")).id
        self.network = networks["net"]
        if not await cloud.network.subnets.list():
            await cloud.network.subnets.create(self.network, "10.0.0.0/24")
        images = [i for i in await cloud.image.images.list() if i.name == "base" and i.status == "active"]
        if not images:
            image = await cloud.image.images.create("base", visibility="public")
            self.seen.new("image", image.id)
            images = [await image.upload_sparse(5 * MIB)]
        self.image = images[0].id

    async def prepared_work(self, first: Worker) -> None:
        """Work with what the first of the crew has prepared."""
        if self is first:
            await self.prepare()
        while not first.image:
            await self.cloud.sleep(0.01)
        self.flavor, self.network, self.image = first.flavor, first.network, first.image
        await self.work()

    async def work(self) -> None:
        """Do one thing after the other; refusals are part of it."""
        acts = (
            self.boot, self.boot, self.unboot, self.volume, self.unvolume, self.attach, self.detach, self.power,
            self.upload, self.unimage, self.put, self.unput,
        )  # fmt: skip
        while True:
            with suppress(ApiError):
                await self.dice.choice(acts)()
            await self.cloud.sleep(self.dice.random() * self.pause_s)

    async def _any(self, things: Any, **filters: Any) -> Any:
        found = sorted(await things.list(**filters), key=lambda thing: str(thing.id))
        return self.dice.choice(found) if found else None

    async def boot(self) -> None:
        name = f"s{self.dice.getrandbits(32):08x}"
        volume = 1 if self.dice.random() < 0.3 else None
        server = await self.cloud.compute.servers.create(
            name, self.flavor, image=self.image, networks=[{"uuid": self.network}], boot_volume_gib=volume
        )
        self.seen.new("server", server.id)

    async def unboot(self) -> None:
        server = await self._any(self.cloud.compute.servers)
        if server is not None:
            await server.delete()

    async def volume(self) -> None:
        image = self.image if self.dice.random() < 0.5 else None
        volume = await self.cloud.volume.volumes.create(1, name="v", image=image)
        self.seen.new("volume", volume.id)

    async def unvolume(self) -> None:
        volume = await self._any(self.cloud.volume.volumes)
        if volume is not None:
            await volume.delete()

    async def attach(self) -> None:
        server, volume = await self._any(self.cloud.compute.servers), await self._any(self.cloud.volume.volumes)
        if server is not None and volume is not None:
            await server.attach_volume(volume.id)

    async def detach(self) -> None:
        volume = await self._any(self.cloud.volume.volumes)
        if volume is not None and volume.data["attachments"]:
            server = await self.cloud.compute.servers.get(volume.data["attachments"][0]["server_id"])
            await server.detach_volume(volume.id)

    async def power(self) -> None:
        server = await self._any(self.cloud.compute.servers)
        if server is not None:
            await (server.stop() if server.status == "ACTIVE" else server.start())

    async def upload(self) -> None:
        image = await self.cloud.image.images.create(f"i{self.dice.getrandbits(32):08x}")
        self.seen.new("image", image.id)
        await image.upload(self.dice.randbytes(5000))

    async def unimage(self) -> None:
        image = await self._any(self.cloud.image.images)
        if image is not None and image.name != "base":
            await image.delete()

    async def put(self) -> None:
        await self.cloud.object.create_container("box")
        name, data = f"o{self.dice.randrange(20)}", self.dice.randbytes(300)
        self.seen.unsure.add(name)
        await self.cloud.object.put("box", name, data)
        self.seen.objects[name] = data
        self.seen.unsure.discard(name)

    async def unput(self) -> None:
        name = f"o{self.dice.randrange(20)}"
        if name not in self.seen.objects:
            return
        self.seen.unsure.add(name)
        await self.cloud.object.delete("box", name)
        del self.seen.objects[name]
        self.seen.unsure.discard(name)


class Boot:
    """One boot of the cloud in a database file, on a loop of its own."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.loop = SimLoop(7)
        self.world = SimWorld(self.loop, 7, db=f"sqlite:///{path}", **options)
        self.cloud = SimulatedCloud(self.world, InWorld(self.world.client))

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def drop(self) -> None:
        """Its power is cut: nothing of it gets to the database any more."""
        assert self.world.keeper is not None
        self.world.keeper.store._connection.close()
        for process in list(self.world.wires.processes.values()):
            process.kill()
        with suppress(ProcessKilled):
            self.loop.close()
        self.world.wires.journal.close()

    def errors(self) -> list[BaseException]:
        """What tasks of the cloud raised unexpectedly."""
        return [e for e in self.loop.runtime.errors if not isinstance(e, ProcessKilled)]


def stamps(things: list[Resource]) -> Iterator[str]:
    """All created and updated stamps, in one form."""
    for thing in things:
        for name, value in thing.data.items():
            if value and name.split("_")[0] in ("created", "updated", "launched"):
                yield str(value)[:19]


async def settle(cloud: SimulatedCloud, seen: Seen) -> None:
    """Wait until agents have reconciled, and look at the clock."""
    seen.tick(cloud.wires.runtime.iso_us())
    await cloud.ready()
    await cloud.sleep(SETTLE_S)
    seen.tick(cloud.wires.runtime.iso_us())


async def check(cloud: SimulatedCloud, seen: Seen) -> None:
    """Records and world agree, and what clients were told is still true."""
    dc = cloud.world.datacenter
    servers = {s.id: s for s in await cloud.compute.servers.list()}
    guests = {key: (host.name, guest) for host in dc.hypervisors.values() for key, guest in host.guests.items()}
    for key, (host, guest) in guests.items():
        assert key in servers, f"guest {key} on {host} has no server"
        assert servers[key].host == host, f"guest {key} is on {host}, its record says {servers[key].host}"
        assert guest.running == (servers[key].status == "ACTIVE"), (servers[key].status, guest.power_state)
    for key, server in servers.items():
        assert server.task_state is None or server.host is None, (key, server.status, server.task_state, server.host)
        if server.status in ("ACTIVE", "SHUTOFF"):
            assert key in guests, f"server {key} is {server.status} and has no guest"
    await _check_storage(cloud, seen)
    now = seen.now[:19]
    things = [*servers.values(), *await cloud.volume.volumes.list(), *await cloud.image.images.list()]
    for stamp in stamps(things):
        assert stamp <= now, f"{stamp} lies after {now}"


async def _check_storage(cloud: SimulatedCloud, seen: Seen) -> None:
    dc = cloud.world.datacenter
    volumes = {v.id: v for v in await cloud.volume.volumes.list()}
    files = {key for nas in dc.filers.values() for key in nas.volumes}
    assert files <= set(volumes), f"on the filer, without a record: {files - set(volumes)}"
    good = {key for key, volume in volumes.items() if volume.status in ("available", "in-use")}
    assert good <= files, f"good volumes without a file: {good - files}"
    images = {i.id: i for i in await cloud.image.images.list()}
    stored = {key: file for directory in dc.images.values() for key, file in directory.files.items()}
    assert set(stored) <= set(images), f"image files without a record: {set(stored) - set(images)}"
    for key, image in images.items():
        assert image.status != "active" or image.data["checksum"] == stored[key].checksum
    for name, data in seen.objects.items():
        if name not in seen.unsure:
            assert await cloud.object.get("box", name) == data
    if seen.objects:
        listed = {item["name"] for item in await cloud.object.list("box")}
        sure = set(seen.objects) - seen.unsure
        assert sure <= listed, f"objects lost: {sure - listed}"


async def empty(cloud: SimulatedCloud) -> None:
    """Delete everything; nothing may be left anywhere."""
    async def end(things: list[Any]) -> None:
        for thing in things:
            try:
                await thing.delete()
            except ApiError as error:
                if error.status != 404:  # a boot volume goes with its server
                    raise
        for thing in things:
            await thing.wait_gone(timeout=GONE_S)

    await end(await cloud.compute.servers.list())
    await cloud.sleep(60)
    for snapshot in await cloud.volume.snapshots.list():
        if snapshot.status == "creating":  # what was to make it was lost with the queue
            body = {"os-reset_status": {"status": "error"}}
            await cloud.session.json("volume", "POST", f"/v3/snapshots/{snapshot.id}/action", body)
    await end(await cloud.volume.snapshots.list())
    for volume in await cloud.volume.volumes.list():
        if volume.status not in ("available", "error", "in-use", "error_deleting"):
            body = {"os-reset_status": {"status": "error", "attach_status": "detached"}}
            try:
                await cloud.session.json("volume", "POST", f"/v3/volumes/{volume.id}/action", body)
            except ApiError as error:
                if error.status != 404:  # it was on its way out and is gone meanwhile
                    raise
    await end(await cloud.volume.volumes.list())
    await end(await cloud.image.images.list())
    with suppress(ApiError):
        for item in await cloud.object.list("box"):
            await cloud.object.delete("box", item["name"])
        await cloud.object.delete("box")
    for port in await cloud.network.ports.list():
        if port.data["device_owner"] != "network:dhcp":
            raise AssertionError(f"a port is left over: {port.data}")
    await end(await cloud.network.networks.list())
    await cloud.sleep(GONE_S)
    left = remains(cloud)
    assert not left, left


def remains(cloud: SimulatedCloud) -> list[str]:
    """What still lies in the world, apart from caches of images and the tombstones of objects."""
    from sim.datacenter.durable import snapshot

    world = orjson.loads(orjson.dumps(snapshot(cloud.world.datacenter)))
    assert cloud.world.keeper is not None
    kept = cloud.world.keeper.disks()
    wrong = [key for key in sorted({*world, *kept}) if world.get(key) != kept.get(key)]
    assert not wrong, [(key, world.get(key), kept.get(key)) for key in wrong]
    return [key for key in world if not key.startswith("cache/") and not world[key].get("deleted")]


async def work_until_dropped(cloud: SimulatedCloud, seed: str, seen: Seen, workers: int = 3) -> None:
    """Several clients at once, until the end of the world."""
    await cloud.ready()
    crew = [Worker(cloud, f"{seed}/{number}", seen) for number in range(workers)]
    async with asyncio.TaskGroup() as group:
        for worker in crew:
            group.create_task(worker.prepared_work(crew[0]))


def looked_at(path: Path, seen: Seen, **options: Any) -> None:
    """Open the cloud once more: everything must be right, and can be deleted."""
    boot = Boot(path, **options)

    async def look() -> None:
        await settle(boot.cloud, seen)
        await check(boot.cloud, seen)
        await empty(boot.cloud)

    boot.run(look())
    assert not boot.errors(), boot.errors()
    boot.drop()
