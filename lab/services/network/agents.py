"""Agents: who reported, and who is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import views
from lab.services.network.errors import AgentInUse, AgentNotFound
from lab.services.network.heartbeats import fresh, heard, leave
from lab.services.network.model import Agent, Json, NetworkAgent

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

DHCP_TYPE, L3_TYPE = "DHCP agent", "L3 agent"


class Agents:
    """The records of agents."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def alive(self, tx: Any, agent: Agent) -> bool:
        """Whether an agent reported lately."""
        return self._plugin.mechanisms.alive(tx, agent, self._plugin.runtime.now_ns())

    def view(self, tx: Any, agent: Agent) -> Json:
        """The agent as the API shows it."""
        return views.agent(fresh(tx, agent), self.alive(tx, agent), self._plugin.runtime)

    async def report(self, ctx: Context, reports: list[Json]) -> None:
        """Take state reports: a new agent gets its record, a known one its heartbeat.

        A report says all of the agent's state, or only which agent it is when nothing changed.
        """
        now = self._plugin.runtime.now_ns()

        def work(tx: Any) -> tuple[list[Agent], list[Agent]]:
            new = []
            for report in reports:
                state = report["agent_state"]
                if "configurations" in state and self._take(tx, state, now):
                    new.append(tx.one(Agent, agent_type=state["agent_type"], host=state["host"]))
            names = [f"{r['agent_state']['agent_type']}@{r['agent_state']['host']}" for r in reports]
            revived = self._revived(tx, [r["agent_state"]["host"] for r in reports if r["agent_state"]["agent_type"] == DHCP_TYPE])
            heard(tx, names, now, newcomers=bool(new))
            return new, revived

        new, revived = await self._plugin.store.run(work)
        for agent in revived:
            self._plugin.notifier.agent_updated(ctx, agent.topic, agent.host, agent.admin_state_up)
        for agent in new:
            address = agent.configurations.get("tunneling_ip")
            if address and "vxlan" in agent.configurations.get("tunnel_types", ()):
                self._plugin.notifier.tunnel_update(ctx, address, agent.host)

    def _revived(self, tx: Any, hosts: list[str]) -> list[Agent]:
        """The DHCP agents of these hosts that were thought dead: networks came and went to others meanwhile, so they look at all again.

        Source: neutron's agents resync when they are told that they were revived (AGENT_REVIVED).
        """
        found = [tx.one(Agent, agent_type=DHCP_TYPE, host=host) for host in hosts]
        return [agent for agent in found if agent is not None and not self.alive(tx, agent)]

    def _take(self, tx: Any, state: Json, now: int) -> bool:
        """Store what an agent says of itself; answer whether it is new."""
        agent = tx.one(Agent, agent_type=state["agent_type"], host=state["host"])
        if agent is None:
            tx.insert(self._make(state, self._plugin.config.availability_zone, now))
            return True
        started = now if state.get("start_flag") else agent.started_ns
        if started != agent.started_ns or state["configurations"] != agent.configurations:
            tx.update(agent, started_ns=started, configurations=state["configurations"])
        return False

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

    def need(self, tx: Any, agent_id: str) -> Agent:
        """The agent of that id. Raises AgentNotFound."""
        agent: Agent | None = tx.get(Agent, agent_id)
        if agent is None:
            raise AgentNotFound(id=agent_id)
        return agent

    async def show(self, agent_id: str) -> Json:
        """Show the agent of that id. Raises AgentNotFound."""
        return await self._plugin.store.run(lambda tx: self.view(tx, self.need(tx, agent_id)))

    async def update(self, ctx: Context, agent_id: str, changes: Json) -> Json:
        """Change an agent's administrative state or description, and show it.

        A DHCP or L3 agent that is enabled or disabled is told, and looks at all that it serves.
        Source: update_agent of neutron/db/agentschedulers_db.py.
        """

        def work(tx: Any) -> tuple[Agent, Agent, Json]:
            old = self.need(tx, agent_id)
            new = tx.update(old, **changes)
            return old, new, self.view(tx, new)

        old, new, shown = await self._plugin.store.run(work)
        if old.admin_state_up != new.admin_state_up and new.agent_type in (DHCP_TYPE, L3_TYPE):
            self._plugin.notifier.agent_updated(ctx, new.topic, new.host, new.admin_state_up)
        return shown

    async def delete(self, agent_id: str) -> None:
        """Forget an agent that is dead."""

        def work(tx: Any) -> None:
            agent = self.need(tx, agent_id)
            if self.alive(tx, agent):
                raise AgentInUse(id=agent_id)
            leave(tx, agent)
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
