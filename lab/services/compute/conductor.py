"""nova-conductor: places new servers, finds another host for failed builds, and keeps the records for the agents.

Source: ComputeTaskManager of nova/conductor/manager.py. The build request of a server is taken by the first message that
asks for it, so a repeated message builds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, LabError, NotFound, RemoteFault, TransportError
from lab.locks import Locks
from lab.services.compute import notifications, records
from lab.services.compute.aggregates import host_zone
from lab.services.compute.model import BlockDevice, Server, ServerNotFound
from lab.services.compute.objects import Objects
from lab.services.compute.placement_client import Placement
from lab.services.compute.rpc import CONDUCTOR, CONDUCTOR_VERSION, SCHEDULER, ComputeRpc, brief, brief_device
from lab.services.compute.server_groups import ServerGroup, living_members
from lab.services.compute.servicegroup import ServiceReporter, StateReports
from lab.services.compute.states import BUILDING, ERROR, SCHEDULING
from lab.services.compute.volume_client import Volumes

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.rpc.client import Handler
    from lab.store import Transaction

Json = dict[str, Any]


def group_of(tx: Transaction, hint: list[str] | str) -> Json | None:
    """The server group of a scheduler hint, with the hosts of its living members. Source: setup_instance_group of nova."""
    group = tx.get(ServerGroup, hint if isinstance(hint, str) else hint[0])
    if group is None:
        return None
    members = living_members(tx, group)
    homes = [server.host for member in members if (server := tx.get(Server, member)) is not None and server.host]
    return {
        "uuid": group.id,
        "policy": group.policy,
        "rules": group.rules,
        "members": members,
        "hosts": list(dict.fromkeys(homes)),
    }


def _waits(server: Server) -> bool:
    """Whether a server waits for a host."""
    return not server.deleted and (server.vm_state, server.task_state) == (BUILDING, SCHEDULING)


class MaxRetriesExceeded(LabError):
    """Exceeded maximum number of retries."""


class Conductor:
    """The conductor's use cases."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.store
        self._compute = ComputeRpc(process)
        self._placement = Placement(process)
        self._volumes = Volumes(process)
        self._attaching = Locks()

    def start(self) -> None:
        """Serve the topic `conductor` and report."""
        objects = Objects(self._process)
        handlers: dict[str, Handler] = {
            "schedule_and_build_instances": self.schedule_and_build_instances,
            "build_instances": self.build_instances,
            "attach_volume": self.attach_volume,
            "object_action": objects.object_action,
            "object_class_action_versions": objects.object_class_action_versions,
            "report_state": StateReports(self._process).report_state,
        }
        self._process.rpc.serve(CONDUCTOR, handlers, host=self._process.host, version=CONDUCTOR_VERSION)
        ServiceReporter(self._process, CONDUCTOR).start()

    # -- new servers --------------------------------------------------------------------------

    async def schedule_and_build_instances(self, ctx: Context, build_requests: list[Json], request_specs: list[Json], **asked: Any) -> None:
        """Have hosts chosen for new servers and hand each to its host; those that find none end in ERROR."""
        wanted = [request["instance_uuid"] for request in build_requests]
        specs = {spec["instance_uuid"]: spec for spec in request_specs}

        def take(tx: Transaction) -> list[str]:
            return [server_id for server_id in wanted if records.take_build_request(tx, server_id)]

        server_ids = await self._store.run(take)
        if not server_ids:
            self._process.log(ctx, "schedule_and_build_instances: nothing left to build; a repeated message, or deleted meanwhile")
            return
        spec = {**specs[server_ids[0]], "num_instances": len(server_ids)}
        if spec.get("scheduler_hints", {}).get("group"):
            spec["instance_group"] = await self._store.run(lambda tx: group_of(tx, spec["scheduler_hints"]["group"]))
        try:
            chosen = await self._process.rpc.call(
                ctx,
                SCHEDULER,
                "select_destinations",
                {"instance_uuids": server_ids, "spec_obj": spec, "return_objects": True, "return_alternates": True},
            )
        except LabError as error:
            for server_id in server_ids:
                await self._bury(ctx, server_id, error, spec)
            return
        for server_id, selections in zip(server_ids, chosen, strict=True):
            await self._hand_over(ctx, server_id, selections, {**asked, "request_spec": specs[server_id]})

    async def _hand_over(self, ctx: Context, server_id: str, selections: list[Json], asked: Json) -> None:
        """Give one server to its host; one that was deleted meanwhile gives its allocations back."""
        host = selections[0]["service_host"]
        config = self._process.config

        def choose(tx: Transaction) -> Server | None:
            if not records.drop_build_request(tx, server_id):
                return None
            zone = host_zone(tx, host, config.availability_zone)
            server = records.need_server(tx, server_id)
            return tx.update(server, scheduled_host=host, availability_zone=zone)

        server = await self._store.run(choose)
        if server is None:
            self._process.log(ctx, f"Instance {server_id} was deleted while it was scheduled.")
            await self._release(ctx, server_id)
            return
        notifications.updated(self._process, ctx, server, server)
        properties: Json = {"limits": selections[0].get("limits") or {}}
        if config.max_attempts > 1:
            properties["retry"] = {"num_attempts": 1, "hosts": [[host, selections[0]["nodename"]]]}
        self._cast_build(ctx, server, selections, {**asked, "filter_properties": properties})

    def _cast_build(self, ctx: Context, server: Server, selections: list[Json], asked: Json) -> None:
        chosen = selections[0]
        body = {
            **asked,
            "instance": brief(server),
            "node": chosen["nodename"],
            "limits": chosen.get("limits") or {},
            "host_list": selections[1:],
        }
        self._compute.build(ctx, chosen["service_host"], body)

    # -- builds that failed -------------------------------------------------------------------

    async def build_instances(
        self, ctx: Context, instances: list[Json], filter_properties: Json, host_lists: list[list[Json]], **asked: Any
    ) -> None:
        """Give failed builds to their next host; without one left they end in ERROR."""
        for instance, alternates in zip(instances, host_lists, strict=True):
            await self._build_elsewhere(ctx, instance["id"], alternates, {**asked, "filter_properties": filter_properties})

    async def _build_elsewhere(self, ctx: Context, server_id: str, alternates: list[Json], asked: Json) -> None:
        properties = asked["filter_properties"]
        retry = properties.get("retry") or {"num_attempts": 1, "hosts": []}
        failed_host = retry["hosts"][-1][0] if retry["hosts"] else None
        server = await self._store.run(lambda tx: self._take(tx, server_id, failed_host))
        if server is None:
            self._process.log(ctx, f"Instance {server_id} is not to be built again; a repeated message, or deleted meanwhile")
            return
        left = list(alternates)
        while left:
            owner = (server.project_id, server.user_id)
            try:
                claimed = await self._placement.allocate(ctx, server_id, owner, left[0]["allocation_request"])
            except LabError as error:
                await self._bury(ctx, server_id, error, asked.get("request_spec"))
                return
            if claimed:
                await self._next_host(ctx, server_id, left, asked, retry)
                return
            left.pop(0)
        text = f"Exhausted all hosts available for retrying build failures for instance {server_id}."
        exhausted = MaxRetriesExceeded(f"Exceeded maximum number of retries. {text}")
        await self._bury(ctx, server_id, exhausted, asked.get("request_spec"))

    def _take(self, tx: Transaction, server_id: str, failed_host: str | None) -> Server | None:
        """Claim the server whose build on `failed_host` failed for another try, once; a repeat finds no such server."""
        server = tx.get(Server, server_id)
        if server is None or not _waits(server) or server.scheduled_host != failed_host:
            return None
        return tx.update(server, scheduled_host=None)

    async def _next_host(self, ctx: Context, server_id: str, selections: list[Json], asked: Json, retry: Json) -> None:
        host, node = selections[0]["service_host"], selections[0]["nodename"]
        zone = self._process.config.availability_zone

        def choose(tx: Transaction) -> Server | None:
            server = tx.get(Server, server_id)
            if server is None or not _waits(server):
                return None
            return tx.update(server, scheduled_host=host, availability_zone=host_zone(tx, host, zone))

        server = await self._store.run(choose)
        if server is None:
            await self._release(ctx, server_id)
            return
        again = {**retry, "num_attempts": retry["num_attempts"] + 1, "hosts": [*retry["hosts"], [host, node]]}
        properties = {**asked["filter_properties"], "retry": again}
        self._cast_build(ctx, server, selections, {**asked, "filter_properties": properties})

    # -- how it ends when no host is found ----------------------------------------------------

    async def _bury(self, ctx: Context, server_id: str, error: LabError, spec: Json | None) -> None:
        """End a server in ERROR with what went wrong as its fault, and tell. Source: `_set_vm_state_and_notify`."""
        runtime = self._process.runtime
        now, text = runtime.iso(), error.message
        fault = {"code": 500, "created": now, "message": text, "details": f"{type(error).__name__}: {text}"}

        def write(tx: Transaction) -> tuple[Server, Server]:
            records.drop_build_request(tx, server_id)
            return records.change(tx, server_id, now, {"vm_state": ERROR, "task_state": None, "fault": fault})

        try:
            old, new = await self._store.run(write)
        except ServerNotFound:
            await self._release(ctx, server_id)
            return
        notifications.updated(self._process, ctx, old, new)
        body = {"instance_id": server_id, "method": "build_instances", "state": ERROR, "reason": text, "request_spec": spec or {}}
        self._process.notify(ctx, "compute_task.build_instances", "compute_task.build_instances.error", body, level="error")
        if isinstance(error, (TransportError, MaxRetriesExceeded)):
            await self._release(ctx, server_id)  # claimed perhaps, by a scheduler whose answer was lost

    async def _release(self, ctx: Context, server_id: str) -> None:
        try:
            await self._placement.release(ctx, server_id)
        except LabError as error:
            self._process.log(ctx, f"the allocations of {server_id} could not be given back: {error}", "warning")

    # -- volumes ------------------------------------------------------------------------------

    async def attach_volume(self, ctx: Context, instance: Json, volume: Json, device: str | None, **asked: Any) -> str:
        """Reserve a device name on the host and the volume at cinder, then tell the host to attach; answers the name.

        Source: `attach_volume` of nova's conductor (2026.2).
        """
        async with self._attaching.hold(volume["id"]):
            return await self._attach(ctx, Server.load(instance), volume["id"], device, asked)

    async def _attach(self, ctx: Context, server: Server, volume_id: str, device: str | None, asked: Json) -> str:
        hints: dict[str, Any] = {name: asked.get(name) for name in ("disk_bus", "device_type", "tag")}
        try:
            found = await self._compute.call(
                ctx, server, "reserve_block_device_name", device=device, volume_id=volume_id, multiattach=False, **hints
            )
            reserved = BlockDevice.load(found)
            if reserved.attachment_id is not None:
                return reserved.device_name or ""  # a repeat: it is on its way
            await self._volumes.discover(ctx)
            attachment = await self._volumes.attachment_create(ctx, volume_id, server.id)
        except LabError as error:
            await self._unreserve(ctx, server.id, volume_id, error)
            if isinstance(error, RemoteFault):
                raise BadRequest(f"Invalid volume: {error}") from error
            raise
        changes = {"attachment_id": attachment, "delete_on_termination": bool(asked.get("delete_on_termination"))}
        try:
            reserved = await self._store.run(lambda tx: tx.update(reserved, **changes))
        except NotFound as error:  # the server was deleted, and its delete did not see this attachment yet
            await self._volumes.attachment_delete(ctx, attachment)
            raise ServerNotFound.of(server.id) from error
        self._compute.cast(ctx, server, "attach_volume", bdm=brief_device(reserved))
        return reserved.device_name or ""

    async def _unreserve(self, ctx: Context, server_id: str, volume_id: str, error: LabError) -> None:
        """Forget a device that did not come to be attached, and end an attachment whose answer was lost.

        An attachment that cannot be found now is found when the server is deleted.
        """

        def forget(tx: Transaction) -> None:
            for device in tx.find(BlockDevice, server_id=server_id, volume_id=volume_id):
                if device.attachment_id is None:
                    tx.delete(device)

        await self._store.run(forget)
        if isinstance(error, TransportError):
            try:
                await self._volumes.release(ctx, server_id, volume_id)
            except LabError as failure:
                self._process.log(ctx, f"attachments of volume {volume_id} could not be looked up: {failure}", "warning")


def start(process: Process) -> None:
    """Build nova-conductor on this process."""
    Conductor(process).start()
