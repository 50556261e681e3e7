"""Server groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from lab.rest import MEMBER, READER, Request, Route, per_version
from lab.rest.body import Body
from lab.services.compute.api.fields import Name, Positive
from lab.services.compute.api.paging import PAGE_MAX, whole
from lab.services.compute.api.part import ComputePart
from lab.services.compute.server_groups import ServerGroup

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

_Hard = Literal["anti-affinity", "affinity"]
_All = Literal["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]
_One = Field(min_length=1, max_length=1)


class Group21(Body):
    """A group with one policy, in a list."""

    name: Name
    policies: Annotated[tuple[_Hard, ...], _One]


class Group215(Body):
    """The soft policies."""

    name: Name
    policies: Annotated[tuple[_All, ...], _One]


class Rules(Body):
    """How many servers of an anti-affinity group one host may run."""

    max_server_per_host: Positive | None = None


class Group264(Body):
    """The policy is one word, and has rules."""

    name: Name
    policy: _All
    rules: Rules = Field(default_factory=Rules)


class Create21(Body):
    """POST."""

    server_group: Group21


class Create215(Body):
    """POST since 2.15."""

    server_group: Group215


class Create264(Body):
    """POST since 2.64."""

    server_group: Group264


ROUTES = (
    Route("GET", "/v2.1/os-server-groups", "groups_list", READER, summary="List server groups"),
    Route(
        "POST",
        "/v2.1/os-server-groups",
        "groups_create",
        MEMBER,
        200,
        per_version(((2, 1), Create21), ((2, 15), Create215), ((2, 64), Create264)),
        summary="Create a server group",
    ),
    Route("GET", "/v2.1/os-server-groups/{group}", "groups_show", READER, summary="Show a server group"),
    Route("DELETE", "/v2.1/os-server-groups/{group}", "groups_delete", MEMBER, 204, summary="Delete a server group"),
)


class ServerGroupsPart(ComputePart):
    """The handlers of os-server-groups."""

    async def groups_list(self, ctx: Context, req: Request) -> Json:
        """Answer the project's groups, or all of them for an administrator who asks."""
        self.check_query(req, ("all_projects", "limit", "offset"), (2, 75))
        groups = await self.server_groups.find(ctx, all_projects="all_projects" in req.query and ctx.is_admin)
        start = whole(req, "offset", 0)
        size = min(PAGE_MAX, whole(req, "limit", PAGE_MAX) or PAGE_MAX)
        return {"server_groups": [_shown(*pair, req.version) for pair in groups[start : start + size]]}

    async def groups_create(self, ctx: Context, req: Request) -> Json:
        """Create a group."""
        data = req.data.server_group
        if req.version >= (2, 64):
            policy, rules = data.policy, data.rules.model_dump(exclude_none=True)
        else:
            policy, rules = data.policies[0], {}
        group = await self.server_groups.create(ctx, data.name, policy, rules)
        return {"server_group": _shown(group, [], req.version)}

    async def groups_show(self, ctx: Context, req: Request) -> Json:
        """Answer one group."""
        self.check_query(req)
        group, members = await self.server_groups.get(ctx, req.params["group"])
        return {"server_group": _shown(group, members, req.version)}

    async def groups_delete(self, ctx: Context, req: Request) -> None:
        """Delete a group."""
        await self.server_groups.delete(ctx, req.params["group"])


def _shown(group: ServerGroup, members: list[str], version: tuple[int, int]) -> Json:
    view: Json = {"id": group.id, "name": group.name, "members": members}
    if version >= (2, 64):
        view["policy"], view["rules"] = group.policy, group.rules
    else:
        view["policies"], view["metadata"] = [group.policy], {}
    if version >= (2, 13):
        view["project_id"], view["user_id"] = group.project_id, group.user_id
    return view
