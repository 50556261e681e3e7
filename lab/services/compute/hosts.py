"""What the scheduler knows of every compute host: numpy columns, one row a host, and the way back to their past.

The numbers follow the records of compute nodes and services with every commit. Between a claim and the
next report of its host the claim is booked here alone (`consume`), so that two requests in a row do not
pick the same best host twice. Each change is logged with what it replaced: a decision keeps only the
table's version and is explained later from the numbers that it saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from lab.services.compute.host_pool import AT, COLUMNS, HostNumbers, Pool, Rows, Values
from lab.services.compute.model import ComputeNode, ComputeService, ServiceHeartbeat

if TYPE_CHECKING:
    from lab.process import Process


_UP, _DISABLED, _FORCED_DOWN = AT["up"], AT["disabled"], AT["forced_down"]
_FREE_RAM, _FREE_DISK, _VCPUS_USED = AT["free_ram_mb"], AT["free_disk_mb"], AT["vcpus_used"]
_INSTANCES, _IO_OPS = AT["num_instances"], AT["num_io_ops"]
_REPORTED = 14
"""So many of the first columns are what a node reports; the others are what its service says."""
HISTORY = 131_072
"""How many changes can be undone, at 150 bytes each."""
COMPUTE_BINARY = "nova-compute"


class Candidates(Protocol):
    """What placement hands over in the same process: candidate i is the provider `uuids[rows[i]]`."""

    uuids: Sequence[str]
    rows: Rows
    shape: int
    resources: dict[str, int]


class HostTable:
    """All compute hosts; `version` counts changes of the numbers, `shape` those of which row is which host."""

    def __init__(self) -> None:
        self.version = 0
        self.shape = 0
        self.uuids: list[str] = []
        self.hosts: list[str] = []
        self.nodes: list[ComputeNode | None] = []
        self.row_of: dict[str, int] = {}
        self.rows_of_host: dict[str, list[int]] = {}
        self.zones: Mapping[str, str] = {}
        """Host -> availability zone, where an aggregate says one; replaced as a whole, never changed."""
        self._services: dict[str, ComputeService] = {}
        self._beats: dict[str, tuple[list[str], int, Rows]] = {}
        """The rows of each group of services that report together, as of a shape of the table."""
        self._size = 64
        self._data: Values = np.zeros((len(COLUMNS), self._size))
        self.last_seen_ns: npt.NDArray[np.int64] = np.zeros(self._size, dtype=np.int64)
        self._log_rows: npt.NDArray[np.int32] = np.zeros(256, dtype=np.int32)
        self._log_data: Values = np.zeros((256, len(COLUMNS)))
        self._consumed: dict[int, int] = {}
        self._unfit: set[int] = set()
        """The rows that are down or disabled."""
        self._settled_ns = -1
        """Until then nobody that is up goes down by silence; -1 when somebody may have come up."""
        self.varied: set[str] = set()
        """Which columns ever had two different values: weighers skip the others."""
        self._alike = list(range(len(COLUMNS)))
        """The other columns."""
        self._map: tuple[tuple[int, int, int], Sequence[str], Rows] | None = None
        self._mapped: tuple[Rows, Rows, bool] | None = None

    def __len__(self) -> int:
        return len(self.uuids)

    @property
    def numbers(self) -> HostNumbers:
        """The columns as they are now; they change with the table."""
        return HostNumbers(self._data, len(self.uuids), self.last_seen_ns, self, not self._unfit)

    def row(self, row: int) -> list[float]:
        """A row as plain numbers: they are few, and a single call of numpy costs more than all of them."""
        numbers: list[float] = self._data[:, row].tolist()
        return numbers

    def at(self, version: int) -> HostNumbers:
        """A copy of the columns as of an earlier version.

        Raises:
            LookupError: the version is older than the changes that are kept.
        """
        if version == self.version:
            return self.numbers
        if self.version - version > min(len(self._log_rows), self.version):
            raise LookupError(f"version {version} of the hosts is no longer kept; they are at {self.version}")
        # Newest first: where a row changed several times, numpy keeps the last value written, the oldest one.
        places = np.arange(self.version - 1, version - 1, -1) % len(self._log_rows)
        data = self._data.copy()
        data[:, self._log_rows[places]] = self._log_data[places].T
        return HostNumbers(data, len(self.uuids), self.last_seen_ns, self)

    def changed_since(self, version: int, most: int) -> set[int] | None:
        """The rows that changed since an earlier version; None when there were more changes than `most`."""
        if self.version - version > most:
            return None
        log = self._log_rows
        return {log.item(each % len(log)) for each in range(version, self.version)}

    # -- following the records ----------------------------------------------------------------

    def put_node(self, node: ComputeNode) -> None:
        """Take over a compute node that was made or changed."""
        row = self.row_of.get(node.uuid)
        if row is None:
            row = self._append(node)
        self.nodes[row] = node
        self._consumed.pop(row, None)
        self._report(row, node)

    def drop_node(self, uuid: str) -> None:
        """Forget a compute node that was deleted; its row stays empty."""
        row = self.row_of.pop(uuid, None)
        if row is None:
            return
        self.rows_of_host[self.hosts[row]].remove(row)
        self.nodes[row] = None
        self.shape += 1

    def put_service(self, service: ComputeService) -> None:
        """Take over what a service reported or an operator set; services of other processes are not hosts."""
        if service.binary != COMPUTE_BINARY:
            return
        if service.host not in self._services:
            self.shape += 1
        self._services[service.host] = service
        self._settled_ns = -1
        for row in self.rows_of_host.get(service.host, ()):
            self._show_service(row, service)

    def drop_service(self, uuid: str) -> None:
        """Forget a service that was deleted: its host is no candidate any more."""
        for host, service in self._services.items():
            if service.uuid == uuid:
                del self._services[host]
                self.shape += 1
                return

    def put_heartbeat(self, group: ServiceHeartbeat) -> None:
        """Take over when the services of a group were last seen together."""
        cached = self._beats.get(group.id)
        if cached is None or cached[0] is not group.members or cached[1] != self.shape:
            members = frozenset(group.members)
            rows = [row for host, service in self._services.items() if service.uuid in members for row in self.rows_of_host.get(host, ())]
            cached = self._beats[group.id] = (group.members, self.shape, np.array(rows, dtype=np.intp))
        self.last_seen_ns[cached[2]] = group.last_seen_ns
        if self._unfit:
            self._settled_ns = -1

    def service(self, row: int) -> ComputeService | None:
        """The service record of a row's host."""
        return self._services.get(self.hosts[row])

    def _show_service(self, row: int, service: ComputeService) -> None:
        if service.heartbeat is None or service.last_seen_ns > self.last_seen_ns[row]:
            self.last_seen_ns[row] = service.last_seen_ns
        new = self.row(row)
        new[_DISABLED], new[_FORCED_DOWN] = service.disabled, service.forced_down
        self._set(row, new)

    # -- what a decision does -----------------------------------------------------------------

    def pool(self, candidates: Candidates) -> Pool:
        """The hosts that are placement's candidates, in its order; providers that are no hosts are left out."""
        key = (id(candidates.uuids), candidates.shape, self.shape)
        if self._map is None or self._map[0] != key:
            self._map = (key, candidates.uuids, self.rows_of(candidates.uuids))
            self._mapped = None
        if self._mapped is None or self._mapped[0] is not candidates.rows:
            rows = self._map[2][candidates.rows]
            if len(rows) and rows.min() < 0:
                rows = rows[rows >= 0]
            whole = len(rows) == len(self.uuids) and bool((rows == np.arange(len(rows))).all())
            self._mapped = (candidates.rows, rows, whole)
        return Pool(self.numbers, self._mapped[1], whole=self._mapped[2])

    def rows_of(self, uuids: Sequence[str]) -> Rows:
        """The row of each provider; -1 for one that is no compute node or has no service record."""
        rows = np.full(len(uuids), -1, dtype=np.intp)
        for place, uuid in enumerate(uuids):
            row = self.row_of.get(uuid)
            if row is not None and self.hosts[row] in self._services:
                rows[place] = row
        return rows

    def refresh(self, now_ns: int, down_after_ns: int, forget_after_ns: int) -> None:
        """Bring up to date what depends on the clock: who was not heard from, and claims whose host never reported."""
        if now_ns > self._settled_ns:
            self._look_who_is_up(now_ns, down_after_ns)
        while self._consumed:
            row, when = next(iter(self._consumed.items()))
            node = self.nodes[row]
            if when + forget_after_ns > now_ns:
                break
            del self._consumed[row]
            if node is not None:
                self._report(row, node)

    def _look_who_is_up(self, now_ns: int, down_after_ns: int) -> None:
        n = len(self.uuids)
        up = (self.last_seen_ns[:n] >= now_ns - down_after_ns) & (self._data[_FORCED_DOWN, :n] == 0)
        for row in (up != self._data[_UP, :n]).nonzero()[0].tolist():
            new = self.row(row)
            new[_UP] = up.item(row)
            self._set(row, new)
        self._settled_ns = int(self.last_seen_ns[:n].min()) + down_after_ns if up.all() and n else -1

    def consume(self, row: int, vcpus: int, memory_mb: int, disk_mb: int, now_ns: int) -> None:
        """Book a claim on a host until its next report, as nova's HostState.consume_from_request does."""
        new = self.row(row)
        new[_FREE_RAM] -= memory_mb
        new[_FREE_DISK] -= disk_mb
        new[_VCPUS_USED] += vcpus
        new[_INSTANCES] += 1
        new[_IO_OPS] += 1
        self._consumed.pop(row, None)
        self._consumed[row] = now_ns
        self._set(row, new)

    def restore(self, rows: Sequence[int]) -> None:
        """Take booked claims back: the hosts show again what they reported last."""
        for row in rows:
            node = self.nodes[row]
            if self._consumed.pop(row, None) is not None and node is not None:
                self._report(row, node)

    # -- storage ------------------------------------------------------------------------------

    def _append(self, node: ComputeNode) -> int:
        row = len(self.uuids)
        if row == self._size:
            self._data = np.concatenate((self._data, np.zeros_like(self._data)), axis=1)
            self.last_seen_ns = np.concatenate((self.last_seen_ns, np.zeros_like(self.last_seen_ns)))
            self._size *= 2
        self.uuids.append(node.uuid)
        self.hosts.append(node.host)
        self.nodes.append(node)
        self.row_of[node.uuid] = row
        self.rows_of_host.setdefault(node.host, []).append(row)
        self.shape += 1
        # It begins as a copy of the first row, so that every difference between the two is a change that is noticed.
        self._data[:, row] = self._data[:, 0]
        fresh = self.row(row)
        fresh[_DISABLED] = fresh[_FORCED_DOWN] = fresh[_UP] = 0
        self._set(row, fresh)
        self._unfit.add(row)
        self._settled_ns = -1
        service = self._services.get(node.host)
        if service is not None:
            self._show_service(row, service)
        return row

    def _report(self, row: int, node: ComputeNode) -> None:
        """Write a row as the node's record has it; what the service says of it stays as it was."""
        free_disk_gb = node.free_disk_gb
        if node.disk_available_least is not None and node.disk_available_least < free_disk_gb:
            free_disk_gb = node.disk_available_least
        new = self.row(row)
        new[:_REPORTED] = (
            node.vcpus,
            node.vcpus_used,
            node.memory_mb,
            node.free_ram_mb,
            node.local_gb,
            free_disk_gb * 1024,
            node.running_vms,
            node.num_io_ops,
            node.failed_builds,
            node.hypervisor_version,
            node.cpu_allocation_ratio,
            node.ram_allocation_ratio,
            node.disk_allocation_ratio,
            0,  # no PCI devices are modelled
        )
        self._set(row, new)

    def _set(self, row: int, new: list[float]) -> None:
        """Write a row and log what it was; a row that stays the same is no change."""
        old = self.row(row)
        if old == new:
            return
        place = self.version % len(self._log_rows)
        if self.version == len(self._log_rows) < HISTORY:
            self._log_rows = np.concatenate((self._log_rows, np.zeros_like(self._log_rows)))
            self._log_data = np.concatenate((self._log_data, np.zeros_like(self._log_data)))
            place = self.version
        self._log_rows[place] = row
        self._log_data[place] = old
        self._data[:, row] = new
        if len(self.uuids) > 1:
            for at in self._alike:
                if old[at] != new[at]:
                    self.varied.add(COLUMNS[at])
            if len(self.varied) + len(self._alike) > len(COLUMNS):
                self._alike = [at for at in self._alike if COLUMNS[at] not in self.varied]
        if new[_UP] and not new[_DISABLED]:
            self._unfit.discard(row)
        else:
            self._unfit.add(row)
        self.version += 1


def follow(process: Process) -> HostTable:
    """A table of all compute hosts that every later commit brings up to date, as long as the process lives."""
    table, store = HostTable(), process.store
    store.follow(ComputeService, lambda uuid, service: table.drop_service(uuid) if service is None else table.put_service(service))
    store.follow(ComputeNode, lambda uuid, node: table.drop_node(uuid) if node is None else table.put_node(node))
    store.follow(ServiceHeartbeat, lambda key, group: None if group is None else table.put_heartbeat(group))
    return table
