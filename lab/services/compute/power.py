"""Stop, start, pause and reboot on a server's host, and what follows when a guest changes its power by itself.

Source: stop_instance, start_instance, pause_instance, unpause_instance, reboot_instance and `_sync_instance_power_state` of
nova/compute/manager.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, RemoteFault, TransportError
from lab.services.compute.guest import guest_nic, volume_disk
from lab.services.compute.model import BlockDevice, Server, ServerNotFound
from lab.services.compute.states import (
    ACTIVE,
    CRASHED,
    PAUSED,
    PAUSING,
    POWER_PAUSED,
    POWERING_OFF,
    POWERING_ON,
    REBOOT_PENDING,
    REBOOT_PENDING_HARD,
    REBOOT_STARTED,
    REBOOT_STARTED_HARD,
    REBOOTING,
    REBOOTING_HARD,
    RUNNING,
    SHUTDOWN,
    STOPPED,
    UNPAUSING,
)

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.workbench import Workbench

Json = dict[str, Any]
Drive = Callable[[str], Awaitable[Any]]
"""A call of the hypervisor driver about one server, by its id."""

POWER_TASKS: list[str | None] = [
    POWERING_OFF, POWERING_ON, PAUSING, UNPAUSING,
    REBOOTING, REBOOT_PENDING, REBOOT_STARTED, REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD,
]  # fmt: skip
"""What a failed power command may end: not the task of a delete that came meanwhile."""


class Power:
    """The power of one host's servers."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    @asynccontextmanager
    async def _task(self, ctx: Context, server: Server, event: str) -> AsyncIterator[None]:
        """One power command: under the server's lock, as an event; a failure ends the task and keeps the state, with a fault.

        Source: the decorators `reverts_task_state` and `wrap_instance_fault`.
        """
        bench = self._bench
        async with bench.locks.hold(server.id), bench.event(ctx, server.id, event):
            try:
                yield
            except ServerNotFound:
                raise
            except LabError as error:
                revert = bench.conductor.save(ctx, server, POWER_TASKS, task_state=None, fault=bench.fault(error))
                await bench.attempt(ctx, f"ending {server.task_state}", revert)
                raise

    async def stop_instance(self, ctx: Context, instance: Json, clean_shutdown: bool = True) -> None:
        """Power the guest off, by its own shutdown first when it may take its time."""
        bench, asked = self._bench, Server.load(instance)
        async with self._task(ctx, asked, "compute_stop_instance"):
            server = await bench.conductor.server(ctx, asked.id)
            if server.task_state != POWERING_OFF:
                return  # a repeat: done already
            bench.process.notify(ctx, "compute.instance.power_off.start", None, {"instance_id": server.id})
            server = await bench.conductor.server(ctx, asked.id)
            bench.process.notify(ctx, "", "instance.power_off.start", {"instance_id": server.id})
            await bench.conductor.of(ctx, "ShareMappingList", "get_by_instance_uuid", server.id)
            timeout = bench.process.config.shutdown_timeout_s if clean_shutdown else 0.0
            await bench.driver.power_off(server.id, timeout)
            server = await bench.conductor.save(ctx, server, [POWERING_OFF, None], vm_state=STOPPED, task_state=None, power_state=SHUTDOWN)
            bench.usage(ctx, server, "power_off.end")

    async def start_instance(self, ctx: Context, instance: Json) -> None:
        """Power the guest on, after another look at its ports and volumes."""
        bench, asked = self._bench, Server.load(instance)
        async with self._task(ctx, asked, "compute_start_instance"):
            server = await bench.conductor.server(ctx, asked.id)
            if server.task_state != POWERING_ON:
                return  # a repeat: done already
            bench.process.notify(ctx, "compute.instance.power_on.start", None, {"instance_id": server.id})
            server = await bench.conductor.server(ctx, asked.id)
            bench.process.notify(ctx, "", "instance.power_on.start", {"instance_id": server.id})
            await bench.network.refresh(ctx, server.id, server.project_id)
            await bench.conductor.devices(ctx, server.id)
            await bench.conductor.of(ctx, "ShareMappingList", "get_by_instance_uuid", server.id)
            await bench.driver.power_on(server.id)
            server = await bench.conductor.save(ctx, server, [POWERING_ON], vm_state=ACTIVE, task_state=None, power_state=RUNNING)
            bench.usage(ctx, server, "power_on.end")

    async def pause_instance(self, ctx: Context, instance: Json) -> None:
        """Hold the guest still."""
        await self._hold(ctx, Server.load(instance), "pause", self._bench.driver.pause, (PAUSING, PAUSED, POWER_PAUSED))

    async def unpause_instance(self, ctx: Context, instance: Json) -> None:
        """Let the guest go on."""
        await self._hold(ctx, Server.load(instance), "unpause", self._bench.driver.unpause, (UNPAUSING, ACTIVE, RUNNING))

    async def _hold(self, ctx: Context, asked: Server, verb: str, drive: Drive, states: tuple[str, str, int]) -> None:
        """Pause or unpause by the driver, between the task state that asks for it and the server's and the power state that it leads to."""
        bench, (doing, vm_state, power_state) = self._bench, states
        async with self._task(ctx, asked, f"compute_{verb}_instance"):
            server = await bench.conductor.server(ctx, asked.id)
            if server.task_state != doing:
                return  # a repeat: done already
            bench.usage(ctx, server, f"{verb}.start")
            await drive(server.id)
            server = await bench.conductor.save(ctx, server, [doing], vm_state=vm_state, task_state=None, power_state=power_state)
            bench.usage(ctx, server, f"{verb}.end")

    async def reboot_instance(self, ctx: Context, instance: Json, block_device_info: Json | None = None, reboot_type: str = "SOFT") -> None:
        """Restart the guest; one that does not come back leaves its server in ERROR."""
        bench, server = self._bench, Server.load(instance)
        hard = reboot_type == "HARD"
        tasks = (REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD) if hard else (REBOOTING, REBOOT_PENDING, REBOOT_STARTED)
        async with self._task(ctx, server, "compute_reboot_instance"):
            devices = await self._settle_attachments(ctx, server)
            cards = await bench.network.refresh(ctx, server.id, server.project_id)
            await bench.conductor.of(ctx, "ShareMappingList", "get_by_instance_uuid", server.id)
            bench.usage(ctx, server, "reboot.start")
            server = await bench.conductor.save(ctx, server, [tasks[0]], task_state=tasks[1])
            server = await bench.conductor.save(ctx, server, [tasks[1]], task_state=tasks[2])
            try:
                if hard:
                    await self._equip(server, cards, devices)
                await bench.driver.reboot(server.id, hard)
            except LabError as error:
                await self._reboot_failed(ctx, server, error)
                raise
            server = await bench.conductor.save(ctx, server, vm_state=ACTIVE, task_state=None, power_state=RUNNING)
            bench.usage(ctx, server, "reboot.end")

    async def _equip(self, server: Server, cards: list[Json], devices: list[BlockDevice]) -> None:
        """Plug in what an attach that was cut off left out: nova makes the guest anew, of what it knows, when it restarts it hard.

        Source: `_hard_reboot` of nova/virt/libvirt/driver.py.
        """
        driver = self._bench.driver
        for card in cards:
            await driver.attach_nic(server.id, guest_nic(card))
        for device in devices:
            if device.volume_id and device.connection_info:
                await driver.attach_disk(server.id, volume_disk(device))

    async def _settle_attachments(self, ctx: Context, server: Server) -> list[BlockDevice]:
        """Forget volumes whose attachment cinder has ended without nova's hearing of it, and end attachments that nova has not.

        Answers the devices that are left. One that has no attachment yet is on its way; without cinder nothing is settled, and the
        guest restarts all the same.
        Source: `_delete_dangling_bdms` of nova/compute/manager.py.
        """
        bench = self._bench
        devices = await bench.conductor.devices(ctx, server.id)
        try:
            known = {each["id"]: each["volume_id"] for each in await bench.volumes.attachments_of(ctx, server.id)}
        except (RemoteFault, TransportError) as error:
            bench.process.log(ctx, f"the volume attachments of {server.id} could not be compared: {error}", "warning")
            return devices
        ours = {key for device in devices for key in (device.attachment_id or device.volume_id,) if key}
        for attachment, volume_id in known.items():
            if attachment not in ours and volume_id not in ours:
                bench.process.log(ctx, f"Removing stale attachment {attachment} of volume {volume_id} from Cinder.", "warning")
                await bench.volumes.attachment_delete(ctx, attachment)
        left = []
        for device in devices:
            if device.volume_id and device.attachment_id and device.attachment_id not in known and not device.is_root:
                bench.process.log(ctx, f"Removing stale volume attachment {device.attachment_id} of volume {device.volume_id}.", "warning")
                await bench.driver.detach_disk(server.id, device.volume_id)
                await bench.conductor.on(ctx, "BlockDeviceMapping", "destroy", {"id": device.id})
            else:
                left.append(device)
        return left

    async def _reboot_failed(self, ctx: Context, server: Server, error: LabError) -> None:
        bench = self._bench
        running = False
        try:
            running = await bench.power_of(server.id) == RUNNING
        except LabError as failure:
            bench.process.log(ctx, f"the guest of {server.id} cannot be seen: {failure}", "warning")
        if running:
            done = bench.conductor.save(ctx, server, vm_state=ACTIVE, task_state=None, fault=bench.fault(error))
            await bench.attempt(ctx, "ending the reboot", done)
        else:
            await bench.set_error(ctx, server, error, f"Cannot reboot instance: {error}")

    # -- power that nobody asked for ----------------------------------------------------------

    async def sync(self, ctx: Context, server: Server, power: int) -> None:
        """Bring the record in line with the guest: one that shut itself down is stopped, one that should not run is too."""
        bench = self._bench
        async with bench.locks.hold(server.id):
            try:
                server = await bench.conductor.server(ctx, server.id)
                if server.host != bench.host or server.task_state is not None:
                    return  # somebody works on it and will say what became of it
                if server.vm_state in (ACTIVE, PAUSED) and power in (SHUTDOWN, CRASHED):
                    bench.process.log(ctx, f"Instance {server.id} shutdown by itself. Calling the stop API.", "warning")
                    await bench.conductor.save(ctx, server, [None], vm_state=STOPPED, power_state=power)
                elif server.vm_state == STOPPED and power == RUNNING:
                    bench.process.log(ctx, f"Instance {server.id} is not stopped. Calling the stop API.", "warning")
                    await bench.driver.power_off(server.id, 0.0)
                    await bench.conductor.save(ctx, server, [None], power_state=SHUTDOWN)
                elif server.power_state != power:
                    await bench.conductor.save(ctx, server, [None], power_state=power)
            except LabError as error:
                bench.process.log(ctx, f"the power state of {server.id} was not synchronised: {error}", "warning")
