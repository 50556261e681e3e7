"""Flavors: list, show, create, describe, delete, extra specs, and who may use the private ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from lab.errors import BadRequest, NotFound
from lab.rest import ADMIN, READER, Request, Response, Route
from lab.services.compute.api import flavor_bodies
from lab.services.compute.api.paging import bad_query, cut, is_full, next_link, page_of, truth
from lab.services.compute.api.part import ComputePart
from lab.services.compute.flavors import Flavor, extra_spec

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

# The names by which nova sorts, and ours. Source: VALID_SORT_KEYS in nova's schema of flavors.
_SORTS: dict[str, Callable[[Flavor], Any]] = {
    "created_at": lambda flavor: flavor.created_at,
    "description": lambda flavor: flavor.description or "",
    "disabled": lambda flavor: flavor.disabled,
    "ephemeral_gb": lambda flavor: flavor.ephemeral,
    "flavorid": lambda flavor: flavor.id,
    "id": lambda flavor: flavor.created_at,
    "is_public": lambda flavor: flavor.is_public,
    "memory_mb": lambda flavor: flavor.ram,
    "name": lambda flavor: flavor.name,
    "root_gb": lambda flavor: flavor.disk,
    "rxtx_factor": lambda flavor: flavor.rxtx_factor,
    "swap": lambda flavor: flavor.swap,
    "updated_at": lambda flavor: flavor.created_at,
    "vcpu_weight": lambda flavor: flavor.vcpus,
    "vcpus": lambda flavor: flavor.vcpus,
}


_FLAVOR = "/v2.1/flavors/{flavor_id}"
_SPECS = f"{_FLAVOR}/os-extra_specs"

ROUTES = (
    Route("GET", "/v2.1/flavors", "flavors_list", READER, summary="List flavors"),
    Route("GET", "/v2.1/flavors/detail", "flavors_detail", READER, summary="List flavors with details"),
    Route(
        "POST",
        "/v2.1/flavors",
        "flavors_create",
        ADMIN,
        200,
        flavor_bodies.CREATE,
        summary="Create a flavor",
    ),
    Route("GET", _FLAVOR, "flavors_show", READER, summary="Show a flavor"),
    Route("PUT", _FLAVOR, "flavors_update", ADMIN, 200, flavor_bodies.Update255, since=(2, 55), summary="Describe a flavor"),
    Route("DELETE", _FLAVOR, "flavors_delete", ADMIN, 202, summary="Delete a flavor"),
    Route("POST", f"{_FLAVOR}/action", "flavors_action", ADMIN, 200, flavor_bodies.AccessAction, summary="Grant or revoke access"),
    Route("GET", f"{_FLAVOR}/os-flavor-access", "flavor_access_list", ADMIN, summary="Who may use a private flavor"),
    Route("GET", _SPECS, "extra_specs_list", READER, summary="Extra specs"),
    Route("POST", _SPECS, "extra_specs_add", ADMIN, 200, flavor_bodies.ExtraSpecs, summary="Add extra specs"),
    Route("GET", f"{_SPECS}/{{key}}", "extra_specs_show", READER, summary="One extra spec"),
    Route("PUT", f"{_SPECS}/{{key}}", "extra_specs_set", ADMIN, 200, flavor_bodies.ExtraSpec, summary="Set an extra spec"),
    Route("DELETE", f"{_SPECS}/{{key}}", "extra_specs_delete", ADMIN, 200, summary="Delete an extra spec"),
)
_LIST_QUERY = ("limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir")


class FlavorsPart(ComputePart):
    """The handlers of /flavors."""

    async def flavors_list(self, ctx: Context, req: Request) -> Json:
        """Answer ids and names."""
        return await self._flavors_page(ctx, req, self._flavor_brief)

    async def flavors_detail(self, ctx: Context, req: Request) -> Json:
        """Answer whole flavors."""
        return await self._flavors_page(ctx, req, self._flavor_view)

    async def _flavors_page(self, ctx: Context, req: Request, show: Callable[[Flavor, tuple[int, int]], Json]) -> Json:
        self.check_query(req, (*_LIST_QUERY, "name") if req.version >= (2, 102) else _LIST_QUERY, (2, 75))
        is_public: bool | None = True
        if ctx.is_admin and req.arg("is_public") is not None:
            is_public = _which(req.arg("is_public") or "")
        flavors = await self.flavors.find(ctx, is_public)
        least = {"ram": _number(req, "minRam"), "disk": _number(req, "minDisk")}
        name = req.arg("name") if req.version >= (2, 102) else None
        fitting = [
            flavor for flavor in flavors if flavor.ram >= least["ram"] and flavor.disk >= least["disk"] and name in (None, flavor.name)
        ]
        limit, marker = page_of(req)
        page = cut(_sorted(req, fitting), limit, marker, lambda flavor: flavor.id)
        answer: Json = {"flavors": [show(flavor, req.version) for flavor in page]}
        if is_full(req, len(page)):
            answer["flavors_links"] = next_link(req, self.root + req.path, page[-1].id)
        return answer

    async def flavors_show(self, ctx: Context, req: Request) -> Json:
        """Answer one flavor."""
        self.check_query(req)
        return {"flavor": self._flavor_view(await self.flavors.get(ctx, req.params["flavor_id"]), req.version)}

    async def flavors_create(self, ctx: Context, req: Request) -> Json:
        """Create a flavor."""
        flavor = await self.flavors.create(ctx, req.data.flavor.model_dump())
        return {"flavor": self._flavor_view(flavor, req.version)}

    async def flavors_update(self, ctx: Context, req: Request) -> Json:
        """Change the description."""
        flavor = await self.flavors.describe(ctx, req.params["flavor_id"], req.data.flavor.description)
        return {"flavor": self._flavor_view(flavor, req.version)}

    async def flavors_delete(self, ctx: Context, req: Request) -> None:
        """Delete a flavor."""
        await self.flavors.delete(ctx, req.params["flavor_id"])

    def _flavor_brief(self, flavor: Flavor, version: tuple[int, int]) -> Json:
        view: Json = {"id": flavor.id, "name": flavor.name, "links": self.links("flavors", flavor.id)}
        if version >= (2, 55):
            view["description"] = flavor.description
        return view

    def _flavor_view(self, flavor: Flavor, version: tuple[int, int]) -> Json:
        view = {
            **self._flavor_brief(flavor, version),
            "ram": flavor.ram,
            "disk": flavor.disk,
            "swap": flavor.swap or ("" if version < (2, 75) else 0),
            "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
            "vcpus": flavor.vcpus,
            "os-flavor-access:is_public": flavor.is_public,
        }
        if version < (2, 102):
            view["OS-FLV-DISABLED:disabled"] = flavor.disabled
            view["rxtx_factor"] = flavor.rxtx_factor
        if version >= (2, 61):
            view["extra_specs"] = flavor.extra_specs
        return view

    # -- access -----------------------------------------------------------------------------------

    async def flavor_access_list(self, ctx: Context, req: Request) -> Json:
        """Answer the projects that may use a private flavor."""
        self.check_query(req)
        flavor = await self.flavors.get(ctx, req.params["flavor_id"])
        if flavor.is_public:
            raise NotFound("Access list not available for public flavors.")
        return _access(flavor)

    async def flavors_action(self, ctx: Context, req: Request) -> Response:
        """Grant or revoke access, and answer who has it."""
        add, remove, flavor_id = req.data.add, req.data.remove, req.params["flavor_id"]
        if (add is None) == (remove is None):
            raise BadRequest("Malformed request body: say addTenantAccess or removeTenantAccess")
        if add is not None:
            return Response(200, _access(await self.flavors.add_access(ctx, flavor_id, add.tenant)))
        return Response(200, _access(await self.flavors.remove_access(ctx, flavor_id, remove.tenant)))

    # -- extra specs ------------------------------------------------------------------------------

    async def extra_specs_list(self, ctx: Context, req: Request) -> Json:
        """Answer all extra specs."""
        self.check_query(req)
        return {"extra_specs": (await self.flavors.get(ctx, req.params["flavor_id"])).extra_specs}

    async def extra_specs_show(self, ctx: Context, req: Request) -> Json:
        """Answer one extra spec."""
        self.check_query(req)
        flavor = await self.flavors.get(ctx, req.params["flavor_id"])
        return {req.params["key"]: extra_spec(flavor, req.params["key"])}

    async def extra_specs_add(self, ctx: Context, req: Request) -> Json:
        """Add or replace extra specs."""
        specs = await self.flavors.set_extra_specs(ctx, req.params["flavor_id"], req.data.extra_specs)
        return {"extra_specs": specs}

    async def extra_specs_set(self, ctx: Context, req: Request) -> Json:
        """Set the extra spec that path and body name."""
        if req.params["key"] not in req.data.root:
            raise BadRequest("Request body and URI mismatch")
        return await self.flavors.set_extra_specs(ctx, req.params["flavor_id"], req.data.root)

    async def extra_specs_delete(self, ctx: Context, req: Request) -> None:
        """Delete one extra spec."""
        await self.flavors.delete_extra_spec(ctx, req.params["flavor_id"], req.params["key"])


def _access(flavor: Flavor) -> Json:
    return {"flavor_access": [{"flavor_id": flavor.id, "tenant_id": project} for project in flavor.projects]}


def _which(text: str) -> bool | None:
    if text.lower() == "none":
        return None
    try:
        return truth(text, "is_public")
    except BadRequest:
        raise BadRequest(f"Invalid is_public filter [{text}]") from None


def _number(req: Request, name: str) -> int:
    text = req.arg(name)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f"Invalid {name} filter [{text}]") from None


def _sorted(req: Request, flavors: list[Flavor]) -> list[Flavor]:
    key, direction = req.arg("sort_key") or "flavorid", req.arg("sort_dir") or "asc"
    if key not in _SORTS or (key == "rxtx_factor" and req.version >= (2, 102)):
        raise bad_query("sort_key", key, f"{key!r} is not one of {list(_SORTS)}")
    directions: tuple[Literal["asc"], Literal["desc"]] = ("asc", "desc")
    if direction not in directions:
        raise bad_query("sort_dir", direction, f"{direction!r} is not one of ['asc', 'desc']")
    return sorted(flavors, key=_SORTS[key], reverse=direction == "desc")
