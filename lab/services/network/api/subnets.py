"""/v2.0/subnets"""

from __future__ import annotations

from typing import Any, ClassVar

from lab.context import Context
from lab.rest import MEMBER, READER, Request, Route
from lab.services.network import nouns, views
from lab.services.network.api.collection import Collection, Room, nothing, wrapped
from lab.services.network.attributes import for_create, for_update, item_of, items_of
from lab.services.network.model import Json, Subnet
from lab.services.network.subnets import INDEXED

SUBNETS = Collection(
    "subnets",
    "/v2.0/subnets",
    Subnet,
    INDEXED,
    lambda plugin, tx, ctx, subnet: plugin.subnets.sees(tx, ctx, subnet),
    lambda plugin, tx, ctx, subnet: views.subnet(subnet),
    nothing,
)


class SubnetRoutes(Room):
    """Subnets."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/subnets", "list_subnets", READER),
        Route("POST", "/v2.0/subnets", "create_subnet", MEMBER, 201),
        Route("GET", "/v2.0/subnets/{subnet_id}", "show_subnet", READER),
        Route("PUT", "/v2.0/subnets/{subnet_id}", "update_subnet", MEMBER),
        Route("DELETE", "/v2.0/subnets/{subnet_id}", "delete_subnet", MEMBER, 204),
    )

    async def list_subnets(self, ctx: Context, request: Request) -> Json:
        """List subnets."""
        return await self.list_records(ctx, request, SUBNETS)

    async def show_subnet(self, ctx: Context, request: Request) -> Json:
        """Show a subnet."""
        plugin, subnet_id = self.plugin, request.params["subnet_id"]

        query = self.query(ctx, request)

        def work(tx: Any) -> Any:
            return self.shown(SUBNETS, tx, ctx, plugin.subnets.need(tx, ctx, subnet_id), query)

        return {"subnet": await plugin.store.run(work)}

    async def create_subnet(self, ctx: Context, request: Request) -> Json:
        """Make one subnet or several."""
        items, bulk = items_of(nouns.SUBNET, request.data)
        wanted = [for_create(nouns.SUBNET, item, ctx) for item in items]

        async def change() -> Json:
            return wrapped(nouns.SUBNET, await self.plugin.subnets.create(ctx, wanted), bulk)

        made: Json = await self.changing(ctx, nouns.SUBNET, "create", request.data, change)
        return made

    async def update_subnet(self, ctx: Context, request: Request) -> Json:
        """Change a subnet."""
        changes = for_update(nouns.SUBNET, item_of(nouns.SUBNET, request.data), ctx)
        subnet_id = request.params["subnet_id"]

        async def change() -> Json:
            return {"subnet": await self.plugin.subnets.update(ctx, subnet_id, changes)}

        payload = {"id": subnet_id, **request.data}
        made: Json = await self.changing(ctx, nouns.SUBNET, "update", payload, change)
        return made

    async def delete_subnet(self, ctx: Context, request: Request) -> None:
        """Remove a subnet."""
        subnet_id = request.params["subnet_id"]
        await self.changing(ctx, nouns.SUBNET, "delete", {"subnet_id": subnet_id}, lambda: self.plugin.subnets.delete(ctx, subnet_id))
