"""All providers as numpy columns, so that a search over 10,000 of them costs microseconds, and their past.

One row is one provider, in order of creation; a row is never used again. Beside the columns lie the
records themselves and a log of what each change replaced, so that an answer which was not rendered when
it was given can be rendered later exactly as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from lab.services.placement.model import SHARING_TRAIT, ResourceProvider, capacity

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.int64]

HISTORY = 100_000
"""How many changes can be undone: those of the journal's window of 200,000 entries, several times over."""

NOTHING = -1
"""The room of a provider without an inventory of the class: less than any request asks for."""


class ClassColumns:
    """One resource class over all rows: how much one claim may take, and in which units."""

    __slots__ = ("min_unit", "plain", "room", "step_size")

    def __init__(self, size: int) -> None:
        self.room: Amounts = np.full(size, NOTHING, dtype=np.int64)
        self.min_unit: Amounts = np.ones(size, dtype=np.int64)
        self.step_size: Amounts = np.ones(size, dtype=np.int64)
        self.plain = True
        """Every row has min_unit 1 and step_size 1, so `room` alone decides."""

    def grow(self, size: int) -> None:
        """Make place for more rows."""
        more = size - len(self.room)
        self.room = np.concatenate((self.room, np.full(more, NOTHING, dtype=np.int64)))
        self.min_unit = np.concatenate((self.min_unit, np.ones(more, dtype=np.int64)))
        self.step_size = np.concatenate((self.step_size, np.ones(more, dtype=np.int64)))


class ProviderTable:
    """The columns of all providers, and the way back to earlier versions."""

    def __init__(self, providers: Iterable[ResourceProvider] = ()) -> None:
        self.version = 0
        self.shape = 0
        """Counts changes of which provider has which row: who caches by row looks at it."""
        self.uuids: list[str] = []
        self.records: list[ResourceProvider | None] = []
        self.row_of: dict[str, int] = {}
        self.nested = 0
        """How many providers have a parent; 0 lets searches take the short way."""
        self.sharing = 0
        self._size = 64
        self._classes: dict[str, ClassColumns] = {}
        self._traits: dict[str, Mask] = {}
        self._aggregates: dict[str, Mask] = {}
        self._alive: Mask = np.zeros(self._size, dtype=np.bool_)
        self._past: deque[tuple[int, int, ResourceProvider | None]] = deque(maxlen=HISTORY)
        for provider in providers:
            self.put(provider)
        self._past.clear()

    def __len__(self) -> int:
        return len(self.uuids)

    @property
    def alive(self) -> Mask:
        """The rows whose provider exists."""
        return self._alive[: len(self.uuids)]

    def get(self, uuid: str) -> ResourceProvider | None:
        """The provider's record as it is now."""
        row = self.row_of.get(uuid)
        return None if row is None else self.records[row]

    def put(self, provider: ResourceProvider) -> None:
        """Take over a provider that was made or changed."""
        row = self.row_of.get(provider.uuid)
        if row is None:
            row = self._append(provider.uuid)
        old = self.records[row]
        self._past.append((self.version, row, old))
        self.version += 1
        self.records[row] = provider
        self._set_amounts(row, old, provider)
        traits, aggregates = (old.traits, old.aggregates) if old is not None else ((), ())
        if traits is not provider.traits:
            self._set_flags(self._traits, row, traits, provider.traits)
            self.sharing += (SHARING_TRAIT in provider.traits) - (SHARING_TRAIT in traits)
        if aggregates is not provider.aggregates:
            self._set_flags(self._aggregates, row, aggregates, provider.aggregates)
        self.nested += (provider.parent_provider_uuid is not None) - bool(old and old.parent_provider_uuid)

    def drop(self, uuid: str) -> None:
        """Forget a provider that was deleted."""
        row = self.row_of.pop(uuid, None)
        old = None if row is None else self.records[row]
        if row is None or old is None:
            return
        self._past.append((self.version, row, old))
        self.version += 1
        self.shape += 1
        self.records[row] = None
        self._alive[row] = False
        for columns in self._classes.values():
            columns.room[row] = NOTHING
        self._set_flags(self._traits, row, old.traits, ())
        self._set_flags(self._aggregates, row, old.aggregates, ())
        self.nested -= old.parent_provider_uuid is not None
        self.sharing -= SHARING_TRAIT in old.traits

    def records_at(self, version: int) -> Sequence[ResourceProvider | None]:
        """The record of every row as of an earlier version.

        Raises:
            LookupError: the version is older than the changes that are kept.
        """
        if version == self.version:
            return self.records
        if not self._past or version < self._past[0][0]:
            raise LookupError(f"version {version} of the providers is no longer kept; they are at {self.version}")
        records = list(self.records)
        for when, row, old in reversed(self._past):
            if when < version:
                break
            records[row] = old
        return records

    def fits(self, resource_class: str, amount: int) -> Mask | None:
        """The rows that can give this amount in one claim; None when no provider ever had the class."""
        columns = self._classes.get(resource_class)
        if columns is None:
            return None
        n = len(self.uuids)
        mask: Mask = columns.room[:n] >= amount
        if not columns.plain:
            mask &= columns.min_unit[:n] <= amount
            mask &= amount % columns.step_size[:n] == 0
        return mask

    def has_room(self, row: int, resource_class: str, amount: int) -> bool:
        """The same for one row."""
        columns = self._classes.get(resource_class)
        if columns is None or columns.room.item(row) < amount:
            return False
        return columns.plain or (columns.min_unit.item(row) <= amount and amount % columns.step_size.item(row) == 0)

    def changed_since(self, version: int, most: int) -> set[int] | None:
        """The rows that changed since an earlier version; None when there were more changes than `most`."""
        count = self.version - version
        return None if count > most else {self._past[-back][1] for back in range(1, count + 1)}

    def with_trait(self, trait: str) -> Mask | None:
        """The rows with the trait; None when no provider ever had it."""
        flags = self._traits.get(trait)
        return None if flags is None else flags[: len(self.uuids)]

    def in_aggregate(self, uuid: str) -> Mask | None:
        """The rows in the aggregate; None when no provider ever was."""
        flags = self._aggregates.get(uuid)
        return None if flags is None else flags[: len(self.uuids)]

    def _append(self, uuid: str) -> int:
        row = len(self.uuids)
        if row == self._size:
            self._size *= 2
            self._alive = _grown(self._alive, self._size)
            for flags in (self._traits, self._aggregates):
                for name in flags:
                    flags[name] = _grown(flags[name], self._size)
            for columns in self._classes.values():
                columns.grow(self._size)
        self.uuids.append(uuid)
        self.records.append(None)
        self.row_of[uuid] = row
        self._alive[row] = True
        self.shape += 1
        return row

    def _set_amounts(self, row: int, old: ResourceProvider | None, provider: ResourceProvider) -> None:
        inventories, used = provider.inventories, provider.used
        if old is not None and old.inventories is not inventories:
            for resource_class in old.inventories:
                if resource_class not in inventories:
                    self._classes[resource_class].room[row] = NOTHING
        for resource_class, inventory in inventories.items():
            columns = self._classes.get(resource_class)
            if columns is None:
                columns = self._classes[resource_class] = ClassColumns(self._size)
            left = int(capacity(inventory)) - used.get(resource_class, 0)
            columns.room[row] = min(left, inventory["max_unit"]) if left > 0 else 0
            if inventory["min_unit"] != 1 or inventory["step_size"] != 1 or not columns.plain:
                columns.min_unit[row] = inventory["min_unit"]
                columns.step_size[row] = inventory["step_size"]
                columns.plain = False

    def _set_flags(self, flags: dict[str, Mask], row: int, old: Sequence[str], new: Sequence[str]) -> None:
        for name in old:
            if name not in new:
                flags[name][row] = False
        for name in new:
            if name not in flags:
                flags[name] = np.zeros(self._size, dtype=np.bool_)
            flags[name][row] = True


def _grown(mask: Mask, size: int) -> Mask:
    return np.concatenate((mask, np.zeros(size - len(mask), dtype=np.bool_)))
