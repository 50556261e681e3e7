"""The REST handlers of resource providers, their inventories, traits and aggregates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from pydantic import ValidationError

from lab.context import Context
from lab.errors import BadRequest, MethodNotAllowed, NotFound
from lab.rest import Request, Response
from lab.services.placement import schemas, views
from lab.services.placement.answers import Answers
from lab.services.placement.candidates import group_mask
from lab.services.placement.model import ResourceProvider, UnknownClass
from lab.services.placement.query import Group, Traits, Version, is_uuid, parse_member_of, parse_resources, parse_traits
from lab.services.placement.wording import schema_words

if TYPE_CHECKING:
    from lab.services.placement.manager import Providers
    from lab.services.placement.names import Names

RETURNS_PROVIDER: Version = (1, 20)
DELETES_ALL: Version = (1, 5)
REPARENTING: Version = (1, 37)
_FILTERS: Mapping[str, Version] = {
    "name": (1, 0),
    "uuid": (1, 0),
    "member_of": (1, 3),
    "resources": (1, 4),
    "in_tree": (1, 14),
    "required": (1, 18),
}
"""Since when each filter of GET /resource_providers is known. Source: placement/schemas/resource_provider.py."""


class ProviderHandlers(Answers):
    """What the API does with /resource_providers and below."""

    providers: Providers
    names: Names

    # -- providers --------------------------------------------------------------------------------

    async def list_providers(self, ctx: Context, request: Request) -> Response:
        """Providers that match all filters, in order of creation."""
        _check_filters(request)
        table = self.providers.table
        mask = group_mask(table, await self._filter_group(request))
        rows = [] if mask is None else np.flatnonzero(mask).tolist()
        found = [record for row in rows if (record := table.records[row]) is not None]
        for name in ("name", "uuid"):
            wanted = request.arg(name)
            if wanted is not None:
                found = [record for record in found if getattr(record, name) == wanted]
        shown = [views.provider(record, request.version) for record in found]
        changed = max((record.updated_ns for record in found), default=None)
        return self.answer(request, {"resource_providers": shown}, changed_ns=changed)

    async def _filter_group(self, request: Request) -> Group:
        version = request.version
        resources = parse_resources(request.args("resources")[-1]) if request.args("resources") else {}
        traits = parse_traits(request.args("required"), version) if request.args("required") else Traits()
        member_of, not_member_of = parse_member_of(request.args("member_of"), version)
        try:
            for name in resources:
                await self.names.need_class(name)
        except UnknownClass as error:
            raise BadRequest(f"Invalid resource class in resources parameter: {error.message}") from None
        try:
            await self.names.need_traits(traits.names())
        except NotFound as error:
            raise BadRequest(f'Invalid trait(s) in "required" parameter: {error.message}') from None
        return Group("", resources, traits, member_of, not_member_of, request.arg("in_tree"))

    async def create_provider(self, ctx: Context, request: Request) -> Response:
        """Make a provider."""
        data = request.data
        if not data.name:
            raise BadRequest(f'Unable to create resource provider "", {data.uuid}: Object action create failed because: name is required')
        parent = getattr(data, "parent_provider_uuid", None)
        uuid = str(UUID(data.uuid)) if data.uuid else None
        record = await self.providers.create(data.name, uuid, str(UUID(parent)) if parent else None)
        if request.version >= RETURNS_PROVIDER:
            shown = views.provider(record, request.version)
            response = self.answer(request, shown, 200, record.updated_ns)
        else:
            response = Response(201)
        response.headers["Location"] = self.url(f"/resource_providers/{record.uuid}")
        return response

    async def show_provider(self, ctx: Context, request: Request) -> Response:
        """One provider."""
        return self._shown(request, await self._record(request))

    async def update_provider(self, ctx: Context, request: Request) -> Response:
        """Rename or move a provider."""
        changes = request.data.model_dump(include=request.data.model_fields_set)
        uuid = request.params["uuid"]
        record = await self.providers.update(uuid, changes, request.version >= REPARENTING)
        return self._shown(request, record)

    async def delete_provider(self, ctx: Context, request: Request) -> None:
        """Remove a provider that nobody uses."""
        await self.providers.delete(request.params["uuid"])

    async def _record(self, request: Request, words: str = "") -> ResourceProvider:
        """The provider of the path; `words` go before the error, as some of the real handlers have them."""
        try:
            return await self.providers.show(request.params["uuid"])
        except NotFound as error:
            raise NotFound(f"{words}{error.message}") from None

    def _shown(self, request: Request, record: ResourceProvider) -> Response:
        return self.answer(request, views.provider(record, request.version), 200, record.updated_ns)

    # -- inventories --------------------------------------------------------------------------------

    async def list_inventories(self, ctx: Context, request: Request) -> Response:
        """All inventories of a provider."""
        record = await self._record(request, f"No resource provider with uuid {request.params['uuid']} found : ")
        return self.answer(request, views.inventories(record))

    async def show_inventory(self, ctx: Context, request: Request) -> Response:
        """One inventory."""
        uuid, name = request.params["uuid"], request.params["resource_class"]
        record = await self._record(request, f"No resource provider with uuid {uuid} found : ")
        if name not in record.inventories:
            raise NotFound(f"No inventory of class {name} for {uuid}")
        return self.answer(request, views.inventory(record, name))

    async def create_inventory(self, ctx: Context, request: Request) -> Response:
        """Add one inventory."""
        uuid, name = request.params["uuid"], request.data.resource_class
        given = request.data.model_dump()
        record = await self.providers.put_inventory(uuid, name, given, request.version, new=True)
        response = self.answer(request, views.inventory(record, name), 201)
        response.headers["Location"] = self.url(f"/resource_providers/{uuid}/inventories/{name}")
        return response

    async def update_inventory(self, ctx: Context, request: Request) -> Response:
        """Change one inventory."""
        uuid, name = request.params["uuid"], request.params["resource_class"]
        given = request.data.model_dump()
        record = await self.providers.put_inventory(uuid, name, given, request.version, new=False)
        return self.answer(request, views.inventory(record, name))

    async def set_inventories(self, ctx: Context, request: Request) -> Response:
        """Replace all inventories."""
        data = request.data
        given = {name: inventory.model_dump() for name, inventory in data.inventories.items()}
        generation = data.resource_provider_generation
        record = await self.providers.set_inventories(request.params["uuid"], generation, given, request.version)
        return self.answer(request, views.inventories(record))

    async def delete_inventories(self, ctx: Context, request: Request) -> None:
        """Remove all inventories (from 1.5 on)."""
        if request.version < DELETES_ALL:
            raise MethodNotAllowed("The method specified is not allowed for this resource.", ("GET", "POST", "PUT"))
        await self.providers.set_inventories(request.params["uuid"], None, {}, request.version)

    async def delete_inventory(self, ctx: Context, request: Request) -> None:
        """Remove one inventory."""
        await self.providers.delete_inventory(request.params["uuid"], request.params["resource_class"])

    async def show_usages(self, ctx: Context, request: Request) -> Response:
        """What is used of a provider's inventories."""
        uuid = request.params["uuid"]
        return self.answer(request, views.usages(await self._record(request, f"No resource provider with uuid {uuid} found: ")))

    # -- traits and aggregates ------------------------------------------------------------------------

    async def list_provider_traits(self, ctx: Context, request: Request) -> Response:
        """The traits of a provider."""
        uuid = request.params["uuid"]
        record = await self._record(request, f"No resource provider with uuid {uuid} found: ")
        return self._traits(request, record)

    async def set_provider_traits(self, ctx: Context, request: Request) -> Response:
        """Replace the traits of a provider."""
        data = request.data
        uuid = request.params["uuid"]
        return self._traits(request, await self.providers.set_traits(uuid, data.resource_provider_generation, data.traits))

    async def delete_provider_traits(self, ctx: Context, request: Request) -> None:
        """Take all traits from a provider."""
        await self.providers.set_traits(request.params["uuid"], None, ())

    def _traits(self, request: Request, record: ResourceProvider) -> Response:
        return self.answer(request, {"traits": record.traits, "resource_provider_generation": record.revision})

    async def list_aggregates(self, ctx: Context, request: Request) -> Response:
        """The aggregates that a provider is in."""
        return self.answer(request, views.aggregates(await self._record(request), request.version))

    async def set_aggregates(self, ctx: Context, request: Request) -> Response:
        """Replace the aggregates of a provider (from 1.19 on, with its generation)."""
        data = request.data
        uuid = request.params["uuid"]
        record = await self.providers.set_aggregates(uuid, data.resource_provider_generation, data.aggregates)
        return self.answer(request, views.aggregates(record, request.version))

    async def set_aggregate_list(self, ctx: Context, request: Request) -> Response:
        """Replace the aggregates of a provider (before 1.19, a bare list)."""
        try:
            aggregates = schemas.AggregateList.model_validate(request.data).root
        except ValidationError as error:
            raise BadRequest(f"JSON does not validate: {schema_words(error)}") from None
        record = await self.providers.set_aggregates(request.params["uuid"], None, aggregates)
        return self.answer(request, views.aggregates(record, request.version))


def _check_filters(request: Request) -> None:
    start = "Invalid query string parameters: "
    for name in request.query:
        since = _FILTERS.get(name)
        if since is None or request.version < since:
            raise BadRequest(f"{start}Additional properties are not allowed ('{name}' was unexpected)")
    checks: Mapping[str, Callable[[str], bool]] = {"uuid": is_uuid, "in_tree": is_uuid}
    for name, is_right in checks.items():
        value = request.arg(name)
        if value is not None and not is_right(value):
            raise BadRequest(f"{start}'{value}' is not a 'uuid'")
