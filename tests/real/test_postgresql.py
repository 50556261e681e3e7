"""The store on a real PostgreSQL server that the test starts on loopback: the same body as every other store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.store import MemoryStore
from lab.store.sql import SqlStore
from tests.conformance.test_store import Item, Owner, outcome
from tests.real.bed.postgres import postgres

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as server:
        yield server.url()


def test_the_same_operations_give_the_same_answers(url: str) -> None:
    stores = [MemoryStore(), SqlStore(url)]
    works = [
        lambda tx: tx.insert(Owner.make(id="o1")),
        lambda tx: [
            tx.insert(Item.make(id=k, name=k, host="h1", owner="o1", tags=["x"], extra={"n": 1}, pair=("p",), on=True)) for k in "cab"
        ],
        lambda tx: tx.insert(Item.make(id="d", name="a", owner="o1")),
        lambda tx: tx.insert(Item.make(id="d", name="long one")),
        lambda tx: tx.update(tx.get(Item, "a"), host=None, size=2**40),
        lambda tx: tx.update(tx.get(Item, "a").evolve(generation=0), host="h2"),
        lambda tx: tx.delete(Owner.make(id="o1")),
        lambda tx: (tx.delete(tx.get(Item, "c")), tx.get(Item, "none"), tx.find(Item, host="h1"), tx.count(Item)),
        lambda tx: (tx.find(Item, host=None), tx.find(Item, tags=["x"]), tx.one(Item, name="b"), tx.all(Item)),
    ]
    for number, work in enumerate(works):
        first, second = (outcome(store, work) for store in stores)
        assert second == first, number


def test_a_failed_transaction_leaves_nothing(url: str) -> None:
    store = SqlStore(url)
    before = store.transact(lambda tx: tx.all(Item))

    def half(tx: object) -> None:
        for item in tx.all(Item):  # type: ignore[attr-defined]
            tx.delete(item)  # type: ignore[attr-defined]
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.transact(half)
    assert store.transact(lambda tx: tx.all(Item)) == before


def test_a_reopened_database_has_what_was_committed(url: str) -> None:
    SqlStore(url).transact(lambda tx: tx.insert(Owner.make(id="kept")))
    assert SqlStore(url).transact(lambda tx: tx.get(Owner, "kept")) is not None
