"""The use cases of resource providers: the providers themselves, their inventories, traits and aggregates.

The only writer of their records beside `allocations`, which books what consumers take. Generations guard
every change: who writes with an old one gets `placement.concurrent_update` and reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, NotFound
from lab.services.placement.model import (
    Allocation,
    ConcurrentUpdate,
    DuplicateName,
    Inventory,
    InventoryInUse,
    ParentInUse,
    ProviderInUse,
    ResourceProvider,
    UnknownClass,
    capacity,
    whole_inventory,
)
from lab.services.placement.names import need_class, need_traits
from lab.services.placement.query import Version
from lab.services.placement.standard import STANDARD_TRAITS, class_order
from lab.services.placement.table import ProviderTable

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction

RESERVED_CAN_BE_TOTAL: Version = (1, 26)
_STALE = "Resource provider's generation already changed. Please update the generation and try again."


def follow(process: Process) -> ProviderTable:
    """A table of all providers that every later commit brings up to date, as long as the process lives."""
    table = ProviderTable()
    process.store.follow(ResourceProvider, lambda uuid, provider: table.drop(uuid) if provider is None else table.put(provider))
    return table


def need_provider(tx: Transaction, uuid: str) -> ResourceProvider:
    """The provider, or NotFound in the real placement's words."""
    provider = tx.get(ResourceProvider, uuid)
    if provider is None:
        raise NotFound(f"No resource provider with uuid {uuid} found")
    return provider


class Providers:
    """Makes, changes and removes providers."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.table = follow(process)

    async def show(self, uuid: str) -> ResourceProvider:
        """One provider, or NotFound."""
        return await self._process.store.run(lambda tx: need_provider(tx, uuid))

    async def create(self, name: str, uuid: str | None, parent: str | None) -> ResourceProvider:
        """Make a provider, at the root or under a parent.

        Raises:
            DuplicateName: the name or the UUID is taken.
            BadRequest: the parent does not exist or is the provider itself.
        """
        own = uuid or self._process.uuid()
        now = self._process.runtime.now_ns()

        def insert(tx: Transaction) -> ResourceProvider:
            root = own
            if parent is not None:
                root = self._root_of_parent(tx, own, parent, f'Unable to create resource provider "{name}", {own}')
            taken = [f"uuid: {own}"] if tx.get(ResourceProvider, own) is not None else []
            taken += [f"name: {name}"] if tx.one(ResourceProvider, name=name) is not None else []
            if taken:
                raise DuplicateName(f"Conflicting resource provider {', '.join(taken)} already exists.")
            return tx.insert(
                ResourceProvider.make(uuid=own, name=name, parent_provider_uuid=parent, root_provider_uuid=root, updated_ns=now)
            )

        return await self._process.store.run(insert)

    def _root_of_parent(self, tx: Transaction, uuid: str, parent: str, label: str) -> str:
        if parent == uuid:
            raise BadRequest(
                f"{label}: Object action create failed because: parent provider UUID cannot be same as UUID. "
                "Please set parent provider UUID to None if there is no parent."
            )
        above = tx.get(ResourceProvider, parent)
        if above is None:
            raise BadRequest(f"{label}: Object action create failed because: parent provider UUID does not exist.")
        return above.root_provider_uuid

    async def update(self, uuid: str, changes: Mapping[str, Any], reparenting: bool) -> ResourceProvider:
        """Rename a provider or give it another parent; from 1.37 on (`reparenting`) also one in place of another."""
        now = self._process.runtime.now_ns()

        def write(tx: Transaction) -> ResourceProvider:
            provider = need_provider(tx, uuid)
            name = changes.get("name", provider.name)
            other = tx.one(ResourceProvider, name=name)
            if other is not None and other.uuid != uuid:
                raise DuplicateName(f"Conflicting resource provider {name} already exists.")
            provider = tx.update(provider, name=name, updated_ns=now)
            if "parent_provider_uuid" in changes:
                provider = self._move(tx, provider, changes["parent_provider_uuid"], reparenting)
            return provider

        return await self._process.store.run(write)

    def _move(self, tx: Transaction, provider: ResourceProvider, parent: str | None, reparenting: bool) -> ResourceProvider:
        label = f"Unable to save resource provider {provider.uuid}: Object action update failed because:"
        below = _subtree(tx, provider)
        if parent is None:
            if provider.parent_provider_uuid is None:
                return provider
            if not reparenting:
                raise BadRequest(f"{label} un-parenting a provider is not currently allowed.")
            root = provider.uuid
        else:
            above = tx.get(ResourceProvider, parent)
            if above is None:
                raise BadRequest(
                    f"Unable to save resource provider {provider.uuid}: Object action create failed because: "
                    "parent provider UUID does not exist."
                )
            if provider.parent_provider_uuid not in (None, parent) and not reparenting:
                raise BadRequest(f"{label} re-parenting a provider is not currently allowed.")
            if any(parent == other.uuid for other in below):
                raise BadRequest(f"{label} creating loop in the provider tree is not allowed.")
            root = above.root_provider_uuid
        for other in below:
            tx.update(other, root_provider_uuid=root)
        return tx.update(need_provider(tx, provider.uuid), parent_provider_uuid=parent)

    async def delete(self, uuid: str) -> None:
        """Remove a provider without children and allocations."""

        def remove(tx: Transaction) -> None:
            provider = tx.get(ResourceProvider, uuid)
            if provider is None:
                raise NotFound(f"No resource provider with uuid {uuid} found for delete")
            if tx.find(ResourceProvider, parent_provider_uuid=uuid):
                raise ParentInUse(f"Unable to delete parent resource provider {uuid}: It has child resource providers.")
            if tx.find(Allocation, provider_uuid=uuid):
                raise ProviderInUse(f"Unable to delete resource provider {uuid}: Resource provider has allocations.")
            tx.delete(provider)

        await self._process.store.run(remove)

    # -- inventories --------------------------------------------------------------------------

    async def set_inventories(
        self, uuid: str, generation: int | None, given: Mapping[str, Mapping[str, Any]], version: Version
    ) -> ResourceProvider:
        """Replace all inventories of a provider; `generation` None replaces whatever is there.

        Raises:
            ConcurrentUpdate: the provider moved on to another generation.
            InventoryInUse: an inventory that would vanish has allocations.
            BadRequest: a class is unknown, or nothing is left after what is reserved.
        """

        def write(tx: Transaction) -> ResourceProvider:
            provider = need_provider(tx, uuid)
            if generation is not None and generation != provider.revision:
                raise ConcurrentUpdate("resource provider generation conflict")
            return replace_inventories(tx, provider, given, version)

        return await self._process.store.run(write)

    async def put_inventory(
        self, uuid: str, resource_class: str, given: Mapping[str, Any], version: Version, *, new: bool
    ) -> ResourceProvider:
        """Add one inventory (`new`), or change one that is there."""
        verb = "create" if new else "update"

        def write(tx: Transaction) -> ResourceProvider:
            provider = need_provider(tx, uuid)
            stated = given.get("resource_provider_generation")
            if not new and stated != provider.revision:
                raise ConcurrentUpdate("resource provider generation conflict")
            label = f"Unable to {verb} inventory for resource provider {uuid}"
            try:
                need_class(tx, resource_class)
            except UnknownClass as error:
                raise BadRequest(f"{label}: {error.message}") from None
            if new and resource_class in provider.inventories:
                raise ConcurrentUpdate(f"Update conflict: an inventory of {resource_class} exists already")
            inventory = _checked(uuid, resource_class, given, version, label)
            if not new and resource_class not in provider.inventories:
                raise BadRequest(
                    f"No inventory record with resource class for resource provider {uuid}: No inventory of class {resource_class} found."
                )
            return _write(tx, provider, inventories={**provider.inventories, resource_class: inventory})

        return await self._process.store.run(write)

    async def delete_inventory(self, uuid: str, resource_class: str) -> None:
        """Remove one inventory that has no allocations."""

        def write(tx: Transaction) -> None:
            provider = need_provider(tx, uuid)
            if resource_class not in provider.inventories:
                raise NotFound(f"No inventory of class {resource_class} found for delete: No inventory of class {resource_class} found.")
            if provider.used.get(resource_class):
                raise ConcurrentUpdate(
                    f"Unable to delete inventory of class {resource_class}: Inventory for '{resource_class}' on "
                    f"resource provider '{uuid}' in use."
                )
            rest = {name: inventory for name, inventory in provider.inventories.items() if name != resource_class}
            _write(tx, provider, inventories=rest)

        await self._process.store.run(write)

    # -- traits and aggregates ----------------------------------------------------------------

    async def set_traits(self, uuid: str, generation: int | None, traits: Sequence[str]) -> ResourceProvider:
        """Replace a provider's traits; `generation` None replaces whatever is there."""

        def write(tx: Transaction) -> ResourceProvider:
            provider = need_provider(tx, uuid)
            if generation is not None and generation != provider.revision:
                raise ConcurrentUpdate(_STALE)
            try:
                need_traits(tx, traits)
            except NotFound as error:
                names = error.message.removeprefix("No such trait(s): ").removesuffix(".")
                raise BadRequest(f"No such trait {names}") from None
            wanted = sorted(dict.fromkeys(traits), key=lambda name: (name not in STANDARD_TRAITS, name))
            return provider if wanted == provider.traits else _write(tx, provider, traits=wanted)

        return await self._process.store.run(write)

    async def set_aggregates(self, uuid: str, generation: int | None, aggregates: Sequence[str]) -> ResourceProvider:
        """Replace the aggregates that a provider is in; before 1.19 (`generation` None) its generation stays."""

        def write(tx: Transaction) -> ResourceProvider:
            provider = need_provider(tx, uuid)
            if generation is not None and generation != provider.revision:
                raise ConcurrentUpdate(_STALE)
            if generation is None:
                return tx.update(provider, aggregates=list(aggregates))
            return _write(tx, provider, aggregates=list(aggregates))

        return await self._process.store.run(write)

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        """Run a reading transaction."""
        return await self._process.store.run(work)


def replace_inventories(
    tx: Transaction, provider: ResourceProvider, given: Mapping[str, Mapping[str, Any]], version: Version
) -> ResourceProvider:
    """Replace all inventories of a provider, whose generation was checked, and count it up."""
    uuid = provider.uuid
    for name in given:
        try:
            need_class(tx, name)
        except UnknownClass as error:
            raise BadRequest(f"Unknown resource class in inventory for resource provider {uuid}: {error.message}") from None
    label = f"Unable to update inventory for resource provider {uuid}"
    wanted = {name: _checked(uuid, name, inventory, version, label) for name, inventory in given.items()}
    held = sorted((n for n in provider.inventories if n not in wanted and provider.used.get(n)), key=class_order)
    if held:
        raise InventoryInUse(f"update conflict: Inventory for '{', '.join(held)}' on resource provider '{uuid}' in use.")
    return _write(tx, provider, inventories=wanted)


def _checked(uuid: str, name: str, given: Mapping[str, Any], version: Version, label: str) -> Inventory:
    inventory = whole_inventory(given)
    free = capacity(inventory)
    if free < 0 or (free == 0 and version < RESERVED_CAN_BE_TOTAL):
        relation = "greater than" if version >= RESERVED_CAN_BE_TOTAL else "greater than or equal to"
        raise BadRequest(f"{label}: Invalid inventory for '{name}' on resource provider '{uuid}'. The reserved value is {relation} total.")
    return inventory


def _write(tx: Transaction, provider: ResourceProvider, **changes: Any) -> ResourceProvider:
    return tx.update(provider, revision=provider.revision + 1, **changes)


def _subtree(tx: Transaction, top: ResourceProvider) -> list[ResourceProvider]:
    tree, index = [top], 0
    while index < len(tree):
        tree.extend(tx.find(ResourceProvider, parent_provider_uuid=tree[index].uuid))
        index += 1
    return tree
