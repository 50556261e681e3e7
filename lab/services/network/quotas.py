"""Quotas: how much of each resource a project may have, counted in the transaction that adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lab.services.network.errors import HTTPBadRequest, OverQuota
from lab.services.network.model import Network, Port, QuotaLimit, Router, SecurityGroup, SecurityGroupRule, Subnet
from lab.store import Record

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

COUNTED: Mapping[str, type[Record]] = MappingProxyType(
    {
        "network": Network,
        "subnet": Subnet,
        "port": Port,
        "security_group": SecurityGroup,
        "security_group_rule": SecurityGroupRule,
        "router": Router,
    }
)


class Quotas:
    """The limits of projects."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._defaults = dict(plugin.config.network_quotas)

    def check(self, tx: Any, project_id: str, resource: str, adding: int = 1) -> None:
        """Refuse to go over a limit. Raises OverQuota."""
        own = tx.get(QuotaLimit, (project_id, resource))
        limit = self._defaults.get(resource, -1) if own is None else own.limit
        if 0 <= limit < tx.count(COUNTED[resource], project_id=project_id) + adding:
            raise OverQuota(overs=[resource])

    def defaults(self) -> dict[str, int]:
        """The limits of a project that has none of its own."""
        return dict(self._defaults)

    async def show(self, project_id: str) -> dict[str, int]:
        """A project's limits."""

        def work(tx: Any) -> dict[str, int]:
            own = {limit.resource: limit.limit for limit in tx.find(QuotaLimit, project_id=project_id)}
            return {**self._defaults, **own} if own else dict(self._defaults)

        return await self._plugin.store.run(work)

    async def details(self, project_id: str) -> dict[str, dict[str, int]]:
        """A project's limits and what it uses of them."""

        def work(tx: Any) -> dict[str, dict[str, int]]:
            own = {limit.resource: limit.limit for limit in tx.find(QuotaLimit, project_id=project_id)}
            found = {}
            for resource, limit in {**self._defaults, **own}.items():
                model = COUNTED.get(resource)
                used = tx.count(model, project_id=project_id) if model is not None else 0
                found[resource] = {"limit": limit, "used": used, "reserved": 0}
            return found

        return await self._plugin.store.run(work)

    async def all(self) -> list[dict[str, Any]]:
        """The limits of all projects that have their own."""

        def work(tx: Any) -> list[dict[str, Any]]:
            projects: dict[str, dict[str, Any]] = {}
            for limit in tx.all(QuotaLimit):
                project = limit.project_id
                row = projects.setdefault(project, {**self._defaults, "tenant_id": project, "project_id": project})
                row[limit.resource] = limit.limit
            return list(projects.values())

        return await self._plugin.store.run(work)

    async def update(self, project_id: str, limits: dict[str, Any]) -> dict[str, int]:
        """Set some of a project's limits; with `check_limit` none below what it uses. Raises HTTPBadRequest."""
        asked = dict(limits)
        checked = str(asked.pop("check_limit", False)).lower() == "true"
        asked.pop("force", None)
        for name in ("tenant_id", "project_id"):
            asked.pop(name, None)
        for resource, limit in asked.items():
            if resource not in self._defaults:
                raise HTTPBadRequest(f"Unrecognized attribute(s) '{resource}'")
            asked[resource] = _limit(resource, limit)

        def work(tx: Any) -> None:
            for resource, limit in asked.items():
                model = COUNTED.get(resource)
                if checked and model is not None and 0 <= limit < tx.count(model, project_id=project_id):
                    raise HTTPBadRequest(f"Quota limit for {resource} is below what project {project_id} uses")
                own = tx.get(QuotaLimit, (project_id, resource))
                if own is None:
                    tx.insert(QuotaLimit.make(project_id=project_id, resource=resource, limit=limit))
                else:
                    tx.update(own, limit=limit)

        await self._plugin.store.run(work)
        return await self.show(project_id)

    async def reset(self, project_id: str) -> None:
        """Give a project the default limits again."""

        def work(tx: Any) -> None:
            for limit in tx.find(QuotaLimit, project_id=project_id):
                tx.delete(limit)

        await self._plugin.store.run(work)


def _limit(resource: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -2
    if number < -1 or number > 2**31 - 1 or isinstance(value, (bool, float)):
        raise HTTPBadRequest(f"Invalid input for {resource}. Reason: '{value}' is not a valid quota limit.")
    return number
