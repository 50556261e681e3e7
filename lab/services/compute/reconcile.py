"""What an agent does about what it finds when it starts, and from time to time: records and guests brought together.

Source: `init_host`, `_init_instance`, `_sync_power_states` and `_cleanup_running_deleted_instances` of
nova/compute/manager.py. A build that was cut off ends in ERROR, a delete that was cut off is finished, power and reboot
commands are repeated, a guest without a server here is removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import LabError, TransportError
from lab.services.compute.model import Server
from lab.services.compute.rpc import brief
from lab.services.compute.states import (
    BUILDING,
    DELETED,
    DELETING,
    PAUSING,
    POWERING_OFF,
    POWERING_ON,
    REBOOT_PENDING,
    REBOOT_PENDING_HARD,
    REBOOT_STARTED,
    REBOOT_STARTED_HARD,
    REBOOTING,
    REBOOTING_HARD,
    RUNNING,
    UNPAUSING,
)

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.driver import GuestState
    from lab.services.compute.power import Power
    from lab.services.compute.terminate import Terminator
    from lab.services.compute.workbench import Workbench

CUT_OFF = "Instance failed to spawn: its compute service was restarted during the build."
FULL_LOOK = 3
"""Every half hour, when a look is every 600 s. Source: nova's running_deleted_instance_poll_interval, 1800 s."""
SOFT_REBOOTS = (REBOOTING, REBOOT_PENDING, REBOOT_STARTED)
HARD_REBOOTS = (REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD)


class Reconciler:
    """Brings one host's records and guests together."""

    def __init__(self, bench: Workbench, power: Power, terminator: Terminator) -> None:
        self._bench, self._power, self._terminator = bench, power, terminator
        self._looks = 0

    async def _look(self, ctx: Context) -> tuple[dict[str, GuestState], dict[str, Server]]:
        """The guests, and then the servers: a guest is made after its server names this host, so none is missed."""
        guests = {guest.id: guest for guest in await self._bench.driver.guests()}
        return guests, await self._servers(ctx, guests)

    async def _servers(self, ctx: Context, guests: dict[str, GuestState]) -> dict[str, Server]:
        """The servers of this host, with what the conductor knows of their power kept for the next look."""
        conductor = self._bench.conductor
        found = await conductor.of(ctx, "InstanceList", "get_by_host", self._bench.host)
        servers = {each["id"]: Server.load(each) for each in found}
        conductor.told = {server.id: server.power_state for server in servers.values() if server.id in guests}
        return servers

    async def init_host(self, ctx: Context) -> None:
        """Settle every server of this host before new work comes."""
        guests, servers = await self._look(ctx)
        await self._remove_strangers(ctx, guests, servers)
        for server in servers.values():
            guest = guests.get(server.id)
            try:
                await self._init_server(ctx, server, guest.power if guest else None)
            except TransportError:
                raise
            except LabError as error:
                self._bench.process.log(ctx, f"Instance {server.id} could not be settled: {error}", "error")

    async def _init_server(self, ctx: Context, server: Server, power: int | None) -> None:
        bench, task = self._bench, server.task_state
        if task == DELETING or server.vm_state == DELETED:
            bench.process.log(ctx, f"Instance {server.id}: a delete of the previous run did not finish. Restarting the deletion now.")
            devices = await bench.conductor.devices(ctx, server.id)
            async with bench.locks.hold(server.id):
                try:
                    await self._terminator.delete(ctx, server, devices, had_volumes=True)
                except LabError as error:
                    await bench.set_error(ctx, server, error)
        elif server.vm_state == BUILDING:
            await bench.set_error(ctx, server, LabError(CUT_OFF))
        elif task == POWERING_OFF:
            await self._power.stop_instance(ctx, brief(server))
        elif task == POWERING_ON:
            await self._power.start_instance(ctx, brief(server))
        elif task == PAUSING:
            await self._power.pause_instance(ctx, brief(server))
        elif task == UNPAUSING:
            await self._power.unpause_instance(ctx, brief(server))
        elif task in SOFT_REBOOTS or task in HARD_REBOOTS:
            await self._settle_reboot(ctx, server, power)
        elif power is not None:
            await self._power.sync(ctx, server, power)

    async def _settle_reboot(self, ctx: Context, server: Server, power: int | None) -> None:
        """A reboot that was not begun is done again; of one that was, what the guest says counts."""
        bench, hard = self._bench, server.task_state in HARD_REBOOTS
        begun = server.task_state in (REBOOT_STARTED, REBOOT_STARTED_HARD)
        if begun and power == RUNNING:
            await bench.conductor.save(ctx, server, task_state=None, power_state=RUNNING)
            return
        again = await bench.conductor.save(ctx, server, task_state=None)
        again = await bench.conductor.save(ctx, again, task_state=REBOOTING_HARD if hard or begun else REBOOTING)
        await self._power.reboot_instance(ctx, brief(again), reboot_type="HARD" if hard or begun else "SOFT")

    async def sync_power_states(self, ctx: Context) -> None:
        """Compare all guests with their servers, remove strangers, and give back what deleted servers still hold.

        The conductor is only asked when a guest is not as this agent last told it, and every `FULL_LOOK` looks in any case.
        """
        self._looks += 1
        guests = {guest.id: guest for guest in await self._bench.driver.guests()}
        known = {guest.id: guest.power for guest in guests.values()} == self._bench.conductor.told
        if known and self._looks % FULL_LOOK:
            return
        servers = await self._servers(ctx, guests)
        await self._remove_strangers(ctx, guests, servers)
        for server in servers.values():
            guest = guests.get(server.id)
            if guest is not None and server.task_state is None and guest.power != server.power_state:
                await self._power.sync(ctx, server, guest.power)
        await self._bench.tracker.drop_orphans(ctx, set(servers))

    async def _remove_strangers(self, ctx: Context, guests: dict[str, GuestState], servers: dict[str, Server]) -> None:
        """Destroy guests whose server was deleted, or went to another host, while this agent could not be reached."""
        bench = self._bench
        for guest_id, guest in guests.items():
            if guest_id not in servers:
                bench.process.log(ctx, f"the guest {guest.name} has no server on this host; it is destroyed", "warning")
                async with bench.locks.hold(guest_id):
                    await bench.attempt(ctx, "destroying the guest", bench.driver.destroy(guest_id))
