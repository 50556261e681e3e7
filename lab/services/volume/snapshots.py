"""What cinder-api does with snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.context import Context
from lab.process import Process
from lab.services.volume import quota
from lab.services.volume.model import (
    SNAPSHOT_DELETABLE,
    InvalidSnapshot,
    InvalidVolume,
    Volume,
    VolumeSnapshot,
)
from lab.services.volume.records import Ledger, sees, snapshot_of, volume_of
from lab.services.volume.rpc import SchedulerRpc, VolumeRpc
from lab.services.volume.volume_types import type_name
from lab.store import Transaction


class Snapshots:
    """The use cases of snapshots."""

    def __init__(self, process: Process) -> None:
        self.process, self.config = process, process.config
        self.ledger = Ledger(process)
        self.scheduler_rpc = SchedulerRpc(process)
        self.volume_rpc = VolumeRpc(process)

    async def get(self, ctx: Context, snapshot_id: str) -> VolumeSnapshot:
        """Return a snapshot that the caller may see."""
        return await self.process.store.run(lambda tx: snapshot_of(tx, ctx, snapshot_id))

    async def find(self, ctx: Context, project_id: str | None) -> list[VolumeSnapshot]:
        """Return the snapshots of a project, or all that the caller may see when None; oldest first."""

        def work(tx: Transaction) -> list[VolumeSnapshot]:
            found = tx.all(VolumeSnapshot) if project_id is None else tx.find(VolumeSnapshot, project_id=project_id)
            return [snapshot for snapshot in found if sees(ctx, snapshot.project_id)]

        return await self.process.store.run(work)

    async def create(self, ctx: Context, volume_id: str, attached_too: bool, **described: Any) -> VolumeSnapshot:
        """Accept a new snapshot: it is `creating` when this returns. `described`: name, description, metadata_."""
        snapshot_id, now = self.process.uuid(), self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[Volume, VolumeSnapshot]:
            volume = volume_of(tx, ctx, volume_id)
            allowed = ("available", "in-use") if attached_too else ("available",)
            if volume.status not in allowed:
                raise InvalidVolume(f"Volume {volume_id} status must be {' or '.join(allowed)}, but current status is: {volume.status}.")
            if volume.host is None:
                raise InvalidVolume(f"Volume {volume_id} is on no backend, whatever status it was set to; delete it and create it again.")
            wanted = {"snapshots": 1, "gigabytes": volume.size}
            name = type_name(tx, volume.volume_type_id)
            quota.reserve(tx, self.config.volume_quotas, volume.project_id, wanted, name)
            snapshot = VolumeSnapshot.make(
                id=snapshot_id,
                volume_id=volume_id,
                project_id=volume.project_id,
                user_id=ctx.user_id,
                volume_size=volume.size,
                host=volume.host,
                volume_type_id=volume.volume_type_id,
                created_at=now,
                **described,
            )
            return volume, tx.insert(snapshot)

        volume, snapshot = await self.process.store.run(work)
        self.process.state(ctx, "snapshot", snapshot.id, None, snapshot.status)
        self.scheduler_rpc.create_snapshot(ctx, volume, snapshot)
        return snapshot

    async def change(self, ctx: Context, snapshot_id: str, **changes: Any) -> VolumeSnapshot:
        """Change fields that no other process cares for."""
        now = self.process.runtime.iso_us()
        return await self.process.store.run(lambda tx: tx.update(snapshot_of(tx, ctx, snapshot_id), updated_at=now, **changes))

    async def set_metadata(self, ctx: Context, snapshot_id: str, changes: Mapping[str, str], replace: bool = False) -> dict[str, str]:
        """Merge metadata into the snapshot's, or replace all of it."""

        def work(tx: Transaction) -> dict[str, str]:
            snapshot = snapshot_of(tx, ctx, snapshot_id)
            merged = dict(changes) if replace else {**snapshot.metadata_, **changes}
            return tx.update(snapshot, metadata_=merged).metadata_

        return await self.process.store.run(work)

    async def delete(self, ctx: Context, snapshot_id: str, force: bool = False) -> None:
        """Ask for the end of a snapshot; one whose volume never reached a backend ends here."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, VolumeSnapshot]:
            snapshot = snapshot_of(tx, ctx, snapshot_id)
            if not force and snapshot.status not in SNAPSHOT_DELETABLE:
                raise InvalidSnapshot(f"Snapshot status must be {' or '.join(SNAPSHOT_DELETABLE)}, and must not be part of a group.")
            return snapshot.status, tx.update(snapshot, status="deleting", updated_at=now)

        old, snapshot = await self.process.store.run(work)
        self.process.state(ctx, "snapshot", snapshot_id, old, "deleting")
        if snapshot.host is not None:
            self.volume_rpc.delete_snapshot(ctx, snapshot, snapshot.host)
