"""Agents: who reported, and who is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network.errors import AgentInUse, AgentNotFound
from lab.services.network.model import Agent, Json, NetworkAgent

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

DHCP_TYPE, L3_TYPE = "DHCP agent", "L3 agent"


class Agents:
    """The records of agents."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def alive(self, agent: Agent) -> bool:
        """Whether an agent reported lately."""
        return self._plugin.mechanisms.alive(agent, self._plugin.runtime.now_ns())

    async def report(self, ctx: Context, reports: list[Json]) -> None:
        """Take state reports: a new agent gets its record, a known one its heartbeat."""
        now = self._plugin.runtime.now_ns()
        zone = self._plugin.config.availability_zone

        def work(tx: Any) -> list[Agent]:
            new = []
            for report in reports:
                state = report["agent_state"]
                agent = tx.one(Agent, agent_type=state["agent_type"], host=state["host"])
                if agent is None:
                    new.append(tx.insert(self._make(state, zone, now)))
                elif state.get("start_flag") or state["configurations"] != agent.configurations:
                    started = now if state.get("start_flag") else agent.started_ns
                    configurations = state["configurations"]
                    tx.update(agent, heartbeat_ns=now, started_ns=started, configurations=configurations)
                else:
                    tx.update(agent, heartbeat_ns=now)
            return new

        for agent in await self._plugin.store.run(work):
            address = agent.configurations.get("tunneling_ip")
            if address and "vxlan" in agent.configurations.get("tunnel_types", ()):
                self._plugin.notifier.tunnel_update(ctx, address, agent.host)

    def _make(self, state: Json, zone: str, now: int) -> Agent:
        return Agent.make(
            id=self._plugin.process.uuid(),
            agent_type=state["agent_type"],
            binary=state["binary"],
            topic=state["topic"],
            host=state["host"],
            availability_zone=zone if state["agent_type"] in (DHCP_TYPE, L3_TYPE) else None,
            configurations=state["configurations"],
            created_ns=now,
            started_ns=now,
            heartbeat_ns=now,
        )

    async def need(self, agent_id: str) -> Agent:
        """The agent of that id. Raises AgentNotFound."""

        def work(tx: Any) -> Agent:
            agent: Agent | None = tx.get(Agent, agent_id)
            if agent is None:
                raise AgentNotFound(id=agent_id)
            return agent

        return await self._plugin.store.run(work)

    async def update(self, agent_id: str, changes: Json) -> Agent:
        """Change an agent's administrative state or description."""

        def work(tx: Any) -> Agent:
            agent = tx.get(Agent, agent_id)
            if agent is None:
                raise AgentNotFound(id=agent_id)
            changed: Agent = tx.update(agent, **changes)
            return changed

        return await self._plugin.store.run(work)

    async def delete(self, agent_id: str) -> None:
        """Forget an agent that is dead."""

        def work(tx: Any) -> None:
            agent = tx.get(Agent, agent_id)
            if agent is None:
                raise AgentNotFound(id=agent_id)
            if self.alive(agent):
                raise AgentInUse(id=agent_id)
            for binding in tx.find(NetworkAgent, agent_id=agent_id):
                tx.delete(binding)
            tx.delete(agent)

        await self._plugin.store.run(work)

    async def tunnel_endpoints(self, but_host: str) -> list[Json]:
        """The tunnel endpoints of all hosts but one."""

        def work(tx: Any) -> list[Json]:
            kind = self._plugin.mechanisms.agent.agent_type
            return [
                {"ip_address": agent.configurations["tunneling_ip"], "host": agent.host}
                for agent in tx.find(Agent, agent_type=kind)
                if agent.host != but_host and agent.configurations.get("tunneling_ip")
            ]

        return await self._plugin.store.run(work)
