"""The layout of a database: which one it has, and how it is brought to today's, with what is in it kept.

A revision of alembic and the layout that the database says of itself (`lab.store.tables.LAYOUT`) are the same number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from lab.errors import LabError
from lab.store.sql import ABOUT, no_url, no_use

HERE = Path(__file__).with_name("migrations")
FIRST = "0001"
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""The databases that there are, and by which driver each is reached, whichever its URL names."""


def _config(versions: Path | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    if versions is not None:
        config.set_main_option("version_locations", str(versions))
    return config


def head(versions: Path | None = None) -> str:
    """The newest layout that this program knows."""
    return ScriptDirectory.from_config(_config(versions)).get_current_head() or ""


def current(url: str) -> str:
    """The layout of the database; empty when nothing is in it. Raises LabError when it is not ours or not there."""
    return str(_with(url, _layout, make=False))


def upgrade(url: str, versions: Path | None = None) -> tuple[str, str]:
    """Bring the database to the newest layout, in one transaction; from which to which. Raises LabError."""

    def work(connection: Connection) -> tuple[str, str]:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('glasscloud layout'))"))
        before, config = _layout(connection), _config(versions)
        newest = head(versions)
        if before > newest:
            raise LabError(
                f"the database has layout {before}, which is newer than this program's, {newest}; use the version that made it",
                ko=f"데이터베이스의 레이아웃 {before}이(가) 이 프로그램의 {newest}보다 새롭습니다. 그것을 만든 버전을 쓰십시오",
            )
        config.attributes["connection"] = connection
        if before > FIRST and MigrationContext.configure(connection).get_current_revision() is None:
            command.stamp(config, before)  # a program made it table by table; of the first layout the version makes those that lack
        command.upgrade(config, "head")
        if not before:
            connection.execute(text(f"CREATE TABLE {ABOUT} (layout INTEGER NOT NULL)"))
            connection.execute(text(f"INSERT INTO {ABOUT} VALUES (0)"))
        connection.execute(text(f"UPDATE {ABOUT} SET layout = :newest"), {"newest": int(newest)})
        return before, newest

    before, after = _with(url, work)
    return before, after


def _layout(connection: Connection) -> str:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return ""
    if ABOUT not in tables:
        raise LabError(
            f"the database holds tables of another program, such as {min(tables)}; choose another one",
            ko=f"데이터베이스에 다른 프로그램의 테이블이 있습니다(예: {min(tables)}). 다른 데이터베이스를 쓰십시오",
        )
    return f"{connection.execute(text(f'SELECT layout FROM {ABOUT}')).scalar_one():04d}"


def _with(url: str, work: Any, make: bool = True) -> Any:
    """Do something in one transaction on the database; with `make` SQLite makes a file that is not there."""
    try:
        where = make_url(url)
    except (ArgumentError, ValueError):
        raise no_url(url) from None
    if where.get_backend_name() not in DRIVERS:
        raise no_url(url)
    engine = create_engine(where.set(drivername=DRIVERS[where.get_backend_name()]))
    file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
    if file and not make and not Path(file).exists():
        raise LabError(
            f"there is no database {file}; glasscloud db upgrade --db {url} makes it",
            ko=f"데이터베이스 {file}이(가) 없습니다. glasscloud db upgrade --db {url}(으)로 만듭니다",
        )
    try:
        with engine.begin() as connection:
            return work(connection)
    except DBAPIError as error:
        name = engine.url.render_as_string(hide_password=True)
        raise no_use(name, " ".join(str(error.orig).split())) from error
    finally:
        engine.dispose()
