"""A server's block devices on its host: named, made into volumes, connected, and given back.

Source: `_prep_block_device` and `_await_block_device_map_created` of nova/compute/manager.py, nova/virt/block_device.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.services.compute.guest import DEFAULT_ROOT, next_device
from lab.services.compute.model import BlockDevice, BuildAbort, Server
from lab.services.compute.volume_client import volume_name

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.workbench import Workbench

Json = dict[str, Any]


class BlockDevices:
    """Block devices of this host's servers."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    async def name(self, ctx: Context, devices: list[BlockDevice]) -> tuple[list[BlockDevice], str]:
        """Give each device that has none a name, the root disk first, and return the devices and the root's name."""
        taken: list[str | None] = [device.device_name for device in devices]
        order = sorted(range(len(devices)), key=lambda i: not devices[i].is_root)
        named = list(devices)
        for i in order:
            if named[i].device_name is None:
                taken.append(next_device(taken))
                named[i] = await self._bench.conductor.save_device(ctx, named[i], device_name=taken[-1])
        root = next((device.device_name for device in named if device.is_root), None)
        return named, root or DEFAULT_ROOT

    async def prepare(self, ctx: Context, server: Server, devices: list[BlockDevice]) -> None:
        """Make and connect the server's volumes; `devices` is brought up to date in place as they come.

        Raises:
            BuildAbort: a volume could not be made or connected; another host would not help.
        """
        try:
            for i in range(len(devices)):
                if devices[i].destination_type == "volume":
                    if devices[i].volume_id is None:
                        await self._create(ctx, server, devices, i)
                    await self._connect(ctx, server, devices, i)
        except LabError as error:
            raise BuildAbort(str(error)) from error

    async def _create(self, ctx: Context, server: Server, devices: list[BlockDevice], i: int) -> None:
        """Make a volume from an image, a snapshot or nothing; its id is kept before the wait, so that it can be undone."""
        bench, device = self._bench, devices[i]
        request: Json = {
            "name": volume_name(device),
            "description": "",
            "size": device.volume_size,
            "volume_type": device.volume_type,
            "imageRef": device.image_id if device.source_type == "image" else None,
            "snapshot_id": device.snapshot_id,
        }
        volume = await bench.volumes.create(ctx, {k: v for k, v in request.items() if v is not None})
        devices[i] = device = device.evolve(volume_id=volume["id"])
        await bench.conductor.save_device(ctx, device, volume_id=volume["id"])
        await bench.volumes.wait_created(ctx, volume["id"])

    async def _connect(self, ctx: Context, server: Server, devices: list[BlockDevice], i: int) -> None:
        """Attach a volume to the server and export it to this host."""
        bench, device = self._bench, devices[i]
        assert device.volume_id is not None
        attachment = device.attachment_id
        if attachment is None:
            attachment = await bench.volumes.attachment_create(ctx, device.volume_id, server.id)
            devices[i] = device = device.evolve(attachment_id=attachment)
        connection = await bench.volumes.attachment_update(ctx, attachment, bench.connector(), device.device_name or "")
        devices[i] = await bench.conductor.save_device(ctx, device, attachment_id=attachment, connection_info=connection)
        await bench.volumes.attachment_complete(ctx, attachment)

    async def release(self, ctx: Context, server: Server, devices: list[BlockDevice], *, delete: bool, sweep: bool = False) -> bool:
        """End the attachments of a server's volumes, and with `delete` the volumes that are to end with it.

        Each step is tried whatever became of the others; False when one failed. With `sweep` what a repeated or unanswered
        request made is looked for too.
        """
        bench, done = self._bench, True
        for i, device in enumerate(devices):
            if device.destination_type != "volume":
                continue
            if device.source_type != "volume" and (sweep or device.volume_id is None):
                strays = bench.volumes.delete_strays(ctx, device, devices)
                done &= await bench.attempt(ctx, "deleting stray volumes", strays)
            if device.volume_id is None:
                continue
            if device.attachment_id is not None:
                ended = await bench.attempt(ctx, "ending the attachment", bench.volumes.attachment_delete(ctx, device.attachment_id))
                done &= ended
                if ended:
                    devices[i] = device.evolve(attachment_id=None, connection_info=None)
                    forget = bench.conductor.save_device(ctx, device, attachment_id=None, connection_info=None)
                    await bench.attempt(ctx, "forgetting the attachment", forget)
            else:
                stray = bench.volumes.release(ctx, server.id, device.volume_id)
                done &= await bench.attempt(ctx, "ending stray attachments", stray)
            if delete and device.delete_on_termination:
                done &= await bench.attempt(ctx, "deleting the volume", bench.volumes.delete(ctx, device.volume_id))
        return done
