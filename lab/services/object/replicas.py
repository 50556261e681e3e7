"""The proxy's side of the replicas: writes that a majority must take, reads that the newest replica answers.

A device that is dead or cannot be reached is stood in for by a hand-off device; the replicators bring the
copy home later. Source of the rules: the object controller of Swift's proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from lab.context import Context
from lab.process import Process
from lab.services.object.driver import StoredObject
from lab.services.object.model import NoQuorum
from lab.services.object.nodes import META, TIMESTAMP, Nodes, bytes_of, item_of
from lab.services.object.ring import Device, Ring


@dataclass(frozen=True, slots=True)
class Found:
    """A replica: where it is, its timestamp, whether it says that the object is gone, and its headers."""

    device: Device
    timestamp_ns: int
    deleted: bool
    headers: dict[str, str]
    size: int

    @property
    def kept(self) -> dict[str, str]:
        """What is kept beside the bytes."""
        return {key[len(META) :]: unquote(value) for key, value in self.headers.items() if key.startswith(META)}


class Replicas:
    """All replicas of all objects, as the proxy reaches them. Names are '/account/container/object'."""

    def __init__(self, process: Process, ring: Callable[[], Ring]) -> None:
        self.nodes, self._ring = Nodes(process), ring

    @cached_property
    def ring(self) -> Ring:
        """The ring, computed when the first object needs it."""
        return self._ring()

    @property
    def quorum(self) -> int:
        """Return how many replicas must be written: a majority."""
        return self.ring.replicas // 2 + 1

    def _partition(self, name: str) -> int:
        _, account, container, key = name.split("/", 3)
        return self.ring.partition(account, container, key)

    # -- writing ------------------------------------------------------------------------------

    async def put(self, ctx: Context, item: StoredObject) -> None:
        """Write all replicas, on hand-off devices where a keeper fails. Raises NoQuorum."""
        await self._write(ctx, "PUT", item)

    async def delete(self, ctx: Context, name: str, timestamp_ns: int) -> None:
        """Write tombstones, likewise. Raises NoQuorum."""
        await self._write(ctx, "DELETE", StoredObject(name, timestamp_ns, deleted=True))

    async def _write(self, ctx: Context, method: str, item: StoredObject) -> None:
        partition = self._partition(item.name)
        place = f"/{partition}{item.name}"
        missing, written = self.ring.primaries(partition), 0
        spare = self.ring.handoffs(partition)
        while missing:
            answers = await asyncio.gather(*(self.nodes.ask(ctx, d, method, place, item) for d in missing))
            # 409: a newer one lies there already, so this write is over as far as that device is concerned.
            taken = sum(a is not None and (a.ok or a.status == 409) for a in answers)
            written += taken
            missing, spare = spare[: len(missing) - taken], spare[len(missing) - taken :]
        if written < self.quorum:
            raise NoQuorum

    # -- reading ------------------------------------------------------------------------------

    async def newest(self, ctx: Context, name: str) -> list[Found]:
        """Return the replicas, the newest first; hand-off devices are asked when a keeper is silent or none knows it."""
        partition = self._partition(name)
        found, silent = await self._heads(ctx, self.ring.primaries(partition), partition, name)
        if silent or not found:
            more, _ = await self._heads(ctx, self.ring.handoffs(partition)[: self.ring.replicas], partition, name)
            found += more
        return sorted(found, key=lambda replica: -replica.timestamp_ns)

    async def _heads(self, ctx: Context, devices: Sequence[Device], partition: int, name: str) -> tuple[list[Found], int]:
        answers = await asyncio.gather(*(self.nodes.ask(ctx, d, "HEAD", f"/{partition}{name}") for d in devices))
        found, silent = [], 0
        for device, answer in zip(devices, answers, strict=True):
            if answer is None or answer.status >= 500:
                silent += 1
            elif TIMESTAMP in answer.headers:
                size = int(answer.headers.get("Content-Length", 0))
                at = int(answer.headers[TIMESTAMP])
                found.append(Found(device, at, answer.status == 404, dict(answer.headers), size))
        return found, silent

    async def read(self, ctx: Context, name: str, found: Sequence[Found]) -> StoredObject:
        """Return the newest replica with its bytes, from the first device that gives it. Raises NoQuorum when none does."""
        partition = self._partition(name)
        for each in found:
            if each.timestamp_ns != found[0].timestamp_ns:
                break
            # In a task, as its timeout needs one.
            (answer,) = await asyncio.gather(self.nodes.ask(ctx, each.device, "GET", f"/{partition}{name}"))
            if answer is not None and answer.status == 200:
                return item_of(name, answer.headers, await bytes_of(answer))
        raise NoQuorum
