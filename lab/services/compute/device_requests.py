"""nova-api's part of attaching and detaching volumes and network cards.

Source: attach_volume, detach_volume, attach_interface and detach_interface of nova/compute/api.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, DriverError, NotFound, RemoteError, RemoteFault
from lab.services.compute import records
from lab.services.compute.model import BlockDevice, BuildAbort, Server
from lab.services.compute.network_requests import NetworkRequests
from lab.services.compute.rpc import ComputeRpc, ConductorApi
from lab.services.compute.states import check_command
from lab.services.compute.volume_client import Volumes

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]

# What the conductor is told of a volume. Source: the fields that nova's volume API keeps of cinder's answer.
_TOLD = ("id", "status", "size", "availability_zone", "created_at", "multiattach")


class DeviceRequests:
    """Attaches and detaches for one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._volumes = Volumes(process)
        self._networks = NetworkRequests(process)
        self._conductor = ConductorApi(process)
        self._compute = ComputeRpc(process)

    async def _begin(self, ctx: Context, server: Server, command: str) -> Server:
        """Check that the server may be changed so now, and note the action."""
        now = self._process.runtime.iso()

        def write(tx: Transaction) -> Server:
            current = records.need_server(tx, server.id)
            check_command(current, command, is_admin=ctx.is_admin)
            if current.host is None:
                raise Conflict(f"Instance {server.id} is not ready")
            records.start_action(tx, ctx, current, command, now)
            return current

        return await self._process.store.run(write)

    async def _volume(self, ctx: Context, volume_id: str) -> Json:
        try:
            return await self._volumes.get(ctx, volume_id)
        except RemoteFault as fault:
            if fault.status != 404:
                raise
            raise NotFound(f"Volume {volume_id} could not be found.") from fault

    async def attach_volume(
        self, ctx: Context, server: Server, volume_id: str, device: str | None, tag: str | None, delete_on_termination: bool
    ) -> BlockDevice:
        """Have a volume attached; returns its device once the host has begun.

        Raises:
            NotFound: no such volume. BadRequest: it is attached or not available. Conflict: the server's state forbids it.
        """
        server = await self._begin(ctx, server, "attach_volume")
        volume = await self._volume(ctx, volume_id)
        if await self._device(server.id, volume_id) is not None:
            raise BadRequest(f"Invalid volume: volume {volume_id} already attached")
        if volume["status"] != "available" and not (volume.get("multiattach") and volume["status"] == "in-use"):
            raise BadRequest(f"Invalid volume: volume '{volume_id}' status must be 'available'. Currently in '{volume['status']}'")
        request: Json = {
            "volume": {name: volume.get(name) for name in _TOLD},
            "device": device,
            "disk_bus": None,
            "device_type": None,
            "tag": tag,
            "supports_multiattach": False,
            "delete_on_termination": delete_on_termination,
        }
        await self._conductor.attach_volume(ctx, server, request)
        made = await self._device(server.id, volume_id)
        if made is None:
            raise Conflict(f"Volume {volume_id} was not attached to instance {server.id}; see the server's events")
        return made

    async def _device(self, server_id: str, volume_id: str) -> BlockDevice | None:
        return await self._process.store.run(lambda tx: tx.one(BlockDevice, server_id=server_id, volume_id=volume_id))

    async def detach_volume(self, ctx: Context, server: Server, volume_id: str) -> None:
        """Begin to detach a volume.

        Raises:
            NotFound: it is not attached here. BadRequest: it is the root disk, or cinder says it is not in use.
        """
        server = await self._begin(ctx, server, "detach_volume")
        volume = await self._volume(ctx, volume_id)
        device = await self._device(server.id, volume_id)
        if device is None:
            raise NotFound(f"Instance {server.id} is not attached to volume {volume_id}")
        if device.is_root:
            raise BadRequest("Cannot detach a root device volume")
        if volume["status"] not in ("in-use", "detaching"):
            raise BadRequest(
                "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
            )
        try:
            await self._volumes.begin_detaching(ctx, volume_id)
        except RemoteFault as fault:
            raise BadRequest(f"Invalid volume: {fault.message}") from fault
        self._compute.cast(ctx, server, "detach_volume", volume_id=volume_id, attachment_id=device.attachment_id)

    async def copy_volume(self, ctx: Context, volume_id: str, new_file: str) -> None:
        """Have an attached volume copied, as it is at one instant, into a file beside its own; waits for the host.

        Raises:
            NotFound: no server has it. Conflict: the host could not copy it; nothing was changed.
        """

        def read(tx: Transaction) -> Server:
            device = next(iter(tx.find(BlockDevice, volume_id=volume_id)), None)
            if device is None:
                raise NotFound(f"No server has volume {volume_id}")
            return records.need_server(tx, device.server_id)

        server = await self._process.store.run(read)
        if server.host is None:
            raise Conflict(f"Instance {server.id} is not ready")
        try:
            await self._compute.call(ctx, server, "volume_snapshot_create", long=True, volume_id=volume_id, new_file=new_file)
        except (DriverError, RemoteFault, RemoteError) as error:
            raise Conflict(f"Volume {volume_id} could not be copied: {error}") from error

    async def update_block_device(self, ctx: Context, server: Server, bdm: BlockDevice, delete_on_termination: bool) -> None:
        """Say whether a volume ends with the server."""
        now = self._process.runtime.iso()
        await self._process.store.run(lambda tx: tx.update(bdm, delete_on_termination=delete_on_termination, updated_at=now))

    async def attach_interface(
        self, ctx: Context, server: Server, network_id: str | None, port_id: str | None, fixed_ip: str | None, tag: str | None
    ) -> str:
        """Give the server one more card and return its port's id; waits for the host.

        Raises:
            BadRequest, Conflict: the network or port cannot be used, or the server's state forbids it.
        """
        server = await self._begin(ctx, server, "attach_interface")
        if port_id is not None:
            network_id = await self._networks.network_of_port(ctx, port_id)
        elif network_id is None:
            network_id = await self._networks.only_network(ctx)
        try:
            vif: Json = await self._compute.call(
                ctx, server, "attach_interface", network_id=network_id, port_id=port_id, requested_ip=fixed_ip, tag=tag
            )
        except (RemoteFault, RemoteError, BuildAbort) as error:
            raise BadRequest(f"Failed to attach interface: {error}") from error
        return str(vif["port_id"])

    async def detach_interface(self, ctx: Context, server: Server, port_id: str) -> None:
        """Begin to take a card away. Raises NotFound when the server has no such port."""
        server = await self._begin(ctx, server, "detach_interface")
        if not any(vif["port_id"] == port_id for vif in server.network_info):
            raise NotFound(f"Port {port_id} could not be found.")
        self._compute.cast(ctx, server, "detach_interface", port_id=port_id)
