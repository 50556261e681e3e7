"""Ending a server on its host: guest, ports, volumes, allocations, record, in that order; each repeat goes on where it broke.

Source: `_delete_instance`, `_shutdown_instance` and `_complete_deletion` of nova/compute/manager.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import LabError, VolumeError
from lab.services.compute import notifications
from lab.services.compute.model import BlockDevice, Server, ServerNotFound
from lab.services.compute.rpc import SCHEDULER
from lab.services.compute.states import DELETED, NOSTATE

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.block_devices import BlockDevices
    from lab.services.compute.workbench import Workbench

Json = dict[str, Any]


class Terminator:
    """Deletes servers from one host."""

    def __init__(self, bench: Workbench, block_devices: BlockDevices) -> None:
        self._bench, self._block_devices = bench, block_devices

    async def terminate_instance(self, ctx: Context, instance: Json, bdms: list[Json] | None = None, had_volumes: bool = False) -> None:
        """Delete the server; a repeat finds nothing left to do. `had_volumes`: one was attached once, now perhaps no more."""
        bench, server = self._bench, Server.load(instance)
        async with bench.locks.hold(server.id):
            try:
                async with bench.event(ctx, server.id, "compute_terminate_instance"):
                    devices = [BlockDevice.load(each) for each in bdms or []]
                    await self.delete(ctx, server, devices, had_volumes=had_volumes)
            except ServerNotFound:
                bench.process.log(ctx, f"Instance {server.id} is deleted already.")
            except LabError as error:
                notifications.failed(bench.process, ctx, server, "delete", error)
                await bench.set_error(ctx, server, error)
                raise

    async def delete(self, ctx: Context, server: Server, devices: list[BlockDevice], *, had_volumes: bool) -> None:
        """Take everything of the server from this host and end its record. The caller holds the server's lock."""
        bench = self._bench
        bench.usage(ctx, server, "delete.start")
        server = await self._shutdown(ctx, server, devices, had_volumes)
        terminated = bench.process.runtime.iso()
        server = await bench.conductor.save(ctx, server, vm_state=DELETED, task_state=None, power_state=NOSTATE, terminated_at=terminated)
        await self._complete(ctx, server)
        bench.usage(ctx, server, "delete.end")

    async def _shutdown(self, ctx: Context, server: Server, devices: list[BlockDevice], had_volumes: bool) -> Server:
        """Guest, ports, volumes. The guest goes first, so that nothing is taken from under it."""
        bench = self._bench
        bench.usage(ctx, server, "shutdown.start")
        await bench.conductor.of(ctx, "ShareMappingList", "get_by_instance_uuid", server.id)
        await bench.driver.destroy(server.id)
        await bench.network.deallocate(ctx, server)
        released = await self._block_devices.release(ctx, server, devices, delete=True, sweep=True)
        if had_volumes or any(device.destination_type == "volume" for device in devices):
            strays = bench.volumes.release(ctx, server.id)
            released &= await bench.attempt(ctx, "ending stray attachments", strays)
        if not released:
            raise VolumeError(f"volumes of server {server.id} could not be given back; delete it again")
        bench.usage(ctx, server, "shutdown.end")
        return server

    async def _complete(self, ctx: Context, server: Server) -> None:
        """What other places hold of the server, and last its record."""
        bench, conductor = self._bench, self._bench.conductor
        await conductor.of(ctx, "ResourceList", "get_by_instance_uuid", server.id)
        await bench.tracker.update_usage(ctx, server)
        await bench.tracker.placement.release(ctx, server.id)
        await conductor.of(ctx, "ConsoleAuthToken", "clean_console_auths_for_instance", server.id)
        told = {"host_name": bench.host, "instance_uuid": server.id}
        bench.process.rpc.fanout(ctx, SCHEDULER, "delete_instance_info", told)
        await conductor.on(ctx, "Instance", "destroy", {"id": server.id})
