"""/volumes: lists, one volume, its metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import orjson

from lab.context import Context
from lab.errors import BadRequest, NotFound
from lab.rest import READER, Request, Response, Route, per_version
from lab.services.volume.api.part import Json, VolumePart, both, described
from lab.services.volume.listing import keep, order, page, truth
from lab.services.volume.model import InvalidInput, Volume, VolumeAttachment
from lab.services.volume.records import attachments_of, usage
from lab.services.volume.requests import VolumeRequest
from lab.services.volume.schemas import CreateVolume, CreateVolumeStrict, MetaBody, MetadataBody, UpdateVolume
from lab.store import Transaction

FIELDS: dict[str, Callable[[Volume], Any]] = {
    "id": lambda v: v.id,
    "name": lambda v: v.name,
    "display_name": lambda v: v.name,
    "status": lambda v: v.status,
    "size": lambda v: v.size,
    "bootable": lambda v: v.bootable,
    "availability_zone": lambda v: v.availability_zone,
    "project_id": lambda v: v.project_id,
    "user_id": lambda v: v.user_id,
    "created_at": lambda v: v.created_at,
    "updated_at": lambda v: v.updated_at,
    "attach_status": lambda v: v.attach_status,
    "migration_status": lambda v: v.migration_status,
    "multiattach": lambda v: v.multiattach,
    "snapshot_id": lambda v: v.snapshot_id,
    "source_volid": lambda v: v.source_volid,
    "volume_type_id": lambda v: v.volume_type_id,
    "host": lambda v: v.host,
}
"""What lists can be filtered and sorted by. Source: cinder's resource_filters.json and its API reference."""
ADMIN_FILTERS = ("project_id", "host", "migration_status")


class VolumesPart(VolumePart):
    """The volumes of a project."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/volumes", "list_volumes", READER, summary="List volumes by name"),
        Route("GET", "/volumes/detail", "list_volumes_detail", READER, summary="List volumes in full"),
        Route("GET", "/volumes/summary", "summary", READER, since=(3, 12), summary="Count volumes and their size"),
        Route(
            "POST",
            "/volumes",
            "create_volume",
            success=202,
            body=per_version(((3, 0), CreateVolume), ((3, 53), CreateVolumeStrict)),
            summary="Create a volume",
        ),
        Route("GET", "/volumes/{volume_id}", "show_volume", READER, summary="Show a volume"),
        Route("PUT", "/volumes/{volume_id}", "update_volume", body=UpdateVolume, summary="Rename a volume"),
        Route("DELETE", "/volumes/{volume_id}", "delete_volume", success=202, summary="Delete a volume"),
        Route("GET", "/volumes/{volume_id}/encryption", "show_encryption", READER, summary="Show how it is encrypted"),
        Route("GET", "/volumes/{volume_id}/metadata", "show_metadata", READER, summary="Show its metadata"),
        Route("POST", "/volumes/{volume_id}/metadata", "add_metadata", body=MetadataBody, summary="Add metadata"),
        Route("PUT", "/volumes/{volume_id}/metadata", "set_metadata", body=MetadataBody, summary="Replace metadata"),
        Route("GET", "/volumes/{volume_id}/metadata/{key}", "show_meta", READER, summary="Show one value"),
        Route("PUT", "/volumes/{volume_id}/metadata/{key}", "set_meta", body=MetaBody, summary="Set one value"),
        Route("DELETE", "/volumes/{volume_id}/metadata/{key}", "delete_meta", summary="Drop one value"),
    )

    # -- lists --------------------------------------------------------------------------------

    async def _listed(self, ctx: Context, req: Request) -> list[Volume]:
        rows = await self.volumes.find(ctx, self.whose(ctx, req))
        fields = {name: take for name, take in FIELDS.items() if ctx.is_admin or name not in ADMIN_FILTERS}
        rows = keep(rows, req, fields, like=req.version >= (3, 34))
        wanted = req.arg("metadata")
        if wanted is not None:
            pairs = _mapping(wanted)
            rows = [row for row in rows if all(row.metadata_.get(k) == v for k, v in pairs.items())]
        return order(rows, req, fields)

    async def list_volumes(self, ctx: Context, req: Request) -> Json:
        """List ids and names."""
        rows = await self._listed(ctx, req)
        part, links = page(rows, req, lambda v: v.id, self.collection(ctx, "volumes"))
        return _list([self.views.volume_summary(v) for v in part], links, len(rows), req)

    async def list_volumes_detail(self, ctx: Context, req: Request) -> Json:
        """List everything."""
        rows = await self._listed(ctx, req)
        part, links = page(rows, req, lambda v: v.id, self.collection(ctx, "volumes/detail"))
        names = await self.types.names()

        def attached(tx: Transaction) -> dict[str, list[VolumeAttachment]]:
            return {v.id: attachments_of(tx, v.id) for v in part}

        attachments = await self.process.store.run(attached)
        shown = [self.views.volume(v, attachments[v.id], names.get(v.volume_type_id or ""), req.version, ctx.is_admin) for v in part]
        return _list(shown, links, len(rows), req)

    async def summary(self, ctx: Context, req: Request) -> Json:
        """Count the volumes; from 3.36 on their metadata too."""
        rows = await self._listed(ctx, req)
        body: Json = {"total_size": sum(v.size for v in rows), "total_count": len(rows)}
        if req.version >= (3, 36):
            metadata: dict[str, list[str]] = {}
            for volume in rows:
                for key, value in volume.metadata_.items():
                    values = metadata.setdefault(key, [])
                    if value not in values:
                        values.append(value)
            body["metadata"] = metadata
        return {"volume-summary": body}

    # -- one volume ---------------------------------------------------------------------------

    async def create_volume(self, ctx: Context, req: Request) -> Json:
        """Accept a new volume."""
        body = req.data.volume
        if body.multiattach:
            raise BadRequest(
                "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume "
                "types. Contact your administrator to create a multiattach enabled volume type and use it to create "
                "multiattach volumes."
            )
        for name in ("consistencygroup_id", "group_id", "backup_id"):
            if getattr(body, name) is not None:
                raise NotFound(f"{name} {getattr(body, name)} could not be found.")
        request = VolumeRequest(
            size=body.size,
            volume_type=body.volume_type,
            availability_zone=body.availability_zone,
            image_id=body.image_ref or body.image_id,
            snapshot_id=body.snapshot_id,
            source_volid=body.source_volid,
            metadata=body.metadata or {},
            hints=req.data.hints or {},
            **described(body),
        )
        volume = await self.volumes.create(ctx, request)
        return await self._shown(ctx, req, volume.id)

    async def _shown(self, ctx: Context, req: Request, volume_id: str) -> Json:
        volume, attachments, type_name = await self.volumes.get(ctx, volume_id)
        return {"volume": self.views.volume(volume, attachments, type_name, req.version, ctx.is_admin)}

    async def show_volume(self, ctx: Context, req: Request) -> Json:
        """Show one volume."""
        return await self._shown(ctx, req, req.params["volume_id"])

    async def update_volume(self, ctx: Context, req: Request) -> Json:
        """Change name, description or metadata."""
        body, volume_id = req.data.volume, req.params["volume_id"]
        changes = described(body)
        if body.metadata is not None:
            changes["metadata_"] = body.metadata
        if not changes:
            raise BadRequest("At least one of name, description, display_name, display_description or metadata is needed")
        volume = await self.volumes.change(ctx, volume_id, **changes)
        self.process.notify(ctx, "volume.update.end", None, usage(volume))
        return await self._shown(ctx, req, volume_id)

    async def delete_volume(self, ctx: Context, req: Request) -> None:
        """Ask for its end; `cascade` takes its snapshots along, `force` (from 3.23 on, operators) any status."""
        force = req.version >= (3, 23) and truth(req.arg("force")) and ctx.is_admin
        await self.volumes.delete(ctx, req.params["volume_id"], cascade=truth(req.arg("cascade")), force=force)

    async def show_encryption(self, ctx: Context, req: Request) -> Json:
        """Show how the volume is encrypted: not at all."""
        await self.volumes.get(ctx, req.params["volume_id"])
        return {}

    # -- metadata -----------------------------------------------------------------------------

    async def show_metadata(self, ctx: Context, req: Request) -> Json:
        """Show all metadata."""
        volume, _, _ = await self.volumes.get(ctx, req.params["volume_id"])
        return {"metadata": volume.metadata_}

    async def add_metadata(self, ctx: Context, req: Request) -> Json:
        """Merge metadata in."""
        return {"metadata": await self.volumes.set_metadata(ctx, req.params["volume_id"], req.data.metadata)}

    async def set_metadata(self, ctx: Context, req: Request) -> Json:
        """Replace all metadata."""
        changed = await self.volumes.set_metadata(ctx, req.params["volume_id"], req.data.metadata, replace=True)
        return {"metadata": changed}

    async def show_meta(self, ctx: Context, req: Request) -> Json:
        """Show one value."""
        volume, _, _ = await self.volumes.get(ctx, req.params["volume_id"])
        return {"meta": one_of(volume.metadata_, req.params["key"], f"Volume {volume.id}")}

    async def set_meta(self, ctx: Context, req: Request) -> Json:
        """Set one value."""
        key = req.params["key"]
        if list(req.data.meta) != [key]:
            raise BadRequest("Request body and URI mismatch")
        await self.volumes.set_metadata(ctx, req.params["volume_id"], req.data.meta)
        return {"meta": req.data.meta}

    async def delete_meta(self, ctx: Context, req: Request) -> Response:
        """Drop one value."""
        volume, _, _ = await self.volumes.get(ctx, req.params["volume_id"])
        one_of(volume.metadata_, req.params["key"], f"Volume {volume.id}")
        left = {k: v for k, v in volume.metadata_.items() if k != req.params["key"]}
        await self.volumes.set_metadata(ctx, volume.id, left, replace=True)
        return Response(200)


def one_of(metadata: dict[str, str], key: str, whose: str) -> dict[str, str]:
    """Return one value under its key. Raises NotFound in cinder's words."""
    if key not in metadata:
        raise NotFound(f"{whose} has no metadata with key {key}.")
    return {key: metadata[key]}


def _list(rows: list[Json], links: list[dict[str, str]], total: int, req: Request) -> Json:
    body: Json = {"volumes": rows}
    if links:
        body["volumes_links"] = links
    if req.version >= (3, 45) and truth(req.arg("with_count")):
        body["count"] = total
    return body


def _mapping(text: str) -> dict[str, str]:
    """Return the pairs of a filter like {'key': 'value'}, which clients write as Python does."""
    try:
        found = orjson.loads(text.replace("'", '"'))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(f"metadata filter {text!r} is not a mapping of names to values")
    return {str(k): str(v) for k, v in found.items()}
