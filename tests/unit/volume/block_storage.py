"""A small cloud with block storage only: real cinder processes, a made-up keystone, glance and backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

import orjson

from lab.config import Config
from lab.context import Context
from lab.errors import NoSpace, NotFound, VolumeError
from lab.medium import Interference, Passing, Verdict
from lab.process import Process
from lab.rest import Api, Request, Response, Route, Stream
from lab.services.volume.agent import start as start_volume
from lab.services.volume.api import start as start_api
from lab.services.volume.driver import Connector, Content, PoolStats, VolumeDriver
from lab.services.volume.scheduler import start as start_scheduler
from lab.wires import Wires
from sim.loop import SimLoop
from tests.keystone import USERS, Keystone
from tests.played import played


class Glance(Api):
    """Has one image of 2 GiB, and one that is still queued."""

    service: ClassVar[str] = "image"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/v2/images/{image_id}", "show"),
        Route("GET", "/v2/images/{image_id}/file", "download"),
    )

    async def show(self, ctx: Context, req: Request) -> dict[str, Any]:
        """Describe an image."""
        image_id = req.params["image_id"]
        if image_id not in ("cirros", "queued"):
            raise NotFound(f"No image found with ID {image_id}")
        return {
            "id": image_id,
            "name": image_id,
            "status": "active" if image_id == "cirros" else "queued",
            "size": 2 << 30,
            "min_disk": 0,
            "min_ram": 0,
            "checksum": "c0ffee",
            "disk_format": "qcow2",
            "container_format": "bare",
            "hw_disk_bus": "virtio",
            "tags": [],
        }

    async def download(self, ctx: Context, req: Request) -> Response:
        """Send its bytes."""

        async def chunks() -> AsyncIterator[bytes]:
            yield b"image"

        return Response(200, Stream(chunks, 5))


class MemoryBackend(VolumeDriver):
    """Volumes as dict entries; `broken` names verbs that fail."""

    def __init__(self, total_gib: float = 100.0) -> None:
        self.total_gib = total_gib
        self.kept: dict[str, int] = {}
        self.images: dict[str, str] = {}
        self.exports: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.calls: list[str] = []

    def _do(self, verb: str) -> None:
        self.calls.append(verb)
        if verb in self.broken:
            raise VolumeError(f"the filer refuses to {verb}")

    async def stats(self) -> PoolStats:
        used = float(sum(self.kept.values()))
        return PoolStats("pool-1", self.total_gib, self.total_gib - used, used, thin=False)

    async def create(self, volume_id: str, size_gib: int) -> None:
        self._do("create")
        if sum(self.kept.values()) + size_gib > self.total_gib:
            raise NoSpace("the filer is full")
        await asyncio.sleep(1)
        self.kept[volume_id] = size_gib

    async def delete(self, volume_id: str) -> None:
        self._do("delete")
        await asyncio.sleep(1)
        self.kept.pop(volume_id, None)

    async def write_image(self, volume_id: str, image_id: str, size: int, checksum: str, content: Content) -> None:
        self._do("write_image")
        await asyncio.sleep(10)
        self.images[volume_id] = image_id

    async def clone(self, volume_id: str, size_gib: int, source_id: str) -> None:
        self._do("clone")
        if source_id not in self.kept:
            raise VolumeError(f"there is no {source_id}")
        self.kept[volume_id] = size_gib

    async def extend(self, volume_id: str, size_gib: int) -> None:
        self._do("extend")
        self.kept[volume_id] = size_gib

    async def snapshot(self, volume_id: str, snapshot_id: str) -> None:
        self._do("snapshot")
        self.kept[snapshot_id] = self.kept[volume_id]

    async def delete_snapshot(self, snapshot_id: str) -> None:
        self._do("delete_snapshot")
        self.kept.pop(snapshot_id, None)

    async def connect(self, volume_id: str, connector: Connector) -> dict[str, object]:
        self._do("connect")
        hosts = self.exports.setdefault(volume_id, [])
        if connector.host not in hosts:
            hosts.append(connector.host)
        return {"driver_volume_type": "nfs", "data": {"export": "nas-1:/pool-1", "name": f"volume-{volume_id}"}}

    async def disconnect(self, volume_id: str, connector: Connector) -> None:
        self._do("disconnect")
        hosts = self.exports.get(volume_id, [])
        if connector.host in hosts:
            hosts.remove(connector.host)
        if not hosts:
            self.exports.pop(volume_id, None)

    async def volumes(self) -> list[str]:
        return sorted(self.kept)


class Meddler(Interference):
    """Does what `rule` says to what passes."""

    def __init__(self) -> None:
        self.rule: Callable[[Passing], Verdict | None] = lambda passing: None

    def judge(self, passing: Passing) -> Verdict | None:
        return self.rule(passing)


class BlockStorage:
    """The cloud and a client of its API."""

    def __init__(self, loop: SimLoop, config: Config, backends: dict[str, MemoryBackend]) -> None:
        self.meddler = Meddler()
        self.wires = Wires(loop.runtime, config, interference=self.meddler)
        self.backends = backends
        self.wires.start("keystone", "controller-1", lambda process: Keystone(process).start())
        self.wires.start("glance", "controller-1", lambda process: Glance(process).start())
        self.wires.start("cinder-api", "controller-1", start_api)
        self.wires.start("cinder-scheduler", "controller-1", start_scheduler)
        for host, backend in backends.items():
            self.wires.start("cinder-volume", host, partial(start_volume, driver=backend))
        self.client = Process(self.wires, "client", "outside")

    @property
    def backend(self) -> MemoryBackend:
        return next(iter(self.backends.values()))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "alice",
        version: str = "3.71",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send one request as a user; `~` in the path is /v3/{the user's project}."""
        sent = {"x-auth-token": user, "openstack-api-version": f"volume {version}", **(headers or {})}
        if path.startswith("~"):
            path = f"/v3/{USERS[user][0]}{path[1:]}"
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
            sent["content-type"] = "application/json"
        ctx = Context(request_id=f"req-{self.client.uuid()}")
        request = Request(method, path, sent, data, self.client.name)
        return await self.wires.router.call(self.client, ctx, "volume", request)

    async def make(self, size: int = 1, *, user: str = "alice", wait: str = "available", **fields: Any) -> dict[str, Any]:
        """Create a volume and wait for a status."""
        answer = await self.ask("POST", "~/volumes", {"volume": {"size": size, **fields}}, user=user)
        assert answer.status == 202, answer.content()
        return await self.wait(answer.json()["volume"]["id"], wait, user=user)

    async def show(self, volume_id: str, user: str = "alice") -> dict[str, Any]:
        answer = await self.ask("GET", f"~/volumes/{volume_id}", user=user)
        assert answer.status == 200, answer.content()
        shown: dict[str, Any] = answer.json()["volume"]
        return shown

    async def wait(self, volume_id: str, status: str, user: str = "alice", seconds: int = 300) -> dict[str, Any]:
        """Poll until the volume has a status; 'gone' waits for its end."""
        for _ in range(seconds):
            answer = await self.ask("GET", f"~/volumes/{volume_id}", user=user)
            if answer.status == 404 and status == "gone":
                return {}
            if answer.status == 200 and answer.json()["volume"]["status"] == status:
                shown: dict[str, Any] = answer.json()["volume"]
                return shown
            await asyncio.sleep(1)
        raise AssertionError(f"volume never became {status}: {answer.status} {answer.content()!r}")

    async def attach(self, volume_id: str, server: str, host: str = "compute-1") -> str:
        """Attach as nova does: reserve, connect, complete."""
        body = {"attachment": {"volume_uuid": volume_id, "instance_uuid": server}}
        attachment = (await self.ask("POST", "/v3/attachments", body)).json()["attachment"]["id"]
        connector = {"host": host, "ip": "10.0.0.1", "initiator": "iqn", "mountpoint": "/dev/vdb"}
        answer = await self.ask("PUT", f"/v3/attachments/{attachment}", {"attachment": {"connector": connector}})
        assert answer.status == 200, answer.content()
        await self.ask("POST", f"/v3/attachments/{attachment}/action", {"os-complete": None})
        return str(attachment)

    def entries(self, **wanted: object) -> list[Any]:
        return list(self.wires.journal.find(**wanted))


@asynccontextmanager
async def block_storage(
    loop: SimLoop, config: Config | None = None, backends: dict[str, MemoryBackend] | None = None
) -> AsyncIterator[BlockStorage]:
    """A cloud that is ready."""
    cloud = BlockStorage(loop, config or Config(), backends or {"nas-1": MemoryBackend()})
    await asyncio.sleep(2)
    yield cloud
    cloud.wires.journal.close()


def play(
    story: Callable[[BlockStorage], Awaitable[None]],
    config: Config | None = None,
    backends: dict[str, MemoryBackend] | None = None,
) -> None:
    """Run a story on a fresh cloud in virtual time."""
    loop = SimLoop(7)

    async def main() -> None:
        async with block_storage(loop, config, backends) as cloud:
            await story(cloud)

    played(loop, main())
