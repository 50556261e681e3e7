"""What hosts bear: no host above its capacity, placement's allocations as the servers hold them, and every count true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.services.compute.model import ComputeNode, Server
from lab.services.compute.quotas import ComputeUsage, usage_of
from lab.services.compute.records import counts_of, disk_of
from lab.services.compute.states import ACTIVE, BUILDING, DELETED, STOPPED
from lab.services.placement.model import Allocation, ResourceProvider

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from lab.config import Config
    from lab.store import Transaction

Resources = dict[str, int]

AT_REST = (ACTIVE, STOPPED)
"""vm_states in which a server holds exactly what its flavor says."""


async def miscounted(cloud: SimulatedCloud) -> list[str]:
    """List what is wrong with capacity, allocations and counts of a cloud at rest, in words; empty is what should be."""
    return await cloud.wires.store.run(lambda tx: [*overbooked(tx), *unequal(tx), *untrue(tx, cloud.config)])


def needs_of(server: Server) -> Resources:
    """What a server needs of its host. Source: `resources_from_flavor` of nova/scheduler/utils.py."""
    wanted = {"VCPU": int(server.flavor["vcpus"]), "MEMORY_MB": int(server.flavor["ram"]), "DISK_GB": disk_of(server)}
    return {name: amount for name, amount in wanted.items() if amount}


def overbooked(tx: Transaction) -> list[str]:
    """Hosts whose servers, or whose allocations, are more than (total - reserved) x ratio. Holds at every instant."""
    found = []
    held: dict[str, Resources] = {}
    for allocation in tx.all(Allocation):
        _add(held.setdefault(allocation.provider_uuid, {}), allocation.resources)
    borne: dict[str, Resources] = {}
    for server in tx.all(Server):
        if server.host is not None and not server.deleted and server.vm_state != DELETED:
            _add(borne.setdefault(server.host, {}), needs_of(server))
    for provider in tx.all(ResourceProvider):
        for what, taken in (("allocations", held.get(provider.uuid, {})), ("servers", borne.get(provider.name, {}))):
            found += [f"{provider.name}: {each}" for each in _above(provider, what, taken)]
        own = {name: amount for name, amount in provider.used.items() if amount}
        if own != held.get(provider.uuid, {}):
            found.append(f"{provider.name}: placement counts {own} as used, its allocations are {held.get(provider.uuid, {})}")
    return found


def _above(provider: ResourceProvider, what: str, taken: Resources) -> list[str]:
    found = []
    for name, amount in taken.items():
        stock = provider.inventories.get(name)
        limit = 0 if stock is None else int((stock["total"] - stock.get("reserved", 0)) * stock.get("allocation_ratio", 1.0))
        if amount > limit:
            found.append(f"{what} of {amount} {name} are above {limit}")
    return found


def unequal(tx: Transaction) -> list[str]:
    """Servers whose allocations are not what they need, or not on their host.

    A server in ERROR holds all or nothing. One whose build never came to its end may hold what the scheduler claimed.
    """
    names = {node.uuid: node.host for node in tx.all(ComputeNode)}
    held: dict[str, dict[str, Resources]] = {}
    for allocation in tx.all(Allocation):
        held.setdefault(allocation.consumer_uuid, {})[names.get(allocation.provider_uuid, allocation.provider_uuid)] = allocation.resources
    found = []
    for server in tx.all(Server):
        if server.deleted:
            continue
        has, needs = held.get(server.id, {}), needs_of(server)
        allowed = [{server.host: needs}] if server.host is not None else [{host: needs} for host in names.values()]
        if server.vm_state not in AT_REST:
            allowed.append({})
        if has not in allowed:
            state = f"{server.vm_state}/{server.task_state}"
            found.append(f"server {server.id} ({state} on {server.host}) needs {needs} and holds {has}")
    return found


def untrue(tx: Transaction, config: Config) -> list[str]:
    """Compute nodes and quota usages that do not count what the servers take. Holds at every instant."""
    found = []
    for node in tx.all(ComputeNode):
        true = counts_of(tx, node, config.reserved_host_memory_mb)
        wrong = [f"{name} is {getattr(node, name)} instead of {count}" for name, count in true.items() if getattr(node, name) != count]
        found += [f"compute node {node.host}: {each}" for each in wrong]
    projects = {usage.project_id for usage in tx.all(ComputeUsage)} | {server.project_id for server in tx.all(Server)}
    for project in sorted(projects):
        usage, count, cores, ram = usage_of(tx, project), 0, 0, 0
        for server in tx.find(Server, project_id=project):
            if not server.deleted:
                count, cores, ram = count + 1, cores + int(server.flavor["vcpus"]), ram + int(server.flavor["ram"])
        if (usage.instances, usage.cores, usage.ram) != (count, cores, ram):
            found.append(f"project {project} uses {count} servers, {cores} cores, {ram} MiB; the quota counts {usage}")
    return found


def building(tx: Transaction) -> list[str]:
    """Ids of the servers that are still being built."""
    return [server.id for server in tx.all(Server) if not server.deleted and server.vm_state == BUILDING]


def _add(total: Resources, more: Resources) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount
