"""What every object disk promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from lab.errors import NoSpace, ObjectError
from lab.services.object.driver import ObjectDisk, StoredObject
from tests.contracts.record import promise

T = TypeVar("T")
OLD = StoredObject("/a/c/o", 1, b"old", (("Content-Type", "text/plain"), ("X-Object-Meta-Name", "\uae00\n")))
NEW = StoredObject("/a/c/o", 2, b"line\nnewer\x00")
GONE = StoredObject("/a/c/o", 3, deleted=True)
OTHER = StoredObject("/a/c/" + "x" * 1000, 5, b"other")


class ObjectBench(ABC):
    """A disk of its own."""

    driver: ObjectDisk

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a verb to its end."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What is on the disk beside objects."""

    @abstractmethod
    def fill(self) -> AbstractContextManager[None]:
        """Have no room on the disk."""

    @abstractmethod
    def lose(self) -> AbstractContextManager[None]:
        """Have no disk."""


class ObjectContract:
    """The promises."""

    port = "object"

    @promise("put", "the replica comes back whole")
    def test_whole(self, bench: ObjectBench) -> None:
        for item in (OLD, OTHER, StoredObject("/a/c/empty", 1)):
            bench.run(bench.driver.put(7, item))
            assert bench.run(bench.driver.get(7, item.name)) == item
        assert bench.run(bench.driver.get(8, OLD.name)) is None

    @promise("put", "the newest timestamp stays, whichever comes last")
    def test_newest(self, bench: ObjectBench) -> None:
        for item in (OLD, NEW, OLD, StoredObject(NEW.name, NEW.timestamp_ns, b"as old")):
            bench.run(bench.driver.put(7, item))
        assert bench.run(bench.driver.get(7, NEW.name)) == NEW

    @promise("put", "a tombstone is kept, and beats what is older")
    def test_tombstone(self, bench: ObjectBench) -> None:
        for item in (NEW, GONE, OLD):
            bench.run(bench.driver.put(7, item))
        assert bench.run(bench.driver.get(7, GONE.name)) == GONE
        assert bench.run(bench.driver.partition(7)) == [GONE.name]

    @promise("put", "no room is NoSpace and leaves what was there")
    def test_no_room(self, bench: ObjectBench) -> None:
        bench.run(bench.driver.put(7, OLD))
        with bench.fill():
            for item in (StoredObject(NEW.name, 2, bytes(100_000)), StoredObject(OTHER.name, 2, bytes(100_000))):
                with pytest.raises(NoSpace):
                    bench.run(bench.driver.put(7, item))
        assert bench.run(bench.driver.get(7, OLD.name)) == OLD
        assert bench.run(bench.driver.partition(7)) == [OLD.name]
        assert bench.leftovers() == []

    @promise("forget", "the replica is gone, its partition with the last; a repeat is no error")
    def test_forget(self, bench: ObjectBench) -> None:
        for item in (NEW, OTHER):
            bench.run(bench.driver.put(7, item))
        for name in (NEW.name, NEW.name, "/a/c/nobody"):
            bench.run(bench.driver.forget(7, name))
        assert bench.run(bench.driver.partition(7)) == [OTHER.name]
        bench.run(bench.driver.forget(7, OTHER.name))
        bench.run(bench.driver.forget(9, OTHER.name))
        assert bench.run(bench.driver.partitions()) == []
        assert bench.leftovers() == []

    @promise("partitions", "those that hold anything, by number")
    def test_partitions(self, bench: ObjectBench) -> None:
        for partition in (10, 9, 100):
            bench.run(bench.driver.put(partition, NEW))
        assert bench.run(bench.driver.partitions()) == [9, 10, 100]
        assert bench.run(bench.driver.partition(11)) == []

    @promise("every verb", "a dead disk is an ObjectError, and is whole when it comes back")
    def test_dead(self, bench: ObjectBench) -> None:
        bench.run(bench.driver.put(7, OLD))
        verbs = (
            lambda: bench.driver.put(7, NEW), lambda: bench.driver.get(7, OLD.name), lambda: bench.driver.forget(7, OLD.name),
            lambda: bench.driver.partition(7), bench.driver.partitions,
        )  # fmt: skip
        with bench.lose():
            for verb in verbs:
                with pytest.raises(ObjectError, match="Input/output error"):
                    bench.run(verb())
        assert bench.run(bench.driver.get(7, OLD.name)) == OLD
