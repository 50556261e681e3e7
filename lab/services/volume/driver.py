"""The port of volume backends, one pool of one filer or disk array.

Promises: every verb converges when repeated; after a `VolumeError` nothing of the call is left.
Source of the verbs: the core of cinder's volume driver interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from lab.errors import VolumeError

Content = Callable[[], AsyncIterator[bytes]]
"""Begins to read a file's bytes; called once at most."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Capacity of a pool in GiB."""

    pool: str
    total_gib: float
    free_gib: float
    provisioned_gib: float
    thin: bool = True


@dataclass(frozen=True, slots=True)
class Connector:
    """Who wants to reach a volume: a compute host."""

    host: str
    ip: str
    initiator: str = ""


class VolumeDriver(ABC):
    """One backend."""

    @abstractmethod
    async def stats(self) -> PoolStats:
        """Return the pool's capacity now."""

    @abstractmethod
    async def create(self, volume_id: str, size_gib: int) -> None:
        """Make an empty volume. Raises NoSpace or VolumeError."""

    @abstractmethod
    async def delete(self, volume_id: str) -> None:
        """Remove the volume; none is no error."""

    @abstractmethod
    async def write_image(self, volume_id: str, image_id: str, size: int, checksum: str, content: Content) -> None:
        """Fill the volume with an image of `size` bytes."""

    @abstractmethod
    async def clone(self, volume_id: str, size_gib: int, source_id: str) -> None:
        """Make a volume from another volume or from a snapshot, by the id of either."""

    @abstractmethod
    async def extend(self, volume_id: str, size_gib: int) -> None:
        """Grow the volume."""

    @abstractmethod
    async def snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """Keep the volume as it is now under `snapshot_id`."""

    async def begin_assisted_snapshot(self, volume_id: str, snapshot_id: str) -> str | None:
        """Prepare a snapshot of a volume that a guest has open, for a backend that needs the hypervisor's help.

        Answers an empty file beside the volume's, named as `connect` names that, into which the hypervisor copies the
        volume as it is at one instant; None where `snapshot` works by itself. `delete_snapshot` takes it back.
        """
        return None

    async def end_assisted_snapshot(self, snapshot_id: str) -> None:
        """Keep what the hypervisor copied as the snapshot. A repeat converges; raises VolumeError when nothing was begun."""
        raise VolumeError(f"no snapshot {snapshot_id} was begun here")

    @abstractmethod
    async def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove the snapshot; none is no error."""

    @abstractmethod
    async def connect(self, volume_id: str, connector: Connector) -> dict[str, object]:
        """Export the volume to the host; answer what its hypervisor needs (`driver_volume_type`, `data`)."""

    @abstractmethod
    async def disconnect(self, volume_id: str, connector: Connector) -> None:
        """Take the export back; none is no error."""

    @abstractmethod
    async def volumes(self) -> list[str]:
        """List the ids of all volumes and snapshots on the backend, sorted."""
