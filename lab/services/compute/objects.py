"""The conductor's record access for agents: nova's objects, of which each method is one transaction.

An agent names a class and a method, as nova's indirection API does; the table at the end says which exist. All of them
bear a repeat: a save writes the same values again, a create finds its id, a destroy of what is gone is no error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, NotFound
from lab.services.compute import notifications, records, servicegroup
from lab.services.compute.model import (
    BlockDevice,
    ComputeNode,
    ComputeService,
    Server,
    UnexpectedTaskState,
    VirtualInterface,
    next_number,
)
from lab.services.compute.rpc import brief, brief_device

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]


class Objects:
    """Answers `object_action` and `object_class_action_versions`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.store
        self._actions: dict[tuple[str, str], Callable[..., Awaitable[Any]]] = {
            ("Instance", "save"): self._save_server,
            ("Instance", "destroy"): self._destroy_server,
            ("BlockDeviceMapping", "create"): self._create_device,
            ("BlockDeviceMapping", "save"): self._save_device,
            ("BlockDeviceMapping", "destroy"): self._destroy_device,
            ("InstanceInfoCache", "refresh"): self._read_cache,
            ("InstanceInfoCache", "save"): self._save_cache,
            ("VirtualInterface", "create"): self._create_vif,
            ("VirtualInterface", "destroy"): self._destroy_vif,
            ("ComputeNode", "create"): self._create_node,
            ("ComputeNode", "save"): self._save_node,
            ("Service", "create"): self._create_service,
        }
        self._class_actions: dict[tuple[str, str], Callable[..., Awaitable[Any]]] = {
            ("Instance", "get_by_uuid"): self._server,
            ("InstanceList", "get_by_host"): self._servers_of_host,
            ("InstanceActionEvent", "event_start"): self._event_start,
            ("InstanceActionEvent", "event_finish_with_failure"): self._event_finish,
            ("BlockDeviceMappingList", "get_by_instance_uuid"): self._devices,
            ("BlockDeviceMapping", "get_by_volume_and_instance"): self._device_of_volume,
            ("VirtualInterface", "delete_by_instance_uuid"): self._delete_vifs,
            ("Service", "get_by_compute_host"): self._service,
            ("ComputeNode", "get_by_host"): self._node,
            # Records that no use case here makes yet; agents ask for them where real agents do.
            ("ShareMappingList", "get_by_instance_uuid"): self._none,
            ("ResourceList", "get_by_instance_uuid"): self._none,
            ("InstancePCIRequests", "get_by_instance_uuid"): self._none,
            ("ConsoleAuthToken", "clean_console_auths_for_instance"): self._nothing,
        }

    def object_action(
        self, ctx: Context, objinst: Json, objmethod: str, args: list[Any] | None = None, kwargs: Json | None = None
    ) -> Awaitable[Any]:
        """Act on one record that the caller holds; answers [updates, result] as nova does."""
        handler = _known(self._actions, objinst.pop("nova_object.name"), objmethod)
        return handler(ctx, objinst, **(kwargs or {}))

    def object_class_action_versions(
        self, ctx: Context, objname: str, objmethod: str, args: list[Any], kwargs: Json
    ) -> Awaitable[Any]:
        """Act on a class of records."""
        return _known(self._class_actions, objname, objmethod)(ctx, *args, **kwargs)

    # -- servers ------------------------------------------------------------------------------

    async def _save_server(
        self, ctx: Context, inst: Json, expected_task_state: list[str | None] | None = None, build_host: str | None = None
    ) -> list[Any]:
        """Change a server; with `build_host` only while that host is the one that was chosen to build it."""
        now = self._process.runtime.iso()

        def write(tx: Transaction) -> tuple[Server, Server]:
            if build_host is not None and records.need_server(tx, inst["id"]).scheduled_host != build_host:
                raise UnexpectedTaskState(f"Instance {inst['id']} is no longer to be built on {build_host}")
            return records.change(tx, inst["id"], now, inst["changes"], expected_task_state)

        old, new = await self._store.run(write)
        notifications.updated(self._process, ctx, old, new)
        return [{"updated_at": now}, None]

    async def _destroy_server(self, ctx: Context, inst: Json) -> list[Any]:
        now = self._process.runtime.iso()
        old, new = await self._store.run(lambda tx: records.destroy(tx, inst["id"], now))
        if old.vm_state != new.vm_state:
            notifications.updated(self._process, ctx, old, new)
        return [{"deleted": True}, None]

    async def _server(self, ctx: Context, server_id: str) -> Json:
        return brief(await self._store.run(lambda tx: records.need_server(tx, server_id)))

    async def _servers_of_host(self, ctx: Context, host: str) -> list[Json]:
        found = await self._store.run(lambda tx: tx.find(Server, host=host, deleted=False))
        return [brief(server) for server in found]

    async def _event_start(self, ctx: Context, server_id: str, event: str, *, host: str) -> None:
        now = self._process.runtime.iso()
        await self._store.run(lambda tx: records.start_event(tx, ctx.request_id, server_id, event, host, now))

    async def _event_finish(self, ctx: Context, server_id: str, event: str, *, host: str, exc_val: str | None = None) -> None:
        now = self._process.runtime.iso()
        await self._store.run(lambda tx: records.finish_event(tx, (server_id, ctx.request_id, event, host), now, exc_val))

    # -- block devices ------------------------------------------------------------------------

    async def _devices(self, ctx: Context, server_id: str) -> list[Json]:
        return [brief_device(d) for d in await self._store.run(lambda tx: tx.find(BlockDevice, server_id=server_id))]

    async def _device_of_volume(self, ctx: Context, volume_id: str, server_id: str) -> Json:
        device = await self._store.run(lambda tx: tx.one(BlockDevice, volume_id=volume_id, server_id=server_id))
        if device is None:
            raise NotFound(f"No volume Block Device Mapping with id {volume_id}.")
        return brief_device(device)

    async def _create_device(self, ctx: Context, inst: Json) -> list[Any]:
        """Record a device; the same volume on the same server is the same device."""

        def write(tx: Transaction) -> BlockDevice:
            records.need_server(tx, inst["server_id"])
            volume = inst.get("volume_id")
            known = tx.one(BlockDevice, server_id=inst["server_id"], volume_id=volume) if volume else None
            return known or tx.insert(BlockDevice.make(**inst))

        return [brief_device(await self._store.run(write)), None]

    async def _save_device(self, ctx: Context, inst: Json) -> list[Any]:
        now = self._process.runtime.iso()

        def write(tx: Transaction) -> None:
            tx.update(tx.need(BlockDevice, inst["id"], "Block device mapping"), updated_at=now, **inst["changes"])

        await self._store.run(write)
        return [{"updated_at": now}, None]

    async def _destroy_device(self, ctx: Context, inst: Json) -> list[Any]:
        await self._store.run(lambda tx: _drop(tx, BlockDevice, inst["id"]))
        return [{}, None]

    # -- network --------------------------------------------------------------------------------

    async def _read_cache(self, ctx: Context, inst: Json) -> list[Any]:
        server = await self._store.run(lambda tx: records.need_server(tx, inst["id"]))
        return [{"network_info": server.network_info}, None]

    async def _save_cache(self, ctx: Context, inst: Json, host: str | None = None) -> list[Any]:
        """Keep what a host read from neutron; a message that is so late that another host has the server says nothing new."""

        def write(tx: Transaction) -> None:
            server = records.need_server(tx, inst["id"])
            if server.host in (host, None):
                tx.update(server, network_info=inst["network_info"])

        await self._store.run(write)
        return [{}, None]

    async def _create_vif(self, ctx: Context, inst: Json) -> list[Any]:
        vif = VirtualInterface.make(created_at=self._process.runtime.iso(), **inst)

        def write(tx: Transaction) -> None:
            records.need_server(tx, vif.server_id)
            if tx.get(VirtualInterface, vif.id) is None:
                tx.insert(vif)

        await self._store.run(write)
        return [{}, None]

    async def _destroy_vif(self, ctx: Context, inst: Json) -> list[Any]:
        await self._store.run(lambda tx: _drop(tx, VirtualInterface, inst["id"]))
        return [{}, None]

    async def _delete_vifs(self, ctx: Context, server_id: str) -> None:
        def write(tx: Transaction) -> None:
            for vif in tx.find(VirtualInterface, server_id=server_id):
                tx.delete(vif)

        await self._store.run(write)

    # -- hosts ----------------------------------------------------------------------------------

    async def _node(self, ctx: Context, host: str) -> Json | None:
        node = await self._store.run(lambda tx: tx.one(ComputeNode, host=host))
        return None if node is None else node.dump()

    async def _create_node(self, ctx: Context, inst: Json) -> list[Any]:
        """Record a compute node; the node of a host that was here before keeps its id."""
        process = self._process
        now, reserved = process.runtime.iso(), process.config.reserved_host_memory_mb

        def write(tx: Transaction) -> ComputeNode:
            known = tx.one(ComputeNode, host=inst["host"], hypervisor_hostname=inst["hypervisor_hostname"])
            if known is None:
                known = tx.insert(ComputeNode.make(id=next_number(tx, "compute_node"), created_at=now, **inst))
            return records.recount(tx, known, reserved)

        node = await self._store.run(write)
        return [{"uuid": node.uuid, "id": node.id}, None]

    async def _save_node(self, ctx: Context, inst: Json) -> list[Any]:
        """Change what the host reported of itself, and count its servers anew."""
        process = self._process
        now, reserved = process.runtime.iso(), process.config.reserved_host_memory_mb

        def write(tx: Transaction) -> None:
            node = tx.need(ComputeNode, inst["uuid"], "Compute host")
            records.recount(tx, tx.update(node, updated_at=now, **inst["changes"]), reserved)

        await self._store.run(write)
        return [{"updated_at": now}, None]

    async def _service(self, ctx: Context, host: str) -> Json | None:
        found = await self._store.run(lambda tx: tx.one(ComputeService, host=host, binary="nova-compute"))
        return None if found is None else {"id": found.id, "disabled": found.disabled, "forced_down": found.forced_down}

    async def _create_service(self, ctx: Context, inst: Json) -> list[Any]:
        runtime = self._process.runtime
        moment = (runtime.iso(), runtime.now_ns())
        service = await self._store.run(lambda tx: servicegroup.register(tx, inst, moment))
        return [{"uuid": service.uuid, "id": service.id, "disabled": service.disabled}, None]

    async def _none(self, ctx: Context, server_id: str) -> list[Any]:
        return []

    async def _nothing(self, ctx: Context, server_id: str) -> None:
        return None


def _drop(tx: Transaction, model: type[Any], key: str) -> None:
    record = tx.get(model, key)
    if record is not None:
        tx.delete(record)


def _known(table: dict[tuple[str, str], Callable[..., Awaitable[Any]]], name: str, method: str) -> Callable[..., Awaitable[Any]]:
    handler = table.get((name, method))
    if handler is None:
        raise BadRequest(f"{name}.{method} is no object action; known: {', '.join('.'.join(key) for key in table)}")
    return handler
