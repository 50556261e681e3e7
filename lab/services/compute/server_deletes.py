"""nova-api's part of deleting servers: the host does it, or nova-api itself when no living host has the server.

Source: `_delete`, `_delete_while_booting` and `_local_delete` of nova/compute/api.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import Conflict, LabError
from lab.services.compute import notifications, records
from lab.services.compute.model import BlockDevice, InstanceAction, Server, ServerNotFound
from lab.services.compute.network_client import Networks
from lab.services.compute.placement_client import Placement
from lab.services.compute.rpc import ComputeRpc, brief_device
from lab.services.compute.server_network import free_ports
from lab.services.compute.servicegroup import host_is_up
from lab.services.compute.states import DELETING
from lab.services.compute.volume_client import Volumes

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction


class ServerDeleter:
    """Deletes servers for one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._compute = ComputeRpc(process)
        self._networks = Networks(process)
        self._volumes = Volumes(process)
        self._placement = Placement(process)

    async def delete_server(self, ctx: Context, server: Server, force: bool = False) -> None:
        """Begin a delete; asked again it begins again, so that a delete that got lost can be repeated.

        Raises:
            Conflict: the server is locked.
            LabError: nova-api deletes it itself and could not reach another service; the server stays `deleting`.
        """
        process = self._process
        now = process.runtime.iso()

        def had_volumes(tx: Transaction) -> bool:
            return any(action.action == "attach_volume" for action in tx.find(InstanceAction, server_id=server.id))

        def mark(tx: Transaction) -> tuple[Server, Server, bool]:
            current = records.need_server(tx, server.id)
            if current.locked and not ctx.is_admin:
                raise Conflict(f"Instance {server.id} is locked")
            records.start_action(tx, ctx, current, "delete", now)
            # A conductor that still looks for a host finds the request gone and gives back what it claimed.
            waiting = records.drop_build_request(tx, server.id)
            old, new = records.change(tx, server.id, now, {"task_state": DELETING, "progress": 0})
            return old, new, not waiting

        old, new, scheduled = await process.store.run(mark)
        notifications.updated(process, ctx, old, new)
        devices = await process.store.run(lambda tx: tx.find(BlockDevice, server_id=server.id))
        host = new.host
        if host is not None and await process.store.run(lambda tx: host_is_up(tx, process, host)):
            told = {"had_volumes": True} if await process.store.run(had_volumes) else {}
            self._compute.cast(ctx, new, "terminate_instance", bdms=[brief_device(device) for device in devices], **told)
            return
        if await process.store.run(had_volumes):
            await self._volumes.release(ctx, server.id)
        await self._delete_here(ctx, new, devices, scheduled)

    async def _delete_here(self, ctx: Context, server: Server, devices: list[BlockDevice], scheduled: bool) -> None:
        """Delete without a host: ports, volumes, allocations, record. What a dead host still has it removes when it is back."""
        process = self._process
        if server.host is not None:
            process.log(ctx, f"instance's host {server.host} is down, deleting from database", "warning")
        notifications.usage(process, ctx, server, "delete.start")
        if scheduled:
            kept = {vif["port_id"] for vif in server.network_info if vif["preserve_on_delete"]}
            await free_ports(self._networks, ctx, server.id, kept)
        for device in devices:
            if device.destination_type == "volume":
                if scheduled and device.source_type != "volume":
                    await self._volumes.delete_strays(ctx, device, devices)
                await self._release_volume(ctx, server, device)
        # Also of one that had no host yet: the conductor that was to give them back may have died with them.
        await self._placement.release(ctx, server.id)
        now = process.runtime.iso()
        try:
            old, new = await process.store.run(lambda tx: records.destroy(tx, server.id, now))
        except ServerNotFound:
            return
        notifications.updated(process, ctx, old, new)
        notifications.usage(process, ctx, new, "delete.end")

    async def _release_volume(self, ctx: Context, server: Server, device: BlockDevice) -> None:
        if device.volume_id is None:
            return
        if device.attachment_id is not None:
            await self._volumes.attachment_delete(ctx, device.attachment_id)
        else:
            await self._volumes.release(ctx, server.id, device.volume_id)
        if device.delete_on_termination:
            try:
                await self._volumes.delete(ctx, device.volume_id)
            except LabError as error:
                self._process.log(ctx, f"volume {device.volume_id} could not be deleted: {error}", "warning")
