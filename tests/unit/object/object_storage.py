"""A small cloud with object storage only: a real proxy and real storage nodes on disks in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import orjson

from lab.config import Config
from lab.context import Context
from lab.errors import ObjectError
from lab.process import Process
from lab.rest import Request, Response, Stream
from lab.services.object.driver import ObjectDisk, StoredObject
from lab.services.object.processes import start_proxy, start_storage
from lab.wires import Wires
from sim.loop import SimLoop
from tests.keystone import Keystone
from tests.played import played


class MemoryDisk(ObjectDisk):
    """Replicas as dict entries; a dead disk answers nothing."""

    def __init__(self) -> None:
        self.kept: dict[int, dict[str, StoredObject]] = {}
        self.dead = False
        self.lag: Callable[[StoredObject], float] = lambda item: 0.01
        """How long it takes to write a replica, in seconds."""

    def _alive(self) -> None:
        if self.dead:
            raise ObjectError("the disk is dead")

    async def put(self, partition: int, item: StoredObject) -> None:
        self._alive()
        await asyncio.sleep(self.lag(item))
        old = self.kept.setdefault(partition, {}).get(item.name)
        if old is None or old.timestamp_ns < item.timestamp_ns:
            self.kept[partition][item.name] = item

    async def get(self, partition: int, name: str) -> StoredObject | None:
        self._alive()
        return self.kept.get(partition, {}).get(name)

    async def forget(self, partition: int, name: str) -> None:
        self._alive()
        held = self.kept.get(partition, {})
        held.pop(name, None)
        if not held:
            self.kept.pop(partition, None)

    async def partition(self, partition: int) -> list[str]:
        self._alive()
        return sorted(self.kept.get(partition, {}))

    async def partitions(self) -> list[int]:
        self._alive()
        return sorted(p for p, held in self.kept.items() if held)

    def names(self) -> list[str]:
        """All names on it, tombstones left out."""
        return sorted(item.name for held in self.kept.values() for item in held.values() if not item.deleted)


class ObjectStorage:
    """The cloud and a client of its API."""

    def __init__(self, loop: SimLoop, hosts: int, config: Config) -> None:
        self.wires = Wires(loop.runtime, config)
        self.devices = {f"storage-{n}": ["sda"] for n in range(1, hosts + 1)}
        self.disks = {host: MemoryDisk() for host in self.devices}
        self.wires.start("keystone", "controller-1", lambda process: Keystone(process).start())
        for host in self.devices:
            self.wires.start("swift-object", host, self._storage(host))
        self.wires.start("swift-proxy", "controller-1", lambda process: start_proxy(process, self.devices))
        self.client = Process(self.wires, "client", "outside")

    def _storage(self, host: str) -> Callable[[Process], None]:
        return lambda process: start_storage(process, {"sda": self.disks[host]}, self.devices)

    async def ask(
        self,
        method: str,
        path: str,
        data: bytes | Sequence[bytes] = b"",
        *,
        user: str = "alice",
        **headers: str,
    ) -> Response:
        """Send one request as a user; a list of bytes is sent in chunks. The answer's stream is read to its end."""
        sent = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        if user:
            sent["x-auth-token"] = user
        stream = None
        if data:
            chunks = [data] if isinstance(data, bytes) else list(data)

            async def send() -> AsyncIterator[bytes]:
                for chunk in chunks:
                    yield chunk

            stream = Stream(send, sum(map(len, chunks)) if isinstance(data, bytes) else None)
        if not path.startswith("/"):
            path = f"/v1/AUTH_p-alice/{path}" if path else "/v1/AUTH_p-alice"
        ctx = Context(request_id=f"req-{self.client.uuid()}")
        request = Request(method, path, sent, b"", self.client.name, stream)
        answer = await self.wires.router.call(self.client, ctx, "object", request)
        if isinstance(answer.body, Stream):
            answer.body = b"".join([chunk async for chunk in answer.body.open()])
        return answer

    async def names(self, query: str) -> list[str]:
        """List a container as JSON, pseudo-directories included."""
        answer = await self.ask("GET", f"{query}{'&' if '?' in query else '?'}format=json")
        return [row.get("name") or row["subdir"] for row in orjson.loads(answer.content())]

    def copies(self, name: str) -> int:
        """Count the replicas of an object on disks that are not dead."""
        return sum(disk.names().count(f"/AUTH_p-alice/{name}") for disk in self.disks.values() if not disk.dead)


def play(story: Callable[[ObjectStorage], Awaitable[None]], hosts: int = 4, config: Config | None = None) -> None:
    """Run a story on a fresh cloud in virtual time."""
    loop = SimLoop(7)

    async def main() -> None:
        cloud = ObjectStorage(loop, hosts, config or Config())
        await asyncio.sleep(1)
        await story(cloud)
        cloud.wires.journal.close()

    played(loop, main())
