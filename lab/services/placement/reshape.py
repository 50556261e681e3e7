"""Moves inventories between providers together with the allocations on them, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest
from lab.services.placement.allocations import Claim, replace_claims
from lab.services.placement.manager import replace_inventories
from lab.services.placement.model import ConcurrentUpdate, ResourceProvider
from lab.services.placement.query import Version

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction


class UnknownProvider(BadRequest):
    """A provider that is to be reshaped does not exist."""

    code = "placement.resource_provider.not_found"


async def reshape(
    process: Process,
    inventories: Mapping[str, tuple[int, Mapping[str, Mapping[str, Any]]]],
    claims: Sequence[Claim],
    version: Version,
) -> None:
    """Set inventories of providers (generation and inventories by UUID) and replace claims in one transaction.

    Raises:
        UnknownProvider, ConcurrentUpdate, InventoryInUse, ClaimRefused, BadRequest: nothing was changed.
    """
    now = process.runtime.now_ns()

    def write(tx: Transaction) -> None:
        for uuid, (generation, given) in inventories.items():
            provider = tx.get(ResourceProvider, uuid)
            if provider is None:
                raise UnknownProvider(f"Resource provider {uuid} in inventories not found: No resource provider with uuid {uuid} found")
            if generation != provider.revision:
                raise ConcurrentUpdate(
                    f"resource provider generation conflict for provider {uuid}: actual: {provider.revision}, given: {generation}"
                )
            # First what was and what shall be, so that allocations can move from the one to the other.
            if given:
                replace_inventories(tx, provider, {**provider.inventories, **given}, version)
        replace_claims(tx, claims, now, several=True)
        for uuid, (_, given) in inventories.items():
            replace_inventories(tx, tx.need(ResourceProvider, uuid), given, version)

    await process.store.run(write)
