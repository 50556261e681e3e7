"""The messages between nova's processes: topics, what travels in them, and one typed client for each receiver.

Names, topics and arguments are nova's. A server travels as its `brief` form: the fields that a host needs to work on it,
the ones at their default left out. Agents have no database; they read and write records by `Conductor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.services.compute.model import BlockDevice, Server

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lab.context import Context
    from lab.process import Process

Json = dict[str, Any]

CONDUCTOR, SCHEDULER, COMPUTE, COMPUTE_ALT = "conductor", "scheduler", "compute", "compute-alt"
CONDUCTOR_VERSION, COMPUTE_VERSION = "1.17", "6.0"  # what real nova's messages carry (2026.2)

BRIEF = (
    "id", "number", "project_id", "user_id", "name", "created_at", "hostname", "image_id", "flavor", "vm_state", "task_state",
    "power_state", "host", "node", "availability_zone", "launched_at", "root_device_name", "config_drive", "key_name",
    "metadata_", "security_groups", "network_info",
)  # fmt: skip
_DEVICE_ALWAYS = frozenset({"id", "server_id", "created_at", "source_type", "destination_type"})


def brief(server: Server) -> Json:
    """The server as messages carry it; `Server.load` makes it a record again."""
    content = server.__dict__
    return {name: value for name in BRIEF if (value := content[name]) or name in ("task_state", "image_id")}


def brief_device(device: BlockDevice) -> Json:
    """The block device as messages carry it: what is set."""
    return {name: value for name, value in device.__dict__.items() if value is not None or name in _DEVICE_ALWAYS}


class Conductor:
    """What agents ask of the conductor: the only way to the records from a compute host."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc
        self.told: dict[str, int] = {}
        """The power state of each guest here, as this agent last told the conductor."""

    def on(self, ctx: Context, objname: str, method: str, instance: Json, **kwargs: Any) -> Awaitable[Any]:
        """Act on one record, e.g. `on(ctx, 'BlockDeviceMapping', 'save', {...})`."""
        body = {"objinst": {"nova_object.name": objname, **instance}, "objmethod": method, "args": [], "kwargs": kwargs}
        return self._rpc.call(ctx, CONDUCTOR, "object_action", body, display=f"object_action({objname}.{method})")

    def of(self, ctx: Context, objname: str, method: str, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Act on a class of records, e.g. `of(ctx, 'Instance', 'get_by_uuid', server_id)`."""
        body = {"objname": objname, "objmethod": method, "args": args, "kwargs": kwargs}
        display = f"object_class_action_versions({objname}.{method})"
        return self._rpc.call(ctx, CONDUCTOR, "object_class_action_versions", body, display=display)

    async def save(
        self, ctx: Context, server: Server, expected: list[str | None] | None = None, *, build_host: str | None = None, **changes: Any
    ) -> Server:
        """Change the server's record and return it as it is then; with `build_host` only while it is that host's to build.

        Raises:
            ServerNotFound, UnexpectedTaskState, UnexpectedDeletingTaskState, InvalidMove: as `records.change` says.
            MessagingTimeout: it may have been changed or not.
        """
        kwargs: Json = {} if expected is None else {"expected_task_state": expected}
        if build_host is not None:
            kwargs["build_host"] = build_host
        await self.on(ctx, "Instance", "save", {"id": server.id, "changes": changes}, **kwargs)
        power = changes.get("power_state")
        if power:
            self.told[server.id] = power
        elif power == 0:
            self.told.pop(server.id, None)
        return server.evolve(**changes)

    def begin_build(self, ctx: Context, server: Server, host: str) -> Awaitable[Server]:
        """Begin to build a scheduled server; only one build message gets through this, once.

        Raises:
            UnexpectedTaskState: it is built already, or another host was chosen.
        """
        changes = {"vm_state": "building", "task_state": None}
        return self.save(ctx, server, ["scheduling"], build_host=host, **changes)

    async def server(self, ctx: Context, server_id: str) -> Server:
        """Read a server's record. Raises ServerNotFound."""
        return Server.load(await self.of(ctx, "Instance", "get_by_uuid", server_id))

    async def devices(self, ctx: Context, server_id: str) -> list[BlockDevice]:
        """Read a server's block devices, in the order in which they were made."""
        found = await self.of(ctx, "BlockDeviceMappingList", "get_by_instance_uuid", server_id)
        return [BlockDevice.load(each) for each in found]

    async def save_device(self, ctx: Context, device: BlockDevice, **changes: Any) -> BlockDevice:
        """Change a block device's record and return it as it is then."""
        await self.on(ctx, "BlockDeviceMapping", "save", {"id": device.id, "changes": changes})
        return device.evolve(**changes)

    def build_instances(self, ctx: Context, server: Server, build: Json) -> None:
        """Ask for another host for a build that failed on this one."""
        self._rpc.cast(ctx, CONDUCTOR, "build_instances", {"instances": [brief(server)], **build})


class ComputeRpc:
    """What nova-api and the conductor ask of the agent on a server's host."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc
        self._long_s = process.config.long_rpc_timeout_s

    def cast(self, ctx: Context, server: Server, method: str, **kwargs: Any) -> None:
        """Tell the agent of the server's host to do something to the server."""
        self._rpc.cast(ctx, f"{COMPUTE}.{server.host}", method, {"instance": brief(server), **kwargs})

    def build(self, ctx: Context, host: str, body: Json) -> None:
        """Have a server built on a host."""
        self._rpc.cast(ctx, f"{COMPUTE}.{host}", "build_and_run_instance", body)

    async def call(self, ctx: Context, server: Server, method: str, *, long: bool = False, **kwargs: Any) -> Any:
        """Ask the agent of the server's host and wait; `long` waits for work that takes its time."""
        body = {"instance": brief(server), **kwargs}
        return await self._rpc.call(ctx, f"{COMPUTE}.{server.host}", method, body, timeout=self._long_s if long else None)

    def external_event(self, ctx: Context, host: str, servers: list[Server], events: list[Json]) -> None:
        """Bring what another service said of servers to their host, on the queue that no build can block."""
        names = ("id", "project_id", "vm_state", "task_state")
        instances = [{name: getattr(server, name) for name in names} for server in servers]
        self._rpc.cast(ctx, f"{COMPUTE_ALT}.{host}", "external_instance_event", {"instances": instances, "events": events})

    async def set_host_enabled(self, ctx: Context, host: str, enabled: bool) -> None:
        """Have the host show to placement whether new servers may come."""
        await self._rpc.call(ctx, f"{COMPUTE}.{host}", "set_host_enabled", {"enabled": enabled})

    async def host_uptime(self, ctx: Context, host: str) -> str:
        """Ask the host how long it has been up."""
        return str(await self._rpc.call(ctx, f"{COMPUTE}.{host}", "get_host_uptime", {}))


class ConductorApi:
    """What nova-api asks of the conductor."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc

    def schedule_and_build_instances(self, ctx: Context, body: Json) -> None:
        """Have new servers placed and built."""
        self._rpc.cast(ctx, CONDUCTOR, "schedule_and_build_instances", body)

    async def attach_volume(self, ctx: Context, server: Server, request: Json) -> str:
        """Have a volume attached; answers the device name once the host has begun."""
        return str(await self._rpc.call(ctx, CONDUCTOR, "attach_volume", {"instance": brief(server), **request}))
