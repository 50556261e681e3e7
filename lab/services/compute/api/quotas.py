"""Quota sets of projects, quota classes, and the limits that a project sees of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator

from lab.errors import BadRequest, Forbidden, RemoteFault, TransportError
from lab.rest import ADMIN, READER, Request, Response, Route
from lab.rest.body import Body
from lab.services.compute.api.fields import INT_MAX, Boolean, check_integer
from lab.services.compute.api.part import ComputePart, only_admin
from lab.services.compute.quotas import COUNTED, NETWORK_RESOURCES, RESOURCES

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]
Version = tuple[int, int]

_FILES = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
_GROUPS = ("server_groups", "server_group_members")
# Absolute limits by the names of the limits API. Source: nova/api/openstack/compute/views/limits.py.
_LIMITS = (
    ("maxServerMeta", "metadata_items"),
    ("maxImageMeta", "metadata_items"),
    ("maxPersonality", "injected_files"),
    ("maxPersonalitySize", "injected_file_content_bytes"),
    ("maxTotalCores", "cores"),
    ("maxTotalInstances", "instances"),
    ("maxTotalRAMSize", "ram"),
    ("maxTotalKeypairs", "key_pairs"),
    ("maxTotalFloatingIps", "floating_ips"),
    ("maxSecurityGroups", "security_groups"),
    ("maxSecurityGroupRules", "security_group_rules"),
    ("maxServerGroups", "server_groups"),
    ("maxServerGroupMembers", "server_group_members"),
)


def _check_limit(value: int) -> int:
    if not -1 <= value <= INT_MAX:
        raise ValueError(f"{value} is not between -1 and {INT_MAX}")
    return value


Limit = Annotated[int, BeforeValidator(check_integer), AfterValidator(_check_limit)]


class QuotaSet(Body):
    """The limits to change."""

    cores: Limit | None = None
    fixed_ips: Limit | None = None
    floating_ips: Limit | None = None
    injected_file_content_bytes: Limit | None = None
    injected_file_path_bytes: Limit | None = None
    injected_files: Limit | None = None
    instances: Limit | None = None
    key_pairs: Limit | None = None
    metadata_items: Limit | None = None
    ram: Limit | None = None
    security_group_rules: Limit | None = None
    security_groups: Limit | None = None
    server_group_members: Limit | None = None
    server_groups: Limit | None = None


class ProjectQuotaSet(QuotaSet):
    """With the wish to go below what is used."""

    force: Boolean = False


class ProjectUpdate(Body):
    """PUT /os-quota-sets/{project}."""

    quota_set: ProjectQuotaSet


class ClassUpdate(Body):
    """PUT /os-quota-class-sets/{name}."""

    quota_class_set: QuotaSet


_SET = "/v2.1/os-quota-sets/{project}"

ROUTES = (
    Route("GET", _SET, "quotas_show", READER, summary="Quota of a project"),
    Route("PUT", _SET, "quotas_update", ADMIN, 200, ProjectUpdate, summary="Change a project's quota"),
    Route("DELETE", _SET, "quotas_delete", ADMIN, 202, summary="Put a project back to the defaults"),
    Route("GET", f"{_SET}/defaults", "quotas_defaults", READER, summary="Default quota"),
    Route("GET", f"{_SET}/detail", "quotas_detail", READER, summary="Quota and use of a project"),
    Route("GET", "/v2.1/os-quota-class-sets/{name}", "quota_class_show", ADMIN, summary="A quota class"),
    Route("PUT", "/v2.1/os-quota-class-sets/{name}", "quota_class_update", ADMIN, 200, ClassUpdate, summary="Change a quota class"),
    Route("GET", "/v2.1/limits", "limits_show", READER, summary="Limits and use of the caller's project"),
)


class QuotasPart(ComputePart):
    """The handlers of os-quota-sets, os-quota-class-sets and limits."""

    async def quotas_show(self, ctx: Context, req: Request) -> Json:
        """Answer a project's limits."""
        self.check_query(req, ("user_id",), (2, 75))
        project_id = await self._project(ctx, req, "show")
        return _quota_set(project_id, await self.quotas.limits(project_id), req.version)

    async def quotas_defaults(self, ctx: Context, req: Request) -> Json:
        """Answer the limits of projects without their own."""
        self.check_query(req)
        project_id = await self._known(ctx, req)
        return _quota_set(project_id, await self.quotas.defaults(), req.version)

    async def quotas_detail(self, ctx: Context, req: Request) -> Json:
        """Answer limits with what is used of them."""
        self.check_query(req, ("user_id",), (2, 75))
        project_id = await self._project(ctx, req, "detail")
        limits, used = await self.quotas.limits(project_id), await self._used(project_id)
        detail = {name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0} for name, limit in limits.items()}
        return _quota_set(project_id, detail, req.version)

    async def _project(self, ctx: Context, req: Request, action: str) -> str:
        """The project of the path, which others than administrators see only when it is theirs."""
        if req.params["project"] != ctx.project_id and not ctx.is_admin:
            raise Forbidden(f"Policy doesn't allow os_compute_api:os-quota-sets:{action} to be performed.")
        return await self._known(ctx, req)

    async def _known(self, ctx: Context, req: Request) -> str:
        """The project of the path, if keystone does not say that there is none such; neutron and cinder do not ask.

        Whoever may not ask keystone, or gets no answer, is believed. Source: nova/api/openstack/identity.py.
        """
        project_id = req.params["project"]
        try:
            await self.process.rest.json(ctx, "identity", "GET", f"/v3/projects/{quote(project_id, safe='')}")
        except RemoteFault as fault:
            if fault.status == 404:
                raise BadRequest(f"Project ID {project_id} is not a valid project.") from None
        except TransportError:
            pass
        return project_id

    async def _used(self, project_id: str) -> dict[str, int]:
        usage = await self.quotas.usage(project_id)
        used = {name: getattr(usage, name) for name in COUNTED}
        used["server_groups"] = await self.server_groups.count(project_id)
        return used

    async def quotas_update(self, ctx: Context, req: Request) -> Json:
        """Change the limits that were sent."""
        self.check_query(req, ("user_id",), (2, 75))
        data = req.data.quota_set
        changes = data.model_dump(exclude={"force"}, exclude_none=True)
        _refuse_hidden(changes, _hidden(req.version))
        limits = await self.quotas.set_limits(await self._known(ctx, req), changes, data.force)
        return _quota_set(None, limits, req.version)

    async def quotas_delete(self, ctx: Context, req: Request) -> Response:
        """Forget the project's own limits."""
        self.check_query(req, ("user_id",), (2, 75))
        await self.quotas.forget(req.params["project"])
        return Response(202)

    async def quota_class_show(self, ctx: Context, req: Request) -> Json:
        """Answer a class's limits."""
        self.check_query(req)
        name = req.params["name"]
        return _class_set(name, await self.quotas.class_limits(name), req.version)

    async def quota_class_update(self, ctx: Context, req: Request) -> Json:
        """Change a class's limits."""
        name = req.params["name"]
        if len(name) > 255:
            raise BadRequest(f"Invalid input received: quota_class_name has {len(name)} characters, more than 255.")
        changes = req.data.quota_class_set.model_dump(exclude_none=True)
        _refuse_hidden(changes, _hidden_of_class(req.version))
        return _class_set(None, await self.quotas.set_class_limits(name, changes), req.version)

    async def limits_show(self, ctx: Context, req: Request) -> Json:
        """Answer limits and use in one flat set."""
        self.check_query(req, ("tenant_id", "reserved"), (2, 75))
        project_id = ctx.project_id
        if "tenant_id" in req.query:
            only_admin(ctx, "os_compute_api:limits:other_project")
            project_id = req.arg("tenant_id") or ""
        limits, used = await self.quotas.limits(project_id), await self._used(project_id)
        hidden = _hidden(req.version)
        absolute = {name: limits[resource] for name, resource in _LIMITS if resource not in hidden}
        if req.version >= (2, 39):
            del absolute["maxImageMeta"]
        absolute["totalRAMUsed"] = used["ram"]
        absolute["totalCoresUsed"] = used["cores"]
        absolute["totalInstancesUsed"] = used["instances"]
        absolute["totalServerGroupsUsed"] = used["server_groups"]
        if req.version < (2, 36):
            absolute["totalFloatingIpsUsed"] = absolute["totalSecurityGroupsUsed"] = 0
        return {"limits": {"rate": [], "absolute": absolute}}


def _hidden(version: Version) -> tuple[str, ...]:
    if version >= (2, 57):
        return NETWORK_RESOURCES + _FILES
    return NETWORK_RESOURCES if version >= (2, 36) else ()


def _hidden_of_class(version: Version) -> tuple[str, ...]:
    if version >= (2, 57):
        return NETWORK_RESOURCES + _FILES
    return NETWORK_RESOURCES if version >= (2, 50) else _GROUPS


def _refuse_hidden(changes: Json, hidden: tuple[str, ...]) -> None:
    for name in changes:
        if name in hidden:
            raise BadRequest(
                f"Invalid input for field/attribute quota_set. Additional properties are not allowed ('{name}' was unexpected)"
            )


def _quota_set(project_id: str | None, values: Json, version: Version) -> Json:
    hidden = _hidden(version)
    view: Json = {} if project_id is None else {"id": project_id}
    view.update({name: values[name] for name in RESOURCES if name not in hidden})
    return {"quota_set": view}


def _class_set(name: str | None, values: Json, version: Version) -> Json:
    hidden = _hidden_of_class(version)
    view: Json = {} if name is None else {"id": name}
    view.update({resource: values[resource] for resource in RESOURCES if resource not in hidden})
    return {"quota_class_set": view}
