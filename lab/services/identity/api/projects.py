"""Handlers of domains and projects."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import ADMIN, TOKEN, Request, Route
from lab.services.identity.api.handlers import IdentityHandlers, fields_of
from lab.services.identity.filters import truth
from lab.services.identity.grants import projects_of
from lab.services.identity.lookups import need_user
from lab.services.identity.model import DEFAULT_DOMAIN, ActionForbidden, Domain, NoSuchEntity, Project
from lab.services.identity.policy import check_reader, domain_reader, system_reader
from lab.services.identity.schemas import CreateDomain, CreateProject, UpdateDomain, UpdateProject


class ProjectHandlers(IdentityHandlers):
    """/v3/domains, /v3/projects."""

    project_routes = (
        Route("GET", "/v3/domains", "list_domains", domain_reader),
        Route("POST", "/v3/domains", "create_domain", ADMIN, success=201, body=CreateDomain),
        Route("GET", "/v3/domains/{domain_id}", "get_domain", TOKEN),
        Route("PATCH", "/v3/domains/{domain_id}", "update_domain", ADMIN, body=UpdateDomain),
        Route("DELETE", "/v3/domains/{domain_id}", "delete_domain", ADMIN, success=204),
        Route("GET", "/v3/projects", "list_projects", domain_reader),
        Route("POST", "/v3/projects", "create_project", ADMIN, success=201, body=CreateProject),
        Route("GET", "/v3/projects/{project_id}", "get_project", TOKEN),
        Route("PATCH", "/v3/projects/{project_id}", "update_project", ADMIN, body=UpdateProject),
        Route("DELETE", "/v3/projects/{project_id}", "delete_project", ADMIN, success=204),
        Route("GET", "/v3/users/{user_id}/projects", "list_user_projects", TOKEN),
    )

    # ------------------------------------------------------------------ domains

    async def list_domains(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Domains by name or state."""
        domains = await self.manager.read(lambda tx: tx.all(Domain))
        if not system_reader(ctx):
            domains = [domain for domain in domains if domain.id == ctx.scope.domain_id]
        return self.collect("domains", domains, request, ("name", "enabled"))

    async def create_domain(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a domain."""
        entity = request.data.domain
        chosen = {"id": entity.explicit_domain_id} if entity.explicit_domain_id else {}
        return self.show("domain", await self.manager.resources.create_domain({**fields_of(entity, Domain), **chosen}))

    async def get_domain(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One domain; everybody sees the domain of the own project."""
        domain_id = request.params["domain_id"]
        found = await self.manager.read(lambda tx: tx.get(Domain, domain_id))
        own = found is not None and domain_id in (ctx.scope.project_domain_id, ctx.scope.domain_id)
        check_reader(ctx, "get_domain", found.id if found else "", own)
        if found is None:
            raise NoSuchEntity("domain", domain_id)
        return self.show("domain", found)

    async def update_domain(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a domain."""
        changes = fields_of(request.data.domain, Domain)
        return self.show("domain", await self.manager.resources.update_domain(request.params["domain_id"], changes))

    async def delete_domain(self, ctx: Context, request: Request) -> None:
        """Remove a disabled domain and all in it."""
        await self.manager.resources.delete_domain(request.params["domain_id"])

    # ------------------------------------------------------------------ projects

    async def list_projects(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Projects by name, domain, parent, state or tags."""
        query = request.query
        if "is_domain" in query and truth(query["is_domain"][0]):
            # Domains are no projects here; keystone keeps both in one table.
            return self.listing("projects", [], request)
        equals = {name: query[name][0] for name in ("domain_id", "name") if query.get(name)}
        if not system_reader(ctx):
            equals["domain_id"] = ctx.scope.domain_id
        projects = await self.manager.read(lambda tx: tx.find(Project, **equals))
        return self.collect("projects", projects, request, ("name", "domain_id", "parent_id", "enabled", "tags"))

    async def create_project(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a project."""
        if request.data.project.is_domain:
            raise BadRequest("A project that acts as a domain is made by POST /v3/domains.")
        values = fields_of(request.data.project, Project)
        values["domain_id"] = values.get("domain_id") or ctx.scope.domain_id or DEFAULT_DOMAIN
        return self.show("project", await self.manager.resources.create_project(values))

    async def get_project(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One project; its own members see it."""
        project_id = request.params["project_id"]
        found = await self.manager.read(lambda tx: tx.get(Project, project_id))
        check_reader(ctx, "get_project", found.domain_id if found else "", own=ctx.project_id == project_id)
        if found is None:
            raise NoSuchEntity("project", project_id)
        return self.show("project", found)

    async def update_project(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a project."""
        changes = fields_of(request.data.project, Project)
        return self.show("project", await self.manager.resources.update_project(request.params["project_id"], changes))

    async def delete_project(self, ctx: Context, request: Request) -> None:
        """Remove a project."""
        await self.manager.resources.delete_project(request.params["project_id"])

    async def list_user_projects(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The projects on which a user has a role; everybody sees the own ones."""
        user_id = request.params["user_id"]
        if user_id != ctx.user_id and not system_reader(ctx):
            raise ActionForbidden("identity:list_user_projects")

        def read(tx: Any) -> list[Project]:
            return projects_of(tx, need_user(tx, user_id).id)

        projects = await self.manager.read(read)
        return self.collect("projects", projects, request, ("name", "domain_id", "parent_id", "enabled"))
