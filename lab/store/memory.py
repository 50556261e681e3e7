"""The store in memory: rows with indexes, constraints, and an undo log for each transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lab.errors import NotFound
from lab.store.port import Changed, Store, Transaction
from lab.store.record import Record, StoreConflict, changed, need_followed, plan_of
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
        content, key_of = record.__dict__, rows.plan.key_of
        key = key_of(content)
        if key in rows.by_key:
            raise StoreConflict(f"{rows.plan.name} {key} exists already")
        self._check(rows, key, content, content)
        self.undo.append((rows, key, None, record, rows.add(key, record)))
        return record

    def update(self, record: R, **changes: Any) -> R:
        rows = self._tables[type(record)]
        plan = rows.plan
        key_of = plan.key_of
        key = key_of(record.__dict__)
        current = rows.by_key.get(key)
        if current is None:
            raise NotFound(f"{plan.name} {key} is gone; it was deleted meanwhile")
        if plan.generation and "generation" not in changes:
            if current.generation != record.generation:  # type: ignore[attr-defined]
                raise StoreConflict(f"{plan.name} {key} has moved on to generation {current.generation}; read it again")
            changes["generation"] = current.generation + 1
        new: R = changed(current, changes)
        if plan.checked.isdisjoint(changes) and None not in changes.values():
            rows.by_key[key] = new
            self.undo.append((rows, key, current, new, 0))
            return new
        if key_of(new.__dict__) != key:
            raise StoreConflict(f"{plan.name} {key}: the key of a record cannot change")
        self._check(rows, key, new.__dict__, changes)
        self.undo.append((rows, key, current, new, rows.replace(key, current, new)))
        return new

    def delete(self, record: Record) -> None:
        rows = self._tables[type(record)]
        key = rows.plan.key_of(record.__dict__)
        current = rows.by_key.get(key)
        if current is None:
            return
        for other, name in rows.referrers:
            if other.count({name: key}):
                raise StoreConflict(f"{rows.plan.name} {key} is in use by {other.plan.name}")
        self.undo.append((rows, key, current, None, rows.remove(key, current)))

    def _check(self, rows: Rows, key: Any, content: dict[str, Any], written: dict[str, Any]) -> None:
        plan = rows.plan
        if None in plan.needed(content):
            name = next(name for name in content if name in plan.not_null and content[name] is None)
            raise StoreConflict(f"{plan.name}.{name} must not be null")
        for name, limit in plan.lengths:
            value = written.get(name)
            if value is not None and len(value) > limit:
                raise StoreConflict(f"{plan.name}.{name} is longer than {limit}")
        for unique in rows.uniques:
            value = unique.take(content)
            if unique.keys.get(value, key) != key:
                raise StoreConflict(f"{plan.name} with {', '.join(unique.fields)} = {value} exists already")
        for name, model in plan.foreign:
            value = written.get(name)
            if value is not None and value not in self._tables[model].by_key:
                raise StoreConflict(f"{plan.name}.{name}: there is no {model.__name__} {value}")

    def rollback(self) -> None:
        """Take everything back, newest first."""
        while self.undo:
            rows, key, old, new, seq = self.undo.pop()
            if old is None:
                rows.remove(key, new)
            elif new is None:
                rows.add(key, old, seq)
            else:
                rows.replace(key, new, old)

    def commit(self) -> None:
        """Tell the followers."""
        for change in self.undo:
            rows, key = change[0], change[1]
            for follower in rows.followers:
                follower(key, rows.by_key.get(key))
        self.undo.clear()


class MemoryStore(Store):
    """All records of one cloud in this process's memory."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._tx = MemoryTransaction(self._tables)
        """The one transaction that can be open: `work` never waits."""
        self.at_once = self.transact
        """Runs a transaction without anything to await: memory never makes anybody wait."""

    async def run(self, work: Callable[[Any], T]) -> T:
        return self.transact(work)

    def transact(self, work: Callable[[Any], T]) -> T:
        """The same without waiting."""
        tx = self._tx
        if tx.undo:
            raise RuntimeError("a transaction was begun inside another one")
        try:
            result = work(tx)
        except BaseException:
            tx.rollback()
            raise
        if tx.undo:
            tx.commit()
        return result

    def follow(self, model: type[Record], told: Changed) -> None:
        need_followed(model)
        rows = self._tables[model]
        for record in rows.ordered():
            told(record.key(), record)
        rows.followers.append(told)
