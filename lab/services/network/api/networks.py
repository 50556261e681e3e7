"""/v2.0/networks and how many addresses they have left."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.context import Context
from lab.rest import ADMIN, MEMBER, READER, Request, Route
from lab.services.network import nouns
from lab.services.network.api.collection import Collection, Room, wrapped
from lab.services.network.attributes import for_create, for_update, item_of, items_of
from lab.services.network.errors import NetworkNotFound
from lab.services.network.model import AddressPool, IPAllocation, Json, Network, Subnet
from lab.services.network.networks import INDEXED, sees

LOOKED_UP = frozenset({"subnets", "availability_zones"})
"""Fields of a network that other records know; nova asks six times a boot for others."""

NETWORKS = Collection(
    "networks",
    "/v2.0/networks",
    Network,
    INDEXED,
    lambda plugin, tx, ctx, network: sees(ctx, network),
    lambda plugin, tx, ctx, network: plugin.networks.view(tx, network, ctx),
    lambda plugin, tx, network, query: plugin.networks.around(tx, network) if not query.fields or query.fields & LOOKED_UP else None,
)
AVAILABILITIES = Collection(
    "network_ip_availabilities",
    "/v2.0/network-ip-availabilities",
    Network,
    INDEXED,
    lambda plugin, tx, ctx, network: True,
    lambda plugin, tx, ctx, network: availability(tx, network),
)


class NetworkRoutes(Room):
    """Networks."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/networks", "list_networks", READER),
        Route("POST", "/v2.0/networks", "create_network", MEMBER, 201),
        Route("GET", "/v2.0/networks/{network_id}", "show_network", READER),
        Route("PUT", "/v2.0/networks/{network_id}", "update_network", MEMBER),
        Route("DELETE", "/v2.0/networks/{network_id}", "delete_network", MEMBER, 204),
        Route("GET", "/v2.0/network-ip-availabilities", "list_availabilities", ADMIN),
        Route("GET", "/v2.0/network-ip-availabilities/{network_id}", "show_availability", ADMIN),
    )

    async def list_networks(self, ctx: Context, request: Request) -> Json:
        """List networks."""
        return await self.list_records(ctx, request, NETWORKS)

    async def show_network(self, ctx: Context, request: Request) -> Json:
        """Show a network."""
        plugin, network_id = self.plugin, request.params["network_id"]
        query = self.query(ctx, request)

        def work(tx: Any) -> Any:
            return self.shown(NETWORKS, tx, ctx, plugin.networks.need(tx, ctx, network_id), query)

        return {"network": await plugin.store.run(work)}

    async def create_network(self, ctx: Context, request: Request) -> Json:
        """Make one network or several."""
        items, bulk = items_of(nouns.NETWORK, request.data)
        wanted = [for_create(nouns.NETWORK, item, ctx) for item in items]

        async def change() -> Json:
            return wrapped(nouns.NETWORK, await self.plugin.networks.create(ctx, wanted), bulk)

        made: Json = await self.changing(ctx, nouns.NETWORK, "create", request.data, change)
        return made

    async def update_network(self, ctx: Context, request: Request) -> Json:
        """Change a network."""
        changes = for_update(nouns.NETWORK, item_of(nouns.NETWORK, request.data), ctx)
        network_id = request.params["network_id"]

        async def change() -> Json:
            return {"network": await self.plugin.networks.update(ctx, network_id, changes)}

        payload = {"id": network_id, **request.data}
        made: Json = await self.changing(ctx, nouns.NETWORK, "update", payload, change)
        return made

    async def delete_network(self, ctx: Context, request: Request) -> None:
        """Remove a network."""
        network_id = request.params["network_id"]
        await self.changing(ctx, nouns.NETWORK, "delete", {"network_id": network_id}, lambda: self.plugin.networks.delete(ctx, network_id))

    async def list_availabilities(self, ctx: Context, request: Request) -> Json:
        """List how many addresses each network has and uses."""
        return await self.list_records(ctx, request, AVAILABILITIES)

    async def show_availability(self, ctx: Context, request: Request) -> Json:
        """Show how many addresses a network has and uses."""
        network_id = request.params["network_id"]

        def work(tx: Any) -> Json:
            network = tx.get(Network, network_id)
            if network is None:
                raise NetworkNotFound(id=network_id)
            return availability(tx, network)

        return {"network_ip_availability": await self.plugin.store.run(work)}


def availability(tx: Any, network: Network) -> Json:
    """Count the addresses of a network's pools and those in use."""
    subnets = [
        {
            "subnet_id": subnet.id,
            "subnet_name": subnet.name,
            "ip_version": subnet.ip_version,
            "cidr": subnet.cidr,
            "total_ips": sum(pool.size for pool in tx.find(AddressPool, subnet_id=subnet.id)),
            "used_ips": tx.count(IPAllocation, subnet_id=subnet.id),
        }
        for subnet in tx.find(Subnet, network_id=network.id)
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "tenant_id": network.project_id,
        "project_id": network.project_id,
        "total_ips": sum(subnet["total_ips"] for subnet in subnets),
        "used_ips": sum(subnet["used_ips"] for subnet in subnets),
        "subnet_ip_availability": subnets,
    }
