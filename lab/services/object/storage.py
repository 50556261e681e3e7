"""swift-object: one storage node. It keeps replicas on its disks and decides nothing; the newest timestamp wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from lab.context import Context
from lab.errors import NoSpace, NotFound, ObjectError
from lab.process import Process
from lab.rest import PUBLIC, Api, FaultTable, Request, Response, Route
from lab.rest.faults import object_style
from lab.rest.numbers import number
from lab.services.object.driver import Data, ObjectDisk, StoredObject
from lab.services.object.model import DiskUnavailable, NoSuchObject
from lab.services.object.nodes import TIMESTAMP, item_of, node_service, replica_headers, stream_of

FAULTS = FaultTable(object_style, {DiskUnavailable: 507, NoSpace: 507, ObjectError: 507})


class StorageApi(Api):
    """What the proxy and the other nodes ask of a node. Nodes trust their network, as Swift's do: no tokens."""

    faults: ClassVar[FaultTable | None] = FAULTS
    routes: ClassVar[Sequence[Route]] = (
        Route("PUT", "/{device}/{partition}/{account}/{container}/{object:path}", "put", PUBLIC, streaming=True),
        Route("GET", "/{device}/{partition}/{account}/{container}/{object:path}", "get", PUBLIC),
        Route("HEAD", "/{device}/{partition}/{account}/{container}/{object:path}", "head", PUBLIC),
        Route("DELETE", "/{device}/{partition}/{account}/{container}/{object:path}", "delete", PUBLIC, success=204),
        Route("REPLICATE", "/{device}/{partition}", "replicate", PUBLIC),
    )

    def __init__(self, process: Process, disks: Mapping[str, ObjectDisk]) -> None:
        super().__init__(process)
        self.disks = {name: process.drive("object", disk) for name, disk in disks.items()}
        self.inventory = Inventory(self.disks)

    def _disk(self, req: Request) -> tuple[ObjectDisk, int]:
        disk, partition = self.disks.get(req.params["device"]), number(req.params["partition"])
        if disk is None or partition is None:
            raise NotFound(f"no device {req.params['device']} on {self.process.host}; known: {', '.join(self.disks)}")
        return disk, partition

    async def put(self, ctx: Context, req: Request) -> Response:
        """Keep a replica; 409 when a newer one is there."""
        data = Data(b"".join([chunk async for chunk in req.stream.open()])) if req.stream else Data(req.body)
        return await self._keep(req, item_of(name_of(req), req.headers, data), 201)

    async def delete(self, ctx: Context, req: Request) -> Response:
        """Keep a tombstone; 409 when a newer replica is there."""
        return await self._keep(req, item_of(name_of(req), req.headers, Data(), deleted=True), 204)

    async def _keep(self, req: Request, item: StoredObject, status: int) -> Response:
        disk, partition = self._disk(req)
        known = self.inventory.timestamp(req.params["device"], partition, item.name)
        if known > item.timestamp_ns:
            return Response(409, headers={TIMESTAMP: str(known)})
        await disk.put(partition, item)
        self.inventory.note(req.params["device"], partition, item)
        return Response(status, headers={TIMESTAMP: str(item.timestamp_ns)})

    async def get(self, ctx: Context, req: Request) -> Response:
        """Send a replica; a tombstone is a 404 with a timestamp."""
        return await self._send(req, with_bytes=True)

    async def head(self, ctx: Context, req: Request) -> Response:
        """Describe a replica."""
        return await self._send(req, with_bytes=False)

    async def _send(self, req: Request, with_bytes: bool) -> Response:
        disk, partition = self._disk(req)
        item = await disk.get(partition, name_of(req))
        if item is None:
            raise NoSuchObject
        headers = replica_headers(item)
        if item.deleted:
            return Response(404, headers=headers)
        headers["Content-Length"] = str(len(item.data))
        return Response(200, stream_of(item.data) if with_bytes else None, headers)

    async def replicate(self, ctx: Context, req: Request) -> dict[str, Any]:
        """Say what a partition holds: names and their timestamps."""
        _, partition = self._disk(req)
        return {"objects": await self.inventory.of(req.params["device"], partition)}


class Inventory:
    """What lies on a node's disks, remembered so that a look at a partition does not read all its bytes again.

    The names come from the disk each time: a disk that was replaced is empty, whatever was remembered.
    """

    def __init__(self, disks: Mapping[str, ObjectDisk]) -> None:
        self.disks = disks
        self._known: dict[tuple[str, int, str], tuple[int, bool]] = {}
        self._pending: dict[tuple[str, int, str], None] = {}  # what came, or was found, and may not be in its listing yet
        self.occupied: dict[str, None] = {}  # devices on which this life has seen anything, in order

    def note(self, device: str, partition: int, item: StoredObject) -> None:
        """Remember a replica that was kept; of two that were written at once the disk kept the newer one."""
        key = (device, partition, item.name)
        self.occupied[device] = None
        if self.timestamp(*key) <= item.timestamp_ns:
            self._known[key] = (item.timestamp_ns, item.deleted)
            self._pending[key] = None

    def take_pending(self, device: str, partition: int, name: str) -> bool:
        """Say whether its listing may not know of a replica yet, and count it as told."""
        key = (device, partition, name)
        if key not in self._pending:
            return False
        del self._pending[key]
        return True

    def put_back(self, device: str, partition: int, name: str) -> None:
        """Count a replica as not told yet: telling it failed."""
        self._pending[device, partition, name] = None

    def timestamp(self, device: str, partition: int, name: str) -> int:
        """Return the timestamp of a replica as it is remembered, 0 when it is not."""
        return self._known.get((device, partition, name), (0, False))[0]

    def is_tombstone(self, device: str, partition: int, name: str) -> bool:
        """Say whether what is remembered is a tombstone."""
        return self._known.get((device, partition, name), (0, False))[1]

    def forget(self, device: str, partition: int, name: str) -> None:
        """Forget a replica that was removed."""
        self._known.pop((device, partition, name), None)
        self._pending.pop((device, partition, name), None)

    async def of(self, device: str, partition: int) -> dict[str, int]:
        """Return the names in a partition with their timestamps. Raises ObjectError when the disk is dead."""
        found: dict[str, int] = {}
        disk = self.disks[device]
        for name in await disk.partition(partition):
            known = self._known.get((device, partition, name))
            if known is None:
                item = await disk.get(partition, name)
                if item is None:
                    continue
                self.note(device, partition, item)
                known = (item.timestamp_ns, item.deleted)
            found[name] = known[0]
        return found


def name_of(req: Request) -> str:
    """Return the object's name as disks know it: '/account/container/object', a slash at its end included."""
    return f"/{unquote(req.path.split('/', 3)[3])}"


def listening_on(host: str) -> type[StorageApi]:
    """Return the API class of one node: each listens under its own name."""

    class Node(StorageApi):
        service: ClassVar[str] = node_service(host)

    return Node
