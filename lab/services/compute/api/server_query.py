"""Which servers a list request means: its filters, order and page, as plain predicates over records.

Sources: nova/api/openstack/compute/schemas/servers.py (names by microversion) and nova/db/main/api.py
(which filters compare and which match a regular expression).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Forbidden
from lab.services.compute.api import times
from lab.services.compute.api.paging import bad_query, page_of, refuse_unknown, truth
from lab.services.compute.api.server_filters import COMPARED, MATCHED, TAGS, Predicate, predicates
from lab.services.compute.api.server_status import states_of
from lab.services.compute.model import Server

if TYPE_CHECKING:
    from lab.context import Context
    from lab.rest import Request
    from lab.store import Transaction

_JOINED = frozenset(("block_device_mapping", "services", "metadata", "system_metadata", "info_cache", "security_groups", "pci_devices"))
_UNSTORED = ("auto_disk_config", "kernel_id", "ramdisk_id", "locked_by", "soft_deleted")
# What a user who is no administrator may filter by, and since when. Others are dropped without a word.
_FOR_ALL: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((2, 1), ("reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants")),
    ((2, 5), ("ip6",)),
    ((2, 26), TAGS),
    ((2, 66), ("changes-before",)),
    ((2, 73), ("locked",)),
    (
        (2, 83),
        (
            "availability_zone",
            "config_drive",
            "key_name",
            "created_at",
            "launched_at",
            "terminated_at",
            "power_state",
            "task_state",
            "vm_state",
            "progress",
            "user_id",
        ),
    ),
    ((2, 90), ("hostname",)),
)
_KNOWN = frozenset(
    (
        *COMPARED,
        *MATCHED,
        *_UNSTORED,
        *_JOINED,
        "tenant_id",
        "project_id",
        "flavor",
        "ip",
        "ip6",
        "status",
        "deleted",
        "all_tenants",
        "changes-since",
        "sort_key",
        "sort_dir",
        "limit",
        "marker",
    )
)
_LATER = {**dict.fromkeys(TAGS, (2, 26)), "changes-before": (2, 66), "locked": (2, 73)}
_SORTED: dict[str, str] = {
    **{
        name: name
        for name in (
            "access_ip_v4",
            "access_ip_v6",
            "availability_zone",
            "config_drive",
            "created_at",
            "host",
            "hostname",
            "key_name",
            "launch_index",
            "launched_at",
            "node",
            "power_state",
            "progress",
            "project_id",
            "root_device_name",
            "task_state",
            "terminated_at",
            "updated_at",
            "user_id",
            "vm_state",
        )
    },
    "auto_disk_config": "disk_config",
    "display_description": "description",
    "display_name": "name",
    "image_ref": "image_id",
    "uuid": "id",
    "instance_type_id": "flavor",
    "kernel_id": "",
    "ramdisk_id": "",
    "locked_by": "locked",
}
# Keys that were columns once; ignored before 2.75 and refused since. `locked` became a real key with 2.73.
_IGNORED_SORTS = frozenset(
    (
        "architecture",
        "cell_name",
        "cleaned",
        "default_ephemeral_device",
        "default_swap_device",
        "deleted",
        "deleted_at",
        "disable_terminate",
        "ephemeral_gb",
        "ephemeral_key_uuid",
        "id",
        "key_data",
        "launched_on",
        "locked",
        "memory_mb",
        "os_type",
        "reservation_id",
        "root_gb",
        "shutdown_terminate",
        "user_data",
        "vcpus",
        "vm_mode",
    )
)


@dataclass(slots=True)
class ServerQuery:
    """A list request, understood: whose servers, which of them, in which order, from where and how many."""

    project_id: str | None
    deleted: bool | None
    limit: int
    marker: str | None
    predicates: list[Predicate] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    impossible: bool = False

    def run(self, tx: Transaction) -> list[Server]:
        """Return one page of servers. Raises BadRequest when the marker is unknown."""
        if self.impossible or self.limit == 0:
            return []
        equals: dict[str, Any] = {}
        if self.project_id is not None:
            equals["project_id"] = self.project_id
        if self.deleted is not None:
            equals["deleted"] = self.deleted
        marked = None if self.marker is None else tx.get(Server, self.marker)
        if self.marker is not None and (marked is None or self.project_id not in (None, marked.project_id)):
            raise BadRequest(f"marker [{self.marker}] not found")
        servers = tx.find(Server, **equals)
        if marked is not None and not (self._fits(marked) and all(getattr(marked, k) == v for k, v in equals.items())):
            # A marker outside the filters still says where to go on: put it in its place and cut there.
            servers = sorted([*servers, marked], key=lambda server: server.number)
        return self._page(servers, marked)

    def _fits(self, server: Server) -> bool:
        return all(fits(server) for fits in self.predicates)

    def _page(self, servers: list[Server], marked: Server | None) -> list[Server]:
        page: list[Server] = []
        started = marked is None
        for server in self._in_order(servers):
            if not started:
                started = marked is not None and server.id == marked.id
            elif self._fits(server):
                page.append(server)
                if len(page) == self.limit:
                    break
        return page

    def _in_order(self, servers: list[Server]) -> Iterable[Server]:
        # Newest first is the reverse of insertion, so the common list sorts nothing.
        if self.order == [("created_at", True)]:
            return reversed(servers)
        # Ties go the way of the first key, as nova's last key, the row's number, does.
        ordered = servers[::-1] if self.order[0][1] else list(servers)
        for name, descending in reversed(self.order):
            ordered.sort(key=partial(_sortable, name), reverse=descending)
        return ordered


def _sortable(name: str, server: Server) -> tuple[bool, Any]:
    value = getattr(server, name) if name else None
    if isinstance(value, dict):
        value = value.get("id")
    return (value is not None, value if value is not None else 0)


def parse(ctx: Context, req: Request) -> ServerQuery:
    """Understand the query of GET /servers and /servers/detail.

    Raises:
        BadRequest: a value is malformed, or (since 2.75) a name is unknown; nova's words.
        Forbidden: something that only administrators may ask.
    """
    known = {*_KNOWN, *(name for name, since in _LATER.items() if req.version >= since)}
    if req.version >= (2, 75):
        refuse_unknown(req, known)
    asked = {name: values[-1] for name, values in req.query.items() if _allowed(ctx, req, name)}
    for name in asked:
        if name in _JOINED or name.startswith("_"):
            raise BadRequest(f"Invalid filter field: {name}.")
    limit, marker = page_of(req)
    query = ServerQuery(ctx.project_id or None, False, limit, marker)
    _whose(ctx, req, asked, query)
    _states(ctx, req, asked, query)
    _times(asked, query)
    query.predicates.extend(predicates(asked))
    query.order = _order(ctx, req)
    return query


def _allowed(ctx: Context, req: Request, name: str) -> bool:
    if _LATER.get(name, (2, 1)) > req.version or name in ("limit", "marker", "sort_key", "sort_dir"):
        return False
    return ctx.is_admin or any(name in names for since, names in _FOR_ALL if req.version >= since)


def _whose(ctx: Context, req: Request, asked: dict[str, str], query: ServerQuery) -> None:
    if "all_tenants" in asked and (asked["all_tenants"] == "" or truth(asked["all_tenants"], "all_tenants")):
        if not ctx.is_admin:
            kind = "detail" if req.path.endswith("/detail") else "index"
            raise Forbidden(f"Policy doesn't allow os_compute_api:servers:{kind}:get_all_tenants to be performed.")
        query.project_id = asked.get("tenant_id") or asked.get("project_id") or None
    elif query.project_id is None:
        asked["user_id"] = ctx.user_id


def _states(ctx: Context, req: Request, asked: dict[str, str], query: ServerQuery) -> None:
    if "status" in asked:
        vm_states, task_states = states_of(req.args("status"))
        if not vm_states:
            if req.version >= (2, 38):
                raise BadRequest("Invalid status value")
            query.impossible = True
        if vm_states == ["deleted"] and not ctx.is_admin:
            raise Forbidden("Only administrators may list deleted instances")
        query.predicates.append(lambda server: server.vm_state in vm_states)
        if "default" not in task_states:
            query.predicates.append(lambda server: server.task_state in task_states)
        if vm_states == ["deleted"]:
            query.deleted = True
    if "deleted" in asked:
        query.deleted = truth(asked["deleted"], "deleted", lax=True)
    elif asked.get("vm_state") == "deleted" and ctx.is_admin:
        query.deleted = True
    elif "changes-since" in asked or "changes-before" in asked:
        query.deleted = None


def _times(asked: dict[str, str], query: ServerQuery) -> None:
    since = _instant(asked, "changes-since")
    before = _instant(asked, "changes-before")
    if since is not None and before is not None and before < since:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    if since is not None:
        # Records have whole seconds, so a fraction means the next one.
        first = times.stamp(since if not since.microsecond else since + timedelta(seconds=1))
        query.predicates.append(lambda server: (server.updated_at or server.created_at) >= first)
    if before is not None:
        last = times.stamp(before)
        query.predicates.append(lambda server: (server.updated_at or server.created_at) <= last)


def _instant(asked: dict[str, str], name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        return times.parse(text)
    except ValueError:
        raise bad_query(name, text, f"{text!r} is not a 'date-time'") from None


def _order(ctx: Context, req: Request) -> list[tuple[str, bool]]:
    keys, directions = req.args("sort_key"), req.args("sort_dir")
    order: list[tuple[str, bool]] = []
    for place, key in enumerate(keys):
        ignored = key in _IGNORED_SORTS and not (key == "locked" and req.version >= (2, 73))
        unknown = key not in _SORTED and key not in _IGNORED_SORTS
        if unknown or (ignored and req.version >= (2, 75)):
            raise bad_query("sort_key", key, f"{key!r} is not one of {sorted(_SORTED)}")
        if key in ("host", "node") and not ctx.is_admin:
            raise Forbidden(f"Only administrators can sort servers by {key}")
        direction = directions[place] if place < len(directions) else (directions[-1] if directions else "desc")
        if not ignored:
            order.append((_SORTED.get(key, key), _descending(direction)))
    if not order:
        return [("created_at", _descending(directions[0]) if directions and not keys else True)]
    return order


def _descending(direction: str) -> bool:
    if direction not in ("asc", "desc"):
        raise BadRequest("Unknown sort direction, must be 'desc' or 'asc'")
    return direction == "desc"
