"""Placement's REST API: its routes and faults, and the handlers of names, candidates and totals.

The handlers of providers and of allocations are in `provider_api` and `allocation_api`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from lab.context import Context
from lab.errors import BadRequest, Conflict, Forbidden, LabError, NotAcceptable, NotFound
from lab.process import Process
from lab.rest import PUBLIC, READER, SERVICE, FaultTable, Request, Response, Route, VersionRange
from lab.rest.faults import placement_style
from lab.services.placement import schemas, views
from lab.services.placement.allocation_api import AllocationHandlers
from lab.services.placement.allocations import Allocations
from lab.services.placement.answers import UNKNOWN_VERSION
from lab.services.placement.candidates import CandidateSearch
from lab.services.placement.manager import Providers
from lab.services.placement.model import UnknownClass
from lab.services.placement.names import NAME_LENGTH, Names
from lab.services.placement.provider_api import ProviderHandlers
from lab.services.placement.query import CandidateQuery, Version, parse_candidates
from lab.services.placement.wording import failed

VERSIONS = VersionRange("placement", (1, 0), (1, 39))
PARSED_QUERIES = 256
"""How many parsed queries are remembered: the same few flavors ask again and again."""


def _style(status: int, error: LabError, request_id: str) -> Response:
    """Placement's fault; a refused version says which ones are served."""
    response = placement_style(status, error, request_id)
    if isinstance(error, NotAcceptable) and error.message.startswith(UNKNOWN_VERSION):
        body = response.json()
        low, high = (".".join(map(str, version)) for version in (VERSIONS.low, VERSIONS.high))
        body["errors"][0] |= {"min_version": low, "max_version": high}
        response.body = orjson.dumps(body)
    return response


_RP = "/resource_providers/{uuid}"
_ROUTES: Sequence[Route] = (
    Route("GET", "/", "home", PUBLIC, summary="Versions"),
    Route("GET", "/resource_classes", "list_classes", SERVICE, since=(1, 2)),
    Route("POST", "/resource_classes", "create_class", SERVICE, 201, schemas.ClassBody, since=(1, 2)),
    Route("GET", "/resource_classes/{name}", "show_class", SERVICE, since=(1, 2)),
    Route("PUT", "/resource_classes/{name}", "rename_class", SERVICE, body=schemas.ClassBody, since=(1, 2), until=(1, 6)),
    Route("PUT", "/resource_classes/{name}", "ensure_class", SERVICE, 201, since=(1, 7)),
    Route("DELETE", "/resource_classes/{name}", "delete_class", SERVICE, 204, since=(1, 2)),
    Route("GET", "/traits", "list_traits", SERVICE, since=(1, 6)),
    Route("GET", "/traits/{name}", "show_trait", SERVICE, 204, since=(1, 6)),
    Route("PUT", "/traits/{name}", "ensure_trait", SERVICE, 201, since=(1, 6)),
    Route("DELETE", "/traits/{name}", "delete_trait", SERVICE, 204, since=(1, 6)),
    Route("GET", "/resource_providers", "list_providers", SERVICE, summary="Providers, with filters"),
    Route("POST", "/resource_providers", "create_provider", SERVICE, 201, schemas.CREATE_PROVIDER),
    Route("GET", _RP, "show_provider", SERVICE),
    Route("PUT", _RP, "update_provider", SERVICE, 200, schemas.UPDATE_PROVIDER),
    Route("DELETE", _RP, "delete_provider", SERVICE, 204),
    Route("GET", f"{_RP}/inventories", "list_inventories", SERVICE),
    Route("POST", f"{_RP}/inventories", "create_inventory", SERVICE, 201, schemas.PostInventory),
    Route("PUT", f"{_RP}/inventories", "set_inventories", SERVICE, 200, schemas.PutInventories),
    Route("DELETE", f"{_RP}/inventories", "delete_inventories", SERVICE, 204),
    Route("GET", f"{_RP}/inventories/{{resource_class}}", "show_inventory", SERVICE),
    Route("PUT", f"{_RP}/inventories/{{resource_class}}", "update_inventory", SERVICE, 200, schemas.PutInventory),
    Route("DELETE", f"{_RP}/inventories/{{resource_class}}", "delete_inventory", SERVICE, 204),
    Route("GET", f"{_RP}/usages", "show_usages", SERVICE),
    Route("GET", f"{_RP}/aggregates", "list_aggregates", SERVICE, since=(1, 1)),
    Route("PUT", f"{_RP}/aggregates", "set_aggregate_list", SERVICE, 200, since=(1, 1), until=(1, 18)),
    Route("PUT", f"{_RP}/aggregates", "set_aggregates", SERVICE, 200, schemas.SetAggregates, since=(1, 19)),
    Route("GET", f"{_RP}/traits", "list_provider_traits", SERVICE, since=(1, 6)),
    Route("PUT", f"{_RP}/traits", "set_provider_traits", SERVICE, 200, schemas.SetTraits, since=(1, 6)),
    Route("DELETE", f"{_RP}/traits", "delete_provider_traits", SERVICE, 204, since=(1, 6)),
    Route("GET", f"{_RP}/allocations", "list_provider_allocations", SERVICE),
    Route("POST", "/allocations", "replace_several", SERVICE, 204, schemas.POST_ALLOCATIONS, since=(1, 13)),
    Route("GET", "/allocations/{consumer_uuid}", "show_allocations", SERVICE),
    Route("PUT", "/allocations/{consumer_uuid}", "replace_allocations", SERVICE, 204, schemas.PUT_ALLOCATIONS),
    Route("DELETE", "/allocations/{consumer_uuid}", "delete_allocations", SERVICE, 204),
    Route("GET", "/allocation_candidates", "list_candidates", SERVICE, since=(1, 10)),
    Route("GET", "/usages", "total_usages", READER, since=(1, 9)),
    Route("POST", "/reshaper", "reshape", SERVICE, 204, schemas.RESHAPER, since=(1, 30)),
)


class PlacementApi(ProviderHandlers, AllocationHandlers):
    """The placement service's API process."""

    service = "placement"
    routes = _ROUTES
    faults = FaultTable(_style)
    versions: ClassVar[VersionRange | None] = VERSIONS

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.names = Names(process)
        self.providers = Providers(process)
        self.allocations = Allocations(process)
        self.search = CandidateSearch(self.providers.table)
        self._parsed: dict[tuple[str, Version], CandidateQuery] = {}

    # -- root, candidates, totals ---------------------------------------------------------------

    async def home(self, ctx: Context, request: Request) -> Response:
        """The versions document."""
        low, high = (".".join(map(str, version)) for version in (VERSIONS.low, VERSIONS.high))
        version = {
            "id": f"v{low}",
            "max_version": high,
            "min_version": low,
            "status": "CURRENT",
            "links": [{"rel": "self", "href": ""}],
        }
        return self.answer(request, {"versions": [version]})

    async def list_candidates(self, ctx: Context, request: Request) -> Response:
        """Which providers could hold what is asked for."""
        key = (request.query_string, request.version)
        query = self._parsed.get(key)
        if query is None:
            query = await self._read_query(request)
            if len(self._parsed) >= PARSED_QUERIES:
                self._parsed.clear()
            self._parsed[key] = query
        return self.answer(request, self.search.answer(query))

    async def _read_query(self, request: Request) -> CandidateQuery:
        query = parse_candidates(request.query, request.version)
        names = [name for group in query.groups for name in group.resources]
        traits = [name for part in (*(g.traits for g in query.groups), query.root) for name in part.names()]
        try:
            for name in names:
                await self.names.need_class(name)
        except UnknownClass as error:
            raise BadRequest(f"Invalid resource class in resources parameter: {error.message}") from None
        try:
            await self.names.need_traits(traits)
        except NotFound as error:
            raise BadRequest(error.message) from None
        return query

    async def total_usages(self, ctx: Context, request: Request) -> Response:
        """What a project uses in all."""
        allowed = ("project_id", "user_id", *(("consumer_type",) if request.version >= views.CONSUMER_TYPE else ()))
        unknown = sorted(set(request.query) - set(allowed))
        project = request.arg("project_id")
        if unknown:
            problem = f"Additional properties are not allowed ({', '.join(map(repr, unknown))} was unexpected)"
            raise BadRequest(f"Invalid query string parameters: {failed(problem, 'additionalProperties')}")
        if project is None:
            problem = failed("'project_id' is a required property", "required")
            raise BadRequest(f"Invalid query string parameters: {problem}")
        for name in allowed:
            value = request.arg(name)
            if value is not None and not 1 <= len(value) <= NAME_LENGTH:
                problem = failed(f"{value!r} should be non-empty", "minLength", name)
                if value:
                    problem = failed(f"{value!r} is too long", "maxLength", name)
                raise BadRequest(f"Invalid query string parameters: {problem}")
        if not SERVICE(ctx) and project != ctx.project_id:
            raise Forbidden("Policy does not allow placement:usages to be performed.")
        by_type = await self.allocations.usages(project, request.arg("user_id"))
        return self.answer(request, views.total_usages(by_type, request.arg("consumer_type"), request.version))

    # -- resource classes -------------------------------------------------------------------------

    def _class(self, name: str) -> dict[str, Any]:
        return {"name": name, "links": [{"rel": "self", "href": f"/resource_classes/{name}"}]}

    async def list_classes(self, ctx: Context, request: Request) -> Response:
        """All resource classes."""
        return self.answer(request, {"resource_classes": [self._class(name) for name in await self.names.classes()]})

    async def show_class(self, ctx: Context, request: Request) -> Response:
        """One resource class."""
        await self.names.need_class(request.params["name"])
        return self.answer(request, self._class(request.params["name"]))

    async def create_class(self, ctx: Context, request: Request) -> Response:
        """Add a resource class; it must not exist."""
        name = request.data.name
        if not await self.names.add_class(name):
            raise Conflict(f"Conflicting resource class already exists: {name}")
        return Response(201, headers={"Location": self.url(f"/resource_classes/{name}")})

    async def rename_class(self, ctx: Context, request: Request) -> Response:
        """Rename a resource class (before 1.7)."""
        await self.names.rename_class(request.params["name"], request.data.name)
        return Response(200, self._class(request.data.name))

    async def ensure_class(self, ctx: Context, request: Request) -> Response:
        """Add a resource class unless it exists (from 1.7 on)."""
        name = request.params["name"]
        schemas.ensure_custom(name)
        made = await self.names.add_class(name)
        return Response(201 if made else 204, headers={"Location": self.url(f"/resource_classes/{name}")})

    async def delete_class(self, ctx: Context, request: Request) -> None:
        """Remove a resource class that nobody uses."""
        await self.names.remove_class(request.params["name"])

    # -- traits -------------------------------------------------------------------------------------

    async def list_traits(self, ctx: Context, request: Request) -> Response:
        """Traits, filtered by name or by whether some provider has them."""
        unknown = sorted(set(request.query) - {"name", "associated"})
        if unknown:
            raise BadRequest(
                f"Invalid query string parameters: Additional properties are not allowed ({', '.join(map(repr, unknown))} was unexpected)"
            )
        names, prefix = _name_filter(request.arg("name"))
        associated = request.arg("associated")
        if associated is not None and associated.lower() not in ("true", "false"):
            raise BadRequest('The query parameter "associated" only accepts "true" or "false"')
        wanted = None if associated is None else associated.lower() == "true"
        return self.answer(request, {"traits": await self.names.traits(names, prefix, wanted)})

    async def show_trait(self, ctx: Context, request: Request) -> Response:
        """Say whether a trait exists."""
        await self.names.show_trait(request.params["name"])
        return self.answer(request, None, 204)

    async def ensure_trait(self, ctx: Context, request: Request) -> Response:
        """Add a trait unless it exists."""
        name = request.params["name"]
        made = await self.names.add_trait(name)
        response = self.answer(request, None, 201 if made else 204)
        response.headers["Location"] = self.url(f"/traits/{name}")
        return response

    async def delete_trait(self, ctx: Context, request: Request) -> None:
        """Remove a trait that no provider has."""
        await self.names.remove_trait(request.params["name"])


def _name_filter(text: str | None) -> tuple[list[str] | None, str | None]:
    """Read ?name=in:A,B or ?name=startswith:PREFIX."""
    if text is None:
        return None, None
    operator, colon, value = text.partition(":")
    if not colon:
        raise BadRequest(
            "Badly formatted name parameter. Expected name query string parameter in form: "
            f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{text}"'
        )
    if operator == "in":
        return value.split(","), None
    return None, value if operator == "startswith" else None


def start(process: Process) -> None:
    """Start placement."""
    PlacementApi(process).start()
