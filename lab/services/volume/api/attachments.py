"""/attachments (from 3.27 on): how nova attaches volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import READER, Request, Route
from lab.services.volume.api.part import Json, VolumePart, both
from lab.services.volume.listing import keep, order, page
from lab.services.volume.model import VolumeAttachment
from lab.services.volume.schemas import CreateAttachment, UpdateAttachment
from lab.services.volume.views import attachment_summary

FIELDS: dict[str, Callable[[VolumeAttachment], Any]] = {
    "id": lambda a: a.id,
    "volume_id": lambda a: a.volume_id,
    "instance_id": lambda a: a.instance_uuid,
    "instance_uuid": lambda a: a.instance_uuid,
    "status": lambda a: a.attach_status,
    "attach_status": lambda a: a.attach_status,
    "created_at": lambda a: a.created_at,
}
SINCE = (3, 27)
MODES = ("rw", "ro", "null")


class AttachmentsPart(VolumePart):
    """The attachments of a project's volumes."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/attachments", "list_attachments", READER, since=SINCE, summary="List attachments"),
        Route("GET", "/attachments/detail", "list_attachments_detail", READER, since=SINCE, summary="List in full"),
        Route("POST", "/attachments", "create_attachment", since=SINCE, body=CreateAttachment, summary="Reserve"),
        Route("GET", "/attachments/{attachment_id}", "show_attachment", READER, since=SINCE, summary="Show one"),
        Route("PUT", "/attachments/{attachment_id}", "update_attachment", since=SINCE, body=UpdateAttachment),
        Route("DELETE", "/attachments/{attachment_id}", "delete_attachment", since=SINCE, summary="End one"),
        Route("POST", "/attachments/{attachment_id}/action", "attachment_action", success=204, since=(3, 44)),
    )

    async def _list_attachments(self, ctx: Context, req: Request, show: Callable[[VolumeAttachment], Json]) -> Json:
        rows = await self.attachments.find(ctx, self.whose(ctx, req))
        rows = order(keep(rows, req, FIELDS, like=False), req, FIELDS)
        part, links = page(rows, req, lambda a: a.id, self.collection(ctx, "attachments"))
        body: Json = {"attachments": [show(a) for a in part]}
        if links:
            body["attachments_links"] = links
        return body

    async def list_attachments(self, ctx: Context, req: Request) -> Json:
        """List the attachments."""
        return await self._list_attachments(ctx, req, attachment_summary)

    async def list_attachments_detail(self, ctx: Context, req: Request) -> Json:
        """List the attachments with their connection info."""
        return await self._list_attachments(ctx, req, self.views.attachment)

    async def show_attachment(self, ctx: Context, req: Request) -> Json:
        """Show one attachment."""
        return {"attachment": self.views.attachment(await self.attachments.get(ctx, req.params["attachment_id"]))}

    async def create_attachment(self, ctx: Context, req: Request) -> Json:
        """Reserve a volume; with a connector have it exported at once."""
        body = req.data.attachment
        mode = body.mode if req.version >= (3, 54) and body.mode else "null"
        if mode not in MODES:
            raise BadRequest(f"Invalid attachment mode {mode}; known: {', '.join(MODES)}")
        attachment = await self.attachments.reserve(ctx, body.volume_uuid, body.instance_uuid, mode)
        if body.connector:
            attachment = await self.attachments.connect(ctx, attachment.id, body.connector)
        return {"attachment": self.views.attachment(attachment)}

    async def update_attachment(self, ctx: Context, req: Request) -> Json:
        """Have the volume exported to a host."""
        connector = req.data.attachment.connector
        if not connector.get("host"):
            raise BadRequest("Invalid connector: it names no host")
        attachment = await self.attachments.connect(ctx, req.params["attachment_id"], connector)
        return {"attachment": self.views.attachment(attachment)}

    async def attachment_action(self, ctx: Context, req: Request) -> None:
        """Complete an attachment: the guest has the device."""
        content = req.data
        if not isinstance(content, dict) or list(content) != ["os-complete"]:
            raise BadRequest("There is no such action; known: os-complete")
        await self.attachments.complete(ctx, req.params["attachment_id"])

    async def delete_attachment(self, ctx: Context, req: Request) -> Json:
        """End an attachment; answer what is left on the volume."""
        by_service = await self.sent_by_service(ctx, req)
        left = await self.attachments.delete(ctx, req.params["attachment_id"], by_service)
        return {"attachments": [attachment_summary(a) for a in left]}
