"""One body for every store: the same operations give the same answers and the same errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from lab.errors import LabError
from lab.store import Field, MemoryStore, Record
from lab.store.sql import SqlStore


class Owner(Record):
    id: str


class Item(Record):
    __unique__ = (("owner", "name"),)
    __index__ = ("host", ("host", "name"))
    __foreign__ = {"owner": Owner}
    id: str
    name: str = Field(max_length=3)
    host: str | None = None
    owner: str | None = None
    tags: list[str] = Field(default_factory=list)
    extra: dict[str, Any] = Field(default_factory=dict)
    pair: tuple[str, ...] = ()
    on: bool = False
    size: int = 0
    generation: int = 0


KEYS = st.sampled_from("abcdef")
NAMES = st.sampled_from(["x", "yy", "zzz", "long"])
HOSTS = st.sampled_from([None, "h1", "h2"])
OWNERS = st.sampled_from([None, "o1", "o2"])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(NAMES, st.none()),
        "host": HOSTS,
        "owner": OWNERS,
        "tags": st.lists(st.text(max_size=3), max_size=2),
        "extra": st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2),
        "pair": st.tuples(st.text(max_size=2)),
        "on": st.booleans(),
        "size": st.integers(-(2**40), 2**40),
    },
)


def outcome(store: Any, work: Any) -> Any:
    try:
        return store.transact(work)
    except LabError as error:
        return type(error).__name__, str(error)


class Stores(RuleBasedStateMachine):
    stale = Bundle("stale")

    def __init__(self) -> None:
        super().__init__()
        self.stores: list[Any] = [MemoryStore(), self.database()]

    def database(self) -> Any:
        """An empty store in a database."""
        return SqlStore("sqlite://")

    def same(self, work: Any) -> Any:
        first, *others = [outcome(store, work) for store in self.stores]
        for other in others:
            assert other == first
        return first

    @rule(owner=st.sampled_from(["o1", "o2"]))
    def add_owner(self, owner: str) -> None:
        self.same(lambda tx: tx.insert(Owner.make(id=owner)))

    @rule(owner=st.sampled_from(["o1", "o2"]))
    def remove_owner(self, owner: str) -> None:
        self.same(lambda tx: tx.delete(Owner.make(id=owner)))

    @rule(key=KEYS, changes=CHANGES)
    def insert(self, key: str, changes: dict[str, Any]) -> None:
        self.same(lambda tx: tx.insert(Item.make(**{"id": key, "name": "x", **changes})))

    @rule(target=stale, key=KEYS)
    def read(self, key: str) -> Any:
        return self.same(lambda tx: tx.get(Item, key))

    @rule(record=stale, changes=CHANGES)
    def update(self, record: Any, changes: dict[str, Any]) -> None:
        if isinstance(record, Item):
            self.same(lambda tx: tx.update(record, **changes))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.same(lambda tx: tx.delete(Item.make(id=key, name="x")))

    @rule(key=KEYS, other=KEYS, changes=CHANGES)
    def half_done(self, key: str, other: str, changes: dict[str, Any]) -> None:
        """A transaction that deletes, inserts and then fails leaves nothing, order included."""

        def work(tx: Any) -> None:
            tx.delete(Item.make(id=key, name="x"))
            tx.insert(Item.make(**{"id": key, "name": "x", **changes}))
            found = tx.get(Item, other)
            if found is not None:
                tx.update(found, host="h2")
            raise LabError("no")

        self.same(work)

    @rule(host=HOSTS, name=NAMES, owner=OWNERS)
    def find(self, host: str | None, name: str, owner: str | None) -> None:
        self.same(lambda tx: tx.find(Item, host=host))
        self.same(lambda tx: tx.find(Item, host=host, name=name))
        self.same(lambda tx: tx.find(Item, owner=owner, name=name))
        self.same(lambda tx: tx.one(Item, name=name))
        self.same(lambda tx: (tx.count(Item, host=host), tx.count(Item)))

    @invariant()
    def all_rows_in_one_order(self) -> None:
        self.same(lambda tx: tx.all(Item))


TestStores = Stores.TestCase


@pytest.mark.parametrize("url", ["sqlite:///nowhere/at/all.db", "not a url"])
def test_a_wrong_url_is_an_error_with_the_way_out(url: str) -> None:
    with pytest.raises(LabError, match=r"cannot be opened|is no database URL"):
        SqlStore(url)


def test_a_kept_database_has_what_was_committed(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/cloud.db"
    store = SqlStore(url)
    store.transact(lambda tx: [tx.insert(Item.make(id=k, name=k)) for k in "cab"])
    asyncio.run(store.close())
    assert [i.id for i in SqlStore(url).transact(lambda tx: tx.all(Item))] == ["c", "a", "b"]


def test_a_store_that_was_opened_again_knows_what_refers_to_a_record(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/cloud.db"
    store = SqlStore(url)
    store.transact(lambda tx: (tx.insert(Owner.make(id="o")), tx.insert(Item.make(id="i", name="x", owner="o"))))
    asyncio.run(store.close())
    store = SqlStore(url)
    assert outcome(store, lambda tx: tx.delete(Owner.make(id="o"))) == ("StoreConflict", "Owner o is in use by Item")
    asyncio.run(store.close())
