"""Databases are brought to today's layout with all that is in them."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

import lab.services
from lab.cli.main import main
from lab.errors import LabError
from lab.services.compute.model import ComputeService
from lab.store import Record, migrate
from lab.store.sql import SqlStore
from lab.store.tables import LAYOUT, SqlTable

NEXT = '''
"""A version to come."""
import sqlalchemy
from alembic import op
revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("gc_computeservice", sqlalchemy.Column("colour", sqlalchemy.Text, nullable=False, server_default="grey"))
'''


def models() -> list[type[Record]]:
    """All record classes of the core."""
    for module in pkgutil.walk_packages(lab.services.__path__, "lab.services."):
        importlib.import_module(module.name)
    found, todo = [], [Record]
    while todo:
        todo += (classes := todo.pop().__subclasses__())
        found += [cls for cls in classes if cls.__module__.startswith("lab.")]
    return found


def shape(url: str) -> dict[str, Any]:
    """Tables with their columns and indexes, as the database has them."""
    engine = create_engine(url)
    look = inspect(engine)
    found = {
        name: (
            {(c["name"], type(c["type"]).__name__, c["nullable"]) for c in look.get_columns(name)},
            {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in look.get_indexes(name)},
        )
        for name in look.get_table_names()
        if name not in ("alembic_version", "sqlite_sequence")
    }
    engine.dispose()
    return found


def service(host: str) -> ComputeService:
    values = {name: f"{name}-{host}" for name in ("uuid", "binary", "host")}
    blank = {name: {str: "", int: 0, bool: False, float: 0.0}.get(kind) for name, kind in ComputeService.fields().items()}
    return ComputeService.make(**{**blank, **{k: v for k, v in values.items() if k in blank}})


def close(store: SqlStore) -> None:
    asyncio.run(store.close())


def test_the_newest_version_makes_the_tables_that_the_records_need(tmp_path: Path) -> None:
    """When this fails the records have changed: write a version in lab/store/migrations/versions and count LAYOUT up."""
    migrated, lazy = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/lazy.db"
    assert migrate.upgrade(migrated) == ("", f"{LAYOUT:04d}")
    store = SqlStore(lazy)
    store.transact(lambda tx: [tx.count(model) for model in models()])
    close(store)
    assert shape(migrated) == shape(lazy)
    assert {SqlTable(model, "?").name for model in models()} < shape(migrated).keys()


def test_an_older_database_keeps_its_data_and_gets_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was made before there were migrations, and before most of the tables."""
    url = f"sqlite:///{tmp_path}/old.db"
    store = SqlStore(url)
    kept = store.transact(lambda tx: [tx.insert(service(host)) for host in ("h1", "h2")])
    close(store)
    main_(["db", "current", "--db", url])
    assert capsys.readouterr().out == "layout 0001; this program's is 0001\n"
    main_(["db", "upgrade", "--db", url])
    assert capsys.readouterr().out == "layout 0001 already\n"
    assert len(shape(url)) > 60
    store = SqlStore(url)
    assert store.transact(lambda tx: tx.all(ComputeService)) == kept
    close(store)


def test_a_version_to_come_changes_the_layout_and_the_program_of_before_refuses_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cloud.db"
    store = SqlStore(url)
    kept = store.transact(lambda tx: tx.insert(service("h1")))
    close(store)
    versions = tmp_path / "versions"
    shutil.copytree(migrate.HERE / "versions", versions)
    (versions / "v0002_colours.py").write_text(NEXT)
    assert migrate.upgrade(url, versions) == ("0001", "0002")
    with sqlite3.connect(tmp_path / "cloud.db") as connection:
        assert connection.execute("SELECT uuid, colour FROM gc_computeservice").fetchall() == [(kept.uuid, "grey")]
    connection.close()
    with pytest.raises(LabError, match=r"its layout is 2, this one's 1; open it with that version"):
        SqlStore(url)
    with pytest.raises(LabError, match="layout 0002, which is newer than this program's, 0001"):
        migrate.upgrade(url)


def test_an_older_layout_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cloud.db"
    store = SqlStore(url)
    store.execute(f"UPDATE gc_about SET layout = {LAYOUT - 1}")
    close(store)
    with pytest.raises(LabError, match=r"glasscloud db upgrade --db sqlite:///.*cloud.db"):
        SqlStore(url)


def test_what_is_no_database_of_ours_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE invoices (id int)")
    connection.close()
    for verb in (migrate.upgrade, migrate.current):
        with pytest.raises(LabError, match="holds tables of another program, such as invoices"):
            verb(url)
    with pytest.raises(LabError, match="is no database URL"):
        migrate.upgrade("nonsense")
    with pytest.raises(LabError, match=r"there is no database .*/none.db; glasscloud db upgrade --db sqlite:///"):
        migrate.current(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def main_(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
