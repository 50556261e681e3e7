"""Building a server on this host, and undoing a build that failed.

    claim -> networking (in the background) -> block devices -> spawning: image, taps, wait for the plug, power -> active

A failure undoes what the build had taken here. What another host may do better is rescheduled; a BuildAbort is not; a
server that was deleted meanwhile is left to its deletion. Source: `_do_build_and_run_instance` of nova/compute/manager.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, TransportError
from lab.locks import Locks
from lab.services.compute import notifications
from lab.services.compute.guest import guest_spec
from lab.services.compute.model import (
    BlockDevice,
    BuildAbort,
    Server,
    ServerNotFound,
    UnexpectedDeletingTaskState,
    UnexpectedTaskState,
    VifPlugTimeout,
)
from lab.services.compute.rpc import SCHEDULER
from lab.services.compute.states import (
    ACTIVE,
    BLOCK_DEVICE_MAPPING,
    BUILDING,
    NETWORKING,
    RUNNING,
    SCHEDULING,
    SPAWNING,
)

if TYPE_CHECKING:
    from lab.context import Context
    from lab.services.compute.block_devices import BlockDevices
    from lab.services.compute.workbench import Workbench

Json = dict[str, Any]

EVENT = "compute__do_build_and_run_instance"
BUILD_TASKS: list[str | None] = [None, SCHEDULING, NETWORKING, BLOCK_DEVICE_MAPPING, SPAWNING]


@dataclass(slots=True)
class Build:
    """One attempt to build one server here: what was asked, and what was taken so far."""

    server: Server
    asked: Json
    """The message's other arguments, as they go on to another host."""
    devices: list[BlockDevice] = field(default_factory=list)
    network: asyncio.Task[tuple[list[Json], LabError | None]] | None = None
    spawning: bool = False

    @property
    def networks(self) -> list[Json]:
        """The ports and networks that were asked for."""
        return self.asked.get("requested_networks") or []

    @property
    def kept_ports(self) -> set[str]:
        """Ports that the user gave; they outlive the server."""
        return {request["port_id"] for request in self.networks if request.get("port_id")}


class Builder:
    """Builds servers on one host, `max_concurrent_builds` at a time."""

    def __init__(self, bench: Workbench, block_devices: BlockDevices) -> None:
        self._bench, self._block_devices = bench, block_devices
        self._slots = Locks(bench.process.config.max_concurrent_builds)

    async def build_and_run_instance(self, ctx: Context, instance: Json, **asked: Any) -> None:
        """Build a server as soon as nothing else is done to it and a place is free."""
        bench, build = self._bench, Build(Server.load(instance), asked)
        async with bench.locks.hold(build.server.id), self._slots.hold("build"):
            try:
                async with bench.event(ctx, build.server.id, EVENT):
                    await self._attempt(ctx, build)
            except LabError as error:
                bench.process.log(ctx, f"Instance {build.server.id} was not built: {error}", "error")

    async def _attempt(self, ctx: Context, build: Build) -> None:
        """Build, or undo and decide what becomes of the server; raises what made it fail."""
        bench = self._bench
        try:
            build.server = await bench.conductor.begin_build(ctx, build.server, bench.host)
        except UnexpectedTaskState as error:
            bench.process.log(ctx, f"the build message for {build.server.id} is dropped: {error}")
            return
        except ServerNotFound:
            await self._abandon(ctx, build)
            return
        except LabError as error:
            await self._fail(ctx, build, error)
            raise
        try:
            await self._build(ctx, build)
        except (ServerNotFound, UnexpectedDeletingTaskState):
            await self._undo(ctx, build, retry=False)
            await self._abandon(ctx, build)
        except (BuildAbort, UnexpectedTaskState) as error:
            await self._fail(ctx, build, error, f"Build of instance {build.server.id} aborted: {error}")
            raise
        except LabError as error:
            await self._reschedule(ctx, build, error)
            raise
        else:
            await bench.tracker.count_build(ctx, succeeded=True)

    # -- the way there ------------------------------------------------------------------------

    async def _build(self, ctx: Context, build: Build) -> None:
        bench = self._bench
        conductor = bench.conductor
        bench.usage(ctx, build.server, "create.start")
        build.server = await bench.tracker.claim(ctx, build.server)
        build.devices = await conductor.devices(ctx, build.server.id)
        await bench.tracker.update_usage(ctx, build.server)
        build.server = await conductor.save(ctx, build.server, [None], vm_state=BUILDING, task_state=NETWORKING)
        build.network = bench.process.spawn(self._allocate(ctx, build), f"network of {build.server.id}")
        await bench.process.sleep(0)  # nova gives it a thread: it has begun when the next line does
        build.devices, root = await self._block_devices.name(ctx, build.devices)
        build.server = await conductor.save(ctx, build.server, vm_state=BUILDING, task_state=BLOCK_DEVICE_MAPPING, root_device_name=root)
        await self._block_devices.prepare(ctx, build.server, build.devices)
        build.server = await conductor.save(ctx, build.server, [BLOCK_DEVICE_MAPPING], vm_state=BUILDING, task_state=SPAWNING)
        await self._spawn(ctx, build)
        await self._finish(ctx, build)

    async def _allocate(self, ctx: Context, build: Build) -> tuple[list[Json], LabError | None]:
        """Make the ports while the disks are made; the error waits for whoever needs the network."""
        try:
            return await self._bench.network.allocate(ctx, build.server, build.networks), None
        except LabError as error:
            return [], error

    async def _spawn(self, ctx: Context, build: Build) -> None:
        bench, server = self._bench, build.server
        await self._cache_image(ctx, server)
        assert build.network is not None
        network_info, failure = await build.network
        if failure is not None:
            raise failure
        build.server = server = server.evolve(network_info=network_info)
        waiting = [("network-vif-plugged", vif["port_id"]) for vif in network_info if not vif["active"]]
        plugged = bench.events.expect(server, waiting)
        build.spawning = True
        try:
            await bench.driver.spawn(guest_spec(server, build.devices), plugged.wait)
        except VifPlugTimeout as error:
            bench.process.log(ctx, f"{error} for instance {server.id}", "error")
            raise BuildAbort("Failed to allocate the network(s), not rescheduling.") from error
        finally:
            bench.events.drop(server.id, plugged)

    async def _cache_image(self, ctx: Context, server: Server) -> None:
        """Bring the image to this host unless it is there; one download at a time for each image."""
        bench, image_id = self._bench, server.image_id
        if not image_id:
            return
        async with bench.image_locks.hold(image_id):
            if await bench.driver.has_image(image_id):
                return
            image = await bench.images.show(ctx, image_id)
            content = await bench.images.download(ctx, image_id)
            await bench.driver.cache_image(image_id, int(image.get("size") or 0), image.get("checksum") or "", content)

    async def _finish(self, ctx: Context, build: Build) -> None:
        """Say that the server is active; a lost answer is asked for again, since the guest runs."""
        bench, server = self._bench, build.server
        done: Json = {"vm_state": ACTIVE, "task_state": None, "power_state": RUNNING, "launched_at": bench.process.runtime.iso()}
        try:
            build.server = await bench.conductor.save(ctx, server, [SPAWNING], build_host=bench.host, **done)
        except TransportError:
            current = await bench.conductor.server(ctx, server.id)
            if current.vm_state != ACTIVE:
                current = await bench.conductor.save(ctx, server, [SPAWNING], build_host=bench.host, **done)
            build.server = current
        told = {
            "uuid": server.id,
            "project_id": server.project_id,
            "vm_state": ACTIVE,
            "task_state": None,
            "host": bench.host,
            "image_id": server.image_id,
            "flavor_id": server.flavor.get("id"),
        }
        bench.process.rpc.fanout(ctx, SCHEDULER, "update_instance_info", {"host_name": bench.host, "instance_info": [told]})
        bench.usage(ctx, build.server, "create.end", message="Success")

    # -- the way back -------------------------------------------------------------------------

    async def _undo(self, ctx: Context, build: Build, *, retry: bool) -> bool:
        """Give back what this build took on this host, whatever fails on the way; False when the guest may still be here.

        With `retry` the volumes made for the server are kept for the next host.
        """
        bench, clean = self._bench, True
        if build.network is not None:
            await build.network
        if build.spawning:
            clean = await bench.attempt(ctx, "removing the failed guest", bench.driver.destroy(build.server.id))
        if build.network is not None and build.networks:
            freeing = bench.network.deallocate(ctx, build.server, build.kept_ports)
            await bench.attempt(ctx, "freeing the ports", freeing)
        await self._block_devices.release(ctx, build.server, build.devices, delete=not retry)
        return clean

    async def _abandon(self, ctx: Context, build: Build) -> None:
        """The server is gone or going: give its allocations back and forget it."""
        bench = self._bench
        bench.process.log(ctx, f"Instance {build.server.id} disappeared during build.")
        await bench.attempt(ctx, "giving back the allocations", bench.tracker.placement.release(ctx, build.server.id))

    async def _fail(self, ctx: Context, build: Build, error: LabError, text: str = "", *, undone: bool | None = None) -> None:
        """End the build in ERROR; the server keeps this host only when a guest may be left here for its delete to remove."""
        bench = self._bench
        clean = await self._undo(ctx, build, retry=False) if undone is None else undone
        home: Json = {"host": None, "node": None} if clean else {}
        notifications.failed(bench.process, ctx, build.server, "create", error)
        await bench.set_error(ctx, build.server, error, text, **home)
        await bench.attempt(ctx, "giving back the allocations", bench.tracker.placement.release(ctx, build.server.id))
        await bench.tracker.count_build(ctx, succeeded=False)

    async def _reschedule(self, ctx: Context, build: Build, error: LabError) -> None:
        """Give the build to the next host; without retry information, or with a guest that could not be removed, end it."""
        bench, server = self._bench, build.server
        properties = build.asked.get("filter_properties") or {}
        retry = properties.get("retry")
        clean = await self._undo(ctx, build, retry=retry is not None)
        if retry is None or not clean:
            await self._block_devices.release(ctx, server, build.devices, delete=True)
            await self._fail(ctx, build, error, undone=clean)
            return
        notifications.failed(bench.process, ctx, server, "create", error)
        changes: Json = {"vm_state": BUILDING, "task_state": SCHEDULING, "host": None, "node": None}
        try:
            server = await bench.conductor.save(ctx, server, BUILD_TASKS, **changes)
        except (ServerNotFound, UnexpectedDeletingTaskState):
            await self._block_devices.release(ctx, server, build.devices, delete=True)
            await self._abandon(ctx, build)
            return
        except LabError as failure:  # such as: what this host took for lost had made the server active
            bench.process.log(ctx, f"Instance {server.id} is given to no other host: {failure}", "error")
            await self._fail(ctx, build, error, undone=True)
            return
        await bench.attempt(ctx, "giving back the allocations", bench.tracker.placement.release(ctx, server.id))
        asked = {k: v for k, v in build.asked.items() if k not in ("host_list", "node", "limits", "filter_properties")}
        properties = {**properties, "retry": {**retry, "exc_reason": str(error)}}
        host_lists = [build.asked.get("host_list") or []]
        bench.conductor.build_instances(ctx, server, {**asked, "filter_properties": properties, "host_lists": host_lists})
        await bench.tracker.count_build(ctx, succeeded=False)
