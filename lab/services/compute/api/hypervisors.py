"""Hypervisors: the machines that compute agents registered, and which servers they run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from lab.errors import BadRequest, LabError, NotFound
from lab.rest import ADMIN, Request, Route
from lab.services.compute.aggregates import COMPUTE_BINARY
from lab.services.compute.api.fields import is_uuid
from lab.services.compute.api.paging import cut, is_full, next_link, page_of, truth
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import ComputeNode, ComputeService, Server
from lab.services.compute.servicegroup import fresh

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

_PATH = "/v2.1/os-hypervisors"
_ONE = f"{_PATH}/{{hypervisor}}"

ROUTES = (
    Route("GET", _PATH, "hypervisors_list", ADMIN, summary="List hypervisors"),
    Route("GET", f"{_PATH}/detail", "hypervisors_detail", ADMIN, summary="List hypervisors with details"),
    Route("GET", f"{_PATH}/statistics", "hypervisors_statistics", ADMIN, until=(2, 87), summary="Sums of all hosts"),
    Route("GET", _ONE, "hypervisors_show", ADMIN, summary="Show a hypervisor"),
    Route("GET", f"{_ONE}/uptime", "hypervisors_uptime", ADMIN, until=(2, 87), summary="How long a host runs"),
    Route("GET", f"{_ONE}/search", "hypervisors_search", ADMIN, until=(2, 52), summary="Find hypervisors by name"),
    Route("GET", f"{_ONE}/servers", "hypervisors_servers", ADMIN, until=(2, 52), summary="Servers of hypervisors"),
)

# The numbers that answers had until 2.87. Source: nova's hypervisors.py.
_NUMBERS = (
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "free_ram_mb",
    "free_disk_gb",
    "current_workload",
    "running_vms",
    "disk_available_least",
)


@dataclass(frozen=True, slots=True)
class Host:
    """A compute node with its service and, when asked for, its servers."""

    node: ComputeNode
    service: ComputeService
    servers: list[Server] | None


class HypervisorsPart(ComputePart):
    """The handlers of os-hypervisors."""

    async def hypervisors_list(self, ctx: Context, req: Request) -> Json:
        """Answer names and states."""
        return await self._hypervisors_page(ctx, req, detail=False)

    async def hypervisors_detail(self, ctx: Context, req: Request) -> Json:
        """Answer hypervisors whole."""
        return await self._hypervisors_page(ctx, req, detail=True)

    async def _hypervisors_page(self, ctx: Context, req: Request, *, detail: bool) -> Json:
        known = ("limit", "marker", "hypervisor_hostname_pattern", "with_servers")
        self.check_query(req, known, (2, 75))
        new = req.version >= (2, 53)
        pattern = req.arg("hypervisor_hostname_pattern") if new else None
        with_servers = new and truth(req.arg("with_servers") or "false", "with_servers")
        if pattern is not None:
            if "limit" in req.query or "marker" in req.query:
                raise BadRequest("Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
            hosts = await self._matching(pattern, with_servers)
            return {"hypervisors": [await self._hypervisor_view(ctx, req, host, detail=detail) for host in hosts]}
        hosts = await self._hosts(with_servers)
        if req.version < (2, 33):
            return {"hypervisors": [await self._hypervisor_view(ctx, req, host, detail=detail) for host in hosts]}
        limit, marker = page_of(req)
        page = cut(hosts, limit, marker, lambda host: _id(host.node, req.version))
        answer: Json = {"hypervisors": [await self._hypervisor_view(ctx, req, host, detail=detail) for host in page]}
        if is_full(req, len(page)):
            last = str(_id(page[-1].node, req.version))
            answer["hypervisors_links"] = next_link(req, self.root + req.path, last)
        return answer

    async def hypervisors_show(self, ctx: Context, req: Request) -> Json:
        """Answer one hypervisor."""
        self.check_query(req, ("with_servers",), (2, 75))
        with_servers = req.version >= (2, 53) and truth(req.arg("with_servers") or "false", "with_servers")
        host = await self._host(req, with_servers)
        return {"hypervisor": await self._hypervisor_view(ctx, req, host, detail=True)}

    async def hypervisors_uptime(self, ctx: Context, req: Request) -> Json:
        """Answer one hypervisor and how long it runs."""
        host = await self._host(req, with_servers=False)
        if not self.is_up(host.service):
            raise BadRequest(f"Compute service of {host.node.host} is unavailable at this time.")
        view = await self._hypervisor_view(ctx, req, host, detail=False)
        return {"hypervisor": {**view, "uptime": await self._uptime(ctx, host)}}

    async def hypervisors_search(self, ctx: Context, req: Request) -> Json:
        """Answer the hypervisors whose name has this text."""
        hosts = await self._matching(req.params["hypervisor"], with_servers=False)
        return {"hypervisors": [await self._hypervisor_view(ctx, req, host, detail=False) for host in hosts]}

    async def hypervisors_servers(self, ctx: Context, req: Request) -> Json:
        """Answer the hypervisors whose name has this text, with their servers."""
        hosts = await self._matching(req.params["hypervisor"], with_servers=True)
        return {"hypervisors": [await self._hypervisor_view(ctx, req, host, detail=False) for host in hosts]}

    async def hypervisors_statistics(self, ctx: Context, req: Request) -> Json:
        """Answer the sums over all enabled hosts."""
        hosts = [host for host in await self._hosts(with_servers=False) if not host.service.disabled]
        sums = {name: sum(getattr(host.node, name) or 0 for host in hosts) for name in _NUMBERS}
        return {"hypervisor_statistics": {"count": len(hosts), **sums}}

    async def _hosts(self, with_servers: bool) -> list[Host]:
        def read(tx: Transaction) -> list[Host]:
            services = {service.host: fresh(tx, service) for service in tx.find(ComputeService, binary=COMPUTE_BINARY)}
            return [
                Host(node, services[node.host], _servers_on(tx, node.host) if with_servers else None)
                for node in tx.all(ComputeNode)
                if node.host in services
            ]

        return await self.process.store.run(read)

    async def _matching(self, text: str, with_servers: bool) -> list[Host]:
        # nova's LIKE compares without case.
        wanted = re.compile(re.escape(text), re.IGNORECASE)
        hosts = [host for host in await self._hosts(with_servers) if wanted.search(host.node.hypervisor_hostname)]
        if not hosts:
            raise NotFound(f"No hypervisor matching '{text}' could be found.")
        return hosts

    async def _host(self, req: Request, with_servers: bool) -> Host:
        wanted = req.params["hypervisor"]
        if req.version >= (2, 53) and not is_uuid(wanted):
            raise BadRequest(f"Invalid uuid {wanted}")

        def read(tx: Transaction) -> Host | None:
            if req.version >= (2, 53):
                node = tx.get(ComputeNode, wanted)
            else:
                node = next((node for node in tx.all(ComputeNode) if str(node.id) == wanted), None)
            service = None if node is None else tx.one(ComputeService, host=node.host, binary=COMPUTE_BINARY)
            if node is None or service is None:
                return None
            return Host(node, fresh(tx, service), _servers_on(tx, node.host) if with_servers else None)

        host: Host | None = await self.process.store.run(read)
        if host is None:
            raise NotFound(f"Hypervisor with ID '{wanted}' could not be found.")
        return host

    async def _uptime(self, ctx: Context, host: Host) -> str | None:
        # Only a living agent can say; a failure of one host must not hide the others.
        if not self.is_up(host.service):
            return None
        try:
            uptime: str | None = await self.manager.host_uptime(ctx, host.node)
        except LabError:
            return None
        return uptime

    async def _hypervisor_view(self, ctx: Context, req: Request, host: Host, *, detail: bool) -> Json:
        node, service, version = host.node, host.service, req.version
        view: Json = {
            "id": _id(node, version),
            "hypervisor_hostname": node.hypervisor_hostname,
            "state": "up" if self.is_up(service) else "down",
            "status": "disabled" if service.disabled else "enabled",
        }
        if detail:
            view["hypervisor_type"] = node.hypervisor_type
            view["hypervisor_version"] = node.hypervisor_version
            view["host_ip"] = node.host_ip
            view["service"] = {
                "id": service.uuid if version >= (2, 53) else service.id,
                "host": node.host,
                "disabled_reason": service.disabled_reason,
            }
            if version >= (2, 88):
                view["uptime"] = await self._uptime(ctx, host)
            else:
                view.update({name: getattr(node, name) for name in _NUMBERS})
                view["cpu_info"] = orjson.loads(node.cpu_info or "{}") if version >= (2, 28) else node.cpu_info
        if host.servers or (host.servers is not None and version >= (2, 75)):
            view["servers"] = [{"name": server.instance_name, "uuid": server.id} for server in host.servers]
        return view


def _servers_on(tx: Transaction, host: str) -> list[Server]:
    return tx.find(Server, host=host, deleted=False)


def _id(node: ComputeNode, version: tuple[int, int]) -> str | int:
    return node.uuid if version >= (2, 53) else node.id
