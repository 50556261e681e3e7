"""The first layout: all tables as they were when migrations began; those that are there already stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Table, Text
from sqlalchemy.schema import CreateIndex, CreateTable, Index

revision = "0001"
down_revision = None
TYPES = {"text": Text, "integer": BigInteger, "float": Float, "boolean": Boolean}


def upgrade() -> None:
    """Make the tables."""
    made = json.loads((Path(__file__).with_name("v0001_tables.json")).read_text(encoding="utf-8"))
    for name, row in made.items():
        serial = Column("seq_", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
        columns = [Column(each, TYPES[kind](), nullable=nullable) for each, kind, nullable in row["columns"]]
        table = Table(name, MetaData(), serial, *columns, sqlite_autoincrement=True)
        op.execute(CreateTable(table, if_not_exists=True))
        for index, fields, unique in row["indexes"]:
            op.execute(CreateIndex(Index(index, *(table.c[field] for field in fields), unique=unique), if_not_exists=True))
