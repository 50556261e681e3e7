"""What cinder-api does with attachments: reserve a volume, have it exported, complete, and give it back.

The flow of microversions 3.27 and 3.44; nova reserves before it casts to the compute host, the host brings
its connector, and completes when the guest has the device.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.process import Process
from lab.services.volume.attach_flow import follow
from lab.services.volume.model import InvalidAttachment, InvalidVolume, Json, Volume, VolumeAttachment
from lab.services.volume.records import Ledger, attachment_of, attachments_of, move_volume, sees, usage, volume_of
from lab.services.volume.rpc import VolumeRpc
from lab.store import Transaction

# Statuses from which a volume may be reserved. Source: cinder/volume/api.py (_attachment_reserve).
RESERVABLE = ("available", "downloading")


class Attachments:
    """The use cases of attachments."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ledger = Ledger(process)
        self.volume_rpc = VolumeRpc(process)

    async def get(self, ctx: Context, attachment_id: str) -> VolumeAttachment:
        """Return an attachment that the caller may see."""
        return await self.process.store.run(lambda tx: attachment_of(tx, ctx, attachment_id))

    async def find(self, ctx: Context, project_id: str | None) -> list[VolumeAttachment]:
        """Return the attachments of a project, or all that the caller may see."""

        def work(tx: Transaction) -> list[VolumeAttachment]:
            found = tx.all(VolumeAttachment) if project_id is None else tx.find(VolumeAttachment, project_id=project_id)
            return [attachment for attachment in found if sees(ctx, attachment.project_id)]

        return await self.process.store.run(work)

    async def reserve(self, ctx: Context, volume_id: str, instance_uuid: str | None, mode: str) -> VolumeAttachment:
        """Keep the volume for a server; a repeat of the request finds it kept. Raises InvalidVolume when another has it."""
        attachment_id, now = self.process.uuid(), self.process.runtime.iso_us()
        asked = (ctx.request_id, instance_uuid)

        def work(tx: Transaction) -> tuple[str, str, VolumeAttachment]:
            volume = volume_of(tx, ctx, volume_id)
            for known in attachments_of(tx, volume_id):
                if instance_uuid and known.attach_status == "reserved" and (known.request_id, known.instance_uuid) == asked:
                    return volume.status, volume.status, known
            self._check_reserve(tx, volume, instance_uuid)
            attachment = tx.insert(
                VolumeAttachment.make(
                    id=attachment_id,
                    volume_id=volume_id,
                    project_id=volume.project_id,
                    created_at=now,
                    instance_uuid=instance_uuid,
                    request_id=ctx.request_id,
                    attach_mode=mode,
                )
            )
            after = volume
            if volume.status in RESERVABLE:
                after = move_volume(tx, volume, "reserved", now)
            return volume.status, after.status, attachment

        old, new, attachment = await self.process.store.run(work)
        if old != new:
            self.process.state(ctx, "volume", volume_id, old, new)
        return attachment

    @staticmethod
    def _check_reserve(tx: Transaction, volume: Volume, instance_uuid: str | None) -> None:
        """Refuse a volume that another server has; the same server may reserve again (nova does when it moves one)."""
        if volume.status in RESERVABLE or (volume.multiattach and volume.status in ("in-use", "reserved", "attaching")):
            return
        mine = [a for a in attachments_of(tx, volume.id) if instance_uuid and a.instance_uuid == instance_uuid]
        if not (mine and volume.status in ("in-use", "reserved")):
            statuses = " or ".join((*RESERVABLE, "in-use") if volume.multiattach else RESERVABLE)
            raise InvalidVolume(f"Volume {volume.id} status must be {statuses} to reserve, but the current status is {volume.status}.")

    async def connect(self, ctx: Context, attachment_id: str, connector: Json) -> VolumeAttachment:
        """Have the volume exported to a host, and return the attachment with its connection info."""

        def both(tx: Transaction) -> tuple[VolumeAttachment, Volume]:
            attachment = attachment_of(tx, ctx, attachment_id)
            volume = volume_of(tx, ctx, attachment.volume_id)
            if attachment.connector and attachment.attach_status == "attached":
                raise InvalidVolume(f"Attachment {attachment_id} is in use; delete it before it is connected elsewhere.")
            others = [a for a in attachments_of(tx, volume.id) if a.id != attachment_id and a.instance_uuid]
            if not volume.multiattach and any(
                a.attach_status in ("attaching", "attached") and a.instance_uuid != attachment.instance_uuid for a in others
            ):
                raise InvalidVolume(f"Volume {volume.id} is not multiattach and another server is connected to it.")
            return attachment, volume

        attachment, volume = await self.process.store.run(both)
        await self.volume_rpc.attachment_update(ctx, volume, connector, attachment.id)
        return await self.get(ctx, attachment_id)

    async def complete(self, ctx: Context, attachment_id: str) -> None:
        """Note that the guest has the device; a repeat changes nothing."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[Volume, str | None]:
            attachment = attachment_of(tx, ctx, attachment_id)
            volume = volume_of(tx, ctx, attachment.volume_id)
            if attachment.attach_status == "attached":
                return volume, None
            tx.update(attachment, attach_status="attached", attach_time=now, updated_at=now)
            follow(tx, volume.id, now)
            return volume_of(tx, ctx, volume.id), volume.status

        volume, old = await self.process.store.run(work)
        if old is None:
            return
        if old != volume.status:
            self.process.state(ctx, "volume", volume.id, old, volume.status)
        self.process.notify(ctx, "volume.attach.end", None, usage(volume))

    async def delete(self, ctx: Context, attachment_id: str, by_service: bool) -> list[VolumeAttachment]:
        """Take the export back and forget the attachment; return what is left on the volume."""
        attachment = await self.get(ctx, attachment_id)
        volume = await self.ledger.volume(attachment.volume_id)
        if not by_service:
            await self._check_nova(ctx, attachment)
        if volume is None or volume.host is None or not attachment.connector:
            await self._forget(ctx, attachment)
        else:
            await self.volume_rpc.attachment_delete(ctx, attachment.id, volume)
        after = await self.ledger.volume(attachment.volume_id)
        if after is not None:
            self.process.notify(ctx, "volume.detach.end", None, usage(after))
        return await self.ledger.attachments(attachment.volume_id)

    async def check_release(self, ctx: Context, volume_id: str, attachment_id: str | None = None) -> None:
        """Refuse the old verbs, too, to a user whose server still has the volume. Raises InvalidAttachment.

        Source: cinder/volume/api.py (attachment_deletion_allowed, asked by detach and terminate_connection).
        """
        for attachment in await self.ledger.attachments(volume_id):
            if attachment_id in (None, attachment.id):
                await self._check_nova(ctx, attachment)

    async def _check_nova(self, ctx: Context, attachment: VolumeAttachment) -> None:
        """Refuse users who would pull the disk out from under a server that still has it; nova detaches it properly.

        Source: cinder/volume/api.py (attachment_deletion_allowed).
        """
        server, volume = attachment.instance_uuid, attachment.volume_id
        if server is None or not attachment.connection_info:
            return
        try:
            answer = await self.process.rest.call(
                ctx, "compute", "GET", f"/v2.1/servers/{server}/os-volume_attachments/{volume}", version=(2, 89)
            )
            in_use = answer.ok and answer.json()["volumeAttachment"].get("attachment_id") == attachment.id
            unknown = not answer.ok and answer.status != 404
        except LabError:
            in_use, unknown = False, True
        if in_use or unknown:
            raise InvalidAttachment(f"Detach volume from instance {server} using the Compute API")

    async def _forget(self, ctx: Context, attachment: VolumeAttachment) -> None:
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, str] | None:
            current = tx.get(VolumeAttachment, attachment.id)
            if current is not None:
                tx.delete(current)
            return follow(tx, attachment.volume_id, now)

        moved = await self.process.store.run(work)
        if moved is not None:
            self.process.state(ctx, "volume", attachment.volume_id, *moved)
