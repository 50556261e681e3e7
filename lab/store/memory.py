"""The store in memory: rows with indexes, constraints, and an undo log for each transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lab.errors import NotFound
from lab.store.port import Columns, Store, Transaction
from lab.store.record import Record, StoreConflict, plan_of
from lab.store.rows import Rows

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class _Tables(dict[type[Record], Rows]):
    """The rows of each record class, made at their first use."""

    def __missing__(self, model: type[Record]) -> Rows:
        rows = self[model] = Rows(plan_of(model))
        for name, target in rows.plan.foreign:
            self[target].referrers.append((rows, name))
        return rows


class MemoryTransaction(Transaction):
    """A transaction on the memory store."""

    __slots__ = ("_tables", "undo")

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self.undo: list[tuple[Rows, Any, Any, Any, int]] = []
        """What was written: rows, key, old and new record, and the old one's place in order."""

    def get(self, model: type[R], key: Any) -> R | None:
        return self._tables[model].by_key.get(key)

    def find(self, model: type[R], **equals: Any) -> list[R]:
        rows = self._tables[model]
        return rows.where(equals) if equals else rows.ordered()

    def count(self, model: type[R], **equals: Any) -> int:
        rows = self._tables[model]
        return rows.count(equals) if equals else len(rows.by_key)

    def insert(self, record: R) -> R:
        rows = self._tables[type(record)]
        key = rows.plan.key_of(record.__dict__)
        if key in rows.by_key:
            raise StoreConflict(f"{rows.plan.name} {key} exists already")
        self._check(rows, key, record, record.__dict__)
        self._write(rows, key, None, record)
        return record

    def update(self, record: R, **changes: Any) -> R:
        rows = self._tables[type(record)]
        plan = rows.plan
        key = plan.key_of(record.__dict__)
        current = rows.by_key.get(key)
        if current is None:
            raise NotFound(f"{plan.name} {key} is gone; it was deleted meanwhile")
        if plan.generation and "generation" not in changes:
            if current.generation != record.generation:  # type: ignore[attr-defined]
                raise StoreConflict(f"{plan.name} {key} has moved on to generation {current.generation}; read it again")
            changes["generation"] = current.generation + 1
        new = current.evolve(**changes)
        if plan.checked.isdisjoint(changes) and None not in changes.values():
            rows.by_key[key] = new
            self.undo.append((rows, key, current, new, 0))
            return new  # type: ignore[no-any-return]
        if plan.key_of(new.__dict__) != key:
            raise StoreConflict(f"{plan.name} {key}: the key of a record cannot change")
        self._check(rows, key, new, changes)
        self._write(rows, key, current, new)
        return new  # type: ignore[no-any-return]

    def delete(self, record: Record) -> None:
        rows = self._tables[type(record)]
        key = rows.plan.key_of(record.__dict__)
        current = rows.by_key.get(key)
        if current is None:
            return
        for other, name in rows.referrers:
            if other.count({name: key}):
                raise StoreConflict(f"{rows.plan.name} {key} is in use by {other.plan.name}")
        self._write(rows, key, current, None)

    def _check(self, rows: Rows, key: Any, record: Any, written: dict[str, Any]) -> None:
        plan = rows.plan
        if None in written.values():
            for name, value in written.items():
                if value is None and name in plan.not_null:
                    raise StoreConflict(f"{plan.name}.{name} must not be null")
        for name, limit in plan.lengths:
            value = written.get(name)
            if value is not None and len(value) > limit:
                raise StoreConflict(f"{plan.name}.{name} is longer than {limit}")
        for unique in rows.uniques:
            value = unique.take(record.__dict__)
            if unique.keys.get(value, key) != key:
                raise StoreConflict(f"{plan.name} with {', '.join(unique.fields)} = {value} exists already")
        for name, model in plan.foreign:
            value = written.get(name)
            if value is not None and value not in self._tables[model].by_key:
                raise StoreConflict(f"{plan.name}.{name}: there is no {model.__name__} {value}")

    def _write(self, rows: Rows, key: Any, old: Any, new: Any) -> None:
        self.undo.append((rows, key, old, new, rows.swap(key, old, new)))

    def rollback(self) -> None:
        """Take everything back, newest first."""
        for rows, key, old, new, seq in reversed(self.undo):
            rows.swap(key, new, old, seq if new is None else None)

    def commit(self) -> None:
        """Bring the columns up to date."""
        for rows, key, _, _, _ in self.undo:
            for columns in rows.columns:
                columns.put(key, rows.by_key.get(key))


class MemoryStore(Store):
    """All records of one cloud in this process's memory."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self.at_once = self.transact
        """Runs a transaction without anything to await: memory never makes anybody wait."""

    async def run(self, work: Callable[[Any], T]) -> T:
        return self.transact(work)

    def transact(self, work: Callable[[Any], T]) -> T:
        """The same without waiting."""
        tx = MemoryTransaction(self._tables)
        try:
            result = work(tx)
        except BaseException:
            tx.rollback()
            raise
        if tx.undo:
            tx.commit()
        return result

    def columns(self, model: type[Record], extract: Mapping[str, Callable[[Any], float]]) -> Columns:
        import numpy as np

        rows = self._tables[model]
        columns = Columns(extract, {name: np.zeros(64) for name in extract}, np.zeros(64, dtype=bool))
        for record in rows.ordered():
            columns.put(record.key(), record)
        rows.columns.append(columns)
        return columns
