"""One journal out of many: order, causes, what comes late or never, and who is meant by a queue."""

from __future__ import annotations

from typing import Any

import pytest

from lab.journal import Entry, Journal, LazyBody
from lab.journal.merge import SPACE, Merger, pack, unpack
from lab.journal.naming import Names
from sim.loop import SimLoop


@pytest.fixture
def loop() -> Any:
    loop = SimLoop(1)
    yield loop
    loop.close()


def entry(seq: int, t: int, name: str = "", parent: int = 0, **more: Any) -> Entry:
    texts = dict.fromkeys(("source", "target", "where", "status", "request_id"), "")
    row = {**texts, "kind": "log", "duration": 0, "body": None, "note": None, **more}
    return Entry(**row, seq=seq, t=t, name=name, parent=parent)


ONE, TWO = 1 << SPACE, 2 << SPACE


def merged(loop: SimLoop, *rows: Entry, until: int = 1000) -> list[Entry]:
    journal = Journal(loop.runtime)
    merger = Merger(journal)
    for row in rows:
        merger.put(tuple(row))
    merger.release(until)
    return list(journal.since())


def test_entries_of_two_programs_stand_in_order_of_time_with_dense_numbers_and_their_causes(loop: SimLoop) -> None:
    found = merged(
        loop,
        entry(TWO + 1, 20, "handled", ONE + 1),
        entry(TWO + 2, 40, "answered", TWO + 1),
        entry(ONE + 1, 10, "asked"),
        entry(ONE + 2, 30, "waited", ONE + 1),
    )
    assert [(e.seq, e.t, e.name, e.parent) for e in found] == [
        (1, 10, "asked", 0), (2, 20, "handled", 1), (3, 30, "waited", 1), (4, 40, "answered", 2),
    ]  # fmt: skip


def test_a_cause_stands_before_its_effect_though_the_clocks_differ(loop: SimLoop) -> None:
    found = merged(loop, entry(TWO + 1, 5, "handled", ONE + 2), entry(ONE + 2, 10, "asked", ONE + 1), entry(ONE + 1, 8, "began"))
    assert [(e.name, e.t, e.parent) for e in found] == [("began", 8, 0), ("asked", 10, 1), ("handled", 10, 2)]


def test_what_comes_too_late_goes_to_the_end_and_time_never_goes_back(loop: SimLoop) -> None:
    journal = Journal(loop.runtime)
    merger = Merger(journal)
    for row in (entry(ONE + 1, 10), entry(ONE + 2, 900)):
        merger.put(tuple(row))
    merger.release(100)
    assert (merger.waiting, journal.seq) == (1, 1)
    merger.release(1000)
    merger.put(tuple(entry(TWO + 1, 15, "late", ONE + 1)))
    merger.put(tuple(entry(ONE + 1, 10)))  # a batch that came twice
    merger.release(1000)
    assert [(e.t, e.parent) for e in journal.since()] == [(10, 0), (900, 0), (900, 1)]


def test_a_cause_that_never_came_is_said_to_be_lost(loop: SimLoop) -> None:
    [found] = merged(loop, entry(TWO + 1, 5, "orphan", ONE + 9, note={"version": "1"}))
    assert (found.parent, found.note) == (0, {"version": "1", "cause": "lost"})


def test_entries_travel_as_they_are_and_big_lazy_bodies_stay(loop: SimLoop) -> None:
    rows = [
        entry(ONE + 1, 1, body=b'{"a": "\xc3\xa4"}', note={"exchange": "nova"}),
        entry(ONE + 2, 2, body=b"no\njson \xff"),
        entry(ONE + 3, 3, body=b""),
        entry(ONE + 4, 4),
        entry(ONE + 5, 5, body=LazyBody(lambda: b"[1]", rows=1)),
        entry(ONE + 6, 6, body=LazyBody(lambda: b"[...]", rows=10_000)),
    ]
    head, found = unpack(pack(rows, {"from": "me"}))
    assert head == {"from": "me"}
    assert [Entry(*row) for row in found[:4]] == rows[:4]
    assert [row[11] for row in found[4:]] == [b"[1]", None]
    for junk in (b"", b"{}\n", b"\xff\n"):
        with pytest.raises((ValueError, KeyError)):
            unpack(junk)


def test_queues_fanouts_and_services_are_named_by_who_takes_from_them() -> None:
    names = Names()
    names.learn({"about": {"conductor": {"exchange": "nova"}}})
    names.learn({"queues": {"conductor": ["nova-conductor@a"], "compute.h1": ["nova-compute@h1"]}})
    names.learn({"queues": {"conductor": ["nova-conductor@b"]}, "services": {"image": ["glance@a"]}})
    names.learn({"fanouts": {"port-update": ["neutron-l2-agent@a", "neutron-dhcp-agent@a"], "scheduler": ["nova-scheduler@a"]}})

    def finished(kind: str, where: str, target: str) -> tuple[str, Any]:
        found = Entry(*names.finish(tuple(entry(1, 1, kind=kind, where=where, target=target))))
        return found.target, found.note

    assert finished("rpc_call", "conductor", "conductor") == ("nova-conductor", {"exchange": "nova"})
    assert finished("rpc_cast", "compute.h1", "compute.h1") == ("nova-compute@h1", None)
    assert finished("rpc_cast", "port-update_fanout fanout", "port-update") == ("neutron agents", None)
    assert finished("rpc_cast", "scheduler_fanout fanout", "scheduler") == ("nova-scheduler", None)
    assert finished("rest", "/v2/images", "image") == ("glance@a", None)
    assert finished("rest", "/v3", "identity") == ("identity", None)
