"""Neutron's core plugin in one process: the managers of its nouns over one store, and who is told of changes."""

from __future__ import annotations

from typing import Any

from lab.process import Process
from lab.services.network.agents import Agents
from lab.services.network.dhcp import DhcpScheduler
from lab.services.network.ml2 import MechanismManager, TypeManager
from lab.services.network.networks import Networks
from lab.services.network.nova import NovaNotifier
from lab.services.network.ports import Ports
from lab.services.network.provisioning import Provisioning
from lab.services.network.query import Query
from lab.services.network.quotas import Quotas
from lab.services.network.routers import Routers
from lab.services.network.rpc import AgentNotifier
from lab.services.network.security_groups import SecurityGroups
from lab.services.network.subnets import Subnets
from lab.store import Record


class Plugin:
    """What neutron-api and neutron-rpc have in common."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.config = process.config
        self.runtime = process.runtime
        self.store = process.store
        self.types = TypeManager(process.config)
        self.mechanisms = MechanismManager(process.config)
        self.notifier = AgentNotifier(process)
        self.nova = NovaNotifier(process)
        self.quotas = Quotas(self)
        self.agents = Agents(self)
        self.dhcp = DhcpScheduler(self)
        self.security_groups = SecurityGroups(self)
        self.networks = Networks(self)
        self.subnets = Subnets(self)
        self.ports = Ports(self)
        self.provisioning = Provisioning(self)
        self.routers = Routers(self)
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """The date and time as neutron writes it; spelled once a second."""
        second = self.runtime.now_ns() // 1_000_000_000
        if second != self._second:
            self._second, self._text = second, self.runtime.iso()
        return self._text

    def stamps(self) -> dict[str, str]:
        """The time columns of a new record."""
        now = self.now()
        return {"created_at": now, "updated_at": now}


def candidates(tx: Any, model: type[Record], query: Query, indexed: tuple[str, ...]) -> list[Any]:
    """The records that a query may mean: by id, by the best index, or all."""
    ids = query.filters.get("id")
    if ids is not None:
        return [record for key in dict.fromkeys(ids) if (record := tx.get(model, key)) is not None]
    found: list[Any] = tx.find(model, **query.equals(indexed))
    return found
