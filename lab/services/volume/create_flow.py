"""How cinder-volume makes a volume: empty, from an image, from a snapshot or from another volume.

A backend that fails is undone and another attempt is asked of the scheduler; an image that fails is not,
because another backend would not help. Source: cinder/volume/flows/manager/create_volume.py.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import ImageError, LabError
from lab.services.volume.host import VolumeHost
from lab.services.volume.images import image_metadata
from lab.services.volume.model import Json, Volume, service_host
from lab.services.volume.records import usage


class ImageCopyError(ImageError):
    """The image could not be brought into the volume."""


class CreateFlow:
    """The creation of volumes on one backend."""

    def __init__(self, host: VolumeHost) -> None:
        self.host, self.process, self.ledger = host, host.process, host.ledger

    async def create_volume(
        self, ctx: Context, volume: Json, request_spec: Json, filter_properties: Json, allow_reschedule: bool = True
    ) -> None:
        """Make the volume; it ends `available`, or with the scheduler again, or `error`."""
        attempt = filter_properties.get("retry", {}).get("num_attempts", 0)
        async with self.host.only(volume["id"]):
            record = await self.ledger.volume(volume["id"])
            if record is None or not self._is_ours(record) or record.status != "creating" or record.attempt != attempt:
                return  # a repeated message, or one from before a restart
            self.process.notify(ctx, "volume.create.start", None, usage(record))
            try:
                changes = await self._make(ctx, record)
            except LabError as error:
                await self._failed(ctx, record, error, (request_spec, filter_properties) if allow_reschedule else None)
                return
            await self._done(ctx, record, changes)

    def _is_ours(self, volume: Volume) -> bool:
        return volume.host is not None and service_host(volume.host) == self.host.name

    async def _make(self, ctx: Context, volume: Volume) -> dict[str, Any]:
        """Make it on the backend; return what else the record must say afterwards."""
        driver = self.host.driver
        source = volume.snapshot_id or volume.source_volid
        if source is not None:
            await driver.clone(volume.id, volume.size, source)
            return {}
        await driver.create(volume.id, volume.size)
        if volume.image_id is None:
            return {}
        await self.ledger.move(ctx, volume.id, "downloading", ("creating",))
        return await self._write_image(ctx, volume, volume.image_id)

    async def _write_image(self, ctx: Context, volume: Volume, image_id: str) -> dict[str, Any]:
        try:
            image = await self.process.rest.json(ctx, "image", "GET", f"/v2/images/{image_id}")
            answer = await self.process.rest.call(ctx, "image", "GET", f"/v2/images/{image_id}/file")
            if not answer.ok:
                raise ImageCopyError(f"Failed to copy image to volume: image {image_id} answered {answer.status}")
            await self.host.driver.write_image(
                volume.id, image_id, int(image["size"]), image.get("checksum") or "", answer.open
            )
        except LabError as error:
            raise ImageCopyError(f"Failed to copy image to volume: {error.message}") from error
        return {"bootable": True, "image_metadata": image_metadata(image)}

    async def _done(self, ctx: Context, volume: Volume, changes: dict[str, Any]) -> None:
        now = self.process.runtime.iso_us()
        made = await self.ledger.move(ctx, volume.id, "available", ("creating", "downloading"), launched_at=now, **changes)
        if made is None:
            # Somebody reset or dropped the record meanwhile; what has no record must not stay on the backend.
            if await self.ledger.volume(volume.id) is None:
                await self.host.remove(ctx, volume.id)
            return
        self.process.notify(ctx, "volume.create.end", None, usage(made))

    async def _failed(self, ctx: Context, volume: Volume, error: LabError, retry: tuple[Json, Json] | None) -> None:
        """Undo, then try elsewhere or give up. What could not be undone keeps its host, so that a delete finds it."""
        self.process.log(ctx, f"Volume {volume.id}: create failed: {error.message}", level="error")
        undone = await self.host.remove(ctx, volume.id)
        statuses = ("creating", "downloading")
        if undone and retry is not None and not isinstance(error, ImageCopyError):
            request_spec, filter_properties = retry
            freed = await self.ledger.move(ctx, volume.id, "creating", statuses, host=None)
            if freed is not None:
                self.host.scheduler_rpc.create_volume(ctx, freed, request_spec, filter_properties)
            return
        failed = await self.ledger.move(ctx, volume.id, "error", statuses)
        if failed is not None:
            payload = usage(failed, reason=error.message)
            self.process.notify(ctx, "volume.create.error", None, payload, level="error")
