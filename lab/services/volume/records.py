"""Reading and moving the records of block storage, as all of cinder's processes do it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.context import Context
from lab.process import Process
from lab.services.volume.model import (
    DEFAULT_TYPE,
    SNAPSHOT_MOVES,
    VOLUME_MOVES,
    AttachmentNotFound,
    SnapshotNotFound,
    Volume,
    VolumeAttachment,
    VolumeNotFound,
    VolumeSnapshot,
    VolumeType,
    VolumeTypeNotFound,
    check_move,
)
from lab.store import Transaction


def sees(ctx: Context, project_id: str) -> bool:
    """Say whether the caller may see a project's things: its own, or all for administrators and services."""
    return ctx.is_admin or ctx.project_id == project_id or "service" in ctx.roles


def volume_of(tx: Transaction, ctx: Context, volume_id: str) -> Volume:
    """Return the volume; another project's is as little there as none."""
    volume = tx.get(Volume, volume_id)
    if volume is None or not sees(ctx, volume.project_id):
        raise VolumeNotFound(volume_id)
    return volume


def snapshot_of(tx: Transaction, ctx: Context, snapshot_id: str) -> VolumeSnapshot:
    """Return the snapshot; another project's is as little there as none."""
    snapshot = tx.get(VolumeSnapshot, snapshot_id)
    if snapshot is None or not sees(ctx, snapshot.project_id):
        raise SnapshotNotFound(snapshot_id)
    return snapshot


def attachment_of(tx: Transaction, ctx: Context, attachment_id: str) -> VolumeAttachment:
    """Return the attachment; another project's is as little there as none."""
    attachment = tx.get(VolumeAttachment, attachment_id)
    if attachment is None or not sees(ctx, attachment.project_id):
        raise AttachmentNotFound(attachment_id)
    return attachment


def attachments_of(tx: Transaction, volume_id: str) -> list[VolumeAttachment]:
    """Return the volume's attachments, oldest first."""
    return tx.find(VolumeAttachment, volume_id=volume_id)


def type_of(tx: Transaction, ctx: Context, name_or_id: str) -> VolumeType:
    """Return the type by its id or name, when the caller may use it."""
    found = tx.get(VolumeType, name_or_id) or tx.one(VolumeType, name=name_or_id)
    if found is None or not (found.is_public or ctx.is_admin or ctx.project_id in found.projects):
        raise VolumeTypeNotFound(name_or_id)
    return found


def default_type(tx: Transaction) -> VolumeType:
    """Return the type of volumes that ask for none."""
    found = tx.one(VolumeType, name=DEFAULT_TYPE)
    if found is None:
        raise VolumeTypeNotFound(DEFAULT_TYPE)
    return found


def move_volume(tx: Transaction, volume: Volume, status: str, now: str, **changes: Any) -> Volume:
    """Change a volume's status as the table allows it."""
    check_move(VOLUME_MOVES, volume.status, status)
    return tx.update(volume, status=status, updated_at=now, **changes)


class Ledger:
    """Moves of volumes and snapshots, each in its own transaction and told to the journal."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def volume(self, volume_id: str) -> Volume | None:
        """Return the volume as it is now, or None when it is gone."""
        return await self.process.store.run(lambda tx: tx.get(Volume, volume_id))

    async def snapshot(self, snapshot_id: str) -> VolumeSnapshot | None:
        """Return the snapshot as it is now, or None when it is gone."""
        return await self.process.store.run(lambda tx: tx.get(VolumeSnapshot, snapshot_id))

    async def move(self, ctx: Context, volume_id: str, status: str, only: Collection[str] = (), **changes: Any) -> Volume | None:
        """Set a volume's status and fields; None when it is gone or in none of the statuses `only`."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, Volume] | None:
            volume = tx.get(Volume, volume_id)
            if volume is None or (only and volume.status not in only):
                return None
            return volume.status, move_volume(tx, volume, status, now, **changes)

        moved = await self.process.store.run(work)
        if moved is None:
            return None
        if moved[0] != status:
            self.process.state(ctx, "volume", volume_id, moved[0], status)
        return moved[1]

    async def move_snapshot(
        self, ctx: Context, snapshot_id: str, status: str, only: Collection[str] = (), **changes: Any
    ) -> VolumeSnapshot | None:
        """Set a snapshot's status and fields; None when it is gone or in none of the statuses `only`."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, VolumeSnapshot] | None:
            snapshot = tx.get(VolumeSnapshot, snapshot_id)
            if snapshot is None or (only and snapshot.status not in only):
                return None
            check_move(SNAPSHOT_MOVES, snapshot.status, status)
            return snapshot.status, tx.update(snapshot, status=status, updated_at=now, **changes)

        moved = await self.process.store.run(work)
        if moved is None:
            return None
        if moved[0] != status:
            self.process.state(ctx, "snapshot", snapshot_id, moved[0], status)
        return moved[1]

    async def attachments(self, volume_id: str) -> list[VolumeAttachment]:
        """Return the volume's attachments as they are now."""
        return await self.process.store.run(lambda tx: attachments_of(tx, volume_id))


def usage(volume: Volume, **more: Any) -> dict[str, Any]:
    """Return the payload of a volume's notifications. Source: cinder/volume/volume_utils.py (_usage_from_volume)."""
    return {
        "tenant_id": volume.project_id,
        "user_id": volume.user_id,
        "availability_zone": volume.availability_zone,
        "volume_id": volume.id,
        "volume_type": volume.volume_type_id,
        "display_name": volume.name,
        "launched_at": volume.launched_at,
        "created_at": volume.created_at,
        "status": volume.status,
        "snapshot_id": volume.snapshot_id,
        "size": volume.size,
        "host": volume.host,
        "metadata": volume.metadata_,
        **more,
    }


def snapshot_usage(snapshot: VolumeSnapshot) -> dict[str, Any]:
    """Return the payload of a snapshot's notifications."""
    return {
        "tenant_id": snapshot.project_id,
        "user_id": snapshot.user_id,
        "volume_id": snapshot.volume_id,
        "volume_size": snapshot.volume_size,
        "snapshot_id": snapshot.id,
        "display_name": snapshot.name,
        "created_at": snapshot.created_at,
        "status": snapshot.status,
        "metadata": snapshot.metadata_,
    }
