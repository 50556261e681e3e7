"""The hosts' numbers at one instant, and pools of hosts that filters narrow and weighers weigh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lab.services.compute.model import ComputeNode

if TYPE_CHECKING:
    from lab.services.compute.hosts import HostTable

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

COLUMNS = (
    "vcpus_total",
    "vcpus_used",
    "total_ram_mb",
    "free_ram_mb",
    "total_disk_gb",
    "free_disk_mb",
    "num_instances",
    "num_io_ops",
    "failed_builds",
    "hypervisor_version",
    "cpu_allocation_ratio",
    "ram_allocation_ratio",
    "disk_allocation_ratio",
    "pci_devices",
    "disabled",
    "forced_down",
    "up",
)
"""Names as in nova's HostState. All are exact in a float: whole numbers far below 2^53, and the ratios as they are."""

AT = {name: index for index, name in enumerate(COLUMNS)}


class HostNumbers:
    """The columns at one instant; a read-only view, or a copy of the past."""

    __slots__ = ("_data", "all_serve", "hosts", "last_seen_ns", "size")

    def __init__(
        self, data: Values, size: int, last_seen_ns: npt.NDArray[np.int64], hosts: HostTable, all_serve: bool = False
    ) -> None:
        self._data, self.size, self.last_seen_ns, self.hosts = data, size, last_seen_ns, hosts
        self.all_serve = all_serve
        """It is known that no host is down or disabled."""

    def column(self, name: str) -> Values:
        """One column over all rows."""
        return self._data[AT[name], : self.size]


class Pool:
    """Some of the hosts, in the order in which placement named them: what filters narrow and weighers weigh."""

    __slots__ = ("_taken", "_whole", "numbers", "rows")

    def __init__(self, numbers: HostNumbers, rows: Rows, *, whole: bool = False) -> None:
        self.numbers, self.rows = numbers, rows
        self._whole = whole
        self._taken: dict[str, Values] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Values:
        """One column over the hosts of the pool; not to be written to."""
        if self._whole:
            return self.numbers.column(name)
        taken = self._taken.get(name)
        if taken is None:
            taken = self._taken[name] = self.numbers.column(name)[self.rows]
        return taken

    def place_of(self, row: int) -> int | None:
        """Where in the pool the host of that row is."""
        if self._whole:
            return row
        found = (self.rows == row).nonzero()[0]
        return found.item(0) if len(found) else None

    def only(self, mask: Mask) -> Pool:
        """The hosts that pass."""
        return self if mask.all() else Pool(self.numbers, self.rows[mask])

    def marked(self, rows: Iterable[int]) -> Mask:
        """Which hosts of the pool are among these rows."""
        flags = np.zeros(self.numbers.size, dtype=np.bool_)
        flags[list(rows)] = True
        return flags[self.rows]

    def nodes(self) -> list[ComputeNode]:
        """The records of the pool's hosts."""
        found = [self.numbers.hosts.nodes[row] for row in self.rows.tolist()]
        return [node for node in found if node is not None]
