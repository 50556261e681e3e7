"""/v2.0/routers, there when the router plugin is loaded."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.context import Context
from lab.rest import MEMBER, READER, Request, Route
from lab.services.network import nouns, views
from lab.services.network.api.collection import Collection, Room, wrapped
from lab.services.network.attributes import for_create, for_update, item_of, items_of
from lab.services.network.model import Json, Router
from lab.services.network.routers import INDEXED

ROUTERS = Collection(
    "routers",
    "/v2.0/routers",
    Router,
    INDEXED,
    lambda plugin, tx, ctx, router: plugin.routers.sees(ctx, router),
    lambda plugin, tx, ctx, router: views.router(router),
)


class RouterRoutes(Room):
    """Routers."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/routers", "list_routers", READER),
        Route("POST", "/v2.0/routers", "create_router", MEMBER, 201),
        Route("GET", "/v2.0/routers/{router_id}", "show_router", READER),
        Route("PUT", "/v2.0/routers/{router_id}", "update_router", MEMBER),
        Route("DELETE", "/v2.0/routers/{router_id}", "delete_router", MEMBER, 204),
        Route("PUT", "/v2.0/routers/{router_id}/add_router_interface", "add_router_interface", MEMBER),
        Route("PUT", "/v2.0/routers/{router_id}/remove_router_interface", "remove_router_interface", MEMBER),
        Route("GET", "/v2.0/floatingips", "list_floatingips", READER),
    )

    async def list_routers(self, ctx: Context, request: Request) -> Json:
        """List routers."""
        return await self.list_records(ctx, request, ROUTERS)

    async def show_router(self, ctx: Context, request: Request) -> Json:
        """Show a router."""
        plugin, router_id = self.plugin, request.params["router_id"]

        def work(tx: Any) -> Json:
            return views.router(plugin.routers.need(tx, ctx, router_id))

        return {"router": self.picked(ctx, request, await plugin.store.run(work))}

    async def create_router(self, ctx: Context, request: Request) -> Json:
        """Make one router or several."""
        items, bulk = items_of(nouns.ROUTER, request.data)
        wanted = [for_create(nouns.ROUTER, item, ctx) for item in items]

        async def change() -> Json:
            routers = await self.plugin.routers.create(ctx, wanted)
            return wrapped(nouns.ROUTER, [views.router(router) for router in routers], bulk)

        made: Json = await self.changing(ctx, nouns.ROUTER, "create", request.data, change)
        return made

    async def update_router(self, ctx: Context, request: Request) -> Json:
        """Change a router."""
        changes = for_update(nouns.ROUTER, item_of(nouns.ROUTER, request.data), ctx)
        router_id = request.params["router_id"]

        async def change() -> Json:
            return {"router": views.router(await self.plugin.routers.update(ctx, router_id, changes))}

        payload = {"id": router_id, **request.data}
        made: Json = await self.changing(ctx, nouns.ROUTER, "update", payload, change)
        return made

    async def delete_router(self, ctx: Context, request: Request) -> None:
        """Remove a router without interfaces."""
        router_id = request.params["router_id"]
        payload = {"router_id": router_id}
        await self.changing(ctx, nouns.ROUTER, "delete", payload, lambda: self.plugin.routers.delete(ctx, router_id))

    async def add_router_interface(self, ctx: Context, request: Request) -> Json:
        """Join a subnet or a port to a router."""
        return await self.plugin.routers.add_interface(ctx, request.params["router_id"], request.data)

    async def remove_router_interface(self, ctx: Context, request: Request) -> Json:
        """Take a subnet or a port from a router."""
        return await self.plugin.routers.remove_interface(ctx, request.params["router_id"], request.data)

    async def list_floatingips(self, ctx: Context, request: Request) -> Json:
        """List floating addresses: none can be made yet."""
        return {"floatingips": []}
