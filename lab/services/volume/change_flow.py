"""How cinder-volume deletes and grows volumes, and makes and deletes snapshots.

Each flow works on the record's status and leaves it alone when another message has done the work already.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import LabError, RemoteFault, TransportError
from lab.services.volume import assisted
from lab.services.volume.driver import Connector
from lab.services.volume.host import VolumeHost
from lab.services.volume.model import (
    GONE,
    SNAPSHOT_MOVES,
    VOLUME_MOVES,
    Json,
    Volume,
    VolumeAttachment,
    VolumeSnapshot,
    check_move,
    status_from_attachments,
)
from lab.services.volume.records import attachments_of, snapshot_usage, usage
from lab.store import Transaction

EXTENDED_EVENT_VERSION = (2, 51)  # nova's microversion for the event 'volume-extended'


class ChangeFlow:
    """Changes and ends of volumes on one backend."""

    def __init__(self, host: VolumeHost) -> None:
        self.host, self.process, self.ledger = host, host.process, host.ledger

    # -- volumes ------------------------------------------------------------------------------

    async def delete_volume(self, ctx: Context, volume: Json, cascade: bool = False, **_: Any) -> None:
        """Remove the volume from the backend, then its record; it ends gone or `error_deleting`."""
        async with self.host.only(volume["id"]):
            record = await self.ledger.volume(volume["id"])
            if record is None or record.status != "deleting":
                return
            self.process.notify(ctx, "volume.delete.start", None, usage(record))
            try:
                if cascade:
                    await self._delete_snapshots(ctx, record)
                for attachment in await self.ledger.attachments(record.id):
                    await self._disconnect(attachment)
                await self.host.driver.delete(record.id)
            except LabError as error:
                self.process.log(ctx, f"Volume {record.id}: delete failed: {error.message}", level="error")
                await self.ledger.move(ctx, record.id, "error_deleting", ("deleting",))
                return
            await self.process.store.run(lambda tx: self._forget(tx, record.id))
            self.process.state(ctx, "volume", record.id, "deleting", None)
            self.process.notify(ctx, "volume.delete.end", None, usage(record, status="deleting"))
            await self._tell_room(ctx)

    async def _tell_room(self, ctx: Context) -> None:
        """Let the schedulers know of the room that a deletion made; if the backend does not say, the next report will."""
        try:
            await self.host.measure()
        except LabError:
            return
        self.host.publish(ctx)

    @staticmethod
    def _forget(tx: Transaction, volume_id: str) -> None:
        record = tx.get(Volume, volume_id)
        if record is None:
            return
        check_move(VOLUME_MOVES, record.status, GONE)
        for attachment in attachments_of(tx, volume_id):
            tx.delete(attachment)
        tx.delete(record)

    async def _disconnect(self, attachment: VolumeAttachment) -> None:
        if attachment.connector:
            await self.host.driver.disconnect(attachment.volume_id, connector_of(attachment.connector))

    async def _delete_snapshots(self, ctx: Context, volume: Volume) -> None:
        for snapshot in await self.process.store.run(lambda tx: tx.find(VolumeSnapshot, volume_id=volume.id)):
            await self._delete_snapshot(ctx, snapshot)

    async def extend_volume(self, ctx: Context, volume: Json, new_size: int) -> None:
        """Grow the volume; it ends as it was before, or `error_extending`."""
        async with self.host.only(volume["id"]):
            record = await self.ledger.volume(volume["id"])
            if record is None or record.status != "extending" or record.extending_to != new_size:
                return
            self.process.notify(ctx, "volume.resize.start", None, usage(record))
            try:
                await self.host.driver.extend(record.id, new_size)
            except LabError as error:
                self.process.log(ctx, f"Extend volume {record.id} failed: {error.message}", level="error")
                await self.ledger.move(ctx, record.id, "error_extending", ("extending",), extending_to=None)
                return
            attachments = await self.ledger.attachments(record.id)
            status, _ = status_from_attachments(attachments)
            grown = await self.ledger.move(ctx, record.id, status, ("extending",), size=new_size, extending_to=None, previous_status=None)
            if grown is not None:
                self.process.notify(ctx, "volume.resize.end", None, usage(grown))
                await self._tell_servers(ctx, grown, attachments)

    async def _tell_servers(self, ctx: Context, volume: Volume, attachments: list[VolumeAttachment]) -> None:
        """Have nova show the new size to the servers that use the volume; the volume has grown all the same."""
        events = [
            {"name": "volume-extended", "server_uuid": attachment.instance_uuid, "tag": volume.id}
            for attachment in attachments
            if attachment.instance_uuid is not None and attachment.attach_status == "attached"
        ]
        if not events:
            return
        try:
            await self.process.rest.json(
                ctx, "compute", "POST", "/v2.1/os-server-external-events", body={"events": events},
                version=EXTENDED_EVENT_VERSION, auth="service",
            )  # fmt: skip
        except (RemoteFault, TransportError) as error:
            self.process.log(ctx, f"Failed to notify nova of the extension of {volume.id}: {error.message}", level="warning")

    # -- snapshots ----------------------------------------------------------------------------

    async def create_snapshot(self, ctx: Context, volume: Json, snapshot: Json) -> None:
        """Keep the volume as it is now; the snapshot ends `available` or `error`."""
        async with self.host.only(snapshot["id"]):
            record = await self.ledger.snapshot(snapshot["id"])
            if record is None or record.status != "creating":
                return
            self.process.notify(ctx, "snapshot.create.start", None, snapshot_usage(record))
            try:
                await assisted.take(self.host, ctx, record)
            except LabError as error:
                self.process.log(ctx, f"Snapshot {record.id}: create failed: {error.message}", level="error")
                await self.ledger.move_snapshot(ctx, record.id, "error", ("creating",))
                return
            made = await self.ledger.move_snapshot(ctx, record.id, "available", ("creating",), progress="100%")
            if made is not None:
                self.process.notify(ctx, "snapshot.create.end", None, snapshot_usage(made))

    async def delete_snapshot(self, ctx: Context, snapshot: Json, **_: Any) -> None:
        """Remove the snapshot from the backend, then its record; it ends gone or `error_deleting`."""
        async with self.host.only(snapshot["id"]):
            record = await self.ledger.snapshot(snapshot["id"])
            if record is None or record.status != "deleting":
                return
            self.process.notify(ctx, "snapshot.delete.start", None, snapshot_usage(record))
            try:
                await self._delete_snapshot(ctx, record)
            except LabError as error:
                self.process.log(ctx, f"Snapshot {record.id}: delete failed: {error.message}", level="error")
                await self.ledger.move_snapshot(ctx, record.id, "error_deleting", ("deleting",))
                return
            self.process.notify(ctx, "snapshot.delete.end", None, snapshot_usage(record))

    async def _delete_snapshot(self, ctx: Context, snapshot: VolumeSnapshot) -> None:
        await self.host.driver.delete_snapshot(snapshot.id)

        def forget(tx: Transaction) -> None:
            record = tx.get(VolumeSnapshot, snapshot.id)
            if record is not None:
                check_move(SNAPSHOT_MOVES, record.status, GONE)
                tx.delete(record)

        await self.process.store.run(forget)
        self.process.state(ctx, "snapshot", snapshot.id, snapshot.status, None)


def connector_of(connector: Json) -> Connector:
    """Return the part of nova's connector that a backend needs."""
    return Connector(
        host=str(connector.get("host", "")),
        ip=str(connector.get("ip", "")),
        initiator=str(connector.get("initiator", "")),
    )
