"""The port of object disks: one device of the ring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


class Data(bytes):
    """An object's bytes. The journal shows how many there are, not what they say."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"<{len(self)} bytes>"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One replica's file: its timestamp (virtual ns) decides which replica is newer; `deleted` is a tombstone."""

    name: str
    timestamp_ns: int
    data: bytes = b""
    metadata: tuple[tuple[str, str], ...] = ()
    deleted: bool = False


class ObjectDisk(ABC):
    """One disk. A dead disk raises `ObjectError` on every call."""

    @abstractmethod
    async def put(self, partition: int, item: StoredObject) -> None:
        """Keep the replica unless a newer one of that name is there. Raises NoSpace."""

    @abstractmethod
    async def get(self, partition: int, name: str) -> StoredObject | None:
        """Return the replica (or its tombstone), or None."""

    @abstractmethod
    async def forget(self, partition: int, name: str) -> None:
        """Forget the replica altogether (after hand-off); none is no error."""

    @abstractmethod
    async def partition(self, partition: int) -> list[str]:
        """List the names kept in a partition, sorted."""

    @abstractmethod
    async def partitions(self) -> list[int]:
        """List the partitions that hold anything, sorted."""
