"""Host aggregates: named groups of compute hosts with metadata; one that names an availability zone makes the zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, NotFound, RemoteFault, TransportError
from lab.services.compute.model import ComputeNode, ComputeService, Server, next_number
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

ZONE_KEY = "availability_zone"
# Source: nova.conf internal_service_availability_zone: where conductors and schedulers live.
INTERNAL_ZONE = "internal"
COMPUTE_BINARY = "nova-compute"
# The placement microversion that gives aggregates a generation. Source: placement's rest_api_version_history, 1.19.
PLACEMENT_VERSION = (1, 19)


class Aggregate(Record):
    """A group of hosts; `id` is the small number that the API shows, `uuid` what placement knows."""

    __followed__ = True
    __key__ = "id"
    __unique__ = (("name",),)

    id: int
    uuid: str
    name: str = Field(max_length=255)
    created_at: str
    updated_at: str | None = None
    hosts: list[str] = Field(default_factory=list)
    metadata_: dict[str, str] = Field(default_factory=dict)

    @property
    def availability_zone(self) -> str | None:
        """The zone that this aggregate makes of its hosts."""
        return self.metadata_.get(ZONE_KEY)


class AggregateNotFound(NotFound):
    """Aggregate could not be found."""

    @classmethod
    def of(cls, aggregate_id: int) -> AggregateNotFound:
        """Name the aggregate in nova's words."""
        return cls(f"Aggregate {aggregate_id} could not be found.")


def zones_by_host(tx: Transaction) -> dict[str, str]:
    """Return the zone of each host that an aggregate puts into one; the others are in the default zone."""
    zones: dict[str, str] = {}
    for aggregate in tx.all(Aggregate):
        if aggregate.availability_zone:
            for host in aggregate.hosts:
                zones.setdefault(host, aggregate.availability_zone)
    return zones


def host_zone(tx: Transaction, host: str, default: str = "nova") -> str:
    """Return the availability zone of one host."""
    return zones_by_host(tx).get(host, default)


def open_zones(tx: Transaction, default: str) -> set[str]:
    """Return the zones in which a compute host is enabled: where users may ask for servers."""
    zones = zones_by_host(tx)
    services = tx.find(ComputeService, binary=COMPUTE_BINARY)
    return {zones.get(service.host, default) for service in services if not service.disabled}


class Aggregates:
    """The use cases of aggregates; the only writer of their records, which it mirrors to placement."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def find(self) -> list[Aggregate]:
        """List all aggregates."""
        return await self._process.store.run(lambda tx: tx.all(Aggregate))

    async def get(self, aggregate_id: int) -> Aggregate:
        """Return one aggregate, or raise AggregateNotFound."""
        return await self._process.store.run(lambda tx: _need(tx, aggregate_id))

    async def create(self, name: str, zone: str | None) -> Aggregate:
        """Create an empty aggregate, or raise Conflict when the name is taken."""
        uuid, now = self._process.uuid(), self._process.runtime.iso_us()

        def insert(tx: Transaction) -> Aggregate:
            _refuse_name(tx, name)
            metadata = {ZONE_KEY: zone} if zone else {}
            record = Aggregate.make(id=next_number(tx, "aggregate"), uuid=uuid, name=name, created_at=now, metadata_=metadata)
            tx.insert(record)
            return record

        return await self._process.store.run(insert)

    async def update(self, aggregate_id: int, name: str | None, metadata: Mapping[str, str | None]) -> Aggregate:
        """Rename the aggregate and change metadata; a None value removes its key.

        Raises:
            Conflict: the name is taken.
            BadRequest: a host would be in two zones, or servers live in the zone; nova's words.
        """
        now = self._process.runtime.iso_us()

        def write(tx: Transaction) -> Aggregate:
            aggregate = _need(tx, aggregate_id)
            changes: dict[str, Any] = {"updated_at": now}
            if name is not None and name != aggregate.name:
                _refuse_name(tx, name)
                changes["name"] = name
            if ZONE_KEY in metadata and metadata[ZONE_KEY] != aggregate.availability_zone:
                _check_zone(tx, aggregate, metadata[ZONE_KEY])
            if metadata:
                merged = {**aggregate.metadata_, **metadata}
                changes["metadata_"] = {key: value for key, value in merged.items() if value is not None}
            return tx.update(aggregate, **changes)

        return await self._process.store.run(write)

    async def delete(self, aggregate_id: int) -> None:
        """Delete an empty aggregate; one with hosts is a BadRequest."""

        def remove(tx: Transaction) -> None:
            aggregate = _need(tx, aggregate_id)
            if aggregate.hosts:
                raise BadRequest(f"Cannot remove host from aggregate {aggregate_id}. Reason: Host aggregate is not empty.")
            tx.delete(aggregate)

        await self._process.store.run(remove)

    async def add_host(self, ctx: Context, aggregate_id: int, host: str) -> Aggregate:
        """Put a compute host into the aggregate, here and in placement.

        Raises:
            NotFound: no such aggregate or compute host.
            Conflict: it is in already, is in another zone, or has servers that would change zones.
        """
        now = self._process.runtime.iso_us()

        def write(tx: Transaction) -> tuple[Aggregate, str]:
            if tx.one(ComputeService, host=host, binary=COMPUTE_BINARY) is None:
                raise NotFound(f"Compute host {host} could not be found.")
            aggregate = _need(tx, aggregate_id)
            if host in aggregate.hosts:
                raise Conflict(f"Aggregate {aggregate_id} already has host {host}.")
            zone = zones_by_host(tx).get(host)
            if aggregate.availability_zone and zone != aggregate.availability_zone:
                if zone is not None:
                    raise _refused_add(aggregate_id, f"One or more hosts already in availability zone(s) ['{zone}']")
                _refuse_zone_change(tx, aggregate_id, host, (zone, aggregate.availability_zone))
            return tx.update(aggregate, hosts=[*aggregate.hosts, host], updated_at=now), _node_of(tx, host)

        aggregate, node = await self._process.store.run(write)
        await self._mirror(ctx, node, aggregate.uuid, member=True)
        return aggregate

    async def remove_host(self, ctx: Context, aggregate_id: int, host: str) -> Aggregate:
        """Take a host out of the aggregate, here and in placement; not a member is NotFound."""
        now = self._process.runtime.iso_us()

        def write(tx: Transaction) -> tuple[Aggregate, str]:
            aggregate = tx.get(Aggregate, aggregate_id)
            if aggregate is None or host not in aggregate.hosts:
                raise NotFound(f"Cannot remove host {host} in aggregate {aggregate_id}")
            others = [other for other in aggregate.hosts if other != host]
            return tx.update(aggregate, hosts=others, updated_at=now), _node_of(tx, host)

        aggregate, node = await self._process.store.run(write)
        await self._mirror(ctx, node, aggregate.uuid, member=False)
        return aggregate

    async def _mirror(self, ctx: Context, node: str, aggregate_uuid: str, *, member: bool) -> None:
        # A failure is logged and the record stands, as upstream: the user need not know placement.
        path = f"/resource_providers/{node}/aggregates"
        try:
            known = await self._process.rest.json(ctx, "placement", "GET", path, version=PLACEMENT_VERSION, auth="service")
            others = [uuid for uuid in known["aggregates"] if uuid != aggregate_uuid]
            body = {
                "aggregates": [*others, aggregate_uuid] if member else others,
                "resource_provider_generation": known["resource_provider_generation"],
            }
            await self._process.rest.json(ctx, "placement", "PUT", path, body=body, version=PLACEMENT_VERSION, auth="service")
        except (RemoteFault, TransportError) as fault:
            self._process.log(ctx, f"Failed to associate {node} with a placement aggregate: {fault.message}", "warning")


def _need(tx: Transaction, aggregate_id: int) -> Aggregate:
    aggregate = tx.get(Aggregate, aggregate_id)
    if aggregate is None:
        raise AggregateNotFound.of(aggregate_id)
    return aggregate


def _refuse_name(tx: Transaction, name: str) -> None:
    if tx.one(Aggregate, name=name) is not None:
        raise Conflict(f"Aggregate {name} already exists.")


def _node_of(tx: Transaction, host: str) -> str:
    node = tx.one(ComputeNode, host=host)
    return "" if node is None else node.uuid


def _check_zone(tx: Transaction, aggregate: Aggregate, zone: str | None) -> None:
    start = f"Cannot update aggregate {aggregate.id}. Reason: "
    if not zone:
        raise BadRequest(f"{start}Aggregate {aggregate.name} does not support empty named availability zone.")
    others = [
        other.availability_zone
        for other in tx.all(Aggregate)
        if other.id != aggregate.id and other.availability_zone not in (None, zone) and any(host in other.hosts for host in aggregate.hosts)
    ]
    if others:
        raise BadRequest(f"{start}One or more hosts already in availability zone(s) {others}.")
    if any(tx.find(Server, host=host, deleted=False) for host in aggregate.hosts):
        raise BadRequest(f"{start}One or more hosts contain instances in this zone.")


def _refuse_zone_change(tx: Transaction, aggregate_id: int, host: str, zones: tuple[str | None, str]) -> None:
    servers = len(tx.find(Server, host=host, deleted=False))
    if servers:
        raise _refused_add(
            aggregate_id,
            "The host cannot be added to the aggregate as the availability zone of the host would change from "
            f"'{zones[0]}' to '{zones[1]}' but the host already has {servers} instance(s). Changing the AZ of an "
            "existing instance is not supported by this action. Move the instances away from this host then try again. "
            "If you need to move the instances between AZs then you can use shelve_offload and unshelve to achieve this.",
        )


def _refused_add(aggregate_id: int, reason: str) -> Conflict:
    return Conflict(f"Cannot add host to aggregate {aggregate_id}. Reason: {reason}.")
