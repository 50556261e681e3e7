"""The store on a real PostgreSQL server that the test starts on loopback: the body of every store, and many programs at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from lab.errors import LabError
from lab.store import Record
from lab.store.postgres import Gone, PostgresStore
from lab.store.record import StoreConflict
from lab.store.sql import open_store
from tests.conformance.test_store import Item, Owner, Stores
from tests.real.bed.postgres import Postgres, postgres

pytestmark = pytest.mark.real


class Counter(Record):
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


def test_the_machine_of_all_stores(server: Postgres) -> None:
    """Any sequence of operations gives the answers and errors of the store in memory."""
    store = open_store(server.create("machine"))
    store.transact(lambda tx: (tx.all(Item), tx.all(Owner)))

    class OnPostgres(Stores):
        def database(self) -> Any:
            store.execute("TRUNCATE gc_item, gc_owner RESTART IDENTITY")
            return store

    test = OnPostgres.TestCase
    test.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
    test("runTest").runTest()
    asyncio.run(store.close())


def test_a_failed_transaction_leaves_nothing(open_: Callable[[], PostgresStore]) -> None:
    store = open_()
    store.transact(lambda tx: [tx.insert(Item.make(id=k, name=k)) for k in "ab"])

    def half(tx: Any) -> None:
        for item in tx.all(Item):
            tx.delete(item)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.transact(half)
    assert [item.id for item in open_().transact(lambda tx: tx.all(Item))] == ["a", "b"]


def test_what_one_program_commits_another_sees_and_its_followers_are_told(open_: Callable[[], PostgresStore]) -> None:
    async def main() -> None:
        one, two = open_(), open_()
        heard: list[Any] = []
        await one.run(lambda tx: tx.insert(Counter.make(name="before")))
        two.follow(Counter, lambda key, record: heard.append((key, record.value if record else None)))
        assert heard == [("before", 0)]
        await two.run(lambda tx: tx.insert(Counter.make(name="own")))
        assert heard.pop() == ("own", 0)  # at once
        await one.run(lambda tx: tx.update(tx.get(Counter, "own"), value=7))
        await one.run(lambda tx: tx.delete(tx.get(Counter, "before")))
        await one.run(lambda tx: tx.insert(Owner.make(id="nobody follows")))
        async with asyncio.timeout(5):
            while len(heard) < 3:
                await asyncio.sleep(0.01)
        assert heard[1:] == [("own", 7), ("before", None)]

        def fails(tx: Any) -> None:
            tx.insert(Counter.make(name="never"))
            raise LabError("no")

        with pytest.raises(LabError, match="no"):
            await one.run(fails)
        await asyncio.sleep(0.2)
        assert len(heard) == 3

    asyncio.run(main())


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
