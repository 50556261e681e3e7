"""The rows of one record class in memory, with their indexes and the ways to find them.

Values are taken out of records by `itemgetter`: one call for one field (the value) or for several (a tuple of them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from lab.store.port import Changed
from lab.store.record import Plan

Take = Callable[[Any], Any]


class Bucket:
    """Keys that share one index value; `sorted` while they came in order of insertion of their rows."""

    __slots__ = ("keys", "last", "sorted")

    def __init__(self) -> None:
        self.keys: dict[Any, None] = {}
        self.last = -1
        self.sorted = True

    def sort(self, seqs: dict[Any, int]) -> None:
        """Put the keys in order of insertion of their rows."""
        self.keys = dict.fromkeys(sorted(self.keys, key=seqs.__getitem__))
        self.last = seqs[next(reversed(self.keys))] if self.keys else -1
        self.sorted = True


class Unique:
    """Fields whose values together no two rows share; rows with a null among them are left out."""

    __slots__ = ("fields", "keys", "single", "take")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        self.single = len(fields) == 1
        self.take: Take = itemgetter(*fields)
        self.keys: dict[Any, Any] = {}

    def add(self, key: Any, row: dict[str, Any], seq: int) -> None:
        """Take a row's value."""
        value = self.take(row)
        if not self.has_null(value):
            self.keys[value] = key

    def remove(self, key: Any, row: dict[str, Any]) -> None:
        """Give a row's value back."""
        self.keys.pop(self.take(row), None)

    def has_null(self, value: Any) -> bool:
        """Whether a row with this value is left out."""
        return value is None if self.single else None in value


class Index:
    """Rows by the values of some fields; nulls are values like others."""

    __slots__ = ("buckets", "fields", "take")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        self.take: Take = itemgetter(*fields)
        self.buckets: dict[Any, Bucket] = {}

    def add(self, key: Any, row: dict[str, Any], seq: int) -> None:
        """Put a row where its value belongs."""
        take = self.take
        value = take(row)
        bucket = self.buckets.get(value)
        if bucket is None:
            bucket = self.buckets[value] = Bucket()
        if seq < bucket.last:
            bucket.sorted = False
        else:
            bucket.last = seq
        bucket.keys[key] = None

    def remove(self, key: Any, row: dict[str, Any]) -> None:
        """Take a row away from where its value put it."""
        value = self.take(row)
        keys = self.buckets[value].keys
        keys.pop(key, None)
        if not keys:
            del self.buckets[value]


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

    __slots__ = ("_next_seq", "_orders", "_sorted", "_ways", "by_key", "followers", "indexes", "plan", "referrers", "seqs", "uniques")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.by_key: dict[Any, Any] = {}
        self.seqs: dict[Any, int] = {}
        self.uniques = [Unique(fields) for fields in plan.unique]
        self.indexes = [Index(fields) for fields in plan.index]
        self._orders: tuple[Unique | Index, ...] = (*self.uniques, *self.indexes)
        self.followers: list[Changed] = []
        self.referrers: list[tuple[Rows, str]] = []
        self._next_seq = 0
        self._sorted = True
        self._ways: dict[tuple[str, ...], Way] = {}

    # -- writing: each answers the row's place in order, with which `add` undoes a removal --------

    def add(self, key: Any, new: Any, seq: int | None = None) -> int:
        """Put in a row: as the last one, or back at its old place in order."""
        if seq is None:
            seq = self._next_seq
            self._next_seq += 1
        else:
            self._sorted = False
        self.seqs[key] = seq
        self.by_key[key] = new
        for order in self._orders:
            order.add(key, new.__dict__, seq)
        return seq

    def remove(self, key: Any, old: Any) -> int:
        """Take a row out."""
        del self.by_key[key]
        for order in self._orders:
            order.remove(key, old.__dict__)
        return self.seqs.pop(key)

    def replace(self, key: Any, old: Any, new: Any) -> int:
        """Put a changed row in place of what it was."""
        self.by_key[key] = new
        seq = self.seqs[key]
        before, after = old.__dict__, new.__dict__
        for order in self._orders:
            take = order.take
            if take(before) != take(after):
                order.remove(key, before)
                order.add(key, after, seq)
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
        way = self._ways.get(tuple(equals)) or self._way(equals)
        exact = way.exact
        if exact is not None:
            take = exact.take
            bucket = exact.buckets.get(take(equals))
            if bucket is None:
                return []
            if not bucket.sorted:
                bucket.sort(self.seqs)
            return list(map(self.by_key.__getitem__, bucket.keys))
        take, wanted = way.take, way.take(equals)
        return [row for row in self._candidates(way, equals) if take(row.__dict__) == wanted]

    def count(self, equals: dict[str, Any]) -> int:
        """How many rows have these values."""
        way = self._ways.get(tuple(equals)) or self._way(equals)
        if way.exact is not None:
            bucket = way.exact.buckets.get(way.exact.take(equals))
            return len(bucket.keys) if bucket is not None else 0
        return len(self.where(equals))

    def _way(self, equals: dict[str, Any]) -> Way:
        names = tuple(equals)
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

    def _candidates(self, way: Way, equals: dict[str, Any]) -> Iterable[Any]:
        """The rows of the best index for these fields, or all rows."""
        if way.by_key:
            row = self.by_key.get(equals[self.plan.single_key])  # type: ignore[index]
            return (row,) if row is not None else ()
        for unique in way.uniques:
            value = unique.take(equals)
            if not unique.has_null(value):
                key = unique.keys.get(value)
                return () if key is None else (self.by_key[key],)
        best: Bucket | None = None
        for index in way.indexes:
            bucket = index.buckets.get(index.take(equals))
            if bucket is None:
                return ()
            if best is None or len(bucket.keys) < len(best.keys):
                best = bucket
        if best is None:
            return self.ordered()
        if not best.sorted:
            best.sort(self.seqs)
        return map(self.by_key.__getitem__, best.keys)
