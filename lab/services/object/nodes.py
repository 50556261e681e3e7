"""How proxy and storage nodes speak with each other: paths, the headers of a replica, and one bounded request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, unquote

from lab.context import Context
from lab.errors import TransportError
from lab.process import Process
from lab.rest import Response, Stream
from lab.services.object.driver import Data, StoredObject
from lab.services.object.ring import Device

NODE_TIMEOUT_S = 10  # swift's proxy node_timeout
TIMESTAMP = "x-backend-timestamp-ns"
META = "x-backend-meta-"


def node_service(host: str) -> str:
    """Return the name under which a storage node listens."""
    return f"swift-object@{host}"


class Nodes:
    """All storage nodes as one process reaches them."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ask(self, ctx: Context, device: Device, method: str, place: str, item: StoredObject | None = None) -> Response | None:
        """Ask a device's node for '/{partition}' or '/{partition}/{account}/…'; None when it does not answer in time."""
        headers = replica_headers(item) if item is not None else {}
        stream = stream_of(item.data) if item is not None and not item.deleted else None
        path = f"/{device.name}{quote(place)}"
        try:
            async with asyncio.timeout(NODE_TIMEOUT_S):
                return await self.process.rest.call(
                    ctx, node_service(device.host), method, path, auth="none", headers=headers, stream=stream
                )
        except (TransportError, TimeoutError):
            return None


def replica_headers(item: StoredObject) -> dict[str, str]:
    """Return what travels beside the bytes."""
    return {TIMESTAMP: str(item.timestamp_ns), **{META + name: quote(value) for name, value in item.metadata}}


def item_of(name: str, headers: Mapping[str, str], data: Data, deleted: bool = False) -> StoredObject:
    """Return the replica that a request or answer carries."""
    metadata = tuple((key[len(META) :], unquote(value)) for key, value in headers.items() if key.startswith(META))
    return StoredObject(name, int(headers[TIMESTAMP]), data, metadata, deleted)


def stream_of(data: bytes) -> Stream:
    """Return bytes as a stream, so that they cross the network and not the journal."""

    async def once() -> AsyncIterator[bytes]:
        yield data

    return Stream(once, len(data))


async def bytes_of(answer: Response) -> Data:
    """Return the bytes of an answer, streamed or not."""
    if isinstance(answer.body, Stream):
        return Data(b"".join([chunk async for chunk in answer.body.open()]))
    return Data(answer.content())
