"""What the flows of one cinder-volume share: its driver, its pool, its records, and a lock per volume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.context import Context
from lab.errors import LabError
from lab.locks import Locks
from lab.process import Process
from lab.services.volume.driver import PoolStats, VolumeDriver
from lab.services.volume.model import Json
from lab.services.volume.records import Ledger
from lab.services.volume.rpc import EXCHANGE, SCHEDULER_TOPIC, SchedulerRpc

__all__ = ["EXCHANGE", "VolumeHost"]


class VolumeHost:
    """One backend as its cinder-volume sees it. `name` is `<host>@<backend>`."""

    def __init__(self, process: Process, driver: VolumeDriver, backend: str) -> None:
        self.process = process
        self.driver = process.drive("volume", driver)
        self.backend = backend
        self.name = f"{process.host}@{backend}"
        self.ledger = Ledger(process)
        self.scheduler_rpc = SchedulerRpc(process)
        self.stats: PoolStats | None = None
        self.ready = asyncio.Event()  # set when what an earlier life left behind is repaired
        self._locks = Locks()

    @asynccontextmanager
    async def only(self, resource_id: str) -> AsyncIterator[None]:
        """Let one flow at a time work on a thing; a repeated message waits and then sees what the first did."""
        await self.ready.wait()
        async with self._locks.hold(resource_id):
            yield

    async def remove(self, ctx: Context, volume_id: str) -> bool:
        """Remove what a failed creation may have left on the backend; say whether that worked."""
        try:
            await self.driver.delete(volume_id)
        except LabError as error:
            self.process.log(ctx, f"Cleaning up volume {volume_id} failed: {error.message}", level="error")
            return False
        return True

    # -- what the scheduler is told -----------------------------------------------------------

    async def measure(self) -> None:
        """Ask the backend for its capacity; the reports carry what was seen last."""
        self.stats = await self.driver.stats()

    def report(self) -> Json:
        """Return the backend's capabilities as the scheduler wants them."""
        config, stats = self.process.config, self.stats
        pools = []
        if stats is not None:
            pools.append(
                {
                    "pool_name": stats.pool,
                    "total_capacity_gb": stats.total_gib,
                    "free_capacity_gb": stats.free_gib,
                    "provisioned_capacity_gb": stats.provisioned_gib,
                    "thin_provisioning_support": stats.thin,
                    "thick_provisioning_support": not stats.thin,
                    "max_over_subscription_ratio": config.max_over_subscription_ratio,
                    "reserved_percentage": config.reserved_percentage,
                }
            )
        capabilities = {
            "volume_backend_name": self.backend,
            "vendor_name": "Glasscloud",
            "storage_protocol": "nfs",
            "driver_version": "1.0",
            "multiattach": True,
            "QoS_support": False,
            "pools": pools,
        }
        return {
            "service_name": "volume",
            "host": self.name,
            "availability_zone": config.availability_zone,
            "capabilities": capabilities,
        }

    def publish(self, ctx: Context) -> None:
        """Tell all schedulers at once."""
        if self.stats is not None:
            self.process.rpc.fanout(ctx, SCHEDULER_TOPIC, "update_service_capabilities", self.report())
