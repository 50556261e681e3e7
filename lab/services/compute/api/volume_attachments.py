"""The volumes of a server: attach, list, change, detach. The id of an attachment is the volume's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StrictStr

from lab.errors import BadRequest, Conflict, NotFound
from lab.rest import MEMBER, READER, Request, Response, Route, per_version
from lab.rest.body import Body
from lab.services.compute.api.fields import Boolean, Tag, Uuid
from lab.services.compute.api.paging import PAGE_MAX, whole
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import BlockDevice, Server

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

_PATH = "/v2.1/servers/{server_id}/os-volume_attachments"
Device = Annotated[StrictStr, Field(pattern=r"^/dev/x{0,1}[a-z]{0,1}d{0,1}[a-z]+[0-9]*$")]


class Attachment21(Body):
    """Which volume, and as which device."""

    volume_id: Uuid = Field(alias="volumeId")
    device: Device | None = None


class Attachment249(Attachment21):
    """A device tag."""

    tag: Tag | None = None


class Attachment279(Attachment249):
    """Whether the volume goes with the server."""

    delete_on_termination: Boolean = False


class Swap21(Body):
    """The volume to swap to; only the volume service may ask."""

    volume_id: Uuid = Field(alias="volumeId")


class Change285(Attachment249):
    """What of an attachment may be said again, and the one thing that may change."""

    delete_on_termination: Boolean | None = None
    server_id: Uuid | None = Field(default=None, alias="serverId")
    id: Uuid | None = None


class Attach21(Body):
    """POST and the old PUT."""

    attachment: Attachment21 = Field(alias="volumeAttachment")


class Attach249(Body):
    """POST since 2.49."""

    attachment: Attachment249 = Field(alias="volumeAttachment")


class Attach279(Body):
    """POST since 2.79."""

    attachment: Attachment279 = Field(alias="volumeAttachment")


class SwapBody(Body):
    """PUT before 2.85."""

    attachment: Swap21 = Field(alias="volumeAttachment")


class ChangeBody(Body):
    """PUT since 2.85."""

    attachment: Change285 = Field(alias="volumeAttachment")


ROUTES = (
    Route("GET", _PATH, "volumes_list", READER, summary="Volumes of a server"),
    Route(
        "POST",
        _PATH,
        "volumes_attach",
        MEMBER,
        200,
        per_version(((2, 1), Attach21), ((2, 49), Attach249), ((2, 79), Attach279)),
        summary="Attach a volume",
    ),
    Route("GET", f"{_PATH}/{{volume_id}}", "volumes_show", READER, summary="One volume of a server"),
    Route(
        "PUT",
        f"{_PATH}/{{volume_id}}",
        "volumes_update",
        MEMBER,
        202,
        per_version(((2, 1), SwapBody), ((2, 85), ChangeBody)),
        summary="Change or swap an attached volume",
    ),
    Route("DELETE", f"{_PATH}/{{volume_id}}", "volumes_detach", MEMBER, 202, summary="Detach a volume"),
)


class VolumeAttachmentsPart(ComputePart):
    """The handlers of os-volume_attachments."""

    async def volumes_list(self, ctx: Context, req: Request) -> Json:
        """Answer the attached volumes."""
        self.check_query(req, ("limit", "offset"), (2, 75))
        server = await self.server(ctx, req.params["server_id"])
        devices = await self._devices(server)
        start = whole(req, "offset", 0)
        page = devices[start : start + (whole(req, "limit", PAGE_MAX) or PAGE_MAX)]
        hidden = req.version >= (2, 89)
        return {
            "volumeAttachments": [
                _shown(device, req.version) for device in page if device.volume_id and (device.attachment_id or not hidden)
            ]
        }

    async def volumes_show(self, ctx: Context, req: Request) -> Json:
        """Answer one attached volume."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        device = await self._device(server, req.params["volume_id"])
        if req.version >= (2, 89) and device.attachment_id is None:
            raise _not_attached(server, req.params["volume_id"])
        return {"volumeAttachment": _shown(device, req.version)}

    async def volumes_attach(self, ctx: Context, req: Request) -> Response:
        """Attach a volume; until 2.100 the answer waits for the device's name."""
        server = await self.server(ctx, req.params["server_id"])
        asked = req.data.attachment
        tag, ends = getattr(asked, "tag", None), getattr(asked, "delete_on_termination", False)
        device = await self.manager.attach_volume(ctx, server, asked.volume_id, asked.device, tag, ends)
        if req.version >= (2, 101):
            return Response(202)
        view: Json = {
            "id": asked.volume_id,
            "serverId": server.id,
            "volumeId": asked.volume_id,
            "device": device.device_name,
        }
        if req.version >= (2, 70):
            view["tag"] = tag
        if req.version >= (2, 79):
            view["delete_on_termination"] = ends
        return Response(200, {"volumeAttachment": view})

    async def volumes_update(self, ctx: Context, req: Request) -> None:
        """Change whether the volume goes with the server; swapping is refused as nova refuses it to users."""
        server = await self.server(ctx, req.params["server_id"])
        volume_id, asked = req.params["volume_id"], req.data.attachment
        if req.version < (2, 85) or asked.volume_id != volume_id:
            raise Conflict(f"volume {volume_id} is not migrating; this API should only be called by Cinder")
        try:
            device = await self._device(server, volume_id)
        except NotFound as error:
            raise NotFound(f"No volume Block Device Mapping with id {volume_id}.") from error
        fixed = {"id": volume_id, "server_id": server.id, "device": device.device_name, "tag": device.tag}
        names = {"server_id": "serverId"}
        for name, value in fixed.items():
            if name in asked.model_fields_set and getattr(asked, name) != value:
                raise BadRequest(f"The {names.get(name, name)} property is not mutable")
        if asked.delete_on_termination is not None:
            await self.manager.update_block_device(ctx, server, device, asked.delete_on_termination)

    async def volumes_detach(self, ctx: Context, req: Request) -> None:
        """Begin to detach a volume."""
        server = await self.server(ctx, req.params["server_id"])
        await self.manager.detach_volume(ctx, server, req.params["volume_id"])

    async def _devices(self, server: Server) -> list[BlockDevice]:
        return await self.process.store.run(lambda tx: tx.find(BlockDevice, server_id=server.id))

    async def _device(self, server: Server, volume_id: str) -> BlockDevice:
        for device in await self._devices(server):
            if device.volume_id == volume_id:
                return device
        raise _not_attached(server, volume_id)


def _not_attached(server: Server, volume_id: str) -> NotFound:
    return NotFound(f"Instance {server.id} is not attached to volume {volume_id}")


def _shown(device: BlockDevice, version: tuple[int, int]) -> Json:
    view: Json = {} if version >= (2, 89) else {"id": device.volume_id}
    view["volumeId"] = device.volume_id
    view["serverId"] = device.server_id
    if device.device_name:
        view["device"] = device.device_name
    if version >= (2, 70):
        view["tag"] = device.tag
    if version >= (2, 79):
        view["delete_on_termination"] = device.delete_on_termination
    if version >= (2, 89):
        view["attachment_id"] = device.attachment_id
        view["bdm_uuid"] = device.id
    return view
