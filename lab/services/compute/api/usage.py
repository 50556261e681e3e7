"""How much the servers of projects used between two instants (os-simple-tenant-usage)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Forbidden
from lab.rest import ADMIN, READER, Request, Route
from lab.services.compute.api import times
from lab.services.compute.api.paging import cut, is_full, next_link, page_of
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import Server

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

_PATH = "/v2.1/os-simple-tenant-usage"
_KNOWN = ("start", "end", "detailed", "limit", "marker")
# Source: the formats that nova's _parse_datetime takes.
_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
_HOUR_S = 3600.0
# nova knows only 1; the openstack command sends True and shows the servers when they come.
_YES = ("1", "true")

ROUTES = (
    Route("GET", _PATH, "usage_list", ADMIN, summary="Use by project"),
    Route("GET", f"{_PATH}/{{project}}", "usage_show", READER, summary="Use of one project"),
)


class UsagePart(ComputePart):
    """The handlers of os-simple-tenant-usage."""

    async def usage_list(self, ctx: Context, req: Request) -> Json:
        """Answer what each project used."""
        self.check_query(req, _KNOWN, (2, 75))
        usages, links = await self._usages(req, None, detailed=(req.arg("detailed") or "").lower() in _YES)
        answer: Json = {"tenant_usages": usages}
        if links:
            answer["tenant_usages_links"] = links
        return answer

    async def usage_show(self, ctx: Context, req: Request) -> Json:
        """Answer what one project used, server by server."""
        self.check_query(req, _KNOWN, (2, 75))
        project_id = req.params["project"]
        if project_id != ctx.project_id and not ctx.is_admin:
            raise Forbidden("Policy doesn't allow os_compute_api:os-simple-tenant-usage:show to be performed.")
        usages, links = await self._usages(req, project_id, detailed=True)
        answer: Json = {"tenant_usage": usages[0] if usages else {}}
        if links:
            answer["tenant_usage_links"] = links
        return answer

    async def _usages(self, req: Request, project_id: str | None, *, detailed: bool) -> tuple[list[Json], list[Json]]:
        now = self.process.runtime.utc()
        start, end = _instant(req.arg("start"), now), _instant(req.arg("end"), now)
        # An instant of virtual time holds a whole request: without dates nova's two readings of the clock differ, ours do not.
        if start > end or (start == end and req.arg("start")):
            raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
        end = min(end, now)

        def read(tx: Transaction) -> list[Server]:
            return tx.all(Server) if project_id is None else tx.find(Server, project_id=project_id)

        servers = [server for server in await self.process.store.run(read) if _ran(server, start, end)]
        links: list[Json] = []
        if req.version >= (2, 40):
            limit, marker = page_of(req)
            servers = cut(servers, limit, marker, lambda server: server.id)
            if is_full(req, len(servers)):
                links = next_link(req, self.root + req.path, servers[-1].id)
        return _by_project(servers, (start, end, now), detailed=detailed), links


def _by_project(servers: list[Server], period: tuple[datetime, datetime, datetime], *, detailed: bool) -> list[Json]:
    start, end, _ = period
    sums: dict[str, Json] = {}
    for server in servers:
        used = _used(server, period)
        total = sums.setdefault(
            server.project_id,
            {
                "tenant_id": server.project_id,
                "total_local_gb_usage": 0.0,
                "total_vcpus_usage": 0.0,
                "total_memory_mb_usage": 0.0,
                "total_hours": 0.0,
                "start": _micro(start),
                "stop": _micro(end),
                **({"server_usages": []} if detailed else {}),
            },
        )
        for name, size in (("local_gb", "local_gb"), ("vcpus", "vcpus"), ("memory_mb", "memory_mb")):
            total[f"total_{name}_usage"] += used[size] * used["hours"]
        total["total_hours"] += used["hours"]
        if detailed:
            total["server_usages"].append(used)
    return list(sums.values())


def _used(server: Server, period: tuple[datetime, datetime, datetime]) -> Json:
    start, end, now = period
    launched = times.parse(server.launched_at or server.created_at)
    ended = times.parse(server.terminated_at) if server.terminated_at else None
    last = min(end, ended) if ended else end
    hours = max(0.0, (last - max(start, launched)).total_seconds()) / _HOUR_S
    flavor = server.flavor
    return {
        "instance_id": server.id,
        "name": server.name,
        "tenant_id": server.project_id,
        "flavor": flavor["name"],
        "hours": hours,
        "memory_mb": flavor["ram"],
        "local_gb": flavor["disk"] + flavor["ephemeral"],
        "vcpus": flavor["vcpus"],
        "started_at": _micro(launched),
        "ended_at": _micro(ended) if ended else None,
        "state": "terminated" if ended else server.vm_state,
        "uptime": int(((ended or now) - launched).total_seconds()),
    }


def _ran(server: Server, start: datetime, end: datetime) -> bool:
    if server.launched_at is None or times.parse(server.launched_at) > end:
        return False
    return server.terminated_at is None or times.parse(server.terminated_at) >= start


def _instant(text: str | None, now: datetime) -> datetime:
    if not text:
        return now
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise BadRequest("Invalid datetime string: Datetime is in invalid format")


def _micro(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")
