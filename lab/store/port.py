"""The port of stores: synchronous transactions over records, and who is told of what they changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from lab.errors import NotFound
from lab.store.record import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Changed = Callable[[Any, Any], object]
"""Called with a record's key, and the record, or None when it was deleted."""


class Transaction(ABC):
    """One transaction; everything in it happens, or nothing."""

    @abstractmethod
    def get(self, model: type[R], key: Any) -> R | None:
        """The record with this key, or None."""

    @abstractmethod
    def find(self, model: type[R], **equals: Any) -> list[R]:
        """All records whose fields equal these, in order of insertion; fast for declared indexes."""

    @abstractmethod
    def insert(self, record: R) -> R:
        """Add a record. Raises StoreConflict when a constraint is broken."""

    @abstractmethod
    def update(self, record: R, **changes: Any) -> R:
        """Replace the record by one with changes. Raises NotFound when it is gone, StoreConflict when its generation moved on."""

    @abstractmethod
    def delete(self, record: Record) -> None:
        """Remove the record; gone is no error. Raises StoreConflict when another record refers to it."""

    def one(self, model: type[R], **equals: Any) -> R | None:
        """The first record whose fields equal these, or None."""
        found = self.find(model, **equals)
        return found[0] if found else None

    def all(self, model: type[R]) -> list[R]:
        """All records of this class, in order of insertion."""
        return self.find(model)

    def count(self, model: type[R], **equals: Any) -> int:
        """How many records have these fields."""
        return len(self.find(model, **equals))

    def need(self, model: type[R], key: Any, label: str = "") -> R:
        """The record with this key. Raises NotFound naming it."""
        record = self.get(model, key)
        if record is None:
            raise NotFound(f"{label or model.__name__} {key} could not be found.")
        return record


class Store(ABC):
    """Where records live."""

    @abstractmethod
    async def run(self, work: Callable[[Any], T]) -> T:
        """Run a synchronous function as one transaction; an exception takes everything back.

        It may be run again when a generation conflicts, so it must have no other effects.
        """

    @abstractmethod
    def follow(self, model: type[Record], told: Changed) -> None:
        """Tell of every record of a class, in order of insertion, and from now on of each that a commit has changed."""

    async def close(self) -> None:  # noqa: B027 (memory has nothing to give back)
        """Give back files and connections."""
