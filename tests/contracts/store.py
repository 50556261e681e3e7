"""What every store of records promises: the same operations give the same answers and the same errors, and what was committed stays."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from lab.errors import LabError, NotFound
from lab.store import Field, MemoryStore, Record
from lab.store.record import StoreConflict
from tests.contracts.record import promise


class Owner(Record):
    id: str


class Item(Record):
    __followed__ = True
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
    """Any sequence of operations, done to a store and to the one in memory."""

    stale = Bundle("stale")

    def __init__(self) -> None:
        super().__init__()
        self.stores: list[Any] = [MemoryStore(), self.database()]

    def database(self) -> Any:
        """An empty store."""
        raise NotImplementedError

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


class StoreBench(ABC):
    """A place for the records of one cloud."""

    @abstractmethod
    def open(self) -> Any:
        """Open the store at that place, as a program does that starts; the first time it is empty."""

    @abstractmethod
    def emptied(self) -> Any:
        """An empty store, the same place or another; it is asked for very often."""

    @abstractmethod
    def shared(self) -> None:
        """Skip the test with a reason where only one program can have the store open."""

    def close(self, store: Any) -> None:
        """As a program does that ends."""
        asyncio.run(store.close())


class StoreContract:
    """The promises; subclasses give the bench."""

    port = "store"
    examples = 100

    @promise("run", "any sequence of operations answers, fails and orders as in memory")
    def test_any_sequence(self, bench: StoreBench) -> None:
        class These(Stores):
            def database(self) -> Any:
                return bench.emptied()

        test = These.TestCase
        test.settings = settings(max_examples=self.examples, stateful_step_count=30, deadline=None)
        test("runTest").runTest()

    @promise("run", "a transaction that fails leaves nothing")
    def test_failed(self, bench: StoreBench) -> None:
        store = bench.open()
        store.transact(lambda tx: [tx.insert(Item.make(id=k, name=k)) for k in "ab"])

        def half(tx: Any) -> None:
            for item in tx.all(Item):
                tx.delete(item)
            tx.insert(Owner.make(id="new"))
            raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            store.transact(half)
        assert store.transact(lambda tx: ([item.id for item in tx.all(Item)], tx.all(Owner))) == (["a", "b"], [])

    @promise("run", "a transaction sees what it did itself")
    def test_own(self, bench: StoreBench) -> None:
        store = bench.open()

        def work(tx: Any) -> None:
            assert tx.get(Item, "a") is None
            tx.insert(Item.make(id="a", name="one"))
            assert tx.get(Item, "a").name == "one"
            tx.update(tx.get(Item, "a"), name="two")
            assert (tx.get(Item, "a").name, [item.name for item in tx.find(Item, name="two")]) == ("two", ["two"])
            tx.delete(tx.get(Item, "a"))
            assert (tx.get(Item, "a"), tx.all(Item)) == (None, [])
            tx.insert(Item.make(id="a", name="new"))

        store.transact(work)
        assert store.transact(lambda tx: tx.get(Item, "a")).name == "new"

    @promise("insert", "a second record of a unique key is a conflict that names it")
    def test_unique(self, bench: StoreBench) -> None:
        store = bench.open()
        store.transact(lambda tx: (tx.insert(Owner.make(id="o")), tx.insert(Item.make(id="i", name="x", owner="o"))))
        with pytest.raises(StoreConflict, match=r"Item with owner, name = \('o', 'x'\) exists already"):
            store.transact(lambda tx: tx.insert(Item.make(id="j", name="x", owner="o")))
        assert store.transact(lambda tx: tx.count(Item)) == 1

    @promise("delete", "what others refer to is in use, and stays")
    def test_in_use(self, bench: StoreBench) -> None:
        store = bench.open()
        store.transact(lambda tx: (tx.insert(Owner.make(id="o")), tx.insert(Item.make(id="i", name="x", owner="o"))))
        with pytest.raises(StoreConflict, match="Owner o is in use by Item"):
            store.transact(lambda tx: tx.delete(Owner.make(id="o")))
        assert store.transact(lambda tx: tx.count(Owner)) == 1

    @promise("follow", "a follower is told of all that is there, then of each commit, and of nothing that was taken back")
    def test_follow(self, bench: StoreBench) -> None:
        async def main() -> None:
            store, heard = bench.open(), list[Any]()
            await store.run(lambda tx: tx.insert(Item.make(id="i", name="x")))
            store.follow(Item, lambda key, record: heard.append((key, record.size if record else None)))
            assert heard == [("i", 0)]
            await store.run(lambda tx: tx.update(tx.get(Item, "i"), size=7))
            await store.run(lambda tx: tx.insert(Owner.make(id="nobody follows")))
            with pytest.raises(NotFound, match="Item none could not be found"):
                await store.run(lambda tx: (tx.delete(tx.get(Item, "i")), tx.need(Item, "none")))
            await store.run(lambda tx: tx.delete(tx.get(Item, "i")))
            assert heard == [("i", 0), ("i", 7), ("i", None)]

        asyncio.run(main())

    @promise("follow", "what does not say that it may be followed is not: other programs' changes of it are not told")
    def test_not_followed(self, bench: StoreBench) -> None:
        with pytest.raises(TypeError, match="nobody hears what other programs change in Owner"):
            bench.open().follow(Owner, lambda key, record: None)

    @promise("open", "what was committed is there when it is opened again, in its order")
    def test_kept(self, bench: StoreBench) -> None:
        store = bench.open()
        store.transact(lambda tx: [tx.insert(Item.make(id=k, name=k)) for k in "cab"])
        bench.close(store)
        assert [i.id for i in bench.open().transact(lambda tx: tx.all(Item))] == ["c", "a", "b"]

    @promise("open", "what refers to what is known again")
    def test_kept_reference(self, bench: StoreBench) -> None:
        store = bench.open()
        store.transact(lambda tx: (tx.insert(Owner.make(id="o")), tx.insert(Item.make(id="i", name="x", owner="o"))))
        bench.close(store)
        assert outcome(bench.open(), lambda tx: tx.delete(Owner.make(id="o"))) == ("StoreConflict", "Owner o is in use by Item")

    @promise("run", "what one program commits another sees, and its followers are told")
    def test_two_programs(self, bench: StoreBench) -> None:
        bench.shared()

        async def main() -> None:
            one, two = bench.open(), bench.open()
            heard = list[Any]()
            await one.run(lambda tx: tx.insert(Item.make(id="before", name="x")))
            two.follow(Item, lambda key, record: heard.append((key, record.size if record else None)))
            assert heard == [("before", 0)]
            await two.run(lambda tx: tx.insert(Item.make(id="own", name="y")))
            assert heard.pop() == ("own", 0)  # at once
            await one.run(lambda tx: tx.update(tx.get(Item, "own"), size=7))
            await one.run(lambda tx: tx.delete(tx.get(Item, "before")))
            await one.run(lambda tx: tx.insert(Owner.make(id="nobody follows")))

            def fails(tx: Any) -> None:
                tx.insert(Item.make(id="never", name="z"))
                raise LabError("no")

            with pytest.raises(LabError, match="no"):
                await one.run(fails)
            await one.run(lambda tx: tx.insert(Item.make(id="last", name="w")))
            async with asyncio.timeout(10):
                while ("last", 0) not in heard:
                    await asyncio.sleep(0.01)
            assert heard[1:] == [("own", 7), ("before", None), ("last", 0)]

        asyncio.run(main())
