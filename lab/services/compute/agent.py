"""nova-compute: one on every hypervisor host, the only caller of its driver. It reports and obeys; it has no database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.errors import LabError, TransportError
from lab.process import CURRENT
from lab.services.compute.attachments import Attachments
from lab.services.compute.block_devices import BlockDevices
from lab.services.compute.build import Builder
from lab.services.compute.driver import GuestNotFound
from lab.services.compute.model import ServerNotFound
from lab.services.compute.power import Power
from lab.services.compute.reconcile import Reconciler
from lab.services.compute.rpc import COMPUTE, COMPUTE_ALT, COMPUTE_VERSION, CONDUCTOR
from lab.services.compute.states import DELETED, DELETING, RUNNING
from lab.services.compute.terminate import Terminator
from lab.services.compute.workbench import Workbench

if TYPE_CHECKING:
    from lab.process import Process
    from lab.rpc.client import Handler
    from lab.services.compute.driver import HypervisorDriver

Json = dict[str, Any]

PERIODIC = Context(roles=("admin",), periodic=True)
"""The context of work that no request asked for."""

START_RETRY_S = 10.0
"""How long a starting agent waits before it tries again to reach conductor and placement. Source: nova's wait for its conductor."""


class ComputeAgent:
    """One host's agent. `start` registers it; it takes work once its own records and guests are settled."""

    def __init__(self, process: Process, driver: HypervisorDriver) -> None:
        self._process = process
        self._bench = bench = Workbench(process, driver)
        block_devices = BlockDevices(bench)
        self._builder = Builder(bench, block_devices)
        self._terminator = Terminator(bench, block_devices)
        self._power = Power(bench)
        self._attachments = Attachments(bench)
        self._reconciler = Reconciler(bench, self._power, self._terminator)
        self._service_uuid = ""

    def start(self) -> None:
        """Begin: register the host, settle what is on it, then take work."""
        self._process.spawn(self._start(), "init_host")

    async def _start(self) -> None:
        process = self._process
        ctx = process.context()
        CURRENT.set(ctx)
        while True:
            try:
                await self._register(ctx)
                await self._reconciler.init_host(ctx)
                break
            except LabError as error:
                process.log(ctx, f"nova-compute on {process.host} cannot start yet: {error}", "warning")
                await process.sleep(START_RETRY_S)
        self._serve()
        config = process.config
        process.rpc.report(CONDUCTOR, "report_state", config.report_interval_s, lambda: self._service_uuid)
        process.every(config.sync_power_state_interval_s, self._look_around, "sync_power_states")
        self._bench.driver.on_power_change(self._power_changed)

    async def _register(self, ctx: Context) -> None:
        """Record this service and its compute node, here and in placement."""
        process, bench = self._process, self._bench
        known = self._service_uuid or process.uuid()
        zone = process.config.availability_zone
        service = {"uuid": known, "host": process.host, "binary": process.binary, "topic": COMPUTE, "zone": zone}
        answer = (await bench.conductor.on(ctx, "Service", "create", service))[0]
        self._service_uuid = answer["uuid"]
        await bench.tracker.register(ctx, int(answer["id"]), not answer["disabled"])
        bench.host_ip = bench.tracker.host_ip

    def _serve(self) -> None:
        rpc, host = self._process.rpc, self._process.host
        handlers: dict[str, Handler] = {
            "build_and_run_instance": self._builder.build_and_run_instance,
            "terminate_instance": self._terminator.terminate_instance,
            "stop_instance": self._power.stop_instance,
            "start_instance": self._power.start_instance,
            "pause_instance": self._power.pause_instance,
            "unpause_instance": self._power.unpause_instance,
            "reboot_instance": self._power.reboot_instance,
            "reserve_block_device_name": self._attachments.reserve_block_device_name,
            "attach_volume": self._attachments.attach_volume,
            "detach_volume": self._attachments.detach_volume,
            "volume_snapshot_create": self._attachments.volume_snapshot_create,
            "attach_interface": self._attachments.attach_interface,
            "detach_interface": self._attachments.detach_interface,
            "get_console_output": self.get_console_output,
            "get_host_uptime": self.get_host_uptime,
            "set_host_enabled": self.set_host_enabled,
        }
        rpc.serve(COMPUTE, handlers, host=host, version=COMPUTE_VERSION)
        rpc.serve(COMPUTE_ALT, {"external_instance_event": self.external_instance_event}, host=host, version=COMPUTE_VERSION)

    # -- what other services said ---------------------------------------------------------------

    async def external_instance_event(self, ctx: Context, instances: list[Json], events: list[Json]) -> None:
        """Take events of neutron: a plug wakes the build that waits, a change refreshes the info cache.

        Source: `external_instance_event` of nova/compute/manager.py.
        """
        here = {instance["id"]: instance for instance in instances}
        for event in events:
            known = here.get(event["server_uuid"])
            if known is None:
                continue
            name, tag = event["name"], event.get("tag") or ""
            try:
                if name == "network-changed":
                    await self._bench.network.refresh(ctx, known["id"], known["project_id"], only=tag or None)
                elif name == "network-vif-deleted":
                    if known["task_state"] != DELETING and known["vm_state"] != DELETED:
                        await self._attachments.lost_port(ctx, known["id"], tag)
                else:
                    self._bench.events.arrive(known["id"], (name, tag), event.get("status") or "completed")
            except ServerNotFound:
                self._process.log(ctx, f"{name} for the deleted instance {known['id']} is ignored")
            except LabError as error:
                self._process.log(ctx, f"{name} {tag} for instance {known['id']} was not processed: {error}", "warning")

    # -- questions --------------------------------------------------------------------------------

    async def get_console_output(self, ctx: Context, instance: Json, tail_length: int | None = None) -> str:
        """Answer the end of the guest's serial console; before its guest is there a server is not found, as in nova."""
        try:
            return await self._bench.driver.console(instance["id"], tail_length)
        except GuestNotFound as error:
            raise ServerNotFound.of(instance["id"]) from error

    async def get_host_uptime(self, ctx: Context) -> str:
        """Answer in the words of uptime(1) how long this host has been up."""
        said = await self._bench.driver.uptime()
        if said is not None:
            return said
        runtime = self._process.runtime
        days, minutes = divmod(int(runtime.now()) // 60, 24 * 60)
        load = float(sum(guest.power == RUNNING for guest in await self._bench.driver.guests()))
        averages = ", ".join([f"{load:.2f}"] * 3)
        up = f"{days} days, {minutes // 60:2}:{minutes % 60:02}"
        return f" {runtime.utc():%H:%M:%S} up {up},  0 users,  load average: {averages}"

    async def set_host_enabled(self, ctx: Context, enabled: bool) -> None:
        """Show to placement whether new servers may come."""
        await self._bench.tracker.set_enabled(ctx, enabled)

    # -- from time to time ------------------------------------------------------------------------

    async def _look_around(self) -> None:
        """Both of nova's looks at its host in one: hardware does not change from minute to minute, and a thousand look."""
        await self._reconciler.sync_power_states(PERIODIC)
        await self._bench.tracker.update(PERIODIC)

    def _power_changed(self, guest_id: str, power: int) -> None:
        """A guest changed its power by itself; look at it when nobody else works on it."""
        self._process.begin(self._lifecycle(guest_id, power), f"power of {guest_id}")

    async def _lifecycle(self, guest_id: str, power: int) -> None:
        ctx = self._process.context()
        try:
            server = await self._bench.conductor.server(ctx, guest_id)
        except (ServerNotFound, TransportError):
            return
        await self._power.sync(ctx, server, power)


def start(process: Process, driver: HypervisorDriver) -> None:
    """Build nova-compute on this process."""
    ComputeAgent(process, driver).start()
