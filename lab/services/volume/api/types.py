"""/types: volume types, their extra specs, and who may use private ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.context import Context
from lab.errors import BadRequest, NotFound
from lab.rest import ADMIN, READER, Request, Response, Route
from lab.services.volume.api.part import Json, VolumePart, both
from lab.services.volume.listing import page, truth
from lab.services.volume.model import DEFAULT_TYPE
from lab.services.volume.schemas import CreateType, ExtraSpecs, UpdateType


class TypesPart(VolumePart):
    """What operators offer."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/types", "list_types", READER, summary="List volume types"),
        Route("POST", "/types", "create_type", ADMIN, body=CreateType, summary="Create a volume type"),
        Route("GET", "/types/default", "show_default_type", READER, summary="Show the default type"),
        Route("GET", "/types/{type_id}", "show_type", READER, summary="Show a volume type"),
        Route("PUT", "/types/{type_id}", "update_type", ADMIN, body=UpdateType, summary="Change a volume type"),
        Route("DELETE", "/types/{type_id}", "delete_type", ADMIN, success=202, summary="Delete a volume type"),
        Route("POST", "/types/{type_id}/action", "type_action", ADMIN, success=202, summary="Give or take access"),
        Route("GET", "/types/{type_id}/os-volume-type-access", "list_type_access", ADMIN, summary="Who may use it"),
        Route("GET", "/types/{type_id}/encryption", "show_type_encryption", ADMIN, summary="How it encrypts"),
        Route("GET", "/types/{type_id}/extra_specs", "list_specs", READER, summary="List extra specs"),
        Route("POST", "/types/{type_id}/extra_specs", "add_specs", ADMIN, body=ExtraSpecs, summary="Add extra specs"),
        Route("GET", "/types/{type_id}/extra_specs/{key}", "show_spec", READER, summary="Show one extra spec"),
        Route("PUT", "/types/{type_id}/extra_specs/{key}", "set_spec", ADMIN, summary="Set one extra spec"),
        Route("DELETE", "/types/{type_id}/extra_specs/{key}", "delete_spec", ADMIN, success=202),
    )

    async def list_types(self, ctx: Context, req: Request) -> Json:
        """List the types that the caller may use; operators choose by is_public=True, False or None (all)."""
        asked = req.arg("is_public")
        is_public = None if (asked or "").lower() == "none" else (truth(asked) if asked is not None else True)
        rows = await self.types.find(ctx, is_public)
        part, links = page(rows, req, lambda t: t.id, self.collection(ctx, "types"))
        body: Json = {"volume_types": [self.views.volume_type(t, ctx.is_admin) for t in part]}
        if links:
            body["volume_type_links"] = links
        return body

    async def create_type(self, ctx: Context, req: Request) -> Json:
        """Offer a new type."""
        body = req.data.volume_type
        specs = {key: value for key, value in (body.extra_specs or {}).items() if value is not None}
        new = await self.types.create(body.name, body.description, body.is_public, specs)
        return {"volume_type": self.views.volume_type(new, ctx.is_admin)}

    async def show_default_type(self, ctx: Context, req: Request) -> Json:
        """Show the type of volumes that ask for none."""
        return {"volume_type": self.views.volume_type(await self.types.get(ctx, DEFAULT_TYPE), ctx.is_admin)}

    async def show_type(self, ctx: Context, req: Request) -> Json:
        """Show one type."""
        found = await self.types.get(ctx, req.params["type_id"])
        return {"volume_type": self.views.volume_type(found, ctx.is_admin)}

    async def update_type(self, ctx: Context, req: Request) -> Json:
        """Change name, description or publicity."""
        body = req.data.volume_type
        changes = {name: getattr(body, name) for name in body.model_fields_set if getattr(body, name) is not None}
        if not changes:
            raise BadRequest("Specify volume type name, description, is_public or a combination thereof.")
        changed = await self.types.change(ctx, req.params["type_id"], **changes)
        return {"volume_type": self.views.volume_type(changed, ctx.is_admin)}

    async def delete_type(self, ctx: Context, req: Request) -> None:
        """Withdraw a type."""
        await self.types.delete(ctx, req.params["type_id"])

    async def type_action(self, ctx: Context, req: Request) -> None:
        """Let a project use a private type, or no longer."""
        content = req.data
        if not isinstance(content, dict) or list(content) not in (["addProjectAccess"], ["removeProjectAccess"]):
            raise BadRequest("There is no such action; known: addProjectAccess, removeProjectAccess")
        name, value = next(iter(content.items()))
        if not isinstance(value, dict) or not isinstance(value.get("project"), str) or not value["project"]:
            raise BadRequest(f"{name} needs a project")
        await self.types.set_access(ctx, req.params["type_id"], value["project"], name == "addProjectAccess")

    async def list_type_access(self, ctx: Context, req: Request) -> Json:
        """List the projects that may use a private type."""
        found = await self.types.get(ctx, req.params["type_id"])
        if found.is_public:
            raise NotFound("Access list not available for public volume types.")
        return {"volume_type_access": [{"volume_type_id": found.id, "project_id": p} for p in found.projects]}

    async def show_type_encryption(self, ctx: Context, req: Request) -> Json:
        """Show how volumes of the type are encrypted: not at all."""
        await self.types.get(ctx, req.params["type_id"])
        return {}

    # -- extra specs --------------------------------------------------------------------------

    async def _specs(self, ctx: Context, req: Request) -> dict[str, str]:
        found = await self.types.get(ctx, req.params["type_id"])
        shown: dict[str, str] = self.views.volume_type(found, ctx.is_admin)["extra_specs"]
        return shown

    async def list_specs(self, ctx: Context, req: Request) -> Json:
        """List the extra specs that the caller may see."""
        return {"extra_specs": await self._specs(ctx, req)}

    async def add_specs(self, ctx: Context, req: Request) -> Json:
        """Add extra specs, or change them."""
        await self.types.set_specs(ctx, req.params["type_id"], req.data.extra_specs)
        return {"extra_specs": req.data.extra_specs}

    async def show_spec(self, ctx: Context, req: Request) -> Json:
        """Show one extra spec."""
        specs, key = await self._specs(ctx, req), req.params["key"]
        if key not in specs:
            raise NotFound(f"Volume Type {req.params['type_id']} has no extra spec with key {key}.")
        return {key: specs[key]}

    async def set_spec(self, ctx: Context, req: Request) -> Json:
        """Set one extra spec."""
        key, body = req.params["key"], req.data
        if not isinstance(body, dict) or list(body) != [key] or not isinstance(body[key], str):
            raise BadRequest("Request body and URI mismatch")
        await self.types.set_specs(ctx, req.params["type_id"], body)
        return dict(body)

    async def delete_spec(self, ctx: Context, req: Request) -> Response:
        """Drop one extra spec."""
        await self.types.set_specs(ctx, req.params["type_id"], {}, drop=req.params["key"])
        return Response(202)
