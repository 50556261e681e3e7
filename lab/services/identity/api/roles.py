"""Handlers of roles, role assignments and implied roles."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.rest import ADMIN, Request, Route
from lab.services.identity.api.handlers import IdentityHandlers, fields_of
from lab.services.identity.assignments import Place, effective
from lab.services.identity.filters import truth
from lab.services.identity.lookups import need_role
from lab.services.identity.model import (
    SYSTEM,
    Domain,
    Group,
    ImpliedRole,
    Project,
    Role,
    RoleAssignment,
    User,
)
from lab.services.identity.policy import domain_manager, domain_reader, system_reader
from lab.services.identity.schemas import CreateRole, UpdateRole
from lab.services.identity.views import implication_view, role_reference
from lab.store import Transaction

# The paths under which roles are given: each target with each actor, and the inherited ones.
PLACES = (
    *(
        f"/v3/{target}/{actor}/roles"
        for target in ("projects/{project_id}", "domains/{domain_id}", "system")
        for actor in ("users/{user_id}", "groups/{group_id}")
    ),
    *(
        f"/v3/OS-INHERIT/{target}/{actor}/roles"
        for target in ("projects/{project_id}", "domains/{domain_id}")
        for actor in ("users/{user_id}", "groups/{group_id}")
    ),
)
INHERITED = "/inherited_to_projects"
IMPLIES = "/v3/roles/{role_id}/implies"


def grant_routes(path: str) -> tuple[Route, ...]:
    """The four routes of one kind of grant."""
    suffix = INHERITED if "OS-INHERIT" in path else ""
    one = f"{path}/{{role_id}}{suffix}"
    return (
        Route("GET", f"{path}{suffix}", "list_grants", domain_reader),
        Route("PUT", one, "create_grant", ADMIN, success=204),
        Route("GET", one, "check_grant", domain_reader, success=204),
        Route("DELETE", one, "revoke_grant", ADMIN, success=204),
    )


def place_of(request: Request) -> Place:
    """Where a grant's path points."""
    params = request.params
    actor = "user" if "user_id" in params else "group"
    target = next((kind for kind in ("project", "domain") if f"{kind}_id" in params), SYSTEM)
    target_id = SYSTEM if target == SYSTEM else params[f"{target}_id"]
    return Place(actor, params[f"{actor}_id"], target, target_id, request.path.startswith("/v3/OS-INHERIT/"))


class RoleHandlers(IdentityHandlers):
    """/v3/roles, grants, /v3/role_assignments."""

    role_routes = (
        Route("GET", "/v3/roles", "list_roles", domain_manager),
        Route("POST", "/v3/roles", "create_role", ADMIN, success=201, body=CreateRole),
        Route("GET", "/v3/roles/{role_id}", "get_role", domain_manager),
        Route("PATCH", "/v3/roles/{role_id}", "update_role", ADMIN, body=UpdateRole),
        Route("DELETE", "/v3/roles/{role_id}", "delete_role", ADMIN, success=204),
        Route("GET", IMPLIES, "list_implied_roles", system_reader),
        Route("PUT", IMPLIES + "/{implied_role_id}", "create_implied_role", ADMIN, success=201),
        Route("GET", IMPLIES + "/{implied_role_id}", "get_implied_role", system_reader),
        Route("HEAD", IMPLIES + "/{implied_role_id}", "check_implied_role", system_reader, success=204),
        Route("DELETE", IMPLIES + "/{implied_role_id}", "delete_implied_role", ADMIN, success=204),
        Route("GET", "/v3/role_inferences", "list_role_inference_rules", system_reader),
        Route("GET", "/v3/role_assignments", "list_role_assignments", domain_reader),
        *(route for path in PLACES for route in grant_routes(path)),
    )

    # ------------------------------------------------------------------ roles

    async def list_roles(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Roles by name: those of all domains, or those of one."""
        domain_id = request.arg("domain_id") or ""
        roles = await self.manager.read(lambda tx: tx.find(Role, domain_id=domain_id))
        return self.collect("roles", roles, request, ("name",))

    async def create_role(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a role."""
        return self.show("role", await self.manager.assignments.create_role(fields_of(request.data.role, Role)))

    async def get_role(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One role."""
        return self.show("role", await self.manager.read(lambda tx: need_role(tx, request.params["role_id"])))

    async def update_role(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a role."""
        changes = fields_of(request.data.role, Role)
        return self.show("role", await self.manager.assignments.update_role(request.params["role_id"], changes))

    async def delete_role(self, ctx: Context, request: Request) -> None:
        """Remove a role."""
        await self.manager.assignments.delete_role(request.params["role_id"])

    # ------------------------------------------------------------------ implied roles

    async def list_implied_roles(self, ctx: Context, request: Request) -> dict[str, Any]:
        """What a role implies."""

        def read(tx: Transaction) -> dict[str, Any]:
            prior = need_role(tx, request.params["role_id"])
            return implication_view(tx, prior, tx.find(ImpliedRole, prior_role_id=prior.id), self.root)

        view = await self.manager.read(read)
        return {"role_inference": view, "links": {"self": self.url(request.path)}}

    async def create_implied_role(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Let a role imply another."""
        await self.manager.assignments.imply(request.params["role_id"], request.params["implied_role_id"])
        return await self.get_implied_role(ctx, request)

    async def get_implied_role(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One implication."""

        def read(tx: Transaction) -> dict[str, Any]:
            prior_id, implied_id = request.params["role_id"], request.params["implied_role_id"]
            self.manager.assignments.implication(tx, prior_id, implied_id)
            return {
                "prior_role": role_reference(need_role(tx, prior_id), self.root),
                "implies": role_reference(need_role(tx, implied_id), self.root),
            }

        view = await self.manager.read(read)
        return {"role_inference": view, "links": {"self": self.url(request.path)}}

    async def check_implied_role(self, ctx: Context, request: Request) -> None:
        """Whether one role implies another."""
        await self.get_implied_role(ctx, request)

    async def delete_implied_role(self, ctx: Context, request: Request) -> None:
        """Take an implication back."""
        await self.manager.assignments.imply_no_more(request.params["role_id"], request.params["implied_role_id"])

    async def list_role_inference_rules(self, ctx: Context, request: Request) -> dict[str, Any]:
        """All implications, by the role that implies."""

        def read(tx: Transaction) -> list[dict[str, Any]]:
            rules = [(role, tx.find(ImpliedRole, prior_role_id=role.id)) for role in tx.all(Role)]
            return [implication_view(tx, role, implied, self.root) for role, implied in rules if implied]

        return {"role_inferences": await self.manager.read(read), "links": {"self": self.url(request.path)}}

    # ------------------------------------------------------------------ grants

    async def list_grants(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The roles that an actor was given on a target."""
        return self.collect("roles", await self.manager.assignments.roles_at(place_of(request)), request, ("name",))

    async def create_grant(self, ctx: Context, request: Request) -> None:
        """Give a role."""
        await self.manager.assignments.assign(place_of(request), request.params["role_id"])

    async def check_grant(self, ctx: Context, request: Request) -> None:
        """Whether a role was given."""
        await self.manager.assignments.check(place_of(request), request.params["role_id"])

    async def revoke_grant(self, ctx: Context, request: Request) -> None:
        """Take a role away."""
        await self.manager.assignments.unassign(place_of(request), request.params["role_id"])

    # ------------------------------------------------------------------ assignments

    async def list_role_assignments(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Who has which role where, as given or, with `effective`, as it works out."""
        names = "include_names" in request.query and truth(request.arg("include_names") or "true")
        spelled_out = "effective" in request.query and truth(request.arg("effective") or "true")

        def read(tx: Transaction) -> list[dict[str, Any]]:
            stored = tx.all(RoleAssignment)
            pairs = effective(tx, stored) if spelled_out else ((one, one) for one in stored)
            return [
                self._assignment_view(tx, found, source, names)
                for found, source in pairs
                if self._is_asked(found, request) and self._is_in_sight(tx, ctx, found)
            ]

        return self.listing("role_assignments", await self.manager.read(read), request)

    @staticmethod
    def _is_asked(found: RoleAssignment, request: Request) -> bool:
        """Whether the filters of the query let the assignment pass."""
        query = request.query
        for name, is_kind, value in (
            ("user.id", found.actor == "user", found.actor_id),
            ("group.id", found.actor == "group", found.actor_id),
            ("scope.project.id", found.target == "project", found.target_id),
            ("scope.domain.id", found.target == "domain", found.target_id),
            ("role.id", True, found.role_id),
        ):
            if name in query and not (is_kind and query[name][0] == value):
                return False
        if "scope.system" in query and found.target != SYSTEM:
            return False
        return "scope.OS-INHERIT:inherited_to" not in query or found.inherited

    @staticmethod
    def _is_in_sight(tx: Transaction, ctx: Context, found: RoleAssignment) -> bool:
        """Readers of one domain see what is given in it."""
        if system_reader(ctx) or found.target_id == ctx.scope.domain_id:
            return True
        project = tx.get(Project, found.target_id) if found.target == "project" else None
        return project is not None and project.domain_id == ctx.scope.domain_id

    def _assignment_view(self, tx: Transaction, found: RoleAssignment, source: RoleAssignment, names: bool) -> dict[str, Any]:
        role: dict[str, Any] = {"id": found.role_id}
        actor: dict[str, Any] = {"id": found.actor_id}
        target: dict[str, Any] = {"id": found.target_id}
        if names:
            role |= self._named(tx, tx.get(Role, found.role_id))
            actor |= self._named(tx, tx.get(User if found.actor == "user" else Group, found.actor_id))
            target |= self._named(tx, tx.get(Project if found.target == "project" else Domain, found.target_id))
        scope: dict[str, Any] = {SYSTEM: {"all": True}} if found.target == SYSTEM else {found.target: target}
        if found.inherited:
            scope["OS-INHERIT:inherited_to"] = "projects"
        return {"role": role, found.actor: actor, "scope": scope, "links": self._links(found, source)}

    def _links(self, found: RoleAssignment, source: RoleAssignment) -> dict[str, str]:
        """Where the assignment was made, and the membership by which it holds."""
        where = SYSTEM if source.target == SYSTEM else f"{source.target}s/{source.target_id}"
        inherit, suffix = ("/OS-INHERIT", INHERITED) if source.inherited else ("", "")
        path = f"{inherit}/{where}/{source.actor}s/{source.actor_id}/roles/{source.role_id}{suffix}"
        links = {"assignment": self.root + path}
        if source.actor != found.actor:
            links["membership"] = f"{self.root}/groups/{source.actor_id}/users/{found.actor_id}"
        if source.role_id != found.role_id:
            links["prior_role"] = f"{self.root}/prior_role/{source.role_id}/implies/{found.role_id}"
        return links

    @staticmethod
    def _named(tx: Transaction, record: Any) -> dict[str, Any]:
        """The name of a thing, with its domain where it has one."""
        if record is None:
            return {}
        view: dict[str, Any] = {"name": record.name}
        domain = tx.get(Domain, record.domain_id) if getattr(record, "domain_id", "") else None
        if domain is not None:
            view["domain"] = {"id": domain.id, "name": domain.name}
        return view
