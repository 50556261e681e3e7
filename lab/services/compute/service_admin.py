"""What an administrator does with nova's services and hosts: enable, disable, force down, remove, ask for the uptime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import Conflict, LabError, NotFound
from lab.services.compute.model import ComputeNode, ComputeService, Server
from lab.services.compute.placement_client import Placement
from lab.services.compute.rpc import ComputeRpc
from lab.services.compute.servicegroup import fresh, host_is_up

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]

COMPUTE_BINARY = "nova-compute"


class ServiceAdmin:
    """Changes service records for one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._compute = ComputeRpc(process)
        self._placement = Placement(process)

    def _is_up(self, service: ComputeService) -> bool:
        return service.is_up(self._process.runtime.now_ns(), self._process.config.service_down_time_s)

    async def set_service(
        self, ctx: Context, service: ComputeService, disabled: bool | None, reason: str | None, forced_down: bool | None
    ) -> ComputeService:
        """Change a service's record, and have its host show the same to placement."""
        now = self._process.runtime.iso()

        def write(tx: Transaction) -> ComputeService:
            current = tx.get(ComputeService, service.uuid)
            if current is None:
                raise NotFound(f"Service {service.uuid} could not be found.")
            changes: Json = {"updated_at": now}
            if disabled is not None:
                changes |= {"disabled": disabled, "disabled_reason": reason if disabled else None}
            if forced_down is not None:
                changes["forced_down"] = forced_down
            return fresh(tx, tx.update(current, **changes))

        changed = await self._process.store.run(write)
        if changed.binary == COMPUTE_BINARY and changed.disabled != service.disabled and self._is_up(changed):
            try:
                await self._compute.set_host_enabled(ctx, changed.host, not changed.disabled)
            except LabError as error:
                text = f"{changed.host} could not be told that it is {'disabled' if changed.disabled else 'enabled'}: {error}"
                self._process.log(ctx, text, "warning")
        return changed

    async def delete_service(self, ctx: Context, service: ComputeService) -> None:
        """Remove a service, and of a compute host its node and provider. Raises Conflict when servers live there."""

        def remove(tx: Transaction) -> list[ComputeNode]:
            if service.binary == COMPUTE_BINARY and tx.find(Server, host=service.host, deleted=False):
                raise Conflict("Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
            nodes = tx.find(ComputeNode, host=service.host) if service.binary == COMPUTE_BINARY else []
            for node in nodes:
                tx.delete(node)
            tx.delete(service)
            return nodes

        for node in await self._process.store.run(remove):
            await self._placement.delete_provider(ctx, node.uuid)

    async def host_uptime(self, ctx: Context, node: ComputeNode) -> str | None:
        """Ask a host how long it has been up; a dead one does not answer."""
        if not await self._process.store.run(lambda tx: host_is_up(tx, self._process, node.host)):
            return None
        return await self._compute.host_uptime(ctx, node.host)
