"""How cinder-volume exports volumes to compute hosts and takes the exports back.

The connector is written down before the driver is asked, so that whatever happens afterwards the
attachment knows what there is to undo.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import LabError
from lab.services.volume.change_flow import connector_of
from lab.services.volume.host import VolumeHost
from lab.services.volume.model import (
    AttachmentNotFound,
    Json,
    Volume,
    VolumeAttachment,
    VolumeNotFound,
    status_from_attachments,
)
from lab.services.volume.records import attachments_of, move_volume, usage
from lab.store import Transaction

CONNECTED = ("reserved", "attaching", "in-use", "detaching", "available")  # statuses that follow the attachments


class AttachFlow:
    """Exports of the volumes of one backend."""

    def __init__(self, host: VolumeHost) -> None:
        self.host, self.process, self.ledger = host, host.process, host.ledger

    # -- attachments (3.27) -------------------------------------------------------------------

    async def attachment_update(self, ctx: Context, vref: Json, connector: Json, attachment_id: str) -> Json:
        """Export the volume to the connector and return the connection info; a repeat returns the same."""
        async with self.host.only(vref["id"]):
            volume, attachment = await self._both(vref["id"], attachment_id)
            self.process.notify(ctx, "volume.attach.start", None, usage(volume, instance_uuid=attachment.instance_uuid))
            now = self.process.runtime.iso_us()
            where = {
                "attached_host": connector.get("host"),
                "mountpoint": connector.get("mountpoint"),
                "attach_mode": self._mode(volume, attachment, connector),
            }
            await self._change(attachment_id, connector=connector, updated_at=now, **where)
            try:
                info = await self._connect(volume, connector, str(where["attach_mode"]))
            except LabError:
                await self._change(attachment_id, attach_status="error_attaching", updated_at=now)
                raise
            info["attachment_id"] = attachment_id
            await self._mark(ctx, volume.id, attachment_id, attach_status="attaching", connection_info=info)
            return info

    async def _both(self, volume_id: str, attachment_id: str) -> tuple[Volume, VolumeAttachment]:
        def work(tx: Transaction) -> tuple[Volume | None, VolumeAttachment | None]:
            return tx.get(Volume, volume_id), tx.get(VolumeAttachment, attachment_id)

        volume, attachment = await self.process.store.run(work)
        if volume is None:
            raise VolumeNotFound(volume_id)
        if attachment is None:
            raise AttachmentNotFound(attachment_id)
        return volume, attachment

    @staticmethod
    def _mode(volume: Volume, attachment: VolumeAttachment, connector: Json) -> str:
        if volume.readonly:
            return "ro"
        if attachment.attach_mode != "null":
            return attachment.attach_mode
        return str(connector.get("mode") or "rw")

    async def _connect(self, volume: Volume, connector: Json, mode: str) -> Json:
        """Return the connection info flat, as attachments show it; the old initialize_connection nests `data`."""
        info = await self.host.driver.connect(volume.id, connector_of(connector))
        data = info.get("data")
        return {
            **{name: value for name, value in info.items() if name != "data"},
            **(data if isinstance(data, dict) else {}),
            "access_mode": mode,
            "qos_specs": None,
            "encrypted": False,
            "cacheable": False,
        }

    async def _change(self, attachment_id: str, **changes: Any) -> None:
        def work(tx: Transaction) -> None:
            attachment = tx.get(VolumeAttachment, attachment_id)
            if attachment is not None:
                tx.update(attachment, **changes)

        await self.process.store.run(work)

    async def _mark(self, ctx: Context, volume_id: str, attachment_id: str, **changes: Any) -> None:
        """Change one attachment, and the volume's status with it."""
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, str] | None:
            attachment = tx.get(VolumeAttachment, attachment_id)
            if attachment is None:
                raise AttachmentNotFound(attachment_id)
            tx.update(attachment, updated_at=now, **changes)
            return follow(tx, volume_id, now)

        moved = await self.process.store.run(work)
        if moved is not None:
            self.process.state(ctx, "volume", volume_id, *moved)

    async def attachment_delete(self, ctx: Context, attachment_id: str, vref: Json) -> None:
        """Take the export back and forget the attachment; one that is gone already is no error."""
        async with self.host.only(vref["id"]):
            try:
                volume, attachment = await self._both(vref["id"], attachment_id)
            except (VolumeNotFound, AttachmentNotFound):
                return
            self.process.notify(ctx, "volume.detach.start", None, usage(volume, instance_uuid=attachment.instance_uuid))
            if attachment.connector and not await self._shared(attachment):
                try:
                    await self.host.driver.disconnect(volume.id, connector_of(attachment.connector))
                except LabError:
                    await self._change(attachment_id, attach_status="error_detaching")
                    raise
            await self._end(ctx, volume.id, attachment_id)

    async def _shared(self, attachment: VolumeAttachment) -> bool:
        """Say whether another server on the same host uses the same export (multiattach): then it stays."""
        others = await self.ledger.attachments(attachment.volume_id)
        return any(o.id != attachment.id and o.connector and o.attached_host == attachment.attached_host for o in others)

    async def _end(self, ctx: Context, volume_id: str, attachment_id: str) -> None:
        now = self.process.runtime.iso_us()

        def work(tx: Transaction) -> tuple[str, str] | None:
            attachment = tx.get(VolumeAttachment, attachment_id)
            if attachment is not None:
                tx.delete(attachment)
            return follow(tx, volume_id, now)

        moved = await self.process.store.run(work)
        if moved is not None:
            self.process.state(ctx, "volume", volume_id, *moved)

    # -- the old way, by volume actions -------------------------------------------------------

    async def attach_volume(self, ctx: Context, volume_id: str, **where: Any) -> str:
        """Note that a server or host uses the volume; return the attachment's id."""
        async with self.host.only(volume_id):
            volume = await self.ledger.volume(volume_id)
            if volume is None:
                raise VolumeNotFound(volume_id)
            for known in await self.ledger.attachments(volume_id):
                if known.instance_uuid == where.get("instance_uuid") and known.attached_host == where.get("host_name"):
                    return known.id
            attachment_id, now = self.process.uuid(), self.process.runtime.iso_us()
            attachment = VolumeAttachment.make(
                id=attachment_id,
                volume_id=volume_id,
                project_id=volume.project_id,
                created_at=now,
                instance_uuid=where.get("instance_uuid"),
                attached_host=where.get("host_name"),
                mountpoint=where.get("mountpoint"),
                attach_mode=where.get("mode") or "rw",
                attach_time=now,
            )
            await self.process.store.run(lambda tx: tx.insert(attachment))
            self.process.notify(ctx, "volume.attach.start", None, usage(volume))
            await self._mark(ctx, volume_id, attachment_id, attach_status="attached")
            self.process.notify(ctx, "volume.attach.end", None, usage(volume, status="in-use"))
            return attachment_id

    async def detach_volume(self, ctx: Context, volume_id: str, attachment_id: str | None = None) -> None:
        """Forget such a use; without an id the only one there is."""
        async with self.host.only(volume_id):
            volume = await self.ledger.volume(volume_id)
            attachments = await self.ledger.attachments(volume_id)
            chosen = [a for a in attachments if attachment_id in (None, a.id)]
            if volume is None or len(chosen) != 1:
                return
            self.process.notify(ctx, "volume.detach.start", None, usage(volume))
            await self._end(ctx, volume_id, chosen[0].id)
            self.process.notify(ctx, "volume.detach.end", None, usage(volume, status="available"))

    async def initialize_connection(self, ctx: Context, volume: Json, connector: Json) -> Json:
        """Export the volume without any record of it."""
        async with self.host.only(volume["id"]):
            info = await self.host.driver.connect(volume["id"], connector_of(connector))
            data = info.get("data")
            return {
                **info,
                "data": {**(data if isinstance(data, dict) else {}), "access_mode": "rw", "encrypted": False},
            }

    async def terminate_connection(self, ctx: Context, volume_id: str, connector: Json, **_: Any) -> None:
        """Take such an export back."""
        async with self.host.only(volume_id):
            await self.host.driver.disconnect(volume_id, connector_of(connector))


def follow(tx: Transaction, volume_id: str, now: str) -> tuple[str, str] | None:
    """Let the volume's status follow its attachments; return the old and new status when it changed.

    A status of another story, such as error_extending, stays; whether the volume is attached is true all the same.
    """
    volume = tx.get(Volume, volume_id)
    if volume is None:
        return None
    status, attach_status = status_from_attachments(attachments_of(tx, volume_id))
    if volume.status not in CONNECTED:
        tx.update(volume, attach_status=attach_status, updated_at=now)
        return None
    move_volume(tx, volume, status, now, attach_status=attach_status)
    return None if status == volume.status else (volume.status, status)
