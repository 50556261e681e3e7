"""/v2.0/quotas"""

from __future__ import annotations

from typing import ClassVar

from lab.context import Context
from lab.rest import ADMIN, READER, Request, Route
from lab.services.network.api.collection import Room
from lab.services.network.attributes import privileged
from lab.services.network.errors import HTTPBadRequest, PolicyNotAuthorized
from lab.services.network.model import Json


class QuotaRoutes(Room):
    """Quotas of projects."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/quotas", "list_quotas", ADMIN),
        Route("GET", "/v2.0/quotas/tenant", "show_own_project", READER),
        Route("GET", "/v2.0/quotas/project", "show_own_project", READER),
        Route("GET", "/v2.0/quotas/{project_id}", "show_quota", READER),
        Route("GET", "/v2.0/quotas/{project_id}/default", "show_default_quota", READER),
        Route("GET", "/v2.0/quotas/{project_id}/details", "show_quota_details", READER),
        Route("PUT", "/v2.0/quotas/{project_id}", "update_quota", ADMIN),
        Route("DELETE", "/v2.0/quotas/{project_id}", "delete_quota", ADMIN, 204),
    )

    async def list_quotas(self, ctx: Context, request: Request) -> Json:
        """List the quotas of projects that have their own."""
        return {"quotas": await self.plugin.quotas.all()}

    async def show_own_project(self, ctx: Context, request: Request) -> Json:
        """Tell the caller its project."""
        return {"tenant": {"tenant_id": ctx.project_id, "project_id": ctx.project_id}}

    async def show_quota(self, ctx: Context, request: Request) -> Json:
        """Show a project's limits."""
        return {"quota": await self.plugin.quotas.show(_project(ctx, request))}

    async def show_default_quota(self, ctx: Context, request: Request) -> Json:
        """Show the limits of a project without its own."""
        _project(ctx, request)
        return {"quota": self.plugin.quotas.defaults()}

    async def show_quota_details(self, ctx: Context, request: Request) -> Json:
        """Show a project's limits and use."""
        return {"quota": await self.plugin.quotas.details(_project(ctx, request))}

    async def update_quota(self, ctx: Context, request: Request) -> Json:
        """Set a project's limits."""
        given = request.data.get("quota") if isinstance(request.data, dict) else None
        if not isinstance(given, dict):
            raise HTTPBadRequest("Unable to find 'quota' in request body")
        return {"quota": await self.plugin.quotas.update(request.params["project_id"], given)}

    async def delete_quota(self, ctx: Context, request: Request) -> None:
        """Give a project the default limits again."""
        await self.plugin.quotas.reset(request.params["project_id"])


def _project(ctx: Context, request: Request) -> str:
    """The project asked about: the caller's own, or any for administrators."""
    project_id = request.params["project_id"]
    if project_id != ctx.project_id and not privileged(ctx):
        raise PolicyNotAuthorized(action="rule:get_quota")
    return project_id
