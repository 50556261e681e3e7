"""The port of stores: synchronous transactions over records, and columns for numeric look-ups."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lab.errors import NotFound
from lab.store.record import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")


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


class Columns:
    """Numeric columns of one record class, in order of insertion, brought up to date with every commit.

    `arrays[name][: len(keys)]` are the values, `index_of[key]` a record's place; a deleted record's place
    is reused only by itself: its `live` flag is off. `version` counts changes.
    """

    def __init__(self, extract: Mapping[str, Callable[[Any], float]], arrays: dict[str, Any], live: Any) -> None:
        self.extract = dict(extract)
        self.arrays = arrays
        self.live = live
        self.keys: list[Any] = []
        self.index_of: dict[Any, int] = {}
        self.version = 0
        self.listeners: list[Callable[[int], None]] = []
        """Called with the place of each changed row, after the change."""

    def put(self, key: Any, record: Any | None) -> None:
        """Write one row; None marks it dead."""
        place = self.index_of.get(key)
        if place is None:
            if record is None:
                return
            place = self.index_of[key] = len(self.keys)
            self.keys.append(key)
            if place >= len(self.live):
                self._grow()
        self.live[place] = record is not None
        if record is not None:
            for name, take in self.extract.items():
                self.arrays[name][place] = take(record)
        self.version += 1
        for listener in self.listeners:
            listener(place)

    def _grow(self) -> None:
        import numpy as np

        for name, array in self.arrays.items():
            self.arrays[name] = np.concatenate((array, np.zeros_like(array)))
        self.live = np.concatenate((self.live, np.zeros_like(self.live)))


class Store(ABC):
    """Where records live."""

    @abstractmethod
    async def run(self, work: Callable[[Any], T]) -> T:
        """Run a synchronous function as one transaction; an exception takes everything back.

        It may be run again when a generation conflicts, so it must have no other effects.
        """

    @abstractmethod
    def columns(self, model: type[Record], extract: Mapping[str, Callable[[Any], float]]) -> Columns:
        """Keep numeric columns of a record class from now on."""

    async def close(self) -> None:  # noqa: B027 (memory has nothing to give back)
        """Give back files and connections."""
