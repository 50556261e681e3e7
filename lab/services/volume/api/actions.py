"""POST /volumes/{id}/action: one verb in the body, its own policy and its own answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from pydantic import Field

from lab.context import Context
from lab.errors import BadRequest, Forbidden
from lab.rest import Request, Response, Route
from lab.rest.body import Schema
from lab.services.volume.api.part import Json, VolumePart, both
from lab.services.volume.model import ATTACH_STATUSES, MIGRATION_STATUSES, VOLUME_MOVES, InvalidVolume, Volume
from lab.services.volume.schemas import Loose, Metadata, Name, Size, Text, Truth, Uuid

Verb = Callable[[Context, Request, Any], Awaitable[Response]]


class ExtendBody(Loose):
    """os-extend."""

    new_size: Size


class BootableBody(Loose):
    """os-set_bootable."""

    bootable: Truth


class ReadonlyBody(Loose):
    """os-update_readonly_flag."""

    readonly: Truth


class AttachBody(Loose):
    """os-attach."""

    instance_uuid: Uuid | None = None
    host_name: Text | None = None
    mountpoint: Text | None = None
    mode: Text | None = None


class DetachBody(Loose):
    """os-detach and os-force_detach."""

    attachment_id: Uuid | None = None


class ConnectorBody(Loose):
    """os-initialize_connection, os-terminate_connection."""

    connector: dict[str, Any]


class ResetBody(Loose):
    """os-reset_status."""

    status: Text | None = None
    attach_status: Text | None = None
    migration_status: Text | None = None


class ImageMetadataBody(Loose):
    """os-set_image_metadata."""

    metadata: Metadata


class ImageKeyBody(Loose):
    """os-unset_image_metadata."""

    key: Name = Field(...)


class ActionsPart(VolumePart):
    """The verbs of volumes."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("POST", "/volumes/{volume_id}/action", "volume_action", summary="Do something with a volume"),
    )

    def _verbs(self) -> dict[str, tuple[Verb, type[Schema] | None, bool]]:
        """Return what there is by the key in the body: the method, its body, and whether it is for operators only."""
        return {
            "os-reserve": (self._reserve, None, False),
            "os-unreserve": (self._unreserve, None, False),
            "os-begin_detaching": (self._begin_detaching, None, False),
            "os-roll_detaching": (self._roll_detaching, None, False),
            "os-attach": (self._attach, AttachBody, False),
            "os-detach": (self._detach, DetachBody, False),
            "os-force_detach": (self._detach, DetachBody, True),
            "os-initialize_connection": (self._initialize_connection, ConnectorBody, False),
            "os-terminate_connection": (self._terminate_connection, ConnectorBody, False),
            "os-extend": (self._extend, ExtendBody, False),
            "os-set_bootable": (self._set_bootable, BootableBody, False),
            "os-update_readonly_flag": (self._set_readonly, ReadonlyBody, False),
            "os-set_image_metadata": (self._set_image_metadata, ImageMetadataBody, False),
            "os-show_image_metadata": (self._show_image_metadata, None, False),
            "os-unset_image_metadata": (self._unset_image_metadata, ImageKeyBody, False),
            "os-reset_status": (self._reset_status, ResetBody, True),
            "os-force_delete": (self._force_delete, None, True),
        }

    async def volume_action(self, ctx: Context, req: Request) -> Response:
        """Do what the one key of the body says."""
        content, verbs = req.data, self._verbs()
        if not isinstance(content, dict) or len(content) != 1:
            raise BadRequest("There is no such action: the body must hold exactly one")
        name, value = next(iter(content.items()))
        if name not in verbs:
            raise BadRequest(f"There is no such action: {name}; known: {', '.join(verbs)}")
        verb, schema, admin = verbs[name]
        if admin and not ctx.is_admin:
            raise Forbidden(f"Policy doesn't allow volume_extension:volume_admin_actions:{name} to be performed.")
        if schema is not None:
            value = schema.read(value if value is not None else {})
        return await verb(ctx, req, value)

    async def _volume(self, ctx: Context, req: Request) -> Volume:
        volume, _, _ = await self.volumes.get(ctx, req.params["volume_id"])
        return volume

    async def _placed(self, ctx: Context, req: Request) -> Volume:
        volume = await self._volume(ctx, req)
        if volume.host is None:
            raise InvalidVolume(f"Volume {volume.id} is {volume.status} and lies on no backend yet.")
        return volume

    # -- reserving and detaching --------------------------------------------------------------

    async def _reserve(self, ctx: Context, req: Request, _: Any) -> Response:
        complaint = "Volume status must be available to reserve, but the status is {status}."
        await self.volumes.swap_status(ctx, req.params["volume_id"], ("available",), "reserved", complaint)
        return Response(202)

    async def _unreserve(self, ctx: Context, req: Request, _: Any) -> Response:
        volume = await self._volume(ctx, req)
        if volume.status == "reserved":  # another status is no error: nova unreserves what it is not sure of
            status = "in-use" if volume.attach_status == "attached" else "available"
            await self.volumes.swap_status(ctx, volume.id, ("reserved",), status, "Volume {id} is {status}.")
        return Response(202)

    async def _begin_detaching(self, ctx: Context, req: Request, _: Any) -> Response:
        complaint = "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
        await self.volumes.swap_status(ctx, req.params["volume_id"], ("in-use",), "detaching", complaint)
        return Response(202)

    async def _roll_detaching(self, ctx: Context, req: Request, _: Any) -> Response:
        volume = await self._volume(ctx, req)
        if volume.status == "detaching":
            await self.volumes.swap_status(ctx, volume.id, ("detaching",), "in-use", "Volume {id} is {status}.")
        return Response(202)

    async def _attach(self, ctx: Context, req: Request, body: AttachBody) -> Response:
        volume = await self._placed(ctx, req)
        if (body.instance_uuid is None) == (body.host_name is None):
            raise BadRequest("Invalid request to attach volume to an invalid target: give an instance or a host")
        if volume.status not in ("available", "reserved", "attaching", "in-use"):
            raise InvalidVolume(f"Volume {volume.id} is {volume.status}; it must be available to be attached")
        await self.volumes.volume_rpc.attach_volume(ctx, volume, body.model_dump())
        return Response(202)

    async def _detach(self, ctx: Context, req: Request, body: DetachBody) -> Response:
        volume = await self._placed(ctx, req)
        await self._check_release(ctx, req, volume, body.attachment_id)
        await self.volumes.volume_rpc.detach_volume(ctx, volume, body.attachment_id)
        return Response(202)

    async def _initialize_connection(self, ctx: Context, req: Request, body: ConnectorBody) -> Response:
        volume = await self._placed(ctx, req)
        info = await self.volumes.volume_rpc.initialize_connection(ctx, volume, body.connector)
        return Response(200, {"connection_info": info})

    async def _terminate_connection(self, ctx: Context, req: Request, body: ConnectorBody) -> Response:
        volume = await self._placed(ctx, req)
        await self._check_release(ctx, req, volume)
        await self.volumes.volume_rpc.terminate_connection(ctx, volume, body.connector)
        return Response(202)

    async def _check_release(self, ctx: Context, req: Request, volume: Volume, attachment_id: str | None = None) -> None:
        """Let services give a volume back as they like; users not while a server has it."""
        if not await self.sent_by_service(ctx, req):
            await self.attachments.check_release(ctx, volume.id, attachment_id)

    # -- properties ---------------------------------------------------------------------------

    async def _extend(self, ctx: Context, req: Request, body: ExtendBody) -> Response:
        await self.volumes.extend(ctx, req.params["volume_id"], body.new_size, attached_too=req.version >= (3, 42))
        return Response(202)

    async def _set_bootable(self, ctx: Context, req: Request, body: BootableBody) -> Response:
        await self.volumes.change(ctx, req.params["volume_id"], bootable=body.bootable)
        return Response(200)

    async def _set_readonly(self, ctx: Context, req: Request, body: ReadonlyBody) -> Response:
        volume = await self._volume(ctx, req)
        if volume.status != "available":
            raise InvalidVolume(
                f"Volume {volume.id} status must be available to update readonly flag, but current status is: {volume.status}."
            )
        await self.volumes.change(ctx, volume.id, readonly=body.readonly)
        return Response(202)

    async def _set_image_metadata(self, ctx: Context, req: Request, body: ImageMetadataBody) -> Response:
        volume = await self._volume(ctx, req)
        merged = {**volume.image_metadata, **body.metadata}
        await self.volumes.change(ctx, volume.id, image_metadata=merged)
        return Response(200, {"metadata": merged})

    async def _show_image_metadata(self, ctx: Context, req: Request, _: Any) -> Response:
        volume = await self._volume(ctx, req)
        return Response(200, {"metadata": volume.image_metadata})

    async def _unset_image_metadata(self, ctx: Context, req: Request, body: ImageKeyBody) -> Response:
        volume = await self._volume(ctx, req)
        left = {k: v for k, v in volume.image_metadata.items() if k != body.key}
        if len(left) == len(volume.image_metadata):
            raise InvalidVolume(f"Volume {volume.id} has no image metadata with key {body.key}.")
        await self.volumes.change(ctx, volume.id, image_metadata=left)
        return Response(200)

    # -- operators ----------------------------------------------------------------------------

    async def _reset_status(self, ctx: Context, req: Request, body: ResetBody) -> Response:
        known: Json = {
            "status": tuple(VOLUME_MOVES),
            "attach_status": ATTACH_STATUSES,
            "migration_status": MIGRATION_STATUSES,
        }
        changes = {name: value.lower() for name, value in body.model_dump().items() if value is not None}
        if not changes:
            raise BadRequest("Must specify 'status', 'attach_status' or 'migration_status' for update.")
        for name, value in changes.items():
            if value not in known[name]:
                raise BadRequest(f"Must specify a valid {name}, not {value}; known: {', '.join(known[name])}")
        await self.volumes.reset(ctx, req.params["volume_id"], changes)
        return Response(202)

    async def _force_delete(self, ctx: Context, req: Request, _: Any) -> Response:
        await self.volumes.delete(ctx, req.params["volume_id"], force=True)
        return Response(202)
