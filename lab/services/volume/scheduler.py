"""cinder-scheduler: chooses the backend for new volumes, and checks its room before a volume grows or is kept.

It knows backends from what they report; what it placed since the last report it counts itself.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.process import Process
from lab.rpc.client import Handler
from lab.runtime import NANOSECOND
from lab.services.volume.filters import Backend, Choice, Wanted, choose
from lab.services.volume.heartbeat import Heartbeat, is_up
from lab.services.volume.model import Json, NoValidBackend, Volume, VolumeService, VolumeSnapshot
from lab.services.volume.records import Ledger, usage
from lab.services.volume.rpc import EXCHANGE, SCHEDULER_TOPIC, VERSION, VOLUME_TOPIC, VolumeRpc

WARM_UP_S = 60  # how long the first requests wait for backends to report; cinder's scheduler_driver_init_wait_time
NOTHING_LEFT = "No weighed backends available"  # cinder/scheduler/filter_scheduler.py


class CinderScheduler:
    """The process that decides where volumes go; restarts lose nothing but what the backends tell again."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ledger = Ledger(process)
        self.volume_rpc = VolumeRpc(process)
        self.backends: dict[str, Backend] = {}

    def start(self) -> None:
        """Listen, and ask the backends to tell what they have."""
        process = self.process
        handlers: dict[str, Handler] = {
            "create_volume": self.create_volume,
            "create_snapshot": self.create_snapshot,
            "extend_volume": self.extend_volume,
            "update_service_capabilities": self.update_service_capabilities,
            "get_pools": self.get_pools,
        }
        process.rpc.serve(SCHEDULER_TOPIC, handlers, host=process.host, fanout=True, exchange=EXCHANGE, version=VERSION)
        Heartbeat(process, process.host).start()
        process.rpc.fanout(process.context(periodic=True), VOLUME_TOPIC, "publish_service_capabilities", {})

    # -- what backends tell -------------------------------------------------------------------

    async def update_service_capabilities(self, ctx: Context, reports: list[Json] | None = None, **report: Any) -> None:
        """Take the newest state of one backend (told at its start) or of many (the periodic reports)."""
        for row in reports if reports is not None else [report]:
            for pool in row["capabilities"]["pools"]:
                host = f"{row['host']}#{pool['pool_name']}"
                self.backends[host] = Backend(
                    host=host,
                    availability_zone=row["availability_zone"],
                    total_gib=pool["total_capacity_gb"],
                    free_gib=pool["free_capacity_gb"],
                    provisioned_gib=pool["provisioned_capacity_gb"],
                    thin=pool["thin_provisioning_support"],
                    over_subscription=pool["max_over_subscription_ratio"],
                    reserved_percentage=pool["reserved_percentage"],
                    capabilities={**row["capabilities"], **pool},
                )

    async def get_pools(self, ctx: Context, filters: Json | None = None) -> list[Json]:
        """Return what is known of all pools."""
        rows = []
        for host, backend in sorted(self.backends.items()):
            known = {k: v for k, v in backend.capabilities.items() if k != "pools"}
            now = {"free_capacity_gb": backend.free_gib, "provisioned_capacity_gb": backend.provisioned_gib}
            rows.append({"name": host, "capabilities": known | now})
        return rows

    async def _usable(self) -> list[Backend]:
        """Return the backends whose service is enabled and lives; wait a little when none told anything yet."""
        deadline = self.process.runtime.now_ns() + WARM_UP_S * NANOSECOND
        while not self.backends and self.process.runtime.now_ns() < deadline:
            await self.process.sleep(1)
        services = await self.process.store.run(lambda tx: tx.find(VolumeService, binary="cinder-volume"))
        now, down_s = self.process.runtime.now_ns(), self.process.config.service_down_time_s
        up = {s.host for s in services if not s.disabled and is_up(s, now, down_s)}
        return [backend for host, backend in self.backends.items() if host.partition("#")[0] in up]

    # -- new volumes --------------------------------------------------------------------------

    async def create_volume(self, ctx: Context, volume: Json, request_spec: Json, filter_properties: Json, **_: Any) -> None:
        """Choose a backend and hand the volume over, or give it up as `error`."""
        attempt = filter_properties.get("retry", {}).get("num_attempts", 0)
        backends = await self._usable()
        record = await self.ledger.volume(volume["id"])
        if record is None or record.status != "creating" or record.host is not None or record.attempt != attempt:
            return  # a repeated message, or the volume was deleted meanwhile
        attempt += 1
        try:
            if attempt > self.process.config.max_attempts:
                limit = self.process.config.max_attempts
                raise NoValidBackend(f"Exceeded max scheduling attempts {limit} for volume {record.id}")
            host = self._place(ctx, record, request_spec, backends)
        except NoValidBackend as error:
            await self._give_up(ctx, record, error, request_spec)
            return
        now = self.process.runtime.iso_us()
        placed = await self.ledger.move(ctx, record.id, "creating", ("creating",), host=host, scheduled_at=now, attempt=attempt)
        if placed is None:
            return
        self.backends[host] = self.backends[host].taking(record.size)
        properties = {
            "retry": {"num_attempts": attempt, "backends": [host], "hosts": [host]},
            "config_options": {},
            "volume_type": request_spec.get("volume_type"),
            "resource_type": request_spec.get("volume_type"),
            "size": record.size,
            "availability_zone": record.availability_zone,
            "user_id": record.user_id,
        }
        self.volume_rpc.create_volume(ctx, placed, request_spec, properties)

    def _place(self, ctx: Context, volume: Volume, request_spec: Json, backends: list[Backend]) -> str:
        volume_type = request_spec.get("volume_type") or {}
        wanted = Wanted(
            size=volume.size,
            availability_zone=volume.availability_zone,
            extra_specs=tuple(sorted(volume_type.get("extra_specs", {}).items())),
            only_host=request_spec.get("resource_backend"),
        )
        choice = choose(backends, wanted)
        self._tell(ctx, volume.id, choice)
        if not choice.ranked:
            raise NoValidBackend(NOTHING_LEFT)
        return choice.ranked[0][0]

    def _tell(self, ctx: Context, volume_id: str, choice: Choice) -> None:
        """Put the decision into the journal: who fell out where and why, who won and with which weight."""
        body = {
            "filters": [
                {"filter": name, "left": left, "refused": [{"host": h, "reason": r} for h, r in reasons]}
                for name, left, reasons in choice.steps
            ],
            "weights": [{"host": host, "CapacityWeigher": {"raw": raw, "normalised": weight}} for host, raw, weight in choice.ranked],
        }
        winner = choice.ranked[0][0] if choice.ranked else ""
        status = "ok" if winner else "none"
        self.process.entry(ctx, "decision", winner or "none", "schedule_volume", where=volume_id, status=status, body=body)
        for name, left, _ in choice.steps:
            if not left:
                self.process.log(ctx, f"Filter {name} returned 0 hosts")
                break

    async def _give_up(self, ctx: Context, volume: Volume, error: NoValidBackend, request_spec: Json) -> None:
        self.process.log(
            ctx,
            f"Failed to run task cinder.scheduler.flows.create_volume.ScheduleCreateVolumeTask;volume:create: {error.message}",
            level="error",
        )
        payload = {"state": "error", "method": "create_volume", "reason": error.message, "volume_id": volume.id}
        self.process.notify(ctx, "scheduler.create_volume", None, payload, level="error")
        await self.ledger.move(ctx, volume.id, "error", ("creating",))

    # -- volumes that exist -------------------------------------------------------------------

    async def create_snapshot(self, ctx: Context, volume: Json, snapshot: Json, backend: str) -> None:
        """Hand the snapshot over when its volume's backend has room for it, else give it up as `error`."""
        record, parent = await self.ledger.snapshot(snapshot["id"]), await self.ledger.volume(volume["id"])
        if record is None or parent is None or record.status != "creating":
            return
        if not await self._has_room(ctx, parent, record.volume_size):
            await self.ledger.move_snapshot(ctx, record.id, "error", ("creating",))
            return
        self.volume_rpc.create_snapshot(ctx, parent, VolumeSnapshot.load(snapshot))

    async def extend_volume(self, ctx: Context, volume: Json, new_size: int) -> None:
        """Hand the growth over when the backend has room for it, else leave the volume as it was."""
        record = await self.ledger.volume(volume["id"])
        if record is None or record.status != "extending" or record.extending_to != new_size:
            return
        if await self._has_room(ctx, record, new_size - record.size):
            self.volume_rpc.extend_volume(ctx, record, new_size)
            return
        payload = usage(record, method="extend_volume", reason=NOTHING_LEFT)
        self.process.notify(ctx, "scheduler.extend_volume", None, payload, level="error")
        before = record.previous_status or "available"
        await self.ledger.move(ctx, record.id, before, ("extending",), extending_to=None, previous_status=None)

    async def _has_room(self, ctx: Context, volume: Volume, size: int) -> bool:
        choice = choose(await self._usable(), Wanted(size=size, only_host=volume.host))
        if not choice.ranked:
            self._tell(ctx, volume.id, choice)
            return False
        host = choice.ranked[0][0]
        self.backends[host] = self.backends[host].taking(size)
        return True


def start(process: Process) -> None:
    """Build cinder-scheduler on this process."""
    CinderScheduler(process).start()
