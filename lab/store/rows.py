"""The rows of one record class in memory, with their indexes and the ways to find them.

Values are taken out of records by `itemgetter`: one call for one field (the value) or for several (a tuple of them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from lab.store.port import Columns
from lab.store.record import Plan

Take = Callable[[Any], Any]


class Bucket:
    """Keys that share one index value; `sorted` while they came in order of insertion of their rows."""

    __slots__ = ("keys", "last", "sorted")

    def __init__(self) -> None:
        self.keys: dict[Any, None] = {}
        self.last = -1
        self.sorted = True

    def add(self, key: Any, seq: int) -> None:
        """Put in the key of the row with this place in order."""
        if seq < self.last:
            self.sorted = False
        else:
            self.last = seq
        self.keys[key] = None

    def ordered(self, seqs: dict[Any, int]) -> list[Any]:
        """The keys in order of insertion of their rows."""
        if not self.sorted:
            self.keys = dict.fromkeys(sorted(self.keys, key=seqs.__getitem__))
            self.last = seqs[next(reversed(self.keys))] if self.keys else -1
            self.sorted = True
        return list(self.keys)


class Unique:
    """Fields whose values together no two rows share; rows with a null among them are left out."""

    __slots__ = ("fields", "keys", "take")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        self.take: Take = itemgetter(*fields)
        self.keys: dict[Any, Any] = {}

    def swap(self, key: Any, old: Any, new: Any) -> None:
        """Give the old row's value back and take the new one's."""
        before = self.take(old.__dict__) if old is not None else None
        after = self.take(new.__dict__) if new is not None else None
        if before != after:
            if before is not None:
                self.keys.pop(before, None)
            if not self.has_null(after):
                self.keys[after] = key

    def has_null(self, value: Any) -> bool:
        """Whether a row with this value is left out."""
        return value is None or (len(self.fields) > 1 and None in value)


class Index:
    """Rows by the values of some fields; nulls are values like others."""

    __slots__ = ("buckets", "fields", "take")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        self.take: Take = itemgetter(*fields)
        self.buckets: dict[Any, Bucket] = {}

    def swap(self, key: Any, old: Any, new: Any, seq: int) -> None:
        """Put the row where its new value belongs."""
        before = self.take(old.__dict__) if old is not None else None
        after = self.take(new.__dict__) if new is not None else None
        if old is not None:
            if new is not None and before == after:
                return
            bucket = self.buckets[before]
            bucket.keys.pop(key, None)
            if not bucket.keys:
                del self.buckets[before]
        if new is not None:
            if after not in self.buckets:
                self.buckets[after] = Bucket()
            self.buckets[after].add(key, seq)


@dataclass(slots=True)
class Way:
    """How rows are found by the values of certain fields; worked out once for each set of fields."""

    take: Take
    by_key: bool
    exact: Index | None
    """The index of just these fields."""
    uniques: list[Unique]
    indexes: list[Index]


class Rows:
    """All rows of one record class."""

    __slots__ = ("_next_seq", "_sorted", "_ways", "by_key", "columns", "indexes", "plan", "referrers", "seqs", "uniques")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.by_key: dict[Any, Any] = {}
        self.seqs: dict[Any, int] = {}
        self.uniques = [Unique(fields) for fields in plan.unique]
        self.indexes = [Index(fields) for fields in plan.index]
        self.columns: list[Columns] = []
        self.referrers: list[tuple[Rows, str]] = []
        self._next_seq = 0
        self._sorted = True
        self._ways: dict[tuple[str, ...], Way] = {}

    # Every write is `swap(key, old, new)`; undoing it is `swap(key, new, old)`.

    def swap(self, key: Any, old: Any, new: Any, seq: int | None = None) -> int:
        """Replace old by new (either may be None) in rows and indexes; answer the row's place in order."""
        if old is None:
            if seq is None:
                seq = self._next_seq
                self._next_seq += 1
            else:
                self._sorted = False
            self.seqs[key] = seq
            self.by_key[key] = new
        elif new is None:
            seq = self.seqs.pop(key)
            del self.by_key[key]
        else:
            self.by_key[key] = new
            seq = self.seqs[key]
        for unique in self.uniques:
            unique.swap(key, old, new)
        for index in self.indexes:
            index.swap(key, old, new, seq)
        return seq

    def ordered(self) -> list[Any]:
        """All rows in order of insertion."""
        if not self._sorted:
            self.by_key = {key: self.by_key[key] for key in sorted(self.by_key, key=self.seqs.__getitem__)}
            self._sorted = True
        return list(self.by_key.values())

    # -- finding ------------------------------------------------------------------------------

    def where(self, equals: dict[str, Any]) -> list[Any]:
        """The rows with these values, in order of insertion."""
        way = self._way(equals)
        if way.exact is not None:
            bucket = way.exact.buckets.get(way.exact.take(equals))
            return [self.by_key[key] for key in bucket.ordered(self.seqs)] if bucket is not None else []
        take, wanted = way.take, way.take(equals)
        return [row for row in self._candidates(way, equals) if take(row.__dict__) == wanted]

    def count(self, equals: dict[str, Any]) -> int:
        """How many rows have these values."""
        way = self._way(equals)
        if way.exact is not None:
            bucket = way.exact.buckets.get(way.exact.take(equals))
            return len(bucket.keys) if bucket is not None else 0
        return len(self.where(equals))

    def _way(self, equals: dict[str, Any]) -> Way:
        names = tuple(equals)
        way = self._ways.get(names)
        if way is None:
            unknown = equals.keys() - self.plan.known
            if unknown:
                raise TypeError(f"{self.plan.name} has no field {sorted(unknown)}; known: {', '.join(self.plan.fields)}")
            way = self._ways[names] = Way(
                take=itemgetter(*names),
                by_key=self.plan.single_key in names,
                exact=next((index for index in self.indexes if equals.keys() == set(index.fields)), None),
                uniques=[unique for unique in self.uniques if equals.keys() >= set(unique.fields)],
                indexes=[index for index in self.indexes if equals.keys() >= set(index.fields)],
            )
        return way

    def _candidates(self, way: Way, equals: dict[str, Any]) -> list[Any]:
        """The rows of the best index for these fields, or all rows."""
        if way.by_key:
            row = self.by_key.get(equals[self.plan.single_key])  # type: ignore[index]
            return [row] if row is not None else []
        for unique in way.uniques:
            value = unique.take(equals)
            if not unique.has_null(value):
                key = unique.keys.get(value)
                return [] if key is None else [self.by_key[key]]
        best: Bucket | None = None
        for index in way.indexes:
            bucket = index.buckets.get(index.take(equals))
            if bucket is None:
                return []
            if best is None or len(bucket.keys) < len(best.keys):
                best = bucket
        return self.ordered() if best is None else [self.by_key[key] for key in best.ordered(self.seqs)]
