"""The scheduler's weighers by their nova names: each gives every remaining host a raw number, higher is better.

A raw column is normalised to 0..1 between its least and greatest value over the hosts that passed the filters
(all alike: 0), multiplied, and added up in the order of the settings. Sources: nova/weights.py and the classes of
the same names in nova/scheduler/weights. None stands for a weigher that has nothing to say of this request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lab.services.compute.filters import Situation
from lab.services.compute.host_pool import Pool, Values
from lab.services.compute.request_spec import Request

MAX_DEVS = 100
"""More free PCI devices than this make no difference. Source: nova/scheduler/weights/pci.py."""

Raw = Callable[[Pool, Request, Situation], Values | None]


@dataclass(frozen=True, slots=True)
class Weigher:
    """One weigher; `sign` -1 is for those that push hosts away, `columns` are all that its numbers depend on."""

    name: str
    raw: Raw
    sign: int = 1
    columns: tuple[str, ...] = ()


def _plain(name: str, column: str, sign: int = 1) -> Weigher:
    return Weigher(name, lambda pool, request, situation: pool.column(column), sign, (column,))


def _cpu(pool: Pool, request: Request, situation: Situation) -> Values:
    return pool.column("vcpus_total") * pool.column("cpu_allocation_ratio") - pool.column("vcpus_used")


def _pci(pool: Pool, request: Request, situation: Situation) -> Values:
    return MAX_DEVS - np.minimum(pool.column("pci_devices"), MAX_DEVS - 1)


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
        Weigher("CPUWeigher", _cpu),
        _plain("DiskWeigher", "free_disk_mb"),
        _plain("IoOpsWeigher", "num_io_ops"),
        Weigher("PCIWeigher", _pci, columns=("pci_devices",)),
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
    unknown = [name for name in multipliers if name not in WEIGHERS]
    if unknown:
        raise ValueError(f"unknown weigher {', '.join(unknown)}; known: {', '.join(WEIGHERS)}")
    return [(WEIGHERS[name], WEIGHERS[name].sign * float(factor)) for name, factor in multipliers.items()]


def normalised(raws: Values) -> Values:
    """Each row of values between 0 (its least) and 1 (its greatest), written over it; all alike count as 0."""
    low = np.minimum.reduce(raws, axis=1, keepdims=True)
    span = np.maximum.reduce(raws, axis=1, keepdims=True)
    span -= low
    span[span == 0] = 1
    raws -= low
    raws /= span
    return raws


def scores(pool: Pool, weighers: Iterable[tuple[Weigher, float]], request: Request, situation: Situation) -> Values:
    """The total of every host of a pool that is not empty."""
    varied = pool.numbers.hosts.varied
    columns, multipliers = [], []
    for weigher, multiplier in weighers:
        if not multiplier or (weigher.columns and varied.isdisjoint(weigher.columns)):
            continue
        raw = weigher.raw(pool, request, situation)
        if raw is not None:
            columns.append(raw)
            multipliers.append((multiplier,))
    if not columns:
        return np.zeros(len(pool))
    # All at once: at a thousand hosts a call of numpy costs more than its numbers.
    norms = normalised(np.array(columns))
    norms *= np.array(multipliers)
    totals: Values = np.add.reduce(norms, 0, initial=0.0)
    return totals
