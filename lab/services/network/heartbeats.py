"""When agents were last heard of.

Reports come in batches with the same members each time, so agents that report together share one
heartbeat: a thousand of them cost ten writes a period. Agents are named '<type>@<host>' here.
"""

from __future__ import annotations

from typing import Any

from lab.services.network.model import Agent, AgentGroup


def last_heard_ns(tx: Any, agent: Agent) -> int:
    """When an agent last reported, by itself or with its group."""
    if agent.reports_with is None:
        return agent.heartbeat_ns
    group = tx.get(AgentGroup, agent.reports_with)
    return agent.heartbeat_ns if group is None else max(agent.heartbeat_ns, group.heartbeat_ns)


def fresh(tx: Any, agent: Agent) -> Agent:
    """The agent with the time of its last report."""
    last = last_heard_ns(tx, agent)
    return agent if last == agent.heartbeat_ns else agent.evolve(heartbeat_ns=last)


def heard(tx: Any, names: list[str], now_ns: int, newcomers: bool) -> None:
    """Note that these agents reported together; those that have no record are left out, newcomers taken in."""
    group = tx.get(AgentGroup, names[0])
    if group is not None and group.members == names and not newcomers:
        tx.update(group, heartbeat_ns=now_ns)
    else:
        _regroup(tx, names, now_ns)


def leave(tx: Any, agent: Agent) -> None:
    """Take an agent that goes from its group, which ends."""
    if agent.reports_with is not None:
        _dissolve(tx, agent.reports_with)


def _regroup(tx: Any, names: list[str], now_ns: int) -> None:
    """Put agents that report together for the first time into a group; groups that lose members end."""
    known = [agent for name in names if (agent := _named(tx, name)) is not None]
    for old in dict.fromkeys((names[0], *(agent.reports_with for agent in known if agent.reports_with is not None))):
        _dissolve(tx, old)
    whole = len(known) == len(names) > 1
    for agent in known:
        tx.update(agent, heartbeat_ns=now_ns, reports_with=names[0] if whole else None)
    if whole:
        tx.insert(AgentGroup.make(id=names[0], members=names, heartbeat_ns=now_ns))


def _dissolve(tx: Any, group_id: str) -> None:
    """End a group; each member keeps the time of its last report itself."""
    group = tx.get(AgentGroup, group_id)
    if group is None:
        return
    for name in group.members:
        agent = _named(tx, name)
        if agent is not None and agent.reports_with == group_id:
            tx.update(agent, heartbeat_ns=max(agent.heartbeat_ns, group.heartbeat_ns), reports_with=None)
    tx.delete(group)


def _named(tx: Any, name: str) -> Agent | None:
    agent_type, _, host = name.partition("@")
    found: Agent | None = tx.one(Agent, agent_type=agent_type, host=host)
    return found
