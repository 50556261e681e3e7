"""Which DHCP agent serves which network.

Every network with an enabled subnet is given to one agent (dhcp_agents_per_network = 1): the one alive
with the fewest networks, the oldest of equals. Source: neutron's WeightScheduler of DHCP agents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import rpc
from lab.services.network.agents import DHCP_TYPE
from lab.services.network.errors import (
    AgentNotFound,
    NetworkHostedByDhcpAgent,
    NetworkNotFound,
    NetworkNotHostedByDhcpAgent,
)
from lab.services.network.model import Agent, Network, NetworkAgent, Subnet

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin


class DhcpScheduler:
    """Gives networks to DHCP agents."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def hosts(self, tx: Any, network_id: str) -> list[str]:
        """The hosts whose DHCP agents serve a network."""
        found = []
        for binding in tx.find(NetworkAgent, network_id=network_id):
            agent = tx.get(Agent, binding.agent_id)
            if agent is not None and agent.admin_state_up:
                found.append(agent.host)
        return found

    def schedule(self, tx: Any, network_id: str) -> str | None:
        """Give a network without an agent to one; answer its host when that is new."""
        if tx.find(NetworkAgent, network_id=network_id):
            return None
        alive = self._plugin.agents.alive
        agents = [a for a in tx.find(Agent, agent_type=DHCP_TYPE) if a.admin_state_up and alive(tx, a)]
        if not agents:
            return None
        agent = min(agents, key=lambda a: tx.count(NetworkAgent, agent_id=a.id))
        tx.insert(NetworkAgent.make(network_id=network_id, agent_id=agent.id))
        host: str = agent.host
        return host

    def adopt(self, tx: Any, host: str) -> list[Network]:
        """Give the networks that nobody serves to this host's agent; answer all that it serves."""
        agent = tx.one(Agent, agent_type=DHCP_TYPE, host=host)
        if agent is None or not agent.admin_state_up:
            return []
        for subnet in tx.all(Subnet):
            if subnet.enable_dhcp and not tx.find(NetworkAgent, network_id=subnet.network_id):
                tx.insert(NetworkAgent.make(network_id=subnet.network_id, agent_id=agent.id))
        served = [tx.get(Network, b.network_id) for b in tx.find(NetworkAgent, agent_id=agent.id)]
        return [network for network in served if network is not None]

    def forget(self, tx: Any, network_id: str) -> None:
        """Take a network from its agents."""
        for binding in tx.find(NetworkAgent, network_id=network_id):
            tx.delete(binding)

    async def add(self, ctx: Context, agent_id: str, network_id: str) -> None:
        """Have an agent serve a network, as an administrator asks."""

        def work(tx: Any) -> str:
            agent, network = tx.get(Agent, agent_id), tx.get(Network, network_id)
            if agent is None or agent.agent_type != DHCP_TYPE:
                raise AgentNotFound(id=agent_id)
            if network is None:
                raise NetworkNotFound(id=network_id)
            if tx.get(NetworkAgent, (network_id, agent_id)) is not None:
                raise NetworkHostedByDhcpAgent(network_id=network_id, agent_id=agent_id)
            tx.insert(NetworkAgent.make(network_id=network_id, agent_id=agent_id))
            host: str = agent.host
            return host

        host = await self._plugin.store.run(work)
        payload = {"network": {"id": network_id}, "priority": rpc.PRIORITY_LOW}
        self._plugin.notifier.dhcp(ctx, [host], "network_create_end", payload)

    async def remove(self, ctx: Context, agent_id: str, network_id: str) -> None:
        """Have an agent no longer serve a network."""

        def work(tx: Any) -> str:
            agent, binding = tx.get(Agent, agent_id), tx.get(NetworkAgent, (network_id, agent_id))
            if agent is None:
                raise AgentNotFound(id=agent_id)
            if binding is None:
                raise NetworkNotHostedByDhcpAgent(network_id=network_id, agent_id=agent_id)
            tx.delete(binding)
            host: str = agent.host
            return host

        host = await self._plugin.store.run(work)
        payload = {"network_id": network_id, "priority": rpc.PRIORITY_LOW}
        self._plugin.notifier.dhcp(ctx, [host], "network_delete_end", payload)

    async def fail_over(self) -> None:
        """Give the networks of dead agents to live ones. Source: allow_automatic_dhcp_failover, on by default."""

        def work(tx: Any) -> list[tuple[str, str]]:
            agents = tx.find(Agent, agent_type=DHCP_TYPE)
            dead = [agent for agent in agents if not self._plugin.agents.alive(tx, agent)]
            if not dead or len(dead) == len(agents):
                return []
            moved = []
            for agent in dead:
                for binding in tx.find(NetworkAgent, agent_id=agent.id):
                    tx.delete(binding)
                    host = self.schedule(tx, binding.network_id)
                    if host is not None:
                        moved.append((binding.network_id, host))
            return moved

        for network_id, host in await self._plugin.store.run(work):
            ctx = self._plugin.process.context()
            payload = {"network": {"id": network_id}, "priority": rpc.PRIORITY_LOW}
            self._plugin.notifier.dhcp(ctx, [host], "network_create_end", payload)
