"""Routers: their interfaces are ports, and an L3 agent puts them into the world."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network.agents import L3_TYPE
from lab.services.network.attributes import privileged
from lab.services.network.errors import (
    HTTPBadRequest,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
    RouterNotFound,
)
from lab.services.network.model import GATEWAY_OWNER, ROUTER_OWNER, Agent, Json, Network, Port, Router, Subnet

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

INDEXED = ("name", "project_id")


class Routers:
    """The use cases of routers; loaded when `router` is among the service plugins."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self.loaded = "router" in plugin.config.service_plugins

    def sees(self, ctx: Context, router: Router) -> bool:
        """Whether a caller may see a router."""
        return router.project_id == ctx.project_id or privileged(ctx)

    def need(self, tx: Any, ctx: Context, router_id: str) -> Router:
        """The router, when the caller may see it. Raises RouterNotFound."""
        router: Router | None = tx.get(Router, router_id)
        if router is None or not self.sees(ctx, router):
            raise RouterNotFound(id=router_id)
        return router

    async def create(self, ctx: Context, wanted: list[Json]) -> list[Router]:
        """Make routers; one with a gateway gets a port on the external network."""
        plugin = self._plugin

        def work(tx: Any) -> list[Router]:
            made = []
            for values in wanted:
                plugin.quotas.check(tx, values["project_id"], "router")
                content = {**values, "external_gateway_info": None}
                router = tx.insert(Router.make(id=plugin.process.uuid(), **content, **plugin.stamps()))
                made.append(router)
            return made

        routers = []
        for router, values in zip(await plugin.store.run(work), wanted, strict=True):
            gateway = values.get("external_gateway_info")
            routers.append(await self._set_gateway(ctx, router, gateway) if gateway else router)
            await self._tell(ctx, router.id)
        return routers

    async def update(self, ctx: Context, router_id: str, changes: Json) -> Router:
        """Change a router; a new gateway moves its gateway port."""
        plugin = self._plugin
        content = {key: value for key, value in changes.items() if key != "external_gateway_info"}

        def work(tx: Any) -> Router:
            router = self.need(tx, ctx, router_id)
            revision = router.revision_number + 1
            new: Router = tx.update(router, **content, updated_at=plugin.now(), revision_number=revision)
            return new

        router = await plugin.store.run(work)
        if "external_gateway_info" in changes:
            router = await self._set_gateway(ctx, router, changes["external_gateway_info"])
        await self._tell(ctx, router_id)
        return router

    async def _set_gateway(self, ctx: Context, router: Router, gateway: Json | None) -> Router:
        plugin = self._plugin
        for port in await self._ports(router.id, GATEWAY_OWNER):
            await plugin.ports.delete(ctx.elevated(), port.id, service=True)
        info: Json | None = None
        if gateway:
            values = await self._interface(router, gateway["network_id"], GATEWAY_OWNER)
            if gateway.get("external_fixed_ips"):
                values["fixed_ips"] = gateway["external_fixed_ips"]
            (port,) = await plugin.ports.create(ctx.elevated(), [values], quota=False)
            snat = gateway.get("enable_snat", True)
            info = {"network_id": port.network_id, "enable_snat": snat, "external_fixed_ips": port.fixed_ips}

        def work(tx: Any) -> Router:
            new: Router = tx.update(tx.need(Router, router.id), external_gateway_info=info)
            return new

        return await plugin.store.run(work)

    async def _interface(self, router: Router, network_id: str, owner: str) -> Json:
        """The columns of a router's port on a network."""

        def work(tx: Any) -> Network:
            network: Network | None = tx.get(Network, network_id)
            if network is None or (owner == GATEWAY_OWNER and not network.external):
                raise HTTPBadRequest(f"Bad router request: Network {network_id} is not an external network.")
            return network

        network = await self._plugin.store.run(work)
        project = "" if owner == GATEWAY_OWNER else router.project_id
        return {
            "project_id": project,
            "network_id": network.id,
            "name": "",
            "description": "",
            "admin_state_up": True,
            "device_id": router.id,
            "device_owner": owner,
            "binding_host_id": "",
            "binding_vnic_type": "normal",
        }

    async def _ports(self, router_id: str, owner: str) -> list[Port]:
        def work(tx: Any) -> list[Port]:
            return [port for port in tx.find(Port, device_id=router_id) if port.device_owner == owner]

        return await self._plugin.store.run(work)

    async def delete(self, ctx: Context, router_id: str) -> None:
        """Remove a router without interfaces. Raises RouterInUse."""

        def check(tx: Any) -> Router:
            router = self.need(tx, ctx, router_id)
            if any(port.device_owner == ROUTER_OWNER for port in tx.find(Port, device_id=router_id)):
                raise RouterInUse(router_id=router_id)
            return router

        router = await self._plugin.store.run(check)
        for port in await self._ports(router_id, GATEWAY_OWNER):
            await self._plugin.ports.delete(ctx.elevated(), port.id, service=True)
        await self._plugin.store.run(lambda tx: tx.delete(router))
        await self._tell(ctx, router_id)

    # -- L3 agents -----------------------------------------------------------------------------

    async def _tell(self, ctx: Context, router_id: str) -> None:
        """Tell the live, enabled L3 agents that a router changed."""
        alive = self._plugin.agents.alive

        def work(tx: Any) -> list[str]:
            return [agent.host for agent in tx.find(Agent, agent_type=L3_TYPE) if agent.admin_state_up and alive(tx, agent)]

        self._plugin.notifier.routers_updated(ctx, await self._plugin.store.run(work), [router_id])

    async def described(self, host: str, router_ids: list[str] | None) -> list[Json]:
        """Routers with their interfaces as a host's L3 agent needs them; all when none are named, none when it is disabled."""

        def work(tx: Any) -> list[Json]:
            agent = tx.one(Agent, agent_type=L3_TYPE, host=host)
            if agent is not None and not agent.admin_state_up:
                return []
            routers = tx.all(Router) if router_ids is None else [tx.get(Router, key) for key in router_ids]
            return [
                {"id": router.id, "interfaces": self._interfaces(tx, router)}
                for router in routers
                if router is not None and router.admin_state_up
            ]

        return await self._plugin.store.run(work)

    def _interfaces(self, tx: Any, router: Router) -> list[Json]:
        found = []
        for port in tx.find(Port, device_id=router.id):
            network = tx.get(Network, port.network_id)
            for fixed, subnet in zip(port.fixed_ips, _subnets(tx, port), strict=False):
                found.append(
                    {
                        "port_id": port.id,
                        "router_id": router.id,
                        "mac_address": port.mac_address,
                        "network_type": network.network_type,
                        "segmentation_id": network.segmentation_id,
                        "physical_network": network.physical_network,
                        "cidr": f"{fixed['ip_address']}/{subnet.cidr.partition('/')[2]}",
                    }
                )
        return found

    # -- interfaces ---------------------------------------------------------------------------

    async def add_interface(self, ctx: Context, router_id: str, asked: Json) -> Json:
        """Join a subnet (at its gateway address) or a port to a router."""
        plugin = self._plugin
        subnet_id, port_id = _one(asked)

        def work(tx: Any) -> tuple[Router, Subnet | None, Port | None]:
            router = self.need(tx, ctx, router_id)
            subnet = plugin.subnets.need(tx, ctx, subnet_id) if subnet_id else None
            port = plugin.ports.need(tx, ctx, port_id) if port_id else None
            joined = [subnet] if subnet is not None else _subnets(tx, port)
            for new in joined:
                self._check_overlap(tx, router, new)
            return router, subnet, port

        router, subnet, port = await plugin.store.run(work)
        if subnet is not None:
            if subnet.gateway_ip is None:
                raise HTTPBadRequest("Bad router request: Subnet for router interface must have a gateway IP.")
            values = await self._interface(router, subnet.network_id, ROUTER_OWNER)
            values["fixed_ips"] = [{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}]
            (port,) = await plugin.ports.create(ctx.elevated(), [values], quota=False)
        else:
            assert port is not None
            if port.device_id and port.device_id != router_id:
                raise HTTPBadRequest(f"Bad router request: Port {port.id} has a device: {port.device_id}.")
            changes = {"device_id": router.id, "device_owner": ROUTER_OWNER}
            port = await plugin.ports.update(ctx.elevated(), port.id, changes)
        await self._tell(ctx, router_id)
        return _answer(router, port)

    def _check_overlap(self, tx: Any, router: Router, subnet: Subnet) -> None:
        block = ip_network(subnet.cidr)
        for port in tx.find(Port, device_id=router.id):
            for other in _subnets(tx, port):
                if ip_network(other.cidr).version == block.version and ip_network(other.cidr).overlaps(block):
                    raise HTTPBadRequest(
                        f"Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr "
                        f"{other.cidr} of subnet {other.id}."
                    )

    async def remove_interface(self, ctx: Context, router_id: str, asked: Json) -> Json:
        """Take a subnet or a port from a router; its interface port goes."""
        subnet_id, port_id = _one(asked)

        def work(tx: Any) -> tuple[Router, Port]:
            router = self.need(tx, ctx, router_id)
            for port in tx.find(Port, device_id=router_id):
                here = any(fixed["subnet_id"] == subnet_id for fixed in port.fixed_ips)
                if port.device_owner == ROUTER_OWNER and (port.id == port_id or (subnet_id and here)):
                    return router, port
            if port_id:
                raise RouterInterfaceNotFound(router_id=router_id, port_id=port_id)
            raise RouterInterfaceNotFoundForSubnet(router_id=router_id, subnet_id=subnet_id)

        router, port = await self._plugin.store.run(work)
        await self._plugin.ports.delete(ctx.elevated(), port.id, service=True)
        await self._tell(ctx, router_id)
        return _answer(router, port)


def _one(asked: Any) -> tuple[str | None, str | None]:
    if not isinstance(asked, dict):
        raise HTTPBadRequest("Bad router request: a body with subnet_id or port_id is needed.")
    subnet_id, port_id = asked.get("subnet_id"), asked.get("port_id")
    if not subnet_id and not port_id:
        raise HTTPBadRequest("Bad router request: Either subnet_id or port_id must be specified.")
    return subnet_id, port_id


def _subnets(tx: Any, port: Port | None) -> list[Subnet]:
    if port is None:
        return []
    found = [tx.get(Subnet, fixed["subnet_id"]) for fixed in port.fixed_ips]
    return [subnet for subnet in found if subnet is not None]


def _answer(router: Router, port: Port) -> Json:
    subnet_ids = [fixed["subnet_id"] for fixed in port.fixed_ips]
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnet_ids[0] if subnet_ids else None,
        "subnet_ids": subnet_ids,
        "tags": router.tags,
    }
