"""Handlers of a project's tags; each change is one of the project."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import ADMIN, TOKEN, Request, Response, Route
from lab.services.identity.api.handlers import IdentityHandlers
from lab.services.identity.model import NoSuchEntity, Project
from lab.services.identity.policy import check_reader
from lab.services.identity.schemas import LONG_NAME_MAX, ProjectTags

# Source: keystone/resource/schema.py.
TAGS_MAX = 80
_PATH = "/v3/projects/{project_id}/tags"


class ProjectTagHandlers(IdentityHandlers):
    """/v3/projects/{project_id}/tags."""

    project_tag_routes = (
        Route("GET", _PATH, "list_project_tags", TOKEN),
        Route("PUT", _PATH, "update_project_tags", ADMIN, body=ProjectTags),
        Route("DELETE", _PATH, "delete_project_tags", ADMIN, success=204),
        Route("GET", f"{_PATH}/{{tag}}", "get_project_tag", TOKEN, success=204),
        Route("PUT", f"{_PATH}/{{tag}}", "create_project_tag", ADMIN, success=201),
        Route("DELETE", f"{_PATH}/{{tag}}", "delete_project_tag", ADMIN, success=204),
    )

    async def list_project_tags(self, ctx: Context, request: Request) -> dict[str, Any]:
        """All tags of a project; its own members see them."""
        return self._tags((await self._tagged(ctx, request, "list_project_tags")).tags, request)

    async def update_project_tags(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Replace all tags."""
        return self._tags(await self._write(request, request.data.tags), request)

    async def delete_project_tags(self, ctx: Context, request: Request) -> None:
        """Take all tags away."""
        await self._write(request, [])

    async def get_project_tag(self, ctx: Context, request: Request) -> None:
        """Tell by the status whether a project has a tag."""
        _need(await self._tagged(ctx, request, "get_project_tag"), request.params["tag"])

    async def create_project_tag(self, ctx: Context, request: Request) -> Response:
        """Add a tag; one that is there stays."""
        tag = request.params["tag"]
        if "," in tag or len(tag) > LONG_NAME_MAX:
            raise BadRequest(f"Invalid input for field 'tag': '{tag}' is longer than {LONG_NAME_MAX} characters or has a comma in it.")
        tags = (await self._tagged(ctx, request, "create_project_tag")).tags
        await self._write(request, tags if tag in tags else [*tags, tag])
        return Response(201, headers={"Location": self.url(request.path)})

    async def delete_project_tag(self, ctx: Context, request: Request) -> None:
        """Take a tag away."""
        tag = request.params["tag"]
        project = await self._tagged(ctx, request, "delete_project_tag")
        _need(project, tag)
        await self._write(request, [each for each in project.tags if each != tag])

    async def _tagged(self, ctx: Context, request: Request, action: str) -> Project:
        project_id = request.params["project_id"]
        found = await self.manager.read(lambda tx: tx.get(Project, project_id))
        check_reader(ctx, action, found.domain_id if found else "", own=ctx.project_id == project_id)
        if found is None:
            raise NoSuchEntity("project", project_id)
        return found

    async def _write(self, request: Request, tags: list[str]) -> list[str]:
        if len(tags) > TAGS_MAX or len(set(tags)) < len(tags):
            raise BadRequest(f"Invalid input for field 'tags': a project has at most {TAGS_MAX} tags, each once.")
        return (await self.manager.resources.update_project(request.params["project_id"], {"tags": tags})).tags

    def _tags(self, tags: list[str], request: Request) -> dict[str, Any]:
        return {"links": {"self": self.url(request.path)}, "tags": tags}


def _need(project: Project, tag: str) -> None:
    if tag not in project.tags:
        raise NoSuchEntity("project tag", tag)
