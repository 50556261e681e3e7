"""The promises of stores: in memory, in a SQLite file, and on a PostgreSQL server that the tests start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.store import MemoryStore
from lab.store.postgres import PostgresStore
from lab.store.sql import SqlStore, open_store
from tests.contracts.store import Item, Owner, StoreBench, StoreContract
from tests.real.bed.postgres import Postgres, postgres, postgres_version

ALONE = "only one program has such a store open"


class InMemory(StoreBench):
    def __init__(self) -> None:
        self.opened = 0

    def open(self) -> MemoryStore:
        self.opened += 1
        if self.opened > 1:
            pytest.skip("memory keeps nothing when its program ends")
        return MemoryStore()

    def emptied(self) -> MemoryStore:
        pytest.skip("it is what the others are compared with")

    def shared(self) -> None:
        pytest.skip(ALONE)


class InFile(StoreBench):
    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}/cloud.db"
        self.store: Any = None

    def open(self) -> SqlStore:
        self.store = SqlStore(self.url)
        return self.store

    def emptied(self) -> SqlStore:
        return SqlStore("sqlite://")

    def shared(self) -> None:
        pytest.skip(ALONE)


class OnPostgres(StoreBench):
    """A database of its own on the server; what is opened is closed in the end."""

    def __init__(self, server: Postgres) -> None:
        self.url, self.opened = server.create(), list[PostgresStore]()

    def open(self) -> PostgresStore:
        store = open_store(self.url)
        assert isinstance(store, PostgresStore)
        self.opened.append(store)
        return store

    def emptied(self) -> PostgresStore:
        store = self.opened[0] if self.opened else self.open()
        store.transact(lambda tx: (tx.all(Item), tx.all(Owner)))  # so that the tables are there
        store.execute("TRUNCATE gc_item, gc_owner RESTART IDENTITY")
        return store

    def shared(self) -> None:
        """Many programs may."""


class TestInMemory(StoreContract):
    driver = "in memory"

    @pytest.fixture
    def bench(self) -> StoreBench:
        return InMemory()


class TestSqlite(StoreContract):
    driver = "sqlite"

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[StoreBench]:
        made = InFile(tmp_path)
        yield made
        if made.store is not None:
            asyncio.run(made.store.close())


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.mark.real
class TestPostgreSQL(StoreContract):
    driver, versions, examples = "postgresql", staticmethod(postgres_version), 25

    @pytest.fixture
    def bench(self, server: Postgres) -> Iterator[StoreBench]:
        made = OnPostgres(server)
        yield made
        for store in made.opened:
            asyncio.run(store.close())


@pytest.mark.parametrize("url", ["sqlite:///nowhere/at/all.db", "not a url"])
def test_a_wrong_url_is_an_error_with_the_way_out(url: str) -> None:
    with pytest.raises(LabError, match=r"cannot be opened|is no database URL"):
        SqlStore(url)
