"""The use cases of resource classes and traits: the standard names, and those that operators add."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.errors import BadRequest, Conflict
from lab.services.placement.model import ResourceClass, ResourceProvider, Trait, UnknownClass, UnknownTrait
from lab.services.placement.standard import RESOURCE_CLASSES, STANDARD_CLASSES, STANDARD_TRAITS, TRAITS

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction

_CUSTOM = re.compile(r"^CUSTOM_[A-Z0-9_]+$")
NAME_LENGTH = 255


def is_custom(name: str) -> bool:
    """Whether an operator may add this name."""
    return len(name) <= NAME_LENGTH and _CUSTOM.match(name) is not None


def need_class(tx: Transaction, name: str) -> None:
    """Raise UnknownClass when no such resource class exists."""
    if name not in STANDARD_CLASSES and tx.get(ResourceClass, name) is None:
        raise UnknownClass(f"No such resource class {name}.")


def need_traits(tx: Transaction, names: Iterable[str]) -> None:
    """Raise UnknownTrait naming those that do not exist."""
    missing = [n for n in dict.fromkeys(names) if n not in STANDARD_TRAITS and tx.get(Trait, n) is None]
    if missing:
        raise UnknownTrait(f"No such trait(s): {', '.join(missing)}.")


class Names:
    """The only writer of the records of resource classes and traits."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def classes(self) -> list[str]:
        """All resource classes, the standard ones first."""
        own = await self._process.store.run(lambda tx: tx.all(ResourceClass))
        return [*RESOURCE_CLASSES, *(record.name for record in own)]

    async def need_class(self, name: str) -> None:
        """Raise UnknownClass when no such resource class exists."""
        if name not in STANDARD_CLASSES:
            await self._process.store.run(lambda tx: need_class(tx, name))

    async def add_class(self, name: str) -> bool:
        """Add a resource class; False when it was there."""

        def insert(tx: Transaction) -> bool:
            if name in STANDARD_CLASSES or tx.get(ResourceClass, name) is not None:
                return False
            tx.insert(ResourceClass.make(name=name))
            return True

        return await self._process.store.run(insert)

    async def rename_class(self, name: str, new: str) -> None:
        """Give a resource class another name, as versions 1.2 to 1.6 allowed, in the inventories too."""

        def rename(tx: Transaction) -> None:
            need_class(tx, name)
            if name in STANDARD_CLASSES:
                raise BadRequest(f"Cannot update standard resource class {name}")
            if new in STANDARD_CLASSES or tx.get(ResourceClass, new) is not None:
                raise Conflict(f"Resource class already exists: {new}")
            if _in_use(tx, name):
                raise Conflict(f"Resource class {name} is in use in inventory; it cannot be renamed.")
            tx.delete(tx.need(ResourceClass, name))
            tx.insert(ResourceClass.make(name=new))

        await self._process.store.run(rename)

    async def remove_class(self, name: str) -> None:
        """Remove a resource class that no inventory uses."""

        def delete(tx: Transaction) -> None:
            need_class(tx, name)
            start = "Error in delete resource class: Cannot delete"
            if name in STANDARD_CLASSES:
                raise BadRequest(f"{start} standard resource class {name}.")
            if _in_use(tx, name):
                raise Conflict(f"{start} resource class {name}. Class is in use in inventory.")
            tx.delete(tx.need(ResourceClass, name))

        await self._process.store.run(delete)

    async def traits(self, names: list[str] | None = None, prefix: str | None = None, associated: bool | None = None) -> list[str]:
        """All traits: only the named ones, those that begin so, or those that some provider has or none has."""

        def read(tx: Transaction) -> list[str]:
            found = [*TRAITS, *(record.name for record in tx.all(Trait))]
            if names is not None:
                found = [name for name in found if name in names]
            if prefix is not None:
                found = [name for name in found if name.startswith(prefix)]
            if associated is not None:
                had = {name for provider in tx.all(ResourceProvider) for name in provider.traits}
                found = [name for name in found if (name in had) is associated]
            return found

        return await self._process.store.run(read)

    async def need_traits(self, names: Iterable[str]) -> None:
        """Raise UnknownTrait when one of them does not exist."""
        unusual = [name for name in names if name not in STANDARD_TRAITS]
        if unusual:
            await self._process.store.run(lambda tx: need_traits(tx, unusual))

    async def show_trait(self, name: str) -> None:
        """Raise UnknownTrait when it does not exist."""
        await self.need_traits([name])

    async def add_trait(self, name: str) -> bool:
        """Add a trait; False when it was there."""
        if not is_custom(name):
            raise BadRequest(
                "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
                '"CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"'
            )
        now = self._process.runtime.now_ns()

        def insert(tx: Transaction) -> bool:
            if tx.get(Trait, name) is not None:
                return False
            tx.insert(Trait.make(name=name, created_ns=now))
            return True

        return await self._process.store.run(insert)

    async def remove_trait(self, name: str) -> None:
        """Remove a trait that no provider has."""

        def delete(tx: Transaction) -> None:
            need_traits(tx, [name])
            if name in STANDARD_TRAITS:
                raise BadRequest(f"Cannot delete standard trait {name}.")
            if any(name in provider.traits for provider in tx.all(ResourceProvider)):
                raise Conflict(f"The trait {name} is in use by a resource provider.")
            tx.delete(tx.need(Trait, name))

        await self._process.store.run(delete)


def _in_use(tx: Transaction, resource_class: str) -> bool:
    return any(resource_class in provider.inventories for provider in tx.all(ResourceProvider))
