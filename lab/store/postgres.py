"""The store in PostgreSQL, for many programs at once.

Transactions are serializable: what two programs do at the same time has the effect of one after the other, and the one
that cannot be put in such an order is run again. They are run on the loop: each is a few statements of a tenth of a
millisecond, a thread for each would cost more, and what a program does stays in one order. Time limits on statements and
locks keep another program that stands still from holding this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Any, ClassVar, TypeVar

import orjson
import psycopg

from lab.errors import LabError, ServiceUnavailable
from lab.store.pipeline import STATEMENT_MS, Pipeline
from lab.store.port import Changed
from lab.store.record import Record, StoreConflict, need_followed
from lab.store.sql import SqlStore
from lab.store.tables import SqlTable
from lab.store.transaction import SqlTransaction

T = TypeVar("T")

OPTIONS = (
    "-c default_transaction_isolation=serializable "
    # Where a whole table is read, any change of it is a conflict: indexes keep what is read, and so conflicts, small.
    "-c enable_seqscan=off "
    f"-c lock_timeout=2000 -c statement_timeout={STATEMENT_MS} -c idle_in_transaction_session_timeout=10000"
)
CONNECT_S = 3
ALIVE: dict[str, Any] = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3}
"""In s, and a number: who only listens learns by it, after 35 s, that the server's machine is gone. The kernel's own is two hours."""
ATTEMPTS = 100
"""How often a transaction is run before its conflicts are the caller's."""
BACKOFF_S = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
"""The longest waits before a transaction is run again; drawn from 0 to there, so that the same ones do not meet again."""
GONE_S = 10.0
"""How long `run` waits for a database that went away."""
AGAIN = frozenset({"40001", "40P01", "23505", "55P03"})
"""What a second run may cure: serialization failure, deadlock, a key that another program was faster with, a lock that took too
long. Source: PostgreSQL's error codes, appendix A of its manual."""
MAKE_MS = 20_000
"""How long the making of a table waits for a lock: many programs make theirs when a cloud is first started."""
CHANNEL = "glasscloud"
PAYLOAD_MAX = 7000
"""Bytes of one notification. Source: PostgreSQL's NOTIFY takes less than 8,000."""
CLAIM = 0x676C617373
"""The advisory lock under which tables are made."""


class Again(LabError):
    """The transaction had no effect and may be run again."""


class Gone(ServiceUnavailable):
    """The database is not there."""


class PostgresStore(SqlStore):
    """All records of one cloud in a PostgreSQL database, for many programs."""

    mark: ClassVar[str] = "%s"
    tables_there: ClassVar[str] = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    columns_there: ClassVar[str] = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{table}'"
    )

    def __init__(self, url: str) -> None:
        self._known: dict[SqlTable, dict[Any, None]] = {}
        """Keys of records that followers were told of."""
        self._ears: Ears | None = None
        super().__init__(url)
        self._pipeline = Pipeline(self._connection)
        self.me: str = self._all("SELECT pg_backend_pid()::text || '.' || extract(epoch FROM clock_timestamp())::text")[0][0]
        self._connection.commit()
        self._dice = Random(self.me)  # noqa: S311 (only says how long to wait)

    def _connect(self) -> Any:
        try:
            # Statements are prepared by the pipeline: those of psycopg's cursors it would forget all together, and with them ours.
            url = "postgresql" + self._url[self._url.index(":") :]
            return psycopg.connect(url, options=OPTIONS, connect_timeout=CONNECT_S, prepare_threshold=None, **ALIVE)
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
            raise Gone(
                f"the database {self.name} cannot be reached: {said}; is PostgreSQL up?",
                ko=f"데이터베이스 {self.name}에 닿을 수 없습니다({said}). PostgreSQL이 떠 있습니까?",
            ) from error

    def _claim(self) -> None:
        # Read committed: the snapshot shall be of after the lock.
        self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        # Whoever makes tables holds it, and a cloud's programs are started together.
        self._connection.execute(f"SET LOCAL lock_timeout = {MAKE_MS}")
        self._connection.execute(f"SELECT pg_advisory_xact_lock({CLAIM})")

    def _make(self, table: SqlTable) -> None:
        """Make a table, on a connection of its own: it stays, whatever becomes of the transaction that needs it.

        Others make theirs, or write to those that this one refers to; it waits longer than a transaction would. Raises LabError.
        """
        connection = self._connect()
        try:
            connection.execute(f"SET lock_timeout = {MAKE_MS}")
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            connection.execute(f"SELECT pg_advisory_xact_lock({CLAIM})")
            if connection.execute("SELECT to_regclass(%s)", (table.name,)).fetchone() == (None,):  # else another program was faster
                from lab.store.schema import statements

                for statement in statements(table, "postgresql"):
                    connection.execute(statement)
            connection.commit()
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
            raise LabError(
                f"a table could not be made in the database {self.name}: {said}; try again",
                ko=f"데이터베이스 {self.name}에 테이블을 만들지 못했습니다({said}). 다시 해 보십시오",
            ) from error
        finally:
            connection.close()

    # -- transactions -------------------------------------------------------------------------

    async def run(self, work: Callable[[Any], T]) -> T:
        loop = asyncio.get_running_loop()
        end, attempt = loop.time() + GONE_S, 0
        while True:
            try:
                result, touched = self._once(work)
                break
            except Again as error:
                attempt += 1
                if attempt >= ATTEMPTS:
                    raise StoreConflict(f"others change the same records all the time; try again later ({error})") from error
                await asyncio.sleep(self._dice.random() * BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])
            except Gone:
                if loop.time() >= end:
                    raise
                await asyncio.sleep(0.2)
        self._tell(touched)
        return result

    def transact(self, work: Callable[[Any], T]) -> T:
        for _ in range(ATTEMPTS):
            try:
                result, touched = self._once(work)
            except Again:
                continue
            self._tell(touched)
            return result
        raise StoreConflict("others change the same records all the time; try again later")

    def _once(self, work: Callable[[Any], T]) -> tuple[T, list[tuple[SqlTable, Any, Record | None]]]:
        """Run a transaction once. Raises Again or Gone when it had no effect."""
        if self._connection.closed:
            self._connection = self._connect()
            self._pipeline = Pipeline(self._connection)
        connection, pipeline = self._connection, self._pipeline
        committing = False
        try:
            pipeline.begin()
            tx = SqlTransaction(self, pipeline)
            result = work(tx)
            for payload in self._payloads(tx.touched):
                pipeline.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            committing = bool(tx.touched)
            pipeline.commit()
        except BaseException as error:
            if connection.closed:
                raise self._broken(error, committing) from error
            connection.rollback()
            if getattr(error, "sqlstate", None) in AGAIN:
                raise Again(str(error).partition("\n")[0]) from error
            raise
        return result, tx.touched

    def _broken(self, error: BaseException, committing: bool) -> BaseException:
        """The connection broke: what that means for the transaction."""
        if committing:
            return ServiceUnavailable(
                f"the database {self.name} went away while a transaction was committed; whether it happened is not known: look before "
                "you do it again"
            )
        return Again(f"the connection broke: {error}")  # it may have been long ago: whether the database is there, the next one shows

    def _payloads(self, touched: list[tuple[SqlTable, Any, Record | None]]) -> list[str]:
        """What is told to the other programs when the transaction is committed."""
        rows = list(dict.fromkeys((table.name, key) for table, key, _ in touched if table.model.__followed__))
        found: list[str] = []
        while rows:
            part = rows[:50]
            text = orjson.dumps([self.me, part]).decode()
            if len(text) > PAYLOAD_MAX:
                part = rows[:1]
                text = orjson.dumps([self.me, part]).decode()
            rows = rows[len(part) :]
            found.append(text)
        return found

    # -- who follows --------------------------------------------------------------------------

    def _tell(self, touched: list[tuple[SqlTable, Any, Record | None]]) -> None:
        for table, key, record in touched:
            if table in self._followers:
                self._told(table, key, record)

    def _told(self, table: SqlTable, key: Any, record: Record | None) -> None:
        known = self._known.setdefault(table, {})
        if record is None:
            known.pop(key, None)
        else:
            known[key] = None
        for told in self._followers[table]:
            told(key, record)

    def follow(self, model: type[Record], told: Changed) -> None:
        need_followed(model)
        if self._ears is None:
            self._ears = Ears(self)  # before the first look, so that no change falls between
        table = self.table(model)
        known = self._known.setdefault(table, {})
        for record in self.transact(lambda tx: tx.all(model)):
            known[record.key()] = None
            told(record.key(), record)
        self._followers.setdefault(table, []).append(told)

    def heard(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Other programs changed these records: followers are told of what they are now."""
        tables = {table.name: table for table in self._followers}
        wanted = [(tables[name], tuple(key) if isinstance(key, list) else key) for name, key in rows if name in tables]
        if wanted:
            records = self.transact(lambda tx: [tx.get(table.model, key) for table, key in wanted])
            for (table, key), record in zip(wanted, records, strict=True):
                self._told(table, key, record)

    def look_again(self) -> None:
        """Changes may have been missed: tell followers of all that is there, and of what is no longer."""
        for table in list(self._followers):
            now = {record.key(): record for record in self.transact(partial(_all, table.model))}
            for key in [key for key in self._known[table] if key not in now]:
                self._told(table, key, None)
            for key, record in now.items():
                self._told(table, key, record)

    async def close(self) -> None:
        if self._ears is not None:
            self._ears.close()
        await super().close()


def _all(model: type[Record], tx: SqlTransaction) -> list[Any]:
    return tx.all(model)


class Ears:
    """The connection on which a store hears of the commits of other programs."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._connection: Any = None
        self._open()

    def _open(self) -> None:
        self._connection = self._store._connect()
        self._fileno: int = self._connection.fileno()
        self._loop.add_reader(self._fileno, self._hear)
        self._connection.autocommit = True
        self._connection.execute(f"LISTEN {CHANNEL}")

    def _hear(self) -> None:
        rows: list[tuple[str, Any]] = []
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
            while (note := pgconn.notifies()) is not None:
                sender, changed = orjson.loads(note.extra)
                if sender != self._store.me:
                    rows += [(name, key) for name, key in changed]
            self._store.heard(rows)
        except (OSError, ValueError, LabError, psycopg.Error):  # it broke: connect anew and look at everything
            self._shut()
            self._timer = self._loop.call_later(0.2, self._again)

    def _again(self) -> None:
        """Listen again after a break; what was missed meanwhile is looked up."""
        try:
            self._open()
            self._store.look_again()
        except (LabError, psycopg.Error):  # a server that begins or ends may take a connection and end it
            self._shut()
            self._timer = self._loop.call_later(1.0, self._again)

    def _shut(self) -> None:
        if self._connection is not None:
            self._loop.remove_reader(self._fileno)
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Listen no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._shut()
