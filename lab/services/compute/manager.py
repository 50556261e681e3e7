"""nova-api's use cases for servers, their devices and nova's services; the REST side calls nothing else of this room.

Source: nova/compute/api.py. Each checks the server's state in the transaction that changes it, notes the action, tells the
server's host, and returns before the host has done it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import Conflict
from lab.services.compute import notifications, records
from lab.services.compute.create import ServerCreator
from lab.services.compute.device_requests import DeviceRequests
from lab.services.compute.model import LOCKED_BY, Server
from lab.services.compute.rpc import ComputeRpc
from lab.services.compute.server_deletes import ServerDeleter
from lab.services.compute.service_admin import ServiceAdmin
from lab.services.compute.states import PAUSING, POWERING_OFF, POWERING_ON, REBOOTING, REBOOTING_HARD, UNPAUSING, check_command

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]

OK, NOT_FOUND, NO_HOST = 200, 404, 422  # codes of external events. Source: nova's api-ref of os-server-external-events


class ComputeManager:
    """All use cases of one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._compute = ComputeRpc(process)
        devices, services = DeviceRequests(process), ServiceAdmin(process)
        self.create_servers = ServerCreator(process).create_servers
        self.delete_server = ServerDeleter(process).delete_server
        self.attach_volume = devices.attach_volume
        self.copy_volume = devices.copy_volume
        self.detach_volume = devices.detach_volume
        self.update_block_device = devices.update_block_device
        self.attach_interface = devices.attach_interface
        self.detach_interface = devices.detach_interface
        self.set_service = services.set_service
        self.delete_service = services.delete_service
        self.host_uptime = services.host_uptime

    async def _begin(self, ctx: Context, server: Server, command: str, action: str, changes: Json) -> Server:
        """Put a server into the task of a command, if it may begin, and tell so."""
        process = self._process
        now = process.runtime.iso()

        def write(tx: Transaction) -> tuple[Server, Server]:
            current = records.need_server(tx, server.id)
            check_command(current, command, is_admin=ctx.is_admin)
            _need_host(current)
            records.start_action(tx, ctx, current, action, now)
            return records.change(tx, server.id, now, changes)

        old, new = await process.store.run(write)
        notifications.updated(process, ctx, old, new)
        return new

    async def stop_server(self, ctx: Context, server: Server) -> None:
        """Begin to power a server off. Raises Conflict when its state forbids it."""
        changed = await self._begin(ctx, server, "stop", "stop", {"task_state": POWERING_OFF, "progress": 0})
        self._compute.cast(ctx, changed, "stop_instance", clean_shutdown=True)

    async def start_server(self, ctx: Context, server: Server) -> None:
        """Begin to power a server on. Raises Conflict when its state forbids it."""
        changed = await self._begin(ctx, server, "start", "start", {"task_state": POWERING_ON})
        self._compute.cast(ctx, changed, "start_instance")

    async def pause_server(self, ctx: Context, server: Server) -> None:
        """Begin to hold a guest still. Raises Conflict when its state forbids it."""
        changed = await self._begin(ctx, server, "pause", "pause", {"task_state": PAUSING})
        self._compute.cast(ctx, changed, "pause_instance")

    async def unpause_server(self, ctx: Context, server: Server) -> None:
        """Begin to let a guest go on. Raises Conflict when its state forbids it."""
        changed = await self._begin(ctx, server, "unpause", "unpause", {"task_state": UNPAUSING})
        self._compute.cast(ctx, changed, "unpause_instance")

    async def reboot_server(self, ctx: Context, server: Server, reboot_type: str) -> None:
        """Begin to restart a server, 'SOFT' by its own system or 'HARD' by its power. Raises Conflict when its state forbids it."""
        hard = reboot_type == "HARD"
        task = REBOOTING_HARD if hard else REBOOTING
        changed = await self._begin(ctx, server, "reboot_hard" if hard else "reboot_soft", "reboot", {"task_state": task})
        self._compute.cast(ctx, changed, "reboot_instance", block_device_info=None, reboot_type=reboot_type)

    async def reset_state(self, ctx: Context, server: Server, state: str) -> None:
        """Set a server to 'active' or 'error' by an administrator's word; nothing is done on its host."""
        await self.update_server(ctx, server, {"vm_state": state, "task_state": None})

    async def lock_server(self, ctx: Context, server: Server, reason: str | None) -> None:
        """Refuse what others than administrators ask from now on; a second lock by the server's own project changes nothing."""
        own = server.project_id == ctx.project_id
        if not server.locked or not own:
            noted = {**server.system_metadata, LOCKED_BY: "owner" if own else "admin"}
            await self._noted(ctx, server, "lock", {"locked": True, "locked_reason": reason, "system_metadata": noted})

    async def unlock_server(self, ctx: Context, server: Server) -> None:
        """Take what everybody may ask again."""
        kept = {key: value for key, value in server.system_metadata.items() if key != LOCKED_BY}
        await self._noted(ctx, server, "unlock", {"locked": False, "locked_reason": None, "system_metadata": kept})

    async def _noted(self, ctx: Context, server: Server, action: str, changes: Json) -> None:
        """Change a server by an action whose only step is this process's own."""
        process = self._process
        now, step = process.runtime.iso(), (server.id, ctx.request_id, f"api_{action}", process.host)

        def write(tx: Transaction) -> tuple[Server, Server]:
            records.start_action(tx, ctx, server, action, now)
            records.start_event(tx, ctx.request_id, server.id, step[2], process.host, now)
            records.finish_event(tx, step, now, None)
            return records.change(tx, server.id, now, changes)

        old, new = await process.store.run(write)
        notifications.updated(process, ctx, old, new)

    async def update_server(self, ctx: Context, server: Server, changes: Json) -> Server:
        """Change what a server is called and carries: name, metadata, tags…"""
        process = self._process
        now = process.runtime.iso()
        old, new = await process.store.run(lambda tx: records.change(tx, server.id, now, changes))
        notifications.updated(process, ctx, old, new)
        return new

    async def console_output(self, ctx: Context, server: Server, length: int | None) -> str:
        """Ask the server's host for the end of its serial console; `length` is a number of lines, None all."""
        _need_host(server)
        return str(await self._compute.call(ctx, server, "get_console_output", tail_length=length))

    async def external_events(self, ctx: Context, events: list[Json]) -> list[int]:
        """Bring what another service said of servers to their hosts; answers a code for each event, in their order."""
        wanted = list(dict.fromkeys(event["server_uuid"] for event in events))

        def read(tx: Transaction) -> dict[str, Server]:
            found = [tx.get(Server, server_id) for server_id in wanted]
            return {server.id: server for server in found if server is not None and not server.deleted}

        servers = await self._process.store.run(read)
        codes: list[int] = []
        by_host: dict[str, tuple[dict[str, Server], list[Json]]] = {}
        for event in events:
            server = servers.get(event["server_uuid"])
            host = server.host if server is not None else None
            codes.append(NOT_FOUND if server is None else NO_HOST if host is None else OK)
            if server is not None and host is not None:
                told, list_ = by_host.setdefault(host, ({}, []))
                told[server.id] = server
                list_.append(event)
        for host, (told, list_) in by_host.items():
            self._compute.external_event(ctx, host, list(told.values()), list_)
        return codes


def _need_host(server: Server) -> None:
    """Raise Conflict while no host has the server. Source: nova's InstanceNotReady."""
    if server.host is None:
        raise Conflict(f"Instance {server.id} is not ready")
