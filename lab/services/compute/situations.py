"""Finds what a decision must know beside the hosts' numbers: groups, zones, and where the servers of hints are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.services.compute.aggregates import Aggregate, zones_by_host
from lab.services.compute.filters import Situation
from lab.services.compute.host_instances import HostInstances
from lab.services.compute.hosts import HostTable
from lab.services.compute.model import Server
from lab.services.compute.request_spec import Group, Request
from lab.services.compute.server_groups import ServerGroup, living_members

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction


class Situations:
    """One scheduler's look-ups around a request."""

    def __init__(self, process: Process, hosts: HostTable) -> None:
        self._process, self._config, self._hosts = process, process.config, hosts
        self.instances = HostInstances(process)
        self._zones_known = False
        process.store.follow(Aggregate, lambda key, aggregate: self.forget_zones())

    def forget_zones(self) -> None:
        """An aggregate changed: its hosts may be in another zone."""
        self._zones_known = False

    async def zone_aggregates(self, zone: str) -> list[str]:
        """The UUIDs of the aggregates that make a zone."""
        aggregates = await self._process.store.run(lambda tx: tx.all(Aggregate))
        return [aggregate.uuid for aggregate in aggregates if aggregate.availability_zone == zone]

    async def completed(self, request: Request) -> Request:
        """The request with its server group, which real nova's conductor looks up before it asks."""
        group_id = request.hint("group")
        if request.group is None and group_id is None:
            return request

        def read(tx: Transaction) -> Group | None:
            group, record = request.group, tx.get(ServerGroup, group_id) if group_id is not None else None
            if group is None and record is not None:
                limit = record.rules.get("max_server_per_host", 1)
                group = Group(record.id, record.policy, tuple(living_members(tx, record)), (), limit)
            if group is None or group.hosts:
                return group
            servers = [tx.get(Server, member) for member in group.members]
            hosts = dict.fromkeys(server.host for server in servers if server is not None and server.host)
            return replace(group, hosts=tuple(hosts))

        return replace(request, group=await self._process.store.run(read))

    async def of(self, request: Request) -> Situation:
        """What else matters for this request; most requests have neither groups nor hints."""
        if not self._zones_known:
            self._hosts.zones = await self._process.store.run(zones_by_host)
            self._zones_known = True
        situation = Situation(self._config, self._process.runtime.now_ns(), zones=self._hosts.zones)
        group, hints = request.group, request.hints
        if self._config.weight_multipliers.get("ImagePropertiesWeigher") and request.image_properties:
            situation = replace(situation, image_weights=await self._image_weights(request))
        if group is None and "same_host" not in hints and "different_host" not in hints:
            return situation
        members: dict[int, int] = {}
        for row in await self._rows(group.members if group is not None else ()):
            members[row] = members.get(row, 0) + 1
        rows_of_host = self._hosts.rows_of_host
        return replace(
            situation,
            members=members,
            own_rows=tuple(await self._rows((request.server_id,))),
            group_rows=tuple(row for host in (group.hosts if group else ()) for row in rows_of_host.get(host, ())),
            same_rows=tuple(await self._rows(request.hint_list("same_host"))),
            different_rows=tuple(await self._rows(request.hint_list("different_host"))),
        )

    async def _rows(self, servers: Sequence[str]) -> list[int]:
        """The rows of these servers' hosts, one for each server."""
        hosts = await self.instances.hosts_of(servers) if servers else {}
        return [row for host in hosts.values() for row in self._hosts.rows_of_host.get(host, ())[:1]]

    async def _image_weights(self, request: Request) -> dict[int, float]:
        """How often the properties of the request's image occur among the servers of each host."""

        def count(tx: Transaction) -> dict[int, float]:
            weights: dict[int, float] = {}
            for server in tx.find(Server, deleted=False):
                same = sum(server.image_properties.get(k) == v for k, v in request.image_properties.items())
                for row in self._hosts.rows_of_host.get(server.host or "", ())[:1] if same else ():
                    weights[row] = weights.get(row, 0.0) + same
            return weights

        return await self._process.store.run(count)
