"""Which servers are on which host, as compute agents tell the schedulers. Source: HostManager of nova/scheduler/host_manager.py.

An agent tells of each server that came or went, and all two minutes of all. A host that was never heard of, or whose list
differs from ours, is read from the records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.services.compute.model import Server
from lab.services.compute.states import DELETED

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]


class HostInstances:
    """One scheduler's knowledge of servers by host."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._by_host: dict[str, dict[str, None]] = {}
        self._host_of: dict[str, str] = {}

    async def update(self, host: str, servers: Iterable[str]) -> None:
        """Note servers that came to a host."""
        if host not in self._by_host:
            await self._read(host)
        for server in servers:
            self.add(host, server)

    async def delete(self, host: str, server: str) -> None:
        """Note that a server left a host."""
        if host not in self._by_host:
            await self._read(host)
        self._by_host[host].pop(server, None)
        if self._host_of.get(server) == host:
            del self._host_of[server]

    async def sync(self, host: str, servers: Iterable[str]) -> bool:
        """Compare a host's own list with ours; a different one is read anew. Answers whether they were the same."""
        same = host in self._by_host and set(self._by_host[host]) == set(servers)
        if not same:
            await self._read(host)
        return same

    def add(self, host: str, server: str) -> None:
        """Note a server on a host without asking anybody."""
        self._by_host.setdefault(host, {})[server] = None
        self._host_of[server] = host

    async def hosts_of(self, servers: Iterable[str]) -> dict[str, str]:
        """The host of each of these servers that has one."""
        servers = list(servers)
        unknown = [server for server in servers if server not in self._host_of]
        found = {server: self._host_of[server] for server in servers if server in self._host_of}
        if unknown:
            found |= await self._process.store.run(lambda tx: _recorded(tx, unknown))
        return found

    async def _read(self, host: str) -> None:
        records = await self._process.store.run(lambda tx: tx.find(Server, host=host, deleted=False))
        for server in self._by_host.pop(host, {}):
            self._host_of.pop(server, None)
        self._by_host[host] = {}
        for record in records:
            self.add(host, record.id)


def _recorded(tx: Transaction, servers: Iterable[str]) -> dict[str, str]:
    records = [tx.get(Server, server) for server in servers]
    return {r.id: r.host for r in records if r is not None and r.host and not r.deleted and r.vm_state != DELETED}
