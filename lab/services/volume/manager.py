"""What cinder-api does with volumes: accepts them, changes them, and hands their work to the others.

Every check and the write that depends on it share one transaction, so two requests at the same instant
cannot both win.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lab.context import Context
from lab.process import Process
from lab.services.volume import quota
from lab.services.volume.model import (
    DELETABLE,
    InvalidInput,
    InvalidVolume,
    Volume,
    VolumeAttachment,
    VolumeSnapshot,
)
from lab.services.volume.records import Ledger, attachments_of, move_volume, sees, usage, volume_of
from lab.services.volume.requests import Source, VolumeRequest, check_zone, plan, read_image
from lab.services.volume.rpc import SchedulerRpc, VolumeRpc
from lab.services.volume.volume_types import type_name
from lab.store import Transaction

NOT_DELETABLE = (
    "Volume status must be {} and must not be migrating, attached, belong to a group, have snapshots, awaiting a "
    "transfer, or be disassociated from snapshots after volume transfer."
)
"""Source of the text: cinder/volume/api.py (delete)."""


class VolumeManager:
    """The use cases of volumes."""

    def __init__(self, process: Process) -> None:
        self.process, self.config = process, process.config
        self.ledger = Ledger(process)
        self.scheduler_rpc = SchedulerRpc(process)
        self.volume_rpc = VolumeRpc(process)

    # -- new volumes --------------------------------------------------------------------------

    async def create(self, ctx: Context, request: VolumeRequest) -> Volume:
        """Accept a new volume: it is `creating` when this returns, and the scheduler has it."""
        image = await read_image(self.process, ctx, request.image_id) if request.image_id else None
        volume_id, now = self.process.uuid(), self.process.runtime.iso_us()

        def accept(tx: Transaction) -> tuple[Volume, Source]:
            source = plan(tx, ctx, request, image)
            zone = request.availability_zone or source.availability_zone or self.config.availability_zone
            check_zone(tx, self.config, zone)
            self._reserve(tx, ctx.project_id, source)
            volume = Volume.make(
                id=volume_id,
                project_id=ctx.project_id,
                user_id=ctx.user_id,
                name=request.name,
                description=request.description,
                size=source.size,
                created_at=now,
                availability_zone=zone,
                volume_type_id=source.volume_type.id,
                snapshot_id=request.snapshot_id,
                source_volid=request.source_volid,
                image_id=request.image_id,
                bootable=source.bootable,
                multiattach=source.volume_type.extra_specs.get("multiattach") == "<is> True",
                metadata_=dict(request.metadata),
                image_metadata=dict(source.image_metadata),
            )
            return tx.insert(volume), source

        volume, source = await self.process.store.run(accept)
        self.process.state(ctx, "volume", volume.id, None, volume.status)
        self.scheduler_rpc.create_volume(ctx, volume, request_spec(volume, source, request), {})
        return volume

    def _reserve(self, tx: Transaction, project_id: str, source: Source) -> None:
        """Count a new volume against the project's quota."""
        quota.check_size(quota.limits_of(tx, self.config.volume_quotas, project_id), source.size)
        wanted = {"volumes": 1, "gigabytes": source.size}
        quota.reserve(tx, self.config.volume_quotas, project_id, wanted, type_name(tx, source.volume_type.id))

    # -- reading ------------------------------------------------------------------------------

    async def get(self, ctx: Context, volume_id: str) -> tuple[Volume, list[VolumeAttachment], str | None]:
        """Return the volume, its attachments and the name of its type."""

        def work(tx: Transaction) -> tuple[Volume, list[VolumeAttachment], str | None]:
            volume = volume_of(tx, ctx, volume_id)
            return volume, attachments_of(tx, volume.id), type_name(tx, volume.volume_type_id)

        return await self.process.store.run(work)

    async def find(self, ctx: Context, project_id: str | None) -> list[Volume]:
        """Return the volumes of a project, or all that the caller may see when None; oldest first."""

        def work(tx: Transaction) -> list[Volume]:
            found = tx.all(Volume) if project_id is None else tx.find(Volume, project_id=project_id)
            return [volume for volume in found if sees(ctx, volume.project_id)]

        return await self.process.store.run(work)

    # -- changes ------------------------------------------------------------------------------

    async def change(self, ctx: Context, volume_id: str, **changes: Any) -> Volume:
        """Change fields that no other process cares for."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> Volume:
            return tx.update(volume_of(tx, ctx, volume_id), updated_at=now, **changes)

        return await self.process.store.run(work)

    async def set_metadata(self, ctx: Context, volume_id: str, changes: Mapping[str, str], replace: bool = False) -> dict[str, str]:
        """Merge metadata into the volume's, or replace all of it."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> dict[str, str]:
            volume = volume_of(tx, ctx, volume_id)
            if volume.status == "maintenance":
                raise InvalidVolume(f"Volume {volume_id} status is maintenance; metadata cannot be changed")
            merged = dict(changes) if replace else {**volume.metadata_, **changes}
            return tx.update(volume, metadata_=merged, updated_at=now).metadata_

        return await self.process.store.run(work)

    async def extend(self, ctx: Context, volume_id: str, new_size: int, attached_too: bool) -> None:
        """Ask for a larger volume; the growth counts against the quota from now on."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> Volume:
            volume = volume_of(tx, ctx, volume_id)
            allowed = ("available", "in-use") if attached_too else ("available",)
            if volume.status not in allowed:
                raise InvalidVolume(
                    f"Volume {volume_id} status must be {' or '.join(repr(s) for s in allowed)} to extend, currently {volume.status}."
                )
            if new_size <= volume.size:
                raise InvalidInput(
                    f"New size for extend must be greater than current size. (current: {volume.size}, extended: {new_size})."
                )
            limits = quota.limits_of(tx, self.config.volume_quotas, volume.project_id)
            quota.check_size(limits, new_size)
            name = type_name(tx, volume.volume_type_id)
            growth = {"gigabytes": new_size - volume.size}
            quota.reserve(tx, self.config.volume_quotas, volume.project_id, growth, name)
            return move_volume(tx, volume, "extending", now, extending_to=new_size, previous_status=volume.status)

        volume = await self.process.store.run(work)
        self.process.state(ctx, "volume", volume.id, volume.previous_status, "extending")
        self.scheduler_rpc.extend_volume(ctx, volume, new_size)

    async def swap_status(self, ctx: Context, volume_id: str, only: Collection[str], status: str, complaint: str) -> Volume:
        """Move the volume to `status` when it is in one of `only`; raise InvalidVolume with the complaint otherwise."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, Volume]:
            volume = volume_of(tx, ctx, volume_id)
            if volume.status not in only:
                raise InvalidVolume(complaint.format(status=volume.status, id=volume_id))
            return volume.status, move_volume(tx, volume, status, now)

        old, volume = await self.process.store.run(work)
        self.process.state(ctx, "volume", volume_id, old, status)
        return volume

    async def reset(self, ctx: Context, volume_id: str, changes: Mapping[str, str]) -> None:
        """Set statuses by an administrator's word alone; the world is not asked."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> str:
            volume = volume_of(tx, ctx, volume_id)
            tx.update(volume, updated_at=now, **changes)
            return volume.status

        old = await self.process.store.run(work)
        if "status" in changes:
            self.process.state(ctx, "volume", volume_id, old, changes["status"])

    # -- ends ---------------------------------------------------------------------------------

    async def delete(self, ctx: Context, volume_id: str, cascade: bool = False, force: bool = False) -> None:
        """Ask for the end of a volume; one that never reached a backend ends here."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, Volume]:
            volume = volume_of(tx, ctx, volume_id)
            snapshots = tx.find(VolumeSnapshot, volume_id=volume_id)
            self._check_delete(volume, len(snapshots), cascade, force)
            if volume.host is None:
                self._end(tx, volume)
                return volume.status, volume
            for snapshot in snapshots if cascade else ():
                tx.update(snapshot, status="deleting", updated_at=now)
            # `force` is an administrator's word, which the table of moves does not bind.
            return volume.status, tx.update(volume, status="deleting", updated_at=now)

        old, volume = await self.process.store.run(work)
        if volume.host is None:
            self.process.state(ctx, "volume", volume_id, old, None)
            self.process.notify(ctx, "volume.delete.end", None, usage(volume))
            return
        self.process.state(ctx, "volume", volume_id, old, "deleting")
        self.volume_rpc.delete_volume(ctx, volume, cascade)

    @staticmethod
    def _check_delete(volume: Volume, snapshots: int, cascade: bool, force: bool) -> None:
        attached = volume.attach_status == "attached"
        allowed = force or volume.status in DELETABLE
        if attached or not allowed or (snapshots and not cascade):
            raise InvalidVolume(NOT_DELETABLE.format(" or ".join(DELETABLE)))

    @staticmethod
    def _end(tx: Transaction, volume: Volume) -> None:
        for attachment in attachments_of(tx, volume.id):
            tx.delete(attachment)
        for snapshot in tx.find(VolumeSnapshot, volume_id=volume.id):
            tx.delete(snapshot)
        tx.delete(volume)


def request_spec(volume: Volume, source: Source, request: VolumeRequest) -> dict[str, Any]:
    """What the scheduler is told of a new volume."""
    return {
        "volume_id": volume.id,
        "image_id": volume.image_id,
        "snapshot_id": volume.snapshot_id,
        "source_volid": volume.source_volid,
        "volume_type": {
            "id": source.volume_type.id,
            "name": source.volume_type.name,
            "extra_specs": source.volume_type.extra_specs,
        },
        "resource_backend": source.host,
        "scheduler_hints": dict(request.hints),
    }
