"""Volumes and network cards of a living server, on its host.

Source: attach_volume, detach_volume, reserve_block_device_name, attach_interface and detach_interface of
nova/compute/manager.py. What fails half-way is taken back where it was begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import LabError, NotFound
from lab.services.compute.guest import disk_beside, guest_nic, next_device, volume_disk
from lab.services.compute.model import BlockDevice, Server
from lab.services.compute.rpc import brief_device
from lab.services.compute.server_network import remember

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.workbench import Workbench

Json = dict[str, Any]


class Attachments:
    """Adds and removes devices of one host's servers."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._plugged: dict[str, None] = {}
        """Attachments completed in this life, so that a repeated message does not undo what the first one did."""
        self._answers: dict[tuple[str | None, ...], Json] = {}
        """Answers of this life's latest interface requests, for repeated messages."""
        self._cards: dict[str, None] = {}
        """Ports of cards plugged in this life: one that neutron deletes meanwhile may be out of the info cache before its card is in."""

    def _tell(self, ctx: Context, server: Server, what: str, volume_id: str) -> None:
        """The versioned notification that has no legacy twin of that name."""
        self._bench.process.notify(ctx, "", f"instance.{what}", {"instance_id": server.id, "volume_id": volume_id})

    # -- volumes --------------------------------------------------------------------------------

    async def reserve_block_device_name(
        self, ctx: Context, instance: Json, volume_id: str, device: str | None = None, **asked: Any
    ) -> Json:
        """Choose a device name for a volume and record the device; asked again it answers the same one."""
        bench, server = self._bench, Server.load(instance)
        async with bench.locks.hold(server.id):
            devices = await bench.conductor.devices(ctx, server.id)
            known = next((each for each in devices if each.volume_id == volume_id), None)
            if known is not None:
                return brief_device(known)
            taken = [each.device_name for each in devices]
            name = device if device and device not in taken else next_device(taken)
            made = BlockDevice.make(
                id=bench.process.uuid(),
                server_id=server.id,
                created_at=bench.process.runtime.iso(),
                source_type="volume",
                destination_type="volume",
                device_name=name,
                volume_id=volume_id,
                disk_bus=asked.get("disk_bus"),
                device_type=asked.get("device_type"),
                tag=asked.get("tag"),
            )
            answer = await bench.conductor.on(ctx, "BlockDeviceMapping", "create", brief_device(made))
            return dict(answer[0])

    async def attach_volume(self, ctx: Context, instance: Json, bdm: Json) -> None:
        """Connect a reserved volume and plug it into the guest."""
        bench, asked, device = self._bench, Server.load(instance), BlockDevice.load(bdm)
        volume_id, attachment = device.volume_id or "", device.attachment_id or ""
        async with bench.locks.hold(asked.id), bench.event(ctx, asked.id, "compute_attach_volume"):
            if attachment in self._plugged:
                return
            self._tell(ctx, asked, "volume_attach.start", volume_id)
            try:
                server = await bench.conductor.server(ctx, asked.id)
                await self._plug(ctx, server, device)
            except LabError as error:
                told = {"instance_id": asked.id, "volume_id": volume_id, "reason": str(error)}
                bench.process.notify(ctx, "", "instance.volume_attach.error", told, "error")
                await self._unplug(ctx, asked, device)
                raise
            remember(self._plugged, attachment, None)
            told = {"instance_id": server.id, "volume_id": volume_id}
            bench.process.notify(ctx, "compute.instance.volume.attach", "instance.volume_attach.end", told)

    async def _plug(self, ctx: Context, server: Server, device: BlockDevice) -> None:
        bench = self._bench
        assert device.volume_id is not None
        attachment = device.attachment_id
        assert attachment is not None
        await bench.volumes.discover(ctx)
        volume = await bench.volumes.get(ctx, device.volume_id)
        mountpoint = device.device_name or ""
        connection = await bench.volumes.attachment_update(ctx, attachment, bench.connector(), mountpoint)
        device = await bench.conductor.save_device(ctx, device, connection_info=connection, volume_size=int(volume["size"]))
        await bench.driver.attach_disk(server.id, volume_disk(device))
        await bench.volumes.attachment_complete(ctx, attachment)
        await bench.conductor.save_device(ctx, device, attachment_id=attachment)

    async def _unplug(self, ctx: Context, server: Server, device: BlockDevice) -> None:
        """Take a failed attach back: the guest's disk, cinder's attachment, the record."""
        bench = self._bench
        await bench.attempt(ctx, "removing the disk", bench.driver.detach_disk(server.id, device.volume_id or ""))
        if device.attachment_id is not None:
            ending = bench.volumes.attachment_delete(ctx, device.attachment_id)
            if not await bench.attempt(ctx, "ending the attachment", ending):
                return  # the record is how the server's delete finds what is left
        forget = bench.conductor.on(ctx, "BlockDeviceMapping", "destroy", {"id": device.id})
        await bench.attempt(ctx, "forgetting the device", forget)

    async def detach_volume(self, ctx: Context, instance: Json, volume_id: str, attachment_id: str | None = None) -> None:
        """Unplug a volume from the guest and end its attachment; one that cannot be unplugged stays in use."""
        bench, asked = self._bench, Server.load(instance)
        async with bench.locks.hold(asked.id), bench.event(ctx, asked.id, "compute_detach_volume"):
            try:
                found = await bench.conductor.of(ctx, "BlockDeviceMapping", "get_by_volume_and_instance", volume_id, asked.id)
            except NotFound:
                return  # a repeat: detached already
            device = BlockDevice.load(found)
            try:
                server = await bench.conductor.server(ctx, asked.id)
                self._tell(ctx, server, "volume_detach.start", volume_id)
                await bench.volumes.discover(ctx)
                await bench.volumes.get(ctx, volume_id)
                await bench.driver.detach_disk(server.id, volume_id)
            except LabError:
                await bench.attempt(ctx, "taking the detach back", bench.volumes.roll_detaching(ctx, volume_id))
                raise
            attachment = attachment_id or device.attachment_id
            if attachment is not None:
                await bench.volumes.attachment_delete(ctx, attachment)
                self._plugged.pop(attachment, None)
            told = {"instance_id": server.id, "volume_id": volume_id}
            bench.process.notify(ctx, "compute.instance.volume.detach", "instance.volume_detach.end", told)
            await bench.conductor.on(ctx, "BlockDeviceMapping", "destroy", {"id": device.id})

    async def volume_snapshot_create(self, ctx: Context, instance: Json, volume_id: str, new_file: str) -> None:
        """Copy a volume of the server, as it is at one instant, into a file beside its own."""
        bench, asked = self._bench, Server.load(instance)
        found = await bench.conductor.of(ctx, "BlockDeviceMapping", "get_by_volume_and_instance", volume_id, asked.id)
        await bench.driver.copy_disk(asked.id, volume_id, disk_beside(BlockDevice.load(found), new_file))

    # -- network cards --------------------------------------------------------------------------

    async def attach_interface(
        self, ctx: Context, instance: Json, network_id: str | None, port_id: str | None, requested_ip: str | None, tag: str | None = None
    ) -> Json:
        """Give the server a port and plug it into the guest; answers its entry in the info cache."""
        bench, asked = self._bench, Server.load(instance)
        key = (ctx.request_id, asked.id, network_id, port_id, requested_ip)
        async with bench.locks.hold(asked.id), bench.event(ctx, asked.id, "compute_attach_interface"):
            if key in self._answers:
                return self._answers[key]
            server = await bench.conductor.server(ctx, asked.id)
            bench.process.notify(ctx, "", "instance.interface_attach.start", {"instance_id": server.id})
            request = {"network_id": network_id, "port_id": port_id, "fixed_ip": requested_ip, "tag": tag}
            try:
                vif = await bench.network.attach(ctx, server, request)
                try:
                    await bench.driver.attach_nic(server.id, guest_nic(vif))
                    remember(self._cards, vif["port_id"], None)
                except LabError:
                    await bench.attempt(ctx, "removing the card", bench.driver.detach_nic(server.id, vif["port_id"]))
                    undo = bench.network.detach(ctx, server, vif["port_id"], vif["preserve_on_delete"])
                    await bench.attempt(ctx, "taking the port back", undo)
                    raise
            except LabError as error:
                told = {"instance_id": server.id, "reason": str(error)}
                bench.process.notify(ctx, "", "instance.interface_attach.error", told, "error")
                raise
            bench.process.notify(ctx, "", "instance.interface_attach.end", {"instance_id": server.id, "port_id": vif["port_id"]})
            remember(self._answers, key, vif)
            return vif

    async def detach_interface(self, ctx: Context, instance: Json, port_id: str) -> None:
        """Unplug a card from the guest, then delete its port, or free it when it was given; a repeat finds nothing."""
        bench, asked = self._bench, Server.load(instance)
        async with bench.locks.hold(asked.id), bench.event(ctx, asked.id, "compute_detach_interface"):
            server = await bench.conductor.server(ctx, asked.id)
            vif = next((each for each in server.network_info if each["port_id"] == port_id), None)
            if vif is None:
                return
            bench.process.notify(ctx, "", "instance.interface_detach.start", {"instance_id": server.id, "port_id": port_id})
            await bench.driver.detach_nic(server.id, port_id)
            self._cards.pop(port_id, None)
            await bench.network.detach(ctx, server, port_id, vif["preserve_on_delete"])
            bench.process.notify(ctx, "", "instance.interface_detach.end", {"instance_id": server.id, "port_id": port_id})

    async def lost_port(self, ctx: Context, server_id: str, port_id: str) -> None:
        """Neutron deleted a port: unplug its card and forget it. Raises ServerNotFound."""
        bench = self._bench
        async with bench.locks.hold(server_id):
            server = await bench.conductor.server(ctx, server_id)
            plugged = port_id in self._cards or port_id in bench.network.gone
            if not plugged and not any(vif["port_id"] == port_id for vif in server.network_info):
                return
            await bench.driver.detach_nic(server.id, port_id)
            self._cards.pop(port_id, None)
            bench.network.gone.pop(port_id, None)
            await bench.conductor.on(ctx, "VirtualInterface", "destroy", {"id": port_id})
            await bench.network.forget(ctx, server, port_id)
