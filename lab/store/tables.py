"""Tables for records: how each class lies in columns, and the statements on it; `lab.store.schema` makes them in the database."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

import orjson

from lab.store.record import Plan, Record, plan_of

LAYOUT = 1
"""Counted up when what the tables hold changes its meaning; changed columns are found without that."""
PLAIN = (str, int, float, bool)
"""What lies in its column as it is."""


class ColumnOf:
    """How one field lies in its column: as it is, or as JSON text."""

    __slots__ = ("dump", "kind", "load", "name")

    def __init__(self, name: str, annotation: Any) -> None:
        bare = _bare(annotation)
        self.name = name
        self.kind: type[Any] = bare if bare in PLAIN else str
        self.dump: Callable[[Any], Any] | None = None
        self.load: Callable[[Any], Any] | None = None
        if bare is bool:
            self.load = bool
        elif bare not in PLAIN:
            self.dump = lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
            origin = typing.get_origin(bare) or bare
            self.load = _tupled if origin is tuple else orjson.loads

    def value(self, value: Any) -> Any:
        """A value as it lies in the column."""
        return value if self.dump is None or value is None else self.dump(value)


def _tupled(text: str) -> Any:
    return tuple(tuple(item) if isinstance(item, list) else item for item in orjson.loads(text))


def _bare(annotation: Any) -> Any:
    """The type without its None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        args = [a for a in typing.get_args(annotation) if a is not type(None)]
        return args[0] if len(args) == 1 else Any
    return annotation


def table_name(model: type[Record]) -> str:
    """The name of a record class's table."""
    return f"gc_{model.__name__.lower()}"


class SqlTable:
    """One record class's table: its columns, and statements ready to run. `mark` is the driver's mark of a value."""

    def __init__(self, model: type[Record], mark: str) -> None:
        self.model = model
        self.plan: Plan = plan_of(model)
        self.columns = [ColumnOf(name, annotation) for name, annotation in model.fields().items()]
        self.by_name = {column.name: column for column in self.columns}
        self.name = table_name(model)
        self.mark = mark
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        self.select = f"SELECT {names} FROM {self.name}"
        self.insert = f"INSERT INTO {self.name} ({names}) VALUES ({', '.join([mark] * len(self.columns))})"
        self.by_key = " AND ".join(f'"{k}" = {mark}' for k in self.plan.key)
        self.referrers: list[tuple[SqlTable, str]] = []

    def row(self, record: Record) -> list[Any]:
        """The record as column values."""
        content = record.__dict__
        return [column.value(content[column.name]) for column in self.columns]

    def record(self, row: Any) -> Any:
        """The record of a row."""
        content = {}
        for column, value in zip(self.columns, row, strict=True):
            content[column.name] = value if column.load is None or value is None else column.load(value)
        return self.model.make(**content)
