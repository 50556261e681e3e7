"""What only PostgreSQL has beyond the promises of every store: many programs that write at once, a server that goes and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from lab.errors import LabError, ServiceUnavailable
from lab.store import Record, pipeline
from lab.store.pipeline import Pipeline
from lab.store.postgres import Gone, PostgresStore
from lab.store.record import StoreConflict
from lab.store.sql import open_store
from tests.contracts.store import Item, Owner
from tests.real.bed.postgres import Postgres, postgres

pytestmark = pytest.mark.real


class Counter(Record):
    __followed__ = True
    __key__ = "name"
    name: str
    value: int = 0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def open_(server: Postgres) -> Iterator[Callable[[], PostgresStore]]:
    """Opens stores on one empty database, each as another program would."""
    url, opened = server.create(), []

    def make() -> PostgresStore:
        store = open_store(url)
        assert isinstance(store, PostgresStore)
        opened.append(store)
        return store

    yield make
    for store in opened:
        asyncio.run(store.close())


def test_a_key_that_another_program_was_faster_with_is_a_conflict_in_our_words(open_: Callable[[], PostgresStore]) -> None:
    one, two = open_(), open_()
    one.transact(lambda tx: tx.insert(Owner.make(id="o")))
    first = True

    def slow(tx: Any) -> None:
        nonlocal first
        assert tx.find(Item, owner="o", name="x") == [] or not first
        if first:
            first = False
            two.transact(lambda other: other.insert(Item.make(id="theirs", name="x", owner="o")))
        tx.insert(Item.make(id="ours", name="x", owner="o"))

    with pytest.raises(StoreConflict, match=r"Item with owner, name = \('o', 'x'\) exists already"):
        one.transact(slow)


def test_what_another_program_made_refer_to_a_record_keeps_it(open_: Callable[[], PostgresStore]) -> None:
    one, two = open_(), open_()
    one.transact(lambda tx: (tx.insert(Owner.make(id="o")), tx.insert(Item.make(id="i", name="x", owner="o"))))
    with pytest.raises(StoreConflict, match="Owner o is in use by Item"):
        two.transact(lambda tx: tx.delete(Owner.make(id="o")))


WRITER = """
import asyncio, sys
from lab.store.sql import open_store
from tests.real.test_postgresql import Counter

async def main():
    store = open_store(sys.argv[1])
    def more(tx):
        counter = tx.get(Counter, "n") or tx.insert(Counter.make(name="n"))
        tx.update(counter, value=counter.value + 1)
        if not tx.count(Counter, value=-1):  # of those who look for it at the same time one may make it
            tx.insert(Counter.make(name=sys.argv[2], value=-1))
    for _ in range(int(sys.argv[3])):
        await store.run(more)
    await store.close()

asyncio.run(main())
"""


def test_programs_that_write_at_once_lose_nothing(server: Postgres) -> None:
    url = server.create("race")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, name, "40"]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    store = open_store(url)
    values = {counter.name: counter.value for counter in store.transact(lambda tx: tx.all(Counter))}
    asyncio.run(store.close())
    assert values.pop("n") == 120
    assert list(values.values()) == [-1]


def test_the_database_may_go_away_and_come_back() -> None:
    async def main(server: Postgres) -> None:
        store, other = open_store(server.url()), open_store(server.url())
        heard: list[Any] = []
        try:
            await store.run(lambda tx: [tx.insert(Counter.make(name=name)) for name in ("a", "b")])
            store.follow(Counter, lambda key, record: heard.append((key, record.value if record else None)))
            server.stop()
            with pytest.raises(Gone, match="is PostgreSQL up"):
                store.transact(lambda tx: tx.all(Counter))
            waiting = asyncio.ensure_future(store.run(lambda tx: tx.update(tx.get(Counter, "a"), value=1)))
            await asyncio.sleep(0.3)
            server.start()
            other.transact(lambda tx: tx.delete(tx.get(Counter, "b")))
            assert (await waiting).value == 1
            async with asyncio.timeout(10):
                while ("b", None) not in heard:
                    await asyncio.sleep(0.05)
        finally:
            await store.close()
            await other.close()

    with postgres() as server:
        asyncio.run(main(server))


def test_who_listens_tries_again_when_a_server_that_begins_takes_a_connection_and_ends_it(
    open_: Callable[[], PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        store, other = open_(), open_()
        heard: list[Any] = []
        connect, ended = store._connect, []

        def connect_and_lose() -> Any:
            connection = connect()
            if not ended:
                ended.append(connection)
                other.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 1000)")
            return connection

        await store.run(lambda tx: tx.insert(Counter.make(name="a")))
        store.follow(Counter, lambda key, record: heard.append(record and record.value))
        monkeypatch.setattr(store, "_connect", connect_and_lose)
        assert store._ears is not None
        other.execute(f"SELECT pg_terminate_backend({store._ears._connection.info.backend_pid}, 1000)")
        await asyncio.sleep(0.4)
        other.transact(lambda tx: tx.update(tx.get(Counter, "a"), value=7))
        async with asyncio.timeout(10):
            while 7 not in heard:
                await asyncio.sleep(0.05)
        assert len(ended) == 1

    asyncio.run(main())


def test_wrong_databases_are_named(server: Postgres) -> None:
    with pytest.raises(LabError, match=r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x cannot be reached: .*; is PostgreSQL up"):
        open_store("postgresql+psycopg://u:secret@127.0.0.1:1/x")
    with pytest.raises(LabError, match=r"cannot be reached: .*does not exist"):
        open_store(server.url("nothing"))
    url = server.create("foreign")
    store = open_store(server.create("layout"))
    store.execute("UPDATE gc_about SET layout = 99")
    with pytest.raises(LabError, match="made by another version of Glasscloud: its layout is 99"):
        open_store(server.url("layout"))
    asyncio.run(store.close())
    connection = PostgresStore(url)
    connection.execute("DROP TABLE gc_about")
    connection.execute("CREATE TABLE invoices (id int)")
    asyncio.run(connection.close())
    with pytest.raises(LabError, match="holds tables of another program, such as invoices"):
        open_store(url)


def test_a_transaction_waits_only_for_what_it_asks(open_: Callable[[], PostgresStore], monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_()
    store.transact(lambda tx: [tx.insert(Counter.make(name=name)) for name in ("a", "b")])
    sent: list[int] = []
    send = Pipeline._send
    monkeypatch.setattr(Pipeline, "_send", lambda self: (sent.append(len(self._waiting)), send(self))[1])
    store.transact(lambda tx: None)
    assert sent == []
    assert store.transact(lambda tx: tx.get(Counter, "a")).value == 0
    assert sent == [2, 1]  # its beginning goes with the look
    sent.clear()
    store.transact(lambda tx: [tx.update(tx.get(Counter, name), value=7) for name in ("a", "b")])
    assert sent == [2, 2, 3]  # the first change goes with the second look; the second change and the news of both with the end
    assert {counter.value for counter in store.transact(lambda tx: tx.all(Counter))} == {7}


def test_what_postgresql_cannot_hold_is_refused_and_nothing_is_cut_off(open_: Callable[[], PostgresStore]) -> None:
    store = open_()
    with pytest.raises(psycopg.DataError, match="NUL"):
        store.transact(lambda tx: tx.insert(Owner.make(id="a\0b")))
    assert store.transact(lambda tx: tx.all(Owner)) == []


def test_a_statement_that_fails_at_the_end_takes_all_back_and_the_next_transaction_goes_on(open_: Callable[[], PostgresStore]) -> None:
    store = open_()
    store.transact(lambda tx: tx.insert(Counter.make(name="a")))

    def broken(tx: Any) -> None:
        tx.update(tx.get(Counter, "a"), value=1)
        tx._cursor.execute("SELECT 1 / %s::int", [0])

    with pytest.raises(psycopg.errors.DivisionByZero):
        store.transact(broken)
    assert store.transact(lambda tx: tx.get(Counter, "a")).value == 0


def test_while_an_answer_is_waited_for_threads_go_on_and_signals_are_heard(open_: Callable[[], PostgresStore]) -> None:
    store, heard, ticks = open_(), list[float](), list[float]()

    def tick() -> None:
        for _ in range(8):
            ticks.append(time.monotonic())
            time.sleep(0.05)

    def hear(*_: Any) -> None:
        heard.append(time.monotonic())

    thread, before = threading.Thread(target=tick), signal.signal(signal.SIGALRM, hear)
    begin = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        thread.start()
        store.transact(lambda tx: (tx._cursor.execute("SELECT pg_sleep(1)::text"), tx._cursor.fetchall()))
    finally:
        signal.signal(signal.SIGALRM, before)
        thread.join()
    assert ticks[-1] - begin < 0.9
    assert heard[0] - begin < 0.9


@pytest.mark.parametrize("write", [True, False])
def test_a_server_that_does_not_answer_is_given_up(
    open_: Callable[[], PostgresStore], monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    store, other = open_(), open_()
    store.transact(lambda tx: tx.update(tx.insert(Counter.make(name="a")), value=0))
    monkeypatch.setattr(pipeline, "SILENT_MS", 300)
    stopped: list[int] = []

    def work(tx: Any) -> Any:
        """At its first run the server stands still before it is asked to commit."""
        counter = tx.get(Counter, "a")
        if not stopped:
            tx._cursor.execute("SELECT pg_backend_pid()")
            stopped.append(tx._cursor.fetchone()[0])
            os.kill(stopped[0], signal.SIGSTOP)
        return tx.update(counter, value=1) if write else counter

    try:
        if write:
            with pytest.raises(ServiceUnavailable, match="whether it happened is not known"):
                store.transact(work)
        else:  # what only looks may be run again
            assert store.transact(work).value == 0
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert store.transact(lambda tx: tx.get(Counter, "a")) == other.transact(lambda tx: tx.get(Counter, "a"))


def test_who_only_listens_learns_that_the_server_is_gone(open_: Callable[[], PostgresStore]) -> None:
    store = open_()
    with socket.socket(fileno=os.dup(store._connection.fileno())) as of_store:
        idle, interval = (of_store.getsockopt(socket.IPPROTO_TCP, each) for each in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL))
    assert (idle, interval) == (20, 5)
