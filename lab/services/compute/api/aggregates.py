"""Host aggregates, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest
from lab.rest import ADMIN, Request, Response, Route
from lab.rest.body import Body
from lab.rest.numbers import number
from lab.services.compute.aggregates import ZONE_KEY, Aggregate
from lab.services.compute.api.fields import HostFqdn, LooseName, MetadataOrNull, Name, ZoneName
from lab.services.compute.api.part import ComputePart
from lab.services.compute.api.times import naive

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]


class NewAggregate(Body):
    """A name, and a zone that it makes."""

    name: Name
    availability_zone: ZoneName | None = None


class Create(Body):
    """POST."""

    aggregate: NewAggregate


class ChangedAggregate(Body):
    """A new name or zone."""

    name: LooseName | None = None
    availability_zone: ZoneName | None = None


class Update(Body):
    """PUT."""

    aggregate: ChangedAggregate


class HostName(Body):
    """A compute host."""

    host: HostFqdn


class NewMetadata(Body):
    """Metadata to set; null removes a key."""

    metadata: MetadataOrNull


class Action(Body):
    """One of the three actions."""

    add_host: HostName | None = None
    remove_host: HostName | None = None
    set_metadata: NewMetadata | None = None


_ONE = "/v2.1/os-aggregates/{aggregate}"

ROUTES = (
    Route("GET", "/v2.1/os-aggregates", "aggregates_list", ADMIN, summary="List aggregates"),
    Route("POST", "/v2.1/os-aggregates", "aggregates_create", ADMIN, 200, Create, summary="Create an aggregate"),
    Route("GET", _ONE, "aggregates_show", ADMIN, summary="Show an aggregate"),
    Route("PUT", _ONE, "aggregates_update", ADMIN, 200, Update, summary="Rename, or change the zone"),
    Route("DELETE", _ONE, "aggregates_delete", ADMIN, 200, summary="Delete an empty aggregate"),
    Route("POST", f"{_ONE}/action", "aggregates_action", ADMIN, 200, Action, summary="Add or remove a host, metadata"),
)


class AggregatesPart(ComputePart):
    """The handlers of os-aggregates."""

    async def aggregates_list(self, ctx: Context, req: Request) -> Json:
        """Answer all aggregates."""
        self.check_query(req)
        return {"aggregates": [_shown(aggregate, req.version) for aggregate in await self.aggregates.find()]}

    async def aggregates_create(self, ctx: Context, req: Request) -> Json:
        """Create an aggregate; the answer has no hosts and metadata, as upstream."""
        data = req.data.aggregate
        aggregate = await self.aggregates.create(data.name, data.availability_zone)
        view = _shown(aggregate, req.version)
        del view["hosts"], view["metadata"]
        return {"aggregate": view}

    async def aggregates_show(self, ctx: Context, req: Request) -> Json:
        """Answer one aggregate."""
        self.check_query(req)
        return {"aggregate": _shown(await self.aggregates.get(_id(req)), req.version)}

    async def aggregates_update(self, ctx: Context, req: Request) -> Json:
        """Rename it, or change the zone that it makes."""
        data = req.data.aggregate
        if not data.model_fields_set:
            raise BadRequest("Invalid input for field/attribute aggregate. Value: {}. {} is not valid under any of the given schemas")
        zone = {ZONE_KEY: data.availability_zone} if "availability_zone" in data.model_fields_set else {}
        name = None if data.name is None else data.name.strip()
        return {"aggregate": _shown(await self.aggregates.update(_id(req), name, zone), req.version)}

    async def aggregates_delete(self, ctx: Context, req: Request) -> Response:
        """Delete it."""
        await self.aggregates.delete(_id(req))
        return Response(200)

    async def aggregates_action(self, ctx: Context, req: Request) -> Json:
        """Do the one thing that the body names."""
        data, number = req.data, _id(req)
        if len(data.model_fields_set) != 1:
            raise BadRequest("There is no such action: say add_host, remove_host or set_metadata")
        if data.add_host is not None:
            aggregate = await self.aggregates.add_host(ctx, number, data.add_host.host)
        elif data.remove_host is not None:
            aggregate = await self.aggregates.remove_host(ctx, number, data.remove_host.host)
        elif data.set_metadata is not None:
            aggregate = await self.aggregates.update(number, None, data.set_metadata.metadata)
        else:
            raise BadRequest("Malformed request body")
        return {"aggregate": _shown(aggregate, req.version)}


def _id(req: Request) -> int:
    text = req.params["aggregate"]
    found = number(text.removeprefix("-"))
    if found is None:
        raise BadRequest(f"Invalid input received: id must be an integer: {text}")
    return -found if text[0] == "-" else found


def _shown(aggregate: Aggregate, version: tuple[int, int]) -> Json:
    view: Json = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.availability_zone,
        "hosts": aggregate.hosts,
        "metadata": aggregate.metadata_,
        "created_at": naive(aggregate.created_at),
        "updated_at": naive(aggregate.updated_at),
        "deleted": False,
        "deleted_at": None,
    }
    if version >= (2, 41):
        view["uuid"] = aggregate.uuid
    return view
