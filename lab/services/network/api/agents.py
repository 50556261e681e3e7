"""/v2.0/agents, and which DHCP agent serves which network."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.context import Context
from lab.rest import ADMIN, READER, Request, Route
from lab.services.network import query as queries
from lab.services.network.agents import DHCP_TYPE
from lab.services.network.api.collection import Collection, Room
from lab.services.network.attributes import privileged
from lab.services.network.converters import boolean
from lab.services.network.errors import HTTPBadRequest
from lab.services.network.model import Agent, Json, Network, NetworkAgent

AGENTS = Collection(
    "agents",
    "/v2.0/agents",
    Agent,
    ("host", "agent_type"),
    lambda plugin, tx, ctx, agent: privileged(ctx),
    lambda plugin, tx, ctx, agent: plugin.agents.view(tx, agent),
)
CHANGEABLE = ("admin_state_up", "description")


class AgentRoutes(Room):
    """Agents and the networks that they serve."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/agents", "list_agents", READER),
        Route("GET", "/v2.0/agents/{agent_id}", "show_agent", ADMIN),
        Route("PUT", "/v2.0/agents/{agent_id}", "update_agent", ADMIN),
        Route("DELETE", "/v2.0/agents/{agent_id}", "delete_agent", ADMIN, 204),
        Route("GET", "/v2.0/agents/{agent_id}/dhcp-networks", "list_agent_networks", ADMIN),
        Route("POST", "/v2.0/agents/{agent_id}/dhcp-networks", "add_agent_network", ADMIN, 201),
        Route("DELETE", "/v2.0/agents/{agent_id}/dhcp-networks/{network_id}", "remove_agent_network", ADMIN, 204),
        Route("GET", "/v2.0/networks/{network_id}/dhcp-agents", "list_network_agents", ADMIN),
        Route("GET", "/v2.0/availability_zones", "list_availability_zones", READER),
    )

    async def list_agents(self, ctx: Context, request: Request) -> Json:
        """List agents; `alive` may be filtered by too."""
        answer = await self.list_records(ctx, request, AGENTS)
        wanted = request.arg("alive")
        if wanted is not None:
            alive = wanted.lower() in ("true", "1")
            answer["agents"] = [agent for agent in answer["agents"] if agent.get("alive") == alive]
        return answer

    async def show_agent(self, ctx: Context, request: Request) -> Json:
        """Show an agent."""
        return {"agent": self.picked(ctx, request, await self.plugin.agents.show(request.params["agent_id"]))}

    async def update_agent(self, ctx: Context, request: Request) -> Json:
        """Enable, disable or describe an agent."""
        given = request.data.get("agent") if isinstance(request.data, dict) else None
        if not isinstance(given, dict):
            raise HTTPBadRequest("Unable to find 'agent' in request body")
        for name in given:
            if name not in CHANGEABLE:
                raise HTTPBadRequest(f"Cannot update read-only attribute {name}")
        changes = dict(given)
        if "admin_state_up" in changes:
            try:
                changes["admin_state_up"] = boolean(changes["admin_state_up"])
            except ValueError as error:
                raise HTTPBadRequest(f"Invalid input for admin_state_up. Reason: {error}.") from None
        return {"agent": await self.plugin.agents.update(ctx, request.params["agent_id"], changes)}

    async def delete_agent(self, ctx: Context, request: Request) -> None:
        """Forget a dead agent."""
        await self.plugin.agents.delete(request.params["agent_id"])

    async def list_agent_networks(self, ctx: Context, request: Request) -> Json:
        """List the networks that a DHCP agent serves."""
        plugin = self.plugin

        def work(tx: Any) -> list[Json]:
            agent = plugin.agents.need(tx, request.params["agent_id"])
            served = [tx.get(Network, binding.network_id) for binding in tx.find(NetworkAgent, agent_id=agent.id)]
            return [plugin.networks.view(tx, network, ctx) for network in served if network is not None]

        return {"networks": await plugin.store.run(work)}

    async def add_agent_network(self, ctx: Context, request: Request) -> None:
        """Have a DHCP agent serve a network."""
        network_id = request.data.get("network_id") if isinstance(request.data, dict) else None
        if not isinstance(network_id, str):
            raise HTTPBadRequest("Unable to find 'network_id' in request body")
        await self.plugin.dhcp.add(ctx, request.params["agent_id"], network_id)

    async def remove_agent_network(self, ctx: Context, request: Request) -> None:
        """Have a DHCP agent no longer serve a network."""
        await self.plugin.dhcp.remove(ctx, request.params["agent_id"], request.params["network_id"])

    async def list_network_agents(self, ctx: Context, request: Request) -> Json:
        """List the DHCP agents that serve a network."""
        plugin, network_id = self.plugin, request.params["network_id"]

        def work(tx: Any) -> list[Json]:
            plugin.networks.need(tx, ctx, network_id)
            agents = [tx.get(Agent, binding.agent_id) for binding in tx.find(NetworkAgent, network_id=network_id)]
            return [plugin.agents.view(tx, agent) for agent in agents if agent is not None]

        return {"agents": await plugin.store.run(work)}

    async def list_availability_zones(self, ctx: Context, request: Request) -> Json:
        """List the zones of the agents that have one."""
        query = queries.read(request)

        def work(tx: Any) -> list[Json]:
            zones: dict[str, bool] = {}
            for agent in tx.find(Agent, agent_type=DHCP_TYPE):
                if agent.availability_zone is not None:
                    zones[agent.availability_zone] = zones.get(agent.availability_zone, False) or agent.admin_state_up
            return [{"name": zone, "resource": "network", "state": "available" if up else "unavailable"} for zone, up in zones.items()]

        zones = await self.plugin.store.run(work)
        for name in ("name", "resource", "state"):
            wanted = query.filters.get(name)
            zones = [zone for zone in zones if wanted is None or zone[name] in wanted]
        return {"availability_zones": [query.pick(zone) for zone in zones]}
