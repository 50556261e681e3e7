"""A transaction on a store in SQL.

Constraints are checked here, in the words of the memory store, and declared to the database besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lab.errors import NotFound
from lab.store.port import Transaction
from lab.store.record import Record, StoreConflict
from lab.store.tables import SqlTable

if TYPE_CHECKING:
    from lab.store.sql import SqlStore

R = TypeVar("R", bound=Record)


class SqlTransaction(Transaction):
    """A transaction on a SQL store."""

    def __init__(self, store: SqlStore, cursor: Any) -> None:
        self._store, self._cursor = store, cursor
        self.touched: list[tuple[SqlTable, Any, Record | None]] = []
        self._seen: dict[tuple[SqlTable, Any], Any] = {}
        """Records as this transaction knows them: nobody else changes them in it, so that none is asked for twice."""

    def _rows(self, table: SqlTable, where: str, values: list[Any]) -> list[Any]:
        self._cursor.execute(f"{table.select}{where} ORDER BY seq_", values)
        found = [table.record(row) for row in self._cursor.fetchall()]
        self._seen.update(((table, record.key()), record) for record in found)
        return found

    def _key(self, table: SqlTable, key: Any) -> list[Any]:
        return [key] if table.plan.single_key else list(key)

    def get(self, model: type[R], key: Any) -> R | None:
        table = self._store.table(model)
        if (table, key) not in self._seen:
            found = self._rows(table, f" WHERE {table.by_key}", self._key(table, key))
            self._seen[table, key] = found[0] if found else None
        known: R | None = self._seen[table, key]
        return known

    def find(self, model: type[R], **equals: Any) -> list[R]:
        table = self._store.table(model)
        where, values = self._where(table, equals)
        return self._rows(table, where, values)

    def count(self, model: type[R], **equals: Any) -> int:
        table = self._store.table(model)
        where, values = self._where(table, equals)
        self._cursor.execute(f"SELECT count(*) FROM {table.name}{where}", values)
        return int(self._cursor.fetchone()[0])

    def _where(self, table: SqlTable, equals: dict[str, Any]) -> tuple[str, list[Any]]:
        unknown = equals.keys() - table.plan.known
        if unknown:
            raise TypeError(f"{table.plan.name} has no field {sorted(unknown)}; known: {', '.join(table.plan.fields)}")
        parts, values = [], []
        for name, value in equals.items():
            if value is None:
                parts.append(f'"{name}" IS NULL')
            else:
                parts.append(f'"{name}" = {table.mark}')
                values.append(table.by_name[name].value(value))
        return (f" WHERE {' AND '.join(parts)}" if parts else ""), values

    def insert(self, record: R) -> R:
        table = self._store.table(type(record))
        key = record.key()
        if self.get(type(record), key) is not None:
            raise StoreConflict(f"{table.plan.name} {key} exists already")
        self._check(table, key, record, record.__dict__)
        self._cursor.execute(table.insert, table.row(record))
        self._touch(table, key, record)
        return record

    def update(self, record: R, **changes: Any) -> R:
        table = self._store.table(type(record))
        plan, key = table.plan, record.key()
        current = self.get(type(record), key)
        if current is None:
            raise NotFound(f"{plan.name} {key} is gone; it was deleted meanwhile")
        if plan.generation and "generation" not in changes:
            if current.generation != record.generation:  # type: ignore[attr-defined]
                raise StoreConflict(f"{plan.name} {key} has moved on to generation {current.generation}; read it again")  # type: ignore[attr-defined]
            changes["generation"] = current.generation + 1  # type: ignore[attr-defined]
        new = current.evolve(**changes)
        if new.key() != key:
            raise StoreConflict(f"{plan.name} {key}: the key of a record cannot change")
        self._check(table, key, new, changes)
        if changes:
            parts = ", ".join(f'"{name}" = {table.mark}' for name in changes)
            values = [table.by_name[name].value(value) for name, value in changes.items()]
            self._cursor.execute(
                f"UPDATE {table.name} SET {parts} WHERE {table.by_key}", [*values, *self._key(table, key)]
            )
        self._touch(table, key, new)
        return new

    def delete(self, record: Record) -> None:
        table = self._store.table(type(record))
        key = record.key()
        if self.get(type(record), key) is None:
            return
        for other, name in table.referrers:
            self._cursor.execute(f'SELECT 1 FROM {other.name} WHERE "{name}" = {table.mark} LIMIT 1', [key])
            if self._cursor.fetchone() is not None:
                raise StoreConflict(f"{table.plan.name} {key} is in use by {other.plan.name}")
        self._cursor.execute(f"DELETE FROM {table.name} WHERE {table.by_key}", self._key(table, key))
        self._touch(table, key, None)

    def _touch(self, table: SqlTable, key: Any, record: Record | None) -> None:
        self._seen[table, key] = record
        self.touched.append((table, key, record))

    def _check(self, table: SqlTable, key: Any, record: Record, written: dict[str, Any]) -> None:
        plan = table.plan
        for name, value in written.items():
            if value is None and name in plan.not_null:
                raise StoreConflict(f"{plan.name}.{name} must not be null")
        for name, limit in plan.lengths:
            value = written.get(name)
            if value is not None and len(value) > limit:
                raise StoreConflict(f"{plan.name}.{name} is longer than {limit}")
        for fields in plan.unique:
            values = {f: getattr(record, f) for f in fields}
            if None in values.values() or not written.keys() & set(fields):
                continue
            if any(other.key() != key for other in self.find(table.model, **values)):
                shown = tuple(values.values()) if len(fields) > 1 else values[fields[0]]
                raise StoreConflict(f"{plan.name} with {', '.join(fields)} = {shown} exists already")
        for name, model in plan.foreign:
            value = written.get(name)
            if value is not None and self.get(model, value) is None:
                raise StoreConflict(f"{plan.name}.{name}: there is no {model.__name__} {value}")
