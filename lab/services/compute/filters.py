"""The scheduler's filters by their nova names: each a rule over the columns of all candidates at once, and its reason.

A rule answers which hosts of a pool pass, or None when it lets all pass (most requests do not concern most
filters). The reason is made only for who asks why, for one host, from the same numbers. Sources: the classes
of the same names in nova/scheduler/filters; Retry, Ram, Core and Disk as of Rocky.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.config import Config
from lab.services.compute.capabilities import capability_problem, image_problem
from lab.services.compute.host_pool import Mask, Pool, Values
from lab.services.compute.model import ComputeNode
from lab.services.compute.own_rules import named
from lab.services.compute.request_spec import Request

MIB_PER_GIB = 1024
ANTI_AFFINITY, AFFINITY = "anti-affinity", "affinity"


@dataclass(slots=True)
class Situation:
    """What a decision must know beside the hosts' numbers and the request; all of it is kept with the decision, and never changed."""

    config: Config
    now_ns: int = 0
    zones: Mapping[str, str] = field(default_factory=dict)
    """Host -> availability zone, where an aggregate says one."""
    members: Mapping[int, int] = field(default_factory=dict)
    """Row -> how many servers of the request's group are there."""
    own_rows: tuple[int, ...] = ()
    """Where the server itself is, when it is to move."""
    group_rows: tuple[int, ...] = ()
    """The rows of the group's hosts."""
    same_rows: tuple[int, ...] = ()
    different_rows: tuple[int, ...] = ()
    """The rows of the servers that the hints same_host and different_host name."""
    image_weights: Mapping[int, float] = field(default_factory=dict)
    """Row -> how many image properties its servers share with the request's image."""


Rule = Callable[[Pool, Request, Situation], Mask | None]
Reason = Callable[[Pool, int, Request, Situation], str]
"""(pool, place in it, …) -> why this host does not pass."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter; `once` is for those whose answer is the same for all servers of one request."""

    name: str
    rule: Rule
    reason: Reason
    once: bool = True


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _at(pool: Pool, place: int, name: str) -> float:
    return float(pool.column(name)[place])


# -- Compute, capabilities, image ---------------------------------------------------------------


def _compute(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if pool.numbers.all_serve:
        return None
    passes: Mask = (pool.column("disabled") == 0) & (pool.column("up") == 1)
    return passes


def _compute_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    row = int(pool.rows[place])
    if _at(pool, place, "disabled"):
        service = pool.numbers.hosts.service(row)
        return f"the service is disabled, reason: {service.disabled_reason if service else None}"
    if _at(pool, place, "forced_down"):
        return "the service is forced down"
    silent_s = (situation.now_ns - int(pool.numbers.last_seen_ns[row])) / 1e9
    return f"has not been heard from in a while: {silent_s:.1f} s > {situation.config.service_down_time_s:g} s"


def _per_node(pool: Pool, problem: Callable[[ComputeNode], str]) -> Mask:
    """Ask a question of each node's texts, once for nodes that are alike."""
    known: dict[tuple[object, ...], bool] = {}
    passes = []
    for node in pool.nodes():
        key = (node.hypervisor_type, node.hypervisor_version, node.cpu_info, node.host_ip, tuple(node.traits))
        if key not in known:
            known[key] = not problem(node)
        passes.append(known[key])
    return np.array(passes, dtype=np.bool_)


def _node(pool: Pool, place: int) -> ComputeNode:
    node = pool.numbers.hosts.nodes[int(pool.rows[place])]
    assert node is not None
    return node


def _capabilities(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if not request.extra_specs or not any(":" not in key or key.startswith("capabilities:") for key in request.extra_specs):
        return None
    # The hosts' changing numbers may be asked for too, so that nodes are not grouped here.
    return np.array([not _capability_reason(pool, p, request, situation) for p in range(len(pool))], dtype=np.bool_)


def _capability_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    return capability_problem(_node(pool, place), lambda name: _at(pool, place, name), request.extra_specs)


def _image(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if not request.image_properties:
        return None
    return _per_node(pool, lambda node: image_problem(node, request.image_properties))


def _image_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    return image_problem(_node(pool, place), request.image_properties)


# -- groups and hints ---------------------------------------------------------------------------


def _anti_affinity(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    group = request.group
    if group is None or group.policy != ANTI_AFFINITY or not situation.members:
        return None
    full = (row for row, count in situation.members.items() if count >= group.max_per_host)
    return ~pool.marked(row for row in full if row not in situation.own_rows)


def _anti_affinity_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    group, count = request.group, situation.members.get(int(pool.rows[place]), 0)
    assert group is not None
    return f"{count} servers of group {group.uuid} >= max_server_per_host {group.max_per_host}"


def _affinity(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    group = request.group
    if group is None or group.policy != AFFINITY or not group.hosts:
        return None
    return pool.marked(situation.group_rows)


def _affinity_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    assert request.group is not None
    return f"not among the hosts of group {request.group.uuid}: {', '.join(request.group.hosts)}"


def _different_host(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    return ~pool.marked(situation.different_rows) if request.hint_list("different_host") else None


def _same_host(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    return pool.marked(situation.same_rows) if request.hint_list("same_host") else None


def _cidr(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if request.hint("build_near_host_ip") is None:
        return None
    return _per_node(pool, lambda node: _cidr_problem(node, request))


def _cidr_problem(node: ComputeNode, request: Request) -> str:
    near, size = request.hint("build_near_host_ip"), request.hint("cidr") or "/24"
    network = ipaddress.ip_network(f"{near}{size}", strict=False)
    return "" if ipaddress.ip_address(node.host_ip) in network else f"host address {node.host_ip} is not in {network}"


# -- limits -------------------------------------------------------------------------------------


def _io_ops(pool: Pool, request: Request, situation: Situation) -> Mask:
    return pool.column("num_io_ops") < situation.config.max_io_ops_per_host


def _num_instances(pool: Pool, request: Request, situation: Situation) -> Mask:
    return pool.column("num_instances") < situation.config.max_instances_per_host


def _zone(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if not request.availability_zone:
        return None
    wanted, hosts = request.availability_zone, pool.numbers.hosts.hosts
    default = situation.config.availability_zone
    return np.array([situation.zones.get(hosts[r], default) == wanted for r in pool.rows.tolist()], dtype=np.bool_)


def _zone_reason(pool: Pool, place: int, request: Request, situation: Situation) -> str:
    host = pool.numbers.hosts.hosts[int(pool.rows[place])]
    zone = situation.zones.get(host, situation.config.availability_zone)
    return f"availability zone {zone}, {request.availability_zone} is requested"


def _retry(pool: Pool, request: Request, situation: Situation) -> Mask | None:
    if not request.retry_hosts:
        return None
    return np.array([(n.host, n.hypervisor_hostname) not in request.retry_hosts for n in pool.nodes()], dtype=np.bool_)


def _ram_left(pool: Pool) -> Values:
    total = pool.column("total_ram_mb")
    return total * pool.column("ram_allocation_ratio") - (total - pool.column("free_ram_mb"))


def _ram(pool: Pool, request: Request, situation: Situation) -> Mask:
    # A server never overcommits a host against itself: it must fit into the bare host too.
    return (pool.column("total_ram_mb") >= request.memory_mb) & (_ram_left(pool) >= request.memory_mb)


def _core_left(pool: Pool) -> Values:
    return pool.column("vcpus_total") * pool.column("cpu_allocation_ratio") - pool.column("vcpus_used")


def _core(pool: Pool, request: Request, situation: Situation) -> Mask:
    total = pool.column("vcpus_total")
    # A host that does not know its vCPUs is not held back by them.
    passes: Mask = (total == 0) | ((total >= request.vcpus) & (_core_left(pool) >= request.vcpus))
    return passes


def _disk_left(pool: Pool) -> Values:
    total = pool.column("total_disk_gb") * MIB_PER_GIB
    return total * pool.column("disk_allocation_ratio") - (total - pool.column("free_disk_mb"))


def _disk_wanted(request: Request) -> int:
    return request.disk_mb + request.swap_mb


def _disk(pool: Pool, request: Request, situation: Situation) -> Mask:
    wanted = _disk_wanted(request)
    return (pool.column("total_disk_gb") * MIB_PER_GIB >= wanted) & (_disk_left(pool) >= wanted)


FILTERS: Mapping[str, Filter] = {
    each.name: each
    for each in (
        Filter("AllHostsFilter", lambda p, r, s: None, lambda p, i, r, s: ""),
        Filter("AvailabilityZoneFilter", _zone, _zone_reason),
        Filter("ComputeFilter", _compute, _compute_reason),
        Filter("ComputeCapabilitiesFilter", _capabilities, _capability_reason),
        Filter("ImagePropertiesFilter", _image, _image_reason),
        Filter("ServerGroupAntiAffinityFilter", _anti_affinity, _anti_affinity_reason, once=False),
        Filter("ServerGroupAffinityFilter", _affinity, _affinity_reason, once=False),
        Filter(
            "DifferentHostFilter",
            _different_host,
            lambda p, i, r, s: f"a server of different_host is here: {', '.join(r.hint_list('different_host'))}",
        ),
        Filter(
            "SameHostFilter",
            _same_host,
            lambda p, i, r, s: f"no server of same_host is here: {', '.join(r.hint_list('same_host'))}",
        ),
        Filter("SimpleCIDRAffinityFilter", _cidr, lambda p, i, r, s: _cidr_problem(_node(p, i), r)),
        Filter(
            "IoOpsFilter",
            _io_ops,
            lambda p, i, r, s: f"{_number(_at(p, i, 'num_io_ops'))} io ops >= {s.config.max_io_ops_per_host}",
            once=False,
        ),
        Filter(
            "NumInstancesFilter",
            _num_instances,
            lambda p, i, r, s: f"{_number(_at(p, i, 'num_instances'))} servers >= {s.config.max_instances_per_host}",
            once=False,
        ),
        Filter("RetryFilter", _retry, lambda p, i, r, s: "this host was tried before"),
        Filter(
            "RamFilter",
            _ram,
            lambda p, i, r, s: (
                f"{_number(_ram_left(p)[i])} MB of usable RAM < {r.memory_mb} MB, "
                f"the whole host has {_number(_at(p, i, 'total_ram_mb'))} MB"
            ),
            once=False,
        ),
        Filter(
            "CoreFilter",
            _core,
            lambda p, i, r, s: (
                f"{_number(_core_left(p)[i])} free vCPUs < {r.vcpus}, the whole host has {_number(_at(p, i, 'vcpus_total'))}"
            ),
            once=False,
        ),
        Filter(
            "DiskFilter",
            _disk,
            lambda p, i, r, s: f"{_number(_disk_left(p)[i])} MB of usable disk < {_disk_wanted(r)} MB",
            once=False,
        ),
    )
}
"""All filters by name."""


def chosen(names: Iterable[str]) -> Sequence[Filter]:
    """The filters of these names in their order; an unknown name lists the known ones."""
    return [named(name, FILTERS, Filter) for name in names]
