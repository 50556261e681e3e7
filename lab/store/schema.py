"""What makes a table in the database: a SQLModel class is derived from its record class, and from that the schema.

Imported only where a table is made: SQLModel and SQLAlchemy take 20 MB, and each program of a real cloud has its memory to itself.
"""

from __future__ import annotations

import types
from typing import Any

from pydantic import create_model
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import registry
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Field, SQLModel

from lab.store.tables import SqlTable

KINDS: dict[type[Any], type[Any]] = {str: Text, int: BigInteger, float: Float, bool: Boolean}
DIALECTS = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


def derive(table: SqlTable) -> type[SQLModel]:
    """The SQLModel class of a table's record: its fields, and `seq_` for the order of insertion."""
    plan = table.plan
    serial = Column("seq_", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
    fields: dict[str, Any] = {"seq_": (int | None, Field(default=None, sa_column=serial))}
    for column in table.columns:
        cell = Column(column.name, KINDS[column.kind], nullable=column.name not in plan.not_null)
        fields[column.name] = (Any, Field(default=None, sa_column=cell))
    base = types.new_class("Rows", (SQLModel,), {"registry": registry()}, lambda space: space.update(__tablename__=table.name))
    row: type[SQLModel] = create_model(f"{plan.name}Row", __base__=base, __cls_kwargs__={"table": True}, **fields)
    return row


def statements(table: SqlTable, dialect: str) -> list[str]:
    """What creates the table and its indexes where they are missing. dialect: 'sqlite' or 'postgresql'."""
    plan, name = table.plan, table.name
    made: Any = derive(table).__table__  # type: ignore[attr-defined]
    made.dialect_options["sqlite"]["autoincrement"] = True
    indexes = [Index(f"{name}_key", *(made.c[k] for k in plan.key), unique=True)]
    indexes += [Index(f"{name}_u_{'_'.join(g)}", *(made.c[f] for f in g), unique=True) for g in plan.unique]
    indexes += [Index(f"{name}_i_{'_'.join(g)}", *(made.c[f] for f in g)) for g in plan.index]
    todo: list[Any] = [CreateTable(made, if_not_exists=True), *(CreateIndex(i, if_not_exists=True) for i in indexes)]
    return [str(statement.compile(dialect=DIALECTS[dialect]())) for statement in todo]
