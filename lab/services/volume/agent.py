"""cinder-volume: owns the volumes of one backend, and is the only one who talks to its driver.

It holds the volume records through the store, as upstream does. Its start repairs what an earlier life left.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.process import Process
from lab.rpc.client import Handler
from lab.services.volume.attach_flow import AttachFlow
from lab.services.volume.change_flow import ChangeFlow
from lab.services.volume.create_flow import CreateFlow
from lab.services.volume.driver import VolumeDriver
from lab.services.volume.heartbeat import Heartbeat
from lab.services.volume.host import VolumeHost
from lab.services.volume.model import Volume, VolumeSnapshot, service_host
from lab.services.volume.rpc import EXCHANGE, SCHEDULER_TOPIC, VERSION, VOLUME_TOPIC
from lab.store import Transaction

STATS_INTERVAL_S = 60  # cinder's periodic_interval, at which volume statistics are refreshed and reported
SETUP_RETRY_S = 10  # how often a backend that does not answer at the start is asked again


class CinderVolume:
    """The manager of one backend."""

    def __init__(self, process: Process, driver: VolumeDriver, backend: str) -> None:
        self.process = process
        self.host = VolumeHost(process, driver, backend)
        self.creating = CreateFlow(self.host)
        self.changing = ChangeFlow(self.host)
        self.attaching = AttachFlow(self.host)

    def start(self) -> None:
        """Listen; nothing is handled before the repair is done."""
        process, create, change, attach = self.process, self.creating, self.changing, self.attaching
        handlers: dict[str, Handler] = {
            "create_volume": create.create_volume,
            "delete_volume": change.delete_volume,
            "extend_volume": change.extend_volume,
            "create_snapshot": change.create_snapshot,
            "delete_snapshot": change.delete_snapshot,
            "attachment_update": attach.attachment_update,
            "attachment_delete": attach.attachment_delete,
            "attach_volume": attach.attach_volume,
            "detach_volume": attach.detach_volume,
            "initialize_connection": attach.initialize_connection,
            "terminate_connection": attach.terminate_connection,
            "publish_service_capabilities": self.publish_service_capabilities,
        }
        process.rpc.serve(VOLUME_TOPIC, handlers, host=self.host.name, fanout=True, exchange=EXCHANGE, version=VERSION)
        process.rpc.serve(f"{VOLUME_TOPIC}.{self.host.name}", handlers, host=process.host, exchange=EXCHANGE, version=VERSION)
        process.spawn(self._init_host(), "init_host")

    async def publish_service_capabilities(self, ctx: Context) -> None:
        """Answer a scheduler that has just started."""
        self.host.publish(ctx)

    async def _init_host(self) -> None:
        """Wait for the backend, repair, then begin to work. Source: cinder/volume/manager.py (init_host)."""
        ctx, host = self.process.context(periodic=True), self.host
        while host.stats is None:
            try:
                await host.measure()
            except LabError as error:
                self.process.log(ctx, f"Failed to initialize driver of {host.name}: {error.message}", level="error")
                await self.process.sleep(SETUP_RETRY_S)
        volumes, snapshots = await self.process.store.run(self._left_behind)
        await self._repair(ctx, volumes, snapshots)
        Heartbeat(self.process, host.name).start()
        host.ready.set()
        host.publish(ctx)
        self.process.rpc.report(SCHEDULER_TOPIC, "update_service_capabilities", STATS_INTERVAL_S, host.report)
        self.process.every(STATS_INTERVAL_S, host.measure, "update_stats")
        for volume in volumes:
            if volume.status == "deleting":
                self.process.spawn(self.changing.delete_volume(ctx, {"id": volume.id}), "resume delete")
        for snapshot in snapshots:
            if snapshot.status == "deleting":
                self.process.spawn(self.changing.delete_snapshot(ctx, {"id": snapshot.id}), "resume delete")

    def _left_behind(self, tx: Transaction) -> tuple[list[Volume], list[VolumeSnapshot]]:
        volumes = [v for v in tx.all(Volume) if v.host is not None and service_host(v.host) == self.host.name]
        snapshots = [s for v in volumes for s in tx.find(VolumeSnapshot, volume_id=v.id)]
        return volumes, snapshots

    async def _repair(self, ctx: Context, volumes: list[Volume], snapshots: list[VolumeSnapshot]) -> None:
        """Whatever was being made has failed; whatever was being deleted goes on after the start."""
        ledger = self.host.ledger
        for volume in volumes:
            if volume.status in ("creating", "downloading"):
                await ledger.move(ctx, volume.id, "error", (volume.status,))
            elif volume.status == "extending":
                await ledger.move(ctx, volume.id, "error_extending", ("extending",), extending_to=None)
        for snapshot in snapshots:
            if snapshot.status == "creating":
                await ledger.move_snapshot(ctx, snapshot.id, "error", ("creating",))


def start(process: Process, driver: VolumeDriver, backend: str = "nas") -> None:
    """Build cinder-volume for one backend on this process."""
    CinderVolume(process, driver, backend).start()
