"""The REST handlers of allocations, and of the reshaper that moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from lab.context import Context
from lab.errors import BadRequest, NotFound
from lab.rest import Request, Response
from lab.services.placement import views
from lab.services.placement.allocations import INCOMPLETE, Claim
from lab.services.placement.answers import Answers
from lab.services.placement.query import Version, is_uuid
from lab.services.placement.reshape import reshape

if TYPE_CHECKING:
    from lab.services.placement.allocations import Allocations

ALLOCATION_DICTS: Version = (1, 12)


class AllocationHandlers(Answers):
    """What the API does with /allocations."""

    allocations: Allocations

    async def show_allocations(self, ctx: Context, request: Request) -> Response:
        """What a consumer holds; who holds nothing, or is unknown, holds nothing."""
        found = await self.allocations.held_by(request.params["consumer_uuid"])
        changed = max((allocation.created_ns for allocation, _ in found.parts), default=None)
        return self.answer(request, views.held(found, request.version), changed_ns=changed)

    async def list_provider_allocations(self, ctx: Context, request: Request) -> Response:
        """What is held on a provider."""
        record, parts = await self.allocations.held_on(request.params["uuid"])
        changed = max((allocation.created_ns for allocation, _ in parts), default=None)
        return self.answer(request, views.held_on(record, parts, request.version), changed_ns=changed)

    async def replace_allocations(self, ctx: Context, request: Request) -> None:
        """Let a consumer hold what the body says, and nothing else."""
        consumer = request.params["consumer_uuid"]
        if not is_uuid(consumer):
            raise BadRequest(f"Malformed consumer_uuid: {consumer}")
        if "-" not in consumer:
            consumer = str(UUID(consumer))
        await self.allocations.replace([_claim(consumer, request.data, request.version)])

    async def replace_several(self, ctx: Context, request: Request) -> None:
        """The same for several consumers at once."""
        claims = [_claim(uuid, data, request.version) for uuid, data in request.data.root.items()]
        await self.allocations.replace(claims, several=True)

    async def delete_allocations(self, ctx: Context, request: Request) -> None:
        """Give back all that a consumer holds."""
        await self.allocations.release(request.params["consumer_uuid"])

    async def reshape(self, ctx: Context, request: Request) -> None:
        """Move inventories together with the allocations on them."""
        data = request.data
        inventories = {
            uuid: (part.resource_provider_generation, {n: i.model_dump() for n, i in part.inventories.items()})
            for uuid, part in data.inventories.items()
        }
        claims = [_claim(uuid, part, request.version) for uuid, part in data.allocations.items()]
        try:
            await reshape(self.process, inventories, claims, request.version)
        except NotFound as error:
            raise BadRequest(f"malformed reshaper data: {error.message}") from None


def _claim(consumer: str, data: Any, version: Version) -> Claim:
    if version < ALLOCATION_DICTS:
        resources = {part.resource_provider.uuid: part.resources for part in data.allocations}
    else:
        resources = {uuid: part.resources for uuid, part in data.allocations.items()}
    return Claim(
        consumer=consumer,
        resources=resources,
        project_id=getattr(data, "project_id", INCOMPLETE),
        user_id=getattr(data, "user_id", INCOMPLETE),
        generation=getattr(data, "consumer_generation", None),
        check_generation=version >= views.CONSUMER_GENERATION,
        consumer_type=getattr(data, "consumer_type", None),
    )
