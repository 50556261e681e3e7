"""/snapshots: lists, one snapshot, its metadata and its verbs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest, Forbidden
from lab.rest import READER, Request, Response, Route
from lab.services.volume.api.part import Json, VolumePart, both, described
from lab.services.volume.api.volumes import one_of
from lab.services.volume.listing import keep, order, page, truth
from lab.services.volume.model import SNAPSHOT_MOVES, VolumeSnapshot
from lab.services.volume.schemas import CreateSnapshot, MetaBody, MetadataBody, UpdateSnapshot

FIELDS: dict[str, Callable[[VolumeSnapshot], Any]] = {
    "id": lambda s: s.id,
    "name": lambda s: s.name,
    "display_name": lambda s: s.name,
    "status": lambda s: s.status,
    "volume_id": lambda s: s.volume_id,
    "volume_size": lambda s: s.volume_size,
    "size": lambda s: s.volume_size,
    "project_id": lambda s: s.project_id,
    "created_at": lambda s: s.created_at,
    "updated_at": lambda s: s.updated_at,
}


class SnapshotsPart(VolumePart):
    """The snapshots of a project."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/snapshots", "list_snapshots", READER, summary="List snapshots"),
        Route("GET", "/snapshots/detail", "list_snapshots_detail", READER, summary="List snapshots in full"),
        Route("POST", "/snapshots", "create_snapshot", success=202, body=CreateSnapshot, summary="Create a snapshot"),
        Route("GET", "/snapshots/{snapshot_id}", "show_snapshot", READER, summary="Show a snapshot"),
        Route("PUT", "/snapshots/{snapshot_id}", "update_snapshot", body=UpdateSnapshot, summary="Rename a snapshot"),
        Route("DELETE", "/snapshots/{snapshot_id}", "delete_snapshot", success=202, summary="Delete a snapshot"),
        Route("POST", "/snapshots/{snapshot_id}/action", "snapshot_action", success=202, summary="Reset or force it"),
        Route("GET", "/snapshots/{snapshot_id}/metadata", "show_snapshot_metadata", READER, summary="Show metadata"),
        Route("POST", "/snapshots/{snapshot_id}/metadata", "add_snapshot_metadata", body=MetadataBody),
        Route("PUT", "/snapshots/{snapshot_id}/metadata", "set_snapshot_metadata", body=MetadataBody),
        Route("GET", "/snapshots/{snapshot_id}/metadata/{key}", "show_snapshot_meta", READER),
        Route("PUT", "/snapshots/{snapshot_id}/metadata/{key}", "set_snapshot_meta", body=MetaBody),
        Route("DELETE", "/snapshots/{snapshot_id}/metadata/{key}", "delete_snapshot_meta"),
    )

    async def _list_snapshots(self, ctx: Context, req: Request, detail: bool) -> Json:
        rows = await self.snapshots.find(ctx, self.whose(ctx, req))
        rows = order(keep(rows, req, FIELDS, like=req.version >= (3, 34)), req, FIELDS)
        url = self.collection(ctx, "snapshots/detail" if detail else "snapshots")
        part, links = page(rows, req, lambda s: s.id, url)
        body: Json = {"snapshots": [self.views.snapshot(s, req.version, detail) for s in part]}
        if links:
            body["snapshots_links"] = links
        if req.version >= (3, 45) and truth(req.arg("with_count")):
            body["count"] = len(rows)
        return body

    async def list_snapshots(self, ctx: Context, req: Request) -> Json:
        """List the snapshots."""
        return await self._list_snapshots(ctx, req, detail=False)

    async def list_snapshots_detail(self, ctx: Context, req: Request) -> Json:
        """List the snapshots with progress and project."""
        return await self._list_snapshots(ctx, req, detail=True)

    async def create_snapshot(self, ctx: Context, req: Request) -> Json:
        """Accept a new snapshot; of a volume in use only with `force`, or from 3.66 on."""
        body = req.data.snapshot
        if req.version >= (3, 66) and "force" in body.model_fields_set and not body.force:
            raise BadRequest("Invalid input for field/attribute force: from microversion 3.66 on a volume in use needs no force")
        snapshot = await self.snapshots.create(
            ctx,
            body.volume_id,
            attached_too=bool(body.force) or req.version >= (3, 66),
            metadata_=body.metadata or {},
            **described(body),
        )
        return {"snapshot": self.views.snapshot(snapshot, req.version, detail=False)}

    async def show_snapshot(self, ctx: Context, req: Request) -> Json:
        """Show one snapshot."""
        snapshot = await self.snapshots.get(ctx, req.params["snapshot_id"])
        return {"snapshot": self.views.snapshot(snapshot, req.version, detail=True)}

    async def update_snapshot(self, ctx: Context, req: Request) -> Json:
        """Change name or description."""
        changes = described(req.data.snapshot)
        if not changes:
            raise BadRequest("At least one of name, description, display_name or display_description is needed")
        snapshot = await self.snapshots.change(ctx, req.params["snapshot_id"], **changes)
        return {"snapshot": self.views.snapshot(snapshot, req.version, detail=False)}

    async def delete_snapshot(self, ctx: Context, req: Request) -> None:
        """Ask for its end."""
        await self.snapshots.delete(ctx, req.params["snapshot_id"])

    async def snapshot_action(self, ctx: Context, req: Request) -> None:
        """Reset its status, or delete it whatever its status: for operators."""
        content, snapshot_id = req.data, req.params["snapshot_id"]
        if not isinstance(content, dict) or len(content) != 1:
            raise BadRequest("There is no such action: the body must hold exactly one")
        name, value = next(iter(content.items()))
        if name not in ("os-reset_status", "os-force_delete"):
            raise BadRequest(f"There is no such action: {name}; known: os-reset_status, os-force_delete")
        if not ctx.is_admin:
            raise Forbidden(f"Policy doesn't allow volume_extension:snapshot_admin_actions:{name} to be performed.")
        if name == "os-force_delete":
            await self.snapshots.delete(ctx, snapshot_id, force=True)
            return
        status = value.get("status") if isinstance(value, dict) else None
        if not isinstance(status, str) or status not in SNAPSHOT_MOVES:
            raise BadRequest(f"Must specify a valid status, not {status}; known: {', '.join(SNAPSHOT_MOVES)}")
        await self.snapshots.change(ctx, snapshot_id, status=status)

    # -- metadata -----------------------------------------------------------------------------

    async def show_snapshot_metadata(self, ctx: Context, req: Request) -> Json:
        """Show all metadata."""
        snapshot = await self.snapshots.get(ctx, req.params["snapshot_id"])
        return {"metadata": snapshot.metadata_}

    async def add_snapshot_metadata(self, ctx: Context, req: Request) -> Json:
        """Merge metadata in."""
        return {"metadata": await self.snapshots.set_metadata(ctx, req.params["snapshot_id"], req.data.metadata)}

    async def set_snapshot_metadata(self, ctx: Context, req: Request) -> Json:
        """Replace all metadata."""
        changed = await self.snapshots.set_metadata(ctx, req.params["snapshot_id"], req.data.metadata, replace=True)
        return {"metadata": changed}

    async def show_snapshot_meta(self, ctx: Context, req: Request) -> Json:
        """Show one value."""
        snapshot = await self.snapshots.get(ctx, req.params["snapshot_id"])
        return {"meta": one_of(snapshot.metadata_, req.params["key"], f"Snapshot {snapshot.id}")}

    async def set_snapshot_meta(self, ctx: Context, req: Request) -> Json:
        """Set one value."""
        if list(req.data.meta) != [req.params["key"]]:
            raise BadRequest("Request body and URI mismatch")
        await self.snapshots.set_metadata(ctx, req.params["snapshot_id"], req.data.meta)
        return {"meta": req.data.meta}

    async def delete_snapshot_meta(self, ctx: Context, req: Request) -> Response:
        """Drop one value."""
        snapshot = await self.snapshots.get(ctx, req.params["snapshot_id"])
        one_of(snapshot.metadata_, req.params["key"], f"Snapshot {snapshot.id}")
        left = {k: v for k, v in snapshot.metadata_.items() if k != req.params["key"]}
        await self.snapshots.set_metadata(ctx, snapshot.id, left, replace=True)
        return Response(200)
