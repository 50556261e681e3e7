"""The scheduler's weighers by their nova names: each gives every remaining host a raw number, higher is better.

A raw column is normalised to 0..1 between its least and greatest value over the hosts that passed the filters
(all alike: 0), multiplied, and added up in the order of the settings. Sources: nova/weights.py and the classes of
the same names in nova/scheduler/weights. None stands for a weigher that has nothing to say of this request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.services.compute.filters import Situation
from lab.services.compute.host_pool import Pool, Values
from lab.services.compute.own_rules import named
from lab.services.compute.request_spec import Request

MAX_DEVS = 100
"""More free PCI devices than this make no difference. Source: nova/scheduler/weights/pci.py."""

Raw = Callable[[Pool, Request, Situation], Values | None]
Formula = Callable[[Callable[[str], Any]], Any]
"""(a way to get a column by name) -> the raw numbers: of all hosts from arrays, of one host from single numbers."""


@dataclass(frozen=True, slots=True)
class Weigher:
    """One weigher; `sign` -1 is for those that push hosts away.

    `formula` and all the `columns` that it asks for are there when only the hosts' numbers matter.
    """

    name: str
    raw: Raw
    sign: int = 1
    formula: Formula | None = None
    columns: tuple[str, ...] = ()


def _of_columns(name: str, formula: Formula, *columns: str, sign: int = 1) -> Weigher:
    return Weigher(name, lambda pool, request, situation: formula(pool.column), sign, formula, columns)


def _plain(name: str, column: str, sign: int = 1) -> Weigher:
    return _of_columns(name, lambda get: get(column), column, sign=sign)


def _cpu(get: Callable[[str], Any]) -> Any:
    return get("vcpus_total") * get("cpu_allocation_ratio") - get("vcpus_used")


def _pci(get: Callable[[str], Any]) -> Any:
    return MAX_DEVS - np.minimum(get("pci_devices"), MAX_DEVS - 1)


def _soft(policy: str, sign: int) -> Raw:
    def raw(pool: Pool, request: Request, situation: Situation) -> Values | None:
        if request.group is None or request.group.policy != policy or not situation.members:
            return None
        return sign * _spread(pool, situation.members)

    return raw


def _image(pool: Pool, request: Request, situation: Situation) -> Values | None:
    return _spread(pool, situation.image_weights) if situation.image_weights else None


def _spread(pool: Pool, by_row: Mapping[int, float]) -> Values:
    values = np.zeros(pool.numbers.size)
    for row, value in by_row.items():
        values[row] = value
    return values[pool.rows]


def _nothing(pool: Pool, request: Request, situation: Situation) -> None:
    """Metrics need settings that name them; CrossCell needs a move between cells, and there is one cell."""


WEIGHERS: Mapping[str, Weigher] = {
    each.name: each
    for each in (
        _plain("RAMWeigher", "free_ram_mb"),
        _of_columns("CPUWeigher", _cpu, "vcpus_total", "cpu_allocation_ratio", "vcpus_used"),
        _plain("DiskWeigher", "free_disk_mb"),
        _plain("IoOpsWeigher", "num_io_ops"),
        _of_columns("PCIWeigher", _pci, "pci_devices"),
        Weigher("MetricsWeigher", _nothing),
        Weigher("ImagePropertiesWeigher", _image),
        Weigher("ServerGroupSoftAffinityWeigher", _soft("soft-affinity", 1)),
        Weigher("ServerGroupSoftAntiAffinityWeigher", _soft("soft-anti-affinity", -1)),
        _plain("BuildFailureWeigher", "failed_builds", sign=-1),
        Weigher("CrossCellWeigher", _nothing),
        _plain("HypervisorVersionWeigher", "hypervisor_version"),
        _plain("NumInstancesWeigher", "num_instances"),
    )
}
"""All weighers by name."""


def weighted(multipliers: Mapping[str, float]) -> list[tuple[Weigher, float]]:
    """The weighers of the settings in their order with their signed multipliers; an unknown name lists the known ones."""
    found = [(named(name, WEIGHERS, Weigher), float(factor)) for name, factor in multipliers.items()]
    return [(weigher, weigher.sign * factor) for weigher, factor in found]


def normalised(raw: Values) -> Values | None:
    """The values between 0 (the least) and 1 (the greatest); None when all are alike, which counts as 0."""
    # argmin and argmax, because numpy's min and max go through Python.
    low, high = raw[raw.argmin()], raw[raw.argmax()]
    if low == high:
        return None
    between: Values = raw - low
    between /= high - low
    return between


def scores(pool: Pool, weighers: Iterable[tuple[Weigher, float]], request: Request, situation: Situation) -> Values:
    """The total of every host of a pool that is not empty, by weighers that are `active` over it."""
    total = np.zeros(len(pool))
    for weigher, multiplier in weighers:
        raw = weigher.raw(pool, request, situation)
        norm = normalised(raw) if raw is not None else None
        if norm is not None:
            norm *= multiplier
            total += norm
    return total


def active(pool: Pool, weighers: Iterable[tuple[Weigher, float]]) -> list[tuple[Weigher, float]]:
    """Those that can tell some hosts from others."""
    varied = pool.numbers.hosts.varied
    return [
        (weigher, multiplier)
        for weigher, multiplier in weighers
        if multiplier and not (weigher.columns and varied.isdisjoint(weigher.columns))
    ]
