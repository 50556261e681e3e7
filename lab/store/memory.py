"""The store in memory: dicts with indexes, constraints, and an undo log for each transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lab.errors import NotFound
from lab.store.port import Columns, Store, Transaction
from lab.store.record import Plan, Record, StoreConflict, plan_of

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class _Bucket:
    """Keys that share one index value; `sorted` while they came in order of insertion of their rows."""

    __slots__ = ("keys", "last", "sorted")

    def __init__(self) -> None:
        self.keys: dict[Any, None] = {}
        self.last = -1
        self.sorted = True

    def add(self, key: Any, seq: int) -> None:
        if seq < self.last:
            self.sorted = False
        else:
            self.last = seq
        self.keys[key] = None

    def ordered(self, seqs: dict[Any, int]) -> list[Any]:
        if not self.sorted:
            self.keys = dict.fromkeys(sorted(self.keys, key=seqs.__getitem__))
            self.last = seqs[next(reversed(self.keys))] if self.keys else -1
            self.sorted = True
        return list(self.keys)


class _Table:
    __slots__ = ("columns", "indexes", "next_seq", "plan", "referrers", "rows", "seqs", "sorted", "uniques")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows: dict[Any, Any] = {}
        self.seqs: dict[Any, int] = {}
        self.next_seq = 0
        self.sorted = True
        self.uniques: dict[tuple[str, ...], dict[Any, Any]] = {fields: {} for fields in plan.unique}
        self.indexes: dict[tuple[str, ...], dict[Any, _Bucket]] = {fields: {} for fields in plan.index}
        self.columns: list[Columns] = []
        self.referrers: list[tuple[_Table, str]] = []

    # Every write is `swap(key, old, new)`; undoing it is `swap(key, new, old)`.

    def swap(self, key: Any, old: Any, new: Any, seq: int | None = None) -> int:
        """Replace old by new (either may be None) in rows and indexes; answer the row's place in order."""
        if old is None:
            if seq is None:
                seq = self.next_seq
                self.next_seq += 1
            else:
                self.sorted = False
            self.seqs[key] = seq
            self.rows[key] = new
        elif new is None:
            seq = self.seqs.pop(key)
            del self.rows[key]
        else:
            self.rows[key] = new
            seq = self.seqs[key]
        if self.uniques:
            self._claim(key, old, new)
        for fields, index in self.indexes.items():
            before, after = _value(old, fields, True), _value(new, fields, True)
            if before == after and old is not None and new is not None:
                continue
            if old is not None:
                _take_out(index, before, key)
            if new is not None:  # a null value is indexed too
                if after not in index:
                    index[after] = _Bucket()
                index[after].add(key, seq)
        return seq

    def _claim(self, key: Any, old: Any, new: Any) -> None:
        """Give the old unique values back and take the new ones."""
        for fields, unique in self.uniques.items():
            before, after = _value(old, fields), _value(new, fields)
            if before != after:
                if before is not None:
                    unique.pop(before, None)
                if after is not None:
                    unique[after] = key

    def ordered(self) -> list[Any]:
        if not self.sorted:
            self.rows = {key: self.rows[key] for key in sorted(self.rows, key=self.seqs.__getitem__)}
            self.sorted = True
        return list(self.rows.values())


def _take_out(index: dict[Any, _Bucket], value: Any, key: Any) -> None:
    bucket = index[value]
    bucket.keys.pop(key, None)
    if not bucket.keys:
        del index[value]


def _value(record: Any, fields: tuple[str, ...], nulls: bool = False) -> Any:
    """The indexed value of a record; unique indexes leave out rows with a null in them."""
    if record is None:
        return None
    content = record.__dict__
    if len(fields) == 1:
        return content[fields[0]]
    value = tuple(content[f] for f in fields)
    return None if not nulls and None in value else value


class MemoryTransaction(Transaction):
    """A transaction on the memory store."""

    __slots__ = ("_store", "_touched", "_undo")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._undo: list[tuple[_Table, Any, Any, Any, int]] = []

    def get(self, model: type[R], key: Any) -> R | None:
        return self._store.table(model).rows.get(key)

    def find(self, model: type[R], **equals: Any) -> list[R]:
        table = self._store.table(model)
        if not equals:
            return table.ordered()
        rows = table.rows
        if len(equals) == 1:
            ((name, value),) = equals.items()
            bucket_of = table.indexes.get((name,))
            if bucket_of is not None:
                bucket = bucket_of.get(value)
                return [rows[k] for k in bucket.ordered(table.seqs)] if bucket is not None else []
        candidates = self._narrow(table, equals)
        wanted = list(equals.items())
        return [r for r in candidates if all(r.__dict__[n] == v for n, v in wanted)]

    def _narrow(self, table: _Table, equals: dict[str, Any]) -> list[Any]:
        """The rows of the best index for these fields, or all rows."""
        unknown = equals.keys() - table.plan.known
        if unknown:
            raise TypeError(f"{table.plan.name} has no field {sorted(unknown)}; known: {', '.join(table.plan.fields)}")
        if table.plan.single_key in equals:
            row = table.rows.get(equals[table.plan.single_key])
            return [row] if row is not None else []
        best: list[Any] | None = None
        for fields, unique in table.uniques.items():
            if equals.keys() >= set(fields):
                value = tuple(equals[f] for f in fields) if len(fields) > 1 else equals[fields[0]]
                if value is not None and not (len(fields) > 1 and None in value):
                    key = unique.get(value)
                    return [] if key is None else [table.rows[key]]
        for fields, index in table.indexes.items():
            if equals.keys() >= set(fields):
                value = tuple(equals[f] for f in fields) if len(fields) > 1 else equals[fields[0]]
                bucket = index.get(value)
                if bucket is None:
                    return []
                if best is None or len(bucket.keys) < len(best):
                    best = bucket.ordered(table.seqs)
        return table.ordered() if best is None else [table.rows[k] for k in best]

    def count(self, model: type[R], **equals: Any) -> int:
        table = self._store.table(model)
        if not equals:
            return len(table.rows)
        if len(equals) == 1:
            ((name, value),) = equals.items()
            bucket_of = table.indexes.get((name,))
            if bucket_of is not None:
                bucket = bucket_of.get(value)
                return len(bucket.keys) if bucket is not None else 0
        return len(self.find(model, **equals))

    def insert(self, record: R) -> R:
        table = self._store.table(type(record))
        key = record.key()
        if key in table.rows:
            raise StoreConflict(f"{table.plan.name} {key} exists already")
        self._check(table, key, record, record.__dict__, None)
        self._write(table, key, None, record)
        return record

    def update(self, record: R, **changes: Any) -> R:
        table = self._store.table(type(record))
        plan = table.plan
        key = record.key()
        current = table.rows.get(key)
        if current is None:
            raise NotFound(f"{plan.name} {key} is gone; it was deleted meanwhile")
        if plan.generation and "generation" not in changes:
            if current.generation != record.generation:  # type: ignore[attr-defined]
                raise StoreConflict(f"{plan.name} {key} has moved on to generation {current.generation}; read it again")
            changes["generation"] = current.generation + 1
        new = current.evolve(**changes)
        if plan.checked.isdisjoint(changes) and None not in changes.values():
            table.rows[key] = new
            self._undo.append((table, key, current, new, 0))
            return new  # type: ignore[no-any-return]
        if new.key() != key:
            raise StoreConflict(f"{plan.name} {key}: the key of a record cannot change")
        self._check(table, key, new, changes, current)
        self._write(table, key, current, new)
        return new  # type: ignore[no-any-return]

    def delete(self, record: Record) -> None:
        table = self._store.table(type(record))
        key = record.key()
        current = table.rows.get(key)
        if current is None:
            return
        for other, name in table.referrers:
            if self._refers(other, name, key):
                raise StoreConflict(f"{table.plan.name} {key} is in use by {other.plan.name}")
        self._write(table, key, current, None)

    def _refers(self, other: _Table, name: str, key: Any) -> bool:
        index = other.indexes.get((name,))
        if index is not None:
            return key in index
        return any(row.__dict__[name] == key for row in other.rows.values())

    def _check(self, table: _Table, key: Any, record: Any, written: dict[str, Any], old: Any) -> None:
        plan = table.plan
        if None in written.values():
            for name, value in written.items():
                if value is None and name in plan.not_null:
                    raise StoreConflict(f"{plan.name}.{name} must not be null")
        for name, limit in plan.lengths:
            value = written.get(name)
            if value is not None and len(value) > limit:
                raise StoreConflict(f"{plan.name}.{name} is longer than {limit}")
        for fields, unique in table.uniques.items():
            value = _value(record, fields)
            if value is not None and unique.get(value, key) != key:
                raise StoreConflict(f"{plan.name} with {', '.join(fields)} = {value} exists already")
        for name, model in plan.foreign:
            value = written.get(name)
            if value is not None and value not in self._store.table(model).rows:
                raise StoreConflict(f"{plan.name}.{name}: there is no {model.__name__} {value}")

    def _write(self, table: _Table, key: Any, old: Any, new: Any) -> None:
        self._undo.append((table, key, old, new, table.swap(key, old, new)))

    def rollback(self) -> None:
        """Take everything back, newest first."""
        for table, key, old, new, seq in reversed(self._undo):
            table.swap(key, new, old, seq if new is None else None)

    def commit(self) -> None:
        """Bring the columns up to date."""
        for table, key, _, _, _ in self._undo:
            for columns in table.columns:
                columns.put(key, table.rows.get(key))


class MemoryStore(Store):
    """All records of one cloud in this process's memory."""

    def __init__(self) -> None:
        self._tables: dict[type[Record], _Table] = {}
        self.at_once = self.transact
        """Runs a transaction without anything to await: memory never makes anybody wait."""

    def table(self, model: type[Record]) -> _Table:
        """The table of a record class, made at its first use."""
        table = self._tables.get(model)
        if table is None:
            table = self._tables[model] = _Table(plan_of(model))
            for name, target in table.plan.foreign:
                self.table(target).referrers.append((table, name))
        return table

    async def run(self, work: Callable[[Any], T]) -> T:
        return self.transact(work)

    def transact(self, work: Callable[[Any], T]) -> T:
        """The same without waiting: memory never makes anybody wait."""
        tx = MemoryTransaction(self)
        try:
            result = work(tx)
        except BaseException:
            tx.rollback()
            raise
        if tx._undo:
            tx.commit()
        return result

    def columns(self, model: type[Record], extract: Mapping[str, Callable[[Any], float]]) -> Columns:
        import numpy as np

        table = self.table(model)
        columns = Columns(extract, {name: np.zeros(64) for name in extract}, np.zeros(64, dtype=bool))
        for record in table.ordered():
            columns.put(record.key(), record)
        table.columns.append(columns)
        return columns
