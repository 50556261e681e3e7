"""/v2.0/ports"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from lab.context import Context
from lab.rest import MEMBER, READER, Request, Route
from lab.services.network import nouns, views
from lab.services.network.api.collection import Collection, Room, nothing, wrapped
from lab.services.network.attributes import for_create, for_update, item_of, items_of
from lab.services.network.errors import HTTPBadRequest
from lab.services.network.model import Json, Port
from lab.services.network.ports import INDEXED

PORTS = Collection(
    "ports",
    "/v2.0/ports",
    Port,
    INDEXED,
    lambda plugin, tx, ctx, port: plugin.ports.sees(tx, ctx, port),
    lambda plugin, tx, ctx, port: views.port(port, ctx),
    nothing,
)


class PortRoutes(Room):
    """Ports."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/ports", "list_ports", READER),
        Route("POST", "/v2.0/ports", "create_port", MEMBER, 201),
        Route("GET", "/v2.0/ports/{port_id}", "show_port", READER),
        Route("PUT", "/v2.0/ports/{port_id}", "update_port", MEMBER),
        Route("DELETE", "/v2.0/ports/{port_id}", "delete_port", MEMBER, 204),
    )

    async def list_ports(self, ctx: Context, request: Request) -> Json:
        """List ports."""
        return await self.list_records(ctx, request, PORTS)

    async def show_port(self, ctx: Context, request: Request) -> Json:
        """Show a port."""
        plugin, port_id = self.plugin, request.params["port_id"]

        query = self.query(ctx, request)

        def work(tx: Any) -> Any:
            return self.shown(PORTS, tx, ctx, plugin.ports.need(tx, ctx, port_id), query)

        return {"port": await plugin.store.run(work)}

    async def create_port(self, ctx: Context, request: Request) -> Json:
        """Make one port or several."""
        items, bulk = items_of(nouns.PORT, request.data)
        wanted = [for_create(nouns.PORT, item, ctx) for item in items]

        async def change() -> Json:
            ports = await self.plugin.ports.create(ctx, wanted)
            return wrapped(nouns.PORT, [self.shown(PORTS, None, ctx, port) for port in ports], bulk)

        made: Json = await self.changing(ctx, nouns.PORT, "create", request.data, change)
        return made

    async def update_port(self, ctx: Context, request: Request) -> Json:
        """Change a port; a host given binds it."""
        changes = for_update(nouns.PORT, item_of(nouns.PORT, request.data), ctx)
        port_id, revision = request.params["port_id"], expected_revision(request)

        async def change() -> Json:
            return {"port": self.shown(PORTS, None, ctx, await self.plugin.ports.update(ctx, port_id, changes, revision))}

        payload = {"id": port_id, **request.data}
        made: Json = await self.changing(ctx, nouns.PORT, "update", payload, change)
        return made

    async def delete_port(self, ctx: Context, request: Request) -> None:
        """Remove a port; nova hears of it after the agents."""
        port_id = request.params["port_id"]
        gone: list[Port] = []

        async def change() -> None:
            gone.append(await self.plugin.ports.delete(ctx, port_id))

        await self.changing(ctx, nouns.PORT, "delete", {"port_id": port_id}, change)
        self.plugin.nova.deleted(ctx, gone[0])


def expected_revision(request: Request) -> int | None:
    """The revision that the caller has seen, when it wants no other one changed: `If-Match: revision_number=N`."""
    said = request.headers.get("if-match")
    if said is None:
        return None
    found = re.fullmatch(r"revision_number=(\d{1,18})", said.strip())
    if found is None:
        raise HTTPBadRequest("Only one revision_number is supported in the If-Match header.")
    return int(found[1])
