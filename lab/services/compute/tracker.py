"""The resource tracker: tells nova and placement what this host has, and what its servers take.

Source: nova/compute/resource_tracker.py and nova/scheduler/client/report.py. A host's numbers of use are kept by the
conductor with the servers' records; the tracker makes the claim, and finds allocations that nobody gave back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.services.compute.driver import HostInventory
from lab.services.compute.model import Server, ServerNotFound
from lab.services.compute.placement_client import Placement
from lab.services.compute.states import BUILDING

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.driver import HypervisorDriver
    from lab.services.compute.rpc import Conductor

Json = dict[str, Any]

DISABLED = "COMPUTE_STATUS_DISABLED"
# Every nova host says who owns it and that it is a node. Source: os_traits; nova's `_get_traits` of the resource tracker.
OWN_TRAITS = ("COMPUTE_NODE", "OWNER_NOVA")
MIB_PER_GIB = 1024


class ResourceTracker:
    """One host's resources."""

    def __init__(self, process: Process, driver: HypervisorDriver, conductor: Conductor) -> None:
        self._process, self._driver, self._conductor = process, driver, conductor
        self.placement = Placement(process)
        self.node_uuid = ""
        self.host_ip = ""
        self._inventory: HostInventory | None = None
        self._failed_builds = 0

    # -- what the host has --------------------------------------------------------------------

    async def register(self, ctx: Context, service_id: int, enabled: bool) -> None:
        """Record the compute node and its provider; repeated it changes only what is different."""
        inventory = await self._driver.inventory()
        host, self.host_ip = self._process.host, inventory.host_ip
        numbers = self._numbers(inventory)
        known = await self._conductor.of(ctx, "ComputeNode", "get_by_host", host)
        if known is None:
            node = {"uuid": self._process.uuid(), "host": host, "hypervisor_hostname": host, "service_id": service_id, **numbers}
            answer = await self._conductor.on(ctx, "ComputeNode", "create", node)
            self.node_uuid = answer[0]["uuid"]
        else:
            self.node_uuid = known["uuid"]
            await self._conductor.on(ctx, "ComputeNode", "save", {"uuid": self.node_uuid, "changes": {**numbers, "failed_builds": 0}})
        await self._provide(ctx, inventory, enabled)
        self._inventory = inventory

    def _numbers(self, inventory: HostInventory) -> Json:
        config = self._process.config
        return {
            "hypervisor_type": inventory.hypervisor_type,
            "hypervisor_version": inventory.hypervisor_version,
            "host_ip": inventory.host_ip,
            "vcpus": inventory.vcpus,
            "memory_mb": inventory.memory_mib,
            "local_gb": inventory.disk_gib,
            "cpu_allocation_ratio": config.cpu_allocation_ratio,
            "ram_allocation_ratio": config.ram_allocation_ratio,
            "disk_allocation_ratio": config.disk_allocation_ratio,
            "traits": list(inventory.traits),
        }

    async def _provide(self, ctx: Context, inventory: HostInventory, enabled: bool) -> None:
        """Bring the provider in placement up to date."""
        placement, uuid = self.placement, self.node_uuid
        provider = await placement.provider(ctx, uuid)
        wanted, traits = self._inventories(inventory), self._traits(inventory, enabled)
        if provider is None:
            provider = await placement.create_provider(ctx, uuid, self._process.host)
            generation = await placement.set_inventories(ctx, uuid, int(provider["generation"]), wanted)
            await self._set_traits(ctx, generation, traits)
            return
        held = await placement.inventories(ctx, uuid)
        if any(wanted[name].items() - held["inventories"].get(name, {}).items() for name in wanted):
            await placement.set_inventories(ctx, uuid, int(held["resource_provider_generation"]), wanted)
        has, generation = await placement.traits(ctx, uuid)
        if sorted(has) != sorted(traits):
            await self._set_traits(ctx, generation, traits)

    def _inventories(self, inventory: HostInventory) -> Json:
        """What the host has by resource class; placement takes no inventory of nothing, as of a disk of less than a GiB."""
        config = self._process.config
        stocks = {
            "VCPU": _stock(inventory.vcpus, config.reserved_host_cpus, config.cpu_allocation_ratio),
            "MEMORY_MB": _stock(inventory.memory_mib, config.reserved_host_memory_mb, config.ram_allocation_ratio),
            "DISK_GB": _stock(inventory.disk_gib, -(-config.reserved_host_disk_mb // MIB_PER_GIB), config.disk_allocation_ratio),
        }
        return {name: stock for name, stock in stocks.items() if stock["total"]}

    def _traits(self, inventory: HostInventory, enabled: bool) -> list[str]:
        return sorted({*inventory.traits, *OWN_TRAITS, *(() if enabled else (DISABLED,))})

    async def _set_traits(self, ctx: Context, generation: int, traits: list[str]) -> None:
        for name in traits:
            if name.startswith("CUSTOM_"):
                await self.placement.ensure_trait(ctx, name)
        await self.placement.set_traits(ctx, self.node_uuid, generation, traits)

    async def set_enabled(self, ctx: Context, enabled: bool) -> None:
        """Show to placement whether new servers may come to this host."""
        has, generation = await self.placement.traits(ctx, self.node_uuid)
        wanted = sorted({*has, DISABLED} if not enabled else {*has} - {DISABLED})
        if wanted != sorted(has):
            await self._set_traits(ctx, generation, wanted)

    async def update(self, ctx: Context) -> None:
        """Report the host again if its hardware changed."""
        inventory = await self._driver.inventory()
        if inventory == self._inventory:
            return
        changes = self._numbers(inventory)
        await self._conductor.on(ctx, "ComputeNode", "save", {"uuid": self.node_uuid, "changes": changes})
        service = await self._conductor.of(ctx, "Service", "get_by_compute_host", self._process.host)
        await self._provide(ctx, inventory, not (service or {}).get("disabled"))
        self._inventory = inventory

    # -- what servers take --------------------------------------------------------------------

    async def claim(self, ctx: Context, server: Server) -> Server:
        """Make this host the server's, in the order of messages of nova's `instance_claim`."""
        await self.placement.look_at(ctx, server.id)
        host = self._process.host
        # A message that is late must not take the server back from the host that has it by now.
        return await self._conductor.save(ctx, server, [None], build_host=host, vm_state=BUILDING, host=host, node=host)

    async def update_usage(self, ctx: Context, server: Server) -> None:
        """Look at the provider's allocations after a server came or went, as nova's tracker does."""
        await self.placement.look_around(ctx, self.node_uuid)
        await self.placement.look_at(ctx, server.id)
        await self._conductor.of(ctx, "Service", "get_by_compute_host", self._process.host)

    async def count_build(self, ctx: Context, succeeded: bool) -> None:
        """Count a build for the BuildFailure weigher: failures since the last success."""
        failures = 0 if succeeded else self._failed_builds + 1
        if failures == self._failed_builds:
            return
        self._failed_builds = failures
        try:
            await self._conductor.on(ctx, "ComputeNode", "save", {"uuid": self.node_uuid, "changes": {"failed_builds": failures}})
        except LabError as error:
            self._process.log(ctx, f"failed_builds could not be reported: {error}", "warning")

    async def drop_orphans(self, ctx: Context, here: set[str]) -> None:
        """Give back what deleted servers still hold of this host.

        Source: `_remove_deleted_instances_allocations` of nova's resource tracker. A server that lives elsewhere, or has no
        host yet, keeps its own.
        """
        for consumer in await self.placement.consumers(ctx, self.node_uuid):
            if consumer in here:
                continue
            try:
                await self._conductor.server(ctx, consumer)
            except ServerNotFound:
                self._process.log(ctx, f"allocations of the deleted server {consumer} are given back", "warning")
                await self.placement.release(ctx, consumer)


def _stock(total: int, reserved: int, ratio: float) -> Json:
    return {"total": total, "reserved": reserved, "min_unit": 1, "max_unit": total, "step_size": 1, "allocation_ratio": ratio}
