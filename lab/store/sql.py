"""The store in SQL: SQLite by the plain driver on the loop; `lab.store.postgres` has what several programs share.

Constraints are checked here, in the words of the memory store, and declared to
the database besides. What the process has committed survives its kill -9.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from lab.errors import LabError
from lab.store.port import Changed, Store
from lab.store.record import Record, need_followed, referring
from lab.store.tables import LAYOUT, SqlTable, table_name
from lab.store.transaction import SqlTransaction

R = TypeVar("R", bound=Record)
T = TypeVar("T")

BUSY_S = 5.0
"""Wall time that the opening waits for another program to end its use of the file: sqlite3's own default."""
ABOUT = "gc_about"
"""The table that says that the database is ours, and of which layout."""


class SqlStore(Store):
    """All records of one cloud in a SQLite database, for one program."""

    mark: ClassVar[str] = "?"
    """How the driver marks a value in a statement."""
    tables_there: ClassVar[str] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    columns_there: ClassVar[str] = "SELECT name FROM pragma_table_info('{table}')"

    def __init__(self, url: str) -> None:
        self._url, self.name = url, shown(url)
        self._tables: dict[type[Record], SqlTable] = {}
        self._followers: dict[SqlTable, list[Changed]] = {}
        self.is_open = True
        self._connection: Any = None
        try:
            self._connection = self._connect()
            self._claim()
            self._there = self._identify()
            self._connection.commit()
        except Exception as error:
            if self._connection is not None:
                self._connection.close()
            if isinstance(error, LabError):
                raise
            raise no_use(self.name, str(error)) from error

    def _connect(self) -> Any:
        """A connection to the database, ready for transactions."""
        connection: Any = sqlite3.connect(file_of(self._url), BUSY_S)
        # The driver shall not begin transactions by itself; WAL survives the process's death at any moment.
        connection.isolation_level = None
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _claim(self) -> None:
        """Begin the transaction in which the tables are looked at: of all programs only one at a time."""
        self._connection.execute("BEGIN IMMEDIATE")

    def _identify(self) -> set[str]:
        """The tables that are there; those of another program, or of another version of this one, are an error."""
        tables = self._all(self.tables_there)
        there = {name for (name,) in tables}
        if not there:
            self._all(f"CREATE TABLE {ABOUT} (layout INTEGER NOT NULL)")
            self._all(f"INSERT INTO {ABOUT} VALUES ({LAYOUT})")
        elif ABOUT not in there:
            raise LabError(
                f"the database {self.name} holds tables of another program, such as {min(there)}; choose another one",
                ko=f"데이터베이스 {self.name}에 다른 프로그램의 테이블이 있습니다(예: {min(there)}). 다른 데이터베이스를 쓰십시오",
            )
        else:
            [(layout,)] = self._all(f"SELECT layout FROM {ABOUT}")
            if layout != LAYOUT:
                upgrade = f"glasscloud db upgrade --db {self.name}"
                raise LabError(
                    f"the database {self.name} was made by another version of Glasscloud: its layout is {layout}, this one's {LAYOUT}; "
                    + (upgrade if layout < LAYOUT else "open it with that version, or choose another one"),
                    ko=f"데이터베이스 {self.name}: 다른 버전의 Glasscloud가 만들었습니다."
                    f" 그 레이아웃은 {layout}, 이 프로그램의 것은 {LAYOUT}입니다. "
                    + (upgrade if layout < LAYOUT else "그 버전으로 열거나 다른 데이터베이스를 쓰십시오"),
                )
        return there

    def check(self, models: Iterable[type[Record]]) -> None:
        """Compare the tables that are there with what these classes need. Raises LabError naming the first that differs."""
        for model in models:
            name = table_name(model)
            if name not in self._there:
                continue
            columns = self._all(self.columns_there.format(table=name))
            have, need = {column for (column,) in columns} - {"seq_"}, set(model.fields())
            if have != need:
                other = ", ".join(sorted(have ^ need))
                raise LabError(
                    f"the database {self.name} was made by another version of Glasscloud: {name} differs in {other}; "
                    "open it with that version, or choose another one",
                    ko=f"데이터베이스 {self.name}: 다른 버전의 Glasscloud가 만들었습니다. {name}에서 다른 것: {other}. "
                    "그 버전으로 열거나 다른 데이터베이스를 쓰십시오",
                )

    def _all(self, statement: str) -> list[Any]:
        cursor = self._connection.cursor()
        cursor.execute(statement)
        rows: list[Any] = cursor.fetchall() if cursor.description else []
        cursor.close()
        return rows

    def _make(self, table: SqlTable) -> None:
        """Make a table."""
        from lab.store.schema import statements

        for statement in statements(table, "sqlite"):
            self._all(statement)

    def table(self, model: type[Record]) -> SqlTable:
        """The table of a record class, created in the database at its first use."""
        table = self._tables.get(model)
        if table is None:
            table = SqlTable(model, self.mark)
            if table.name not in self._there:
                self._make(table)
            self._tables[model] = table
            for name, target in table.plan.foreign:
                self.table(target).referrers.append((table, name))
            for other in referring(model):  # others may have written such records, before or in another program
                self.table(other)
        return table

    async def run(self, work: Callable[[Any], T]) -> T:
        return self.transact(work)

    def transact(self, work: Callable[[Any], T]) -> T:
        """The same without the loop."""
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        tx, known = SqlTransaction(self, cursor), len(self._tables)
        try:
            result = work(tx)
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            while len(self._tables) > known:
                self._tables.popitem()  # their creation was taken back too
            raise
        finally:
            cursor.close()
        for table, key, record in tx.touched:
            for told in self._followers.get(table, ()):
                told(key, record)
        return result

    def execute(self, statement: str, *values: Any) -> None:
        """Run one statement as a transaction of its own."""
        cursor = self._connection.cursor()
        cursor.execute(statement, values)
        self._connection.commit()
        cursor.close()

    def follow(self, model: type[Record], told: Changed) -> None:
        need_followed(model)
        table = self.table(model)
        for record in self.transact(lambda tx: tx.all(model)):
            told(record.key(), record)
        self._followers.setdefault(table, []).append(told)

    async def close(self) -> None:
        self.is_open = False
        self._connection.close()


def shown(url: str) -> str:
    """A database's URL without its password."""
    password = urlsplit(url).password
    return url if password is None else url.replace(f":{password}@", ":***@", 1)


def no_use(name: str, said: str) -> LabError:
    """The error for a database that cannot be opened, from what it says of that."""
    way, way_ko = "choose another one", "다른 데이터베이스를 쓰십시오"
    if "locked" in said or "lock timeout" in said:
        way, way_ko = "another program uses it; end that one first", "다른 프로그램이 쓰고 있으니 그것을 먼저 끝내십시오"
    elif name.startswith("postgres") and "connection" in said:
        way, way_ko = "is PostgreSQL up?", "PostgreSQL이 떠 있습니까?"
    return LabError(f"the database {name} cannot be opened: {said}; {way}", ko=f"데이터베이스 {name}: 열 수 없습니다({said}). {way_ko}")


def no_url(url: str) -> LabError:
    """The error for what is no URL of a database."""
    known = "sqlite:///FILE", "postgresql+psycopg://USER@HOST/NAME"
    return LabError(
        f"{url!r} is no database URL; use {known[0]} or {known[1]}",
        ko=f"{url!r}: 데이터베이스 URL이 아닙니다. {known[0]}이나 {known[1]}을 쓰십시오",
    )


def file_of(url: str) -> str:
    """The file of a SQLite database, or what stands for memory. Raises LabError for another URL."""
    scheme, slashes, path = url.partition("://")
    if scheme != "sqlite" or not slashes or (path and not path.startswith("/")):
        raise no_url(url)
    return path[1:] or ":memory:"


def open_store(url: str) -> SqlStore:
    """The store at a URL. Raises LabError when it cannot be used, with the way out."""
    if url.startswith("postgres"):
        try:
            from lab.store.postgres import PostgresStore
        except ModuleNotFoundError as error:
            scheme = url.partition(":")[0]
            raise LabError(
                f"{scheme} needs the package {error.name}; install glasscloud[real]",
                ko=f"{scheme}에 필요한 패키지 {error.name}이(가) 없습니다. glasscloud[real]을 설치하십시오",
            ) from None
        return PostgresStore(url)
    return SqlStore(url)
