"""Services, zones, pools, limits and quotas; and the lists of what this cloud never makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest, Forbidden, NotFound
from lab.rest import ADMIN, READER, Request, Response, Route
from lab.services.volume import quota
from lab.services.volume.api.part import Json, VolumePart, both
from lab.services.volume.heartbeat import is_up
from lab.services.volume.listing import truth
from lab.services.volume.model import VolumeService
from lab.services.volume.rpc import SCHEDULER_TOPIC
from lab.services.volume.schemas import QuotaClassSet, QuotaSet, ServiceChange
from lab.store import Transaction

# How absolute limits name quotas and usage. Source: cinder/api/views/limits.py.
ABSOLUTE = (
    ("maxTotalVolumes", "volumes", "totalVolumesUsed"),
    ("maxTotalSnapshots", "snapshots", "totalSnapshotsUsed"),
    ("maxTotalVolumeGigabytes", "gigabytes", "totalGigabytesUsed"),
    ("maxTotalBackups", "backups", "totalBackupsUsed"),
    ("maxTotalBackupGigabytes", "backup_gigabytes", "totalBackupGigabytesUsed"),
)
NOT_LIMITS = ("id", "tenant_id", "force", "skip_validation")


class OperatorPart(VolumePart):
    """What operators look at."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/os-services", "list_services", ADMIN, summary="List cinder's processes"),
        Route("PUT", "/os-services/{change}", "change_service", ADMIN, body=ServiceChange, summary="Enable or disable"),
        Route("GET", "/os-availability-zone", "list_zones", READER, summary="List availability zones"),
        Route("GET", "/scheduler-stats/get_pools", "list_pools", ADMIN, summary="List what the scheduler knows"),
        Route("GET", "/limits", "show_limits", READER, summary="Show limits and usage"),
        Route("GET", "/os-quota-sets/{target}", "show_quota", READER, summary="Show a project's quota"),
        Route("GET", "/os-quota-sets/{target}/defaults", "show_default_quota", READER, summary="Show the defaults"),
        Route("PUT", "/os-quota-sets/{target}", "update_quota", ADMIN, body=QuotaSet, summary="Set a quota"),
        Route("DELETE", "/os-quota-sets/{target}", "delete_quota", ADMIN, summary="Let the defaults hold"),
        Route("GET", "/os-quota-class-sets/{name}", "show_quota_class", ADMIN, summary="Show the defaults"),
        Route("PUT", "/os-quota-class-sets/{name}", "update_quota_class", ADMIN, body=QuotaClassSet),
        # This cloud makes none of these, so the lists are empty and true.
        Route("GET", "/backups", "list_nothing", READER, summary="List backups"),
        Route("GET", "/backups/detail", "list_nothing", READER, summary="List backups"),
        Route("GET", "/os-volume-transfer/detail", "list_nothing", READER, summary="List transfers"),
        Route("GET", "/volume-transfers/detail", "list_nothing", READER, since=(3, 55), summary="List transfers"),
        Route("GET", "/qos-specs", "list_nothing", READER, summary="List QoS specs"),
        Route("GET", "/messages", "list_nothing", READER, since=(3, 3), summary="List user messages"),
        Route("GET", "/group_types", "list_nothing", READER, since=(3, 11), summary="List kinds of groups"),
        Route("GET", "/groups", "list_nothing", READER, since=(3, 13), summary="List groups of volumes"),
        Route("GET", "/groups/detail", "list_nothing", READER, since=(3, 13), summary="List groups of volumes"),
        Route("GET", "/group_snapshots", "list_nothing", READER, since=(3, 14), summary="List snapshots of groups"),
        Route("GET", "/group_snapshots/detail", "list_nothing", READER, since=(3, 14), summary="List snapshots of groups"),
    )

    # -- services and pools -------------------------------------------------------------------

    async def list_services(self, ctx: Context, req: Request) -> Json:
        """List the processes that report, with their state as `service_down_time` judges it."""
        rows = await self.process.store.run(lambda tx: tx.all(VolumeService))
        binary, host = req.arg("binary"), req.arg("host")
        rows = [r for r in rows if binary in (None, r.binary) and host in (None, r.host)]
        return {"services": [self._service(row, req.version) for row in rows]}

    def _service(self, row: VolumeService, version: tuple[int, int]) -> Json:
        runtime = self.process.runtime
        up = is_up(row, runtime.now_ns(), self.config.service_down_time_s)
        body: Json = {
            "binary": row.binary,
            "host": row.host,
            "zone": row.availability_zone,
            "status": "disabled" if row.disabled else "enabled",
            "state": "up" if up else "down",
            "updated_at": runtime.iso_us(row.heard_ns),
            "disabled_reason": row.disabled_reason,
        }
        if row.binary == "cinder-volume":
            body |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
            if version >= (3, 49):
                body["backend_state"] = "up" if up else "down"
        if version >= (3, 7):
            body["cluster"] = None
        return body

    async def change_service(self, ctx: Context, req: Request) -> Json:
        """Enable a service, or disable it with or without a reason."""
        change, body = req.params["change"], req.data
        if change not in ("enable", "disable", "disable-log-reason"):
            raise NotFound(f"Unknown action {change}; known: enable, disable, disable-log-reason")
        reason = body.disabled_reason if change == "disable-log-reason" else None
        if change == "disable-log-reason" and not reason:
            raise BadRequest("Disabled reason contains invalid characters or is too long or is missing")

        def work(tx: Transaction) -> VolumeService:
            found = [s for s in tx.all(VolumeService) if s.host == body.host and body.binary in (None, s.binary)]
            if not found:
                raise NotFound(f"Service {body.binary or ''} could not be found on host {body.host}.")
            return tx.update(found[0], disabled=change != "enable", disabled_reason=reason)

        row = await self.process.store.run(work)
        answer = {"host": row.host, "service": row.binary, "binary": row.binary, "disabled": row.disabled}
        answer["status"] = "disabled" if row.disabled else "enabled"
        return answer | ({"disabled_reason": reason} if reason else {})

    async def list_zones(self, ctx: Context, req: Request) -> Json:
        """List the zones and whether a service in them is enabled."""
        rows = await self.process.store.run(lambda tx: tx.all(VolumeService))
        zones: dict[str, bool] = {}
        for row in rows:
            zones[row.availability_zone] = zones.get(row.availability_zone, False) or not row.disabled
        return {"availabilityZoneInfo": [{"zoneName": name, "zoneState": {"available": zones[name]}} for name in sorted(zones)]}

    async def list_pools(self, ctx: Context, req: Request) -> Json:
        """List the pools that the scheduler knows; with detail=True what it knows of them."""
        pools = await self.process.rpc.call(ctx, SCHEDULER_TOPIC, "get_pools", {"filters": None})
        if not truth(req.arg("detail")):
            pools = [{"name": pool["name"]} for pool in pools]
        return {"pools": pools}

    # -- limits and quotas --------------------------------------------------------------------

    async def show_limits(self, ctx: Context, req: Request) -> Json:
        """Show limits and usage of the caller's project; operators may name another from 3.39 on."""
        project = ctx.project_id
        if req.version >= (3, 39) and req.arg("project_id") not in (None, project):
            if not ctx.is_admin:
                raise Forbidden("Policy doesn't allow limits_extension:used_limits to be performed.")
            project = req.arg("project_id") or project

        def work(tx: Transaction) -> tuple[dict[str, int], dict[str, int]]:
            return quota.limits_of(tx, self.config.volume_quotas, project), quota.usage_of(tx, project)

        limits, used = await self.process.store.run(work)
        absolute = {}
        for limit_name, resource, used_name in ABSOLUTE:
            absolute[limit_name] = limits[resource]
            absolute[used_name] = used[resource]
        return {"limits": {"rate": [], "absolute": absolute}}

    async def show_quota(self, ctx: Context, req: Request) -> Json:
        """Show a project's limits; with usage=True what it uses of them."""
        project = self._target(ctx, req)

        def work(tx: Transaction) -> tuple[dict[str, int], dict[str, int]]:
            return quota.limits_of(tx, self.config.volume_quotas, project), quota.usage_of(tx, project)

        limits, used = await self.process.store.run(work)
        if truth(req.arg("usage")):
            rows = {name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0, "allocated": 0} for name, limit in limits.items()}
            return {"quota_set": {"id": project, **rows}}
        return {"quota_set": {"id": project, **limits}}

    @staticmethod
    def _target(ctx: Context, req: Request) -> str:
        project = req.params["target"]
        if project != ctx.project_id and not ctx.is_admin:
            raise Forbidden("Policy doesn't allow volume_extension:quotas:show to be performed.")
        return project

    async def show_default_quota(self, ctx: Context, req: Request) -> Json:
        """Show the limits of a project without own ones."""
        project = self._target(ctx, req)
        limits = await self.process.store.run(lambda tx: quota.default_limits(tx, self.config.volume_quotas))
        return {"quota_set": {"id": project, **limits}}

    async def update_quota(self, ctx: Context, req: Request) -> Json:
        """Give a project its own limits."""
        project = req.params["target"]

        def work(tx: Transaction) -> dict[str, int]:
            changes = _limits(req.data.quota_set, quota.default_limits(tx, self.config.volume_quotas))
            quota.set_limits(tx, project, changes)
            return quota.limits_of(tx, self.config.volume_quotas, project)

        return {"quota_set": await self.process.store.run(work)}

    async def delete_quota(self, ctx: Context, req: Request) -> Response:
        """Let the defaults hold for a project again."""
        await self.process.store.run(lambda tx: quota.drop_limits(tx, req.params["target"]))
        return Response(200)

    async def show_quota_class(self, ctx: Context, req: Request) -> Json:
        """Show the limits of a class; only `default` matters."""
        limits = await self.process.store.run(lambda tx: quota.default_limits(tx, self.config.volume_quotas))
        return {"quota_class_set": {"id": req.params["name"], **limits}}

    async def update_quota_class(self, ctx: Context, req: Request) -> Json:
        """Change the limits of a class."""

        def work(tx: Transaction) -> dict[str, int]:
            known = quota.default_limits(tx, self.config.volume_quotas)
            changes = _limits(req.data.quota_class_set, known)
            quota.set_class_limits(tx, req.params["name"], changes)
            return quota.default_limits(tx, self.config.volume_quotas)

        return {"quota_class_set": await self.process.store.run(work)}

    # -- what there is not --------------------------------------------------------------------

    async def list_nothing(self, ctx: Context, req: Request) -> Json:
        """List what this cloud never makes."""
        nouns = {
            "backups": "backups",
            "os-volume-transfer": "transfers",
            "volume-transfers": "transfers",
            "qos-specs": "qos_specs",
            "messages": "messages",
            "group_types": "group_types",
            "groups": "groups",
            "group_snapshots": "group_snapshots",
        }
        segment = next(part for part in req.path.split("/") if part in nouns)
        return {nouns[segment]: []}


def _limits(given: Json, known: dict[str, int]) -> dict[str, int]:
    """Return the limits of a quota body. Raises BadRequest for unknown names and values that are no limits."""
    changes = {name: value for name, value in given.items() if name not in NOT_LIMITS}
    bad = sorted(name for name in changes if name not in known)
    if bad:
        raise BadRequest(f"Bad key(s) in quota set: {','.join(bad)}; known: {', '.join(sorted(known))}")
    return {name: _limit(name, value) for name, value in changes.items()}


def _limit(name: str, value: Any) -> int:
    try:
        limit = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        limit = None
    if limit is None or not -1 <= limit <= 0x7FFFFFFF:
        raise BadRequest(f"Quota limit of {name} must be -1 or a whole number up to 2147483647, not {value!r}.")
    return limit
