"""The messages between cinder's processes, and their topics.

Shapes as captured from real cinder: everything travels on the exchange `openstack`; a volume's commands
go to `cinder-volume.<host>@<backend>.<host>`.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.process import Process
from lab.services.volume.model import Json, Volume, VolumeSnapshot, service_host

EXCHANGE = "openstack"
VERSION = "3.0"  # what real cinder's casts carry
SCHEDULER_TOPIC = "cinder-scheduler"
VOLUME_TOPIC = "cinder-volume"


def backend_topic(host: str) -> str:
    """Return the topic of one backend's manager on its host.

    >>> backend_topic("nas-1@nas#pool-1")
    'cinder-volume.nas-1@nas.nas-1'
    """
    backend = service_host(host)
    return f"{VOLUME_TOPIC}.{backend}.{backend.partition('@')[0]}"


def _host_of(volume: Volume) -> str:
    if volume.host is None:
        raise ValueError(f"volume {volume.id} has no host yet; nobody can be told about it")
    return volume.host


class SchedulerRpc:
    """What cinder-api and cinder-volume ask of cinder-scheduler."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc

    def create_volume(self, ctx: Context, volume: Volume, request_spec: Json, filter_properties: Json) -> None:
        """Choose a backend for the volume and hand it over."""
        body = {
            "volume": volume.dump(),
            "snapshot_id": volume.snapshot_id,
            "image_id": volume.image_id,
            "request_spec": request_spec,
            "filter_properties": filter_properties,
            "backup_id": None,
        }
        self._rpc.cast(ctx, SCHEDULER_TOPIC, "create_volume", body)

    def create_snapshot(self, ctx: Context, volume: Volume, snapshot: VolumeSnapshot) -> None:
        """Check that the backend has room for the snapshot and hand it over."""
        body = {"volume": volume.dump(), "snapshot": snapshot.dump(), "backend": volume.host}
        self._rpc.cast(ctx, SCHEDULER_TOPIC, "create_snapshot", body)

    def extend_volume(self, ctx: Context, volume: Volume, new_size: int) -> None:
        """Check that the backend has room for the growth and hand it over."""
        self._rpc.cast(ctx, SCHEDULER_TOPIC, "extend_volume", {"volume": volume.dump(), "new_size": new_size})


class VolumeRpc:
    """What cinder-api and cinder-scheduler ask of the cinder-volume that owns a volume."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc

    def create_volume(self, ctx: Context, volume: Volume, request_spec: Json, filter_properties: Json) -> None:
        """Make the volume on the backend that was chosen."""
        body = {
            "volume": volume.dump(),
            "request_spec": request_spec,
            "filter_properties": filter_properties,
            "allow_reschedule": True,
        }
        self._rpc.cast(ctx, backend_topic(_host_of(volume)), "create_volume", body)

    def delete_volume(self, ctx: Context, volume: Volume, cascade: bool = False) -> None:
        """Remove the volume from its backend, then its record."""
        body = {"volume": volume.dump(), "unmanage_only": False, "cascade": cascade}
        self._rpc.cast(ctx, backend_topic(_host_of(volume)), "delete_volume", body)

    def extend_volume(self, ctx: Context, volume: Volume, new_size: int) -> None:
        """Grow the volume."""
        body = {"volume": volume.dump(), "new_size": new_size}
        self._rpc.cast(ctx, backend_topic(_host_of(volume)), "extend_volume", body)

    def create_snapshot(self, ctx: Context, volume: Volume, snapshot: VolumeSnapshot) -> None:
        """Keep the volume as it is now."""
        body = {"volume": volume.dump(), "snapshot": snapshot.dump()}
        self._rpc.cast(ctx, backend_topic(_host_of(volume)), "create_snapshot", body)

    def delete_snapshot(self, ctx: Context, snapshot: VolumeSnapshot, host: str) -> None:
        """Remove the snapshot from its backend, then its record."""
        body = {"snapshot": snapshot.dump(), "unmanage_only": False}
        self._rpc.cast(ctx, backend_topic(host), "delete_snapshot", body)

    async def attachment_update(self, ctx: Context, volume: Volume, connector: Json, attachment_id: str) -> Json:
        """Export the volume to the connector; answer the connection info."""
        body = {"vref": volume.dump(), "connector": connector, "attachment_id": attachment_id}
        result: Json = await self._rpc.call(ctx, backend_topic(_host_of(volume)), "attachment_update", body)
        return result

    async def attachment_delete(self, ctx: Context, attachment_id: str, volume: Volume) -> None:
        """Take the export back and forget the attachment."""
        body = {"attachment_id": attachment_id, "vref": volume.dump()}
        await self._rpc.call(ctx, backend_topic(_host_of(volume)), "attachment_delete", body)

    async def attach_volume(self, ctx: Context, volume: Volume, where: Json) -> Any:
        """Mark the volume as used at `where` (instance_uuid, host_name, mountpoint, mode): the old way."""
        body = {"volume_id": volume.id, **where}
        return await self._rpc.call(ctx, backend_topic(_host_of(volume)), "attach_volume", body)

    async def detach_volume(self, ctx: Context, volume: Volume, attachment_id: str | None) -> None:
        """Mark the volume as not used: the old way."""
        body = {"volume_id": volume.id, "attachment_id": attachment_id}
        await self._rpc.call(ctx, backend_topic(_host_of(volume)), "detach_volume", body)

    async def initialize_connection(self, ctx: Context, volume: Volume, connector: Json) -> Json:
        """Export the volume without an attachment record: the old way."""
        body = {"volume": volume.dump(), "connector": connector}
        result: Json = await self._rpc.call(ctx, backend_topic(_host_of(volume)), "initialize_connection", body)
        return result

    async def terminate_connection(self, ctx: Context, volume: Volume, connector: Json) -> None:
        """Take such an export back."""
        body = {"volume_id": volume.id, "connector": connector, "force": False}
        await self._rpc.call(ctx, backend_topic(_host_of(volume)), "terminate_connection", body)
