"""The journal's window, its packed segments, and its exports."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.journal import Entry, Journal, LazyBody
from lab.journal.export import trace
from lab.journal.formats import Flow, export
from lab.journal.log import CHUNK, PLAIN
from sim.loop import SimLoop
from tests.unit.core.wiring import CTX, play


@pytest.mark.parametrize("window", [CHUNK, PLAIN + 2 * CHUNK])
def test_old_entries_are_packed_away_and_read_like_new_ones(window: int) -> None:
    journal = Journal(SimLoop().runtime, window=window)
    total = window + 3 * CHUNK + 17
    for i in range(1, total + 1):
        body = LazyBody(lambda i=i: b'{"n":%d}' % i) if i % 2 else b'{"n":%d}' % i
        journal.add("log", "p@h", "", f"line {i}", body=body, note={"i": i})
    assert journal.first_unpacked > CHUNK
    assert journal.packed_bytes > 0
    for seq in (1, 2, CHUNK, CHUNK + 1, total):
        entry = journal.get(seq)
        assert (entry.seq, entry.name, entry.json(), entry.note) == (seq, f"line {seq}", {"n": seq}, {"i": seq})
    assert [e.seq for e in journal.since(0)] == list(range(1, total + 1))
    assert [e.seq for e in journal.since(CHUNK - 2)][:4] == [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 2]
    with pytest.raises(KeyError, match="no entry"):
        journal.get(total + 1)
    journal.close()


def test_a_negative_place_is_the_beginning() -> None:
    journal = Journal(SimLoop().runtime)
    for number in range(3):
        journal.add("log", "somebody", "", f"{number}")
    assert [entry.seq for entry in journal.since(-2)] == [1, 2, 3]
    with pytest.raises(KeyError):
        journal.get(-1)


def test_a_subscriber_sees_every_entry_until_it_leaves() -> None:
    journal = Journal(SimLoop().runtime)
    seen: list[int] = []
    leave = journal.subscribe(lambda entry: seen.append(entry.seq))
    journal.add("log", "a", "b", "one")
    leave()
    journal.add("log", "a", "b", "two")
    assert seen == [1]


def test_a_trace_folds_requests_with_their_answers_and_keeps_only_the_last_poll() -> None:
    async def main(tiny):
        for _ in range(3):
            await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")
        return list(tiny.wires.journal.since())

    entries = play(main)
    rows = trace(entries)
    assert [(r["kind"], r["source"], r["target"], r["method"], r["status"]) for r in rows] == [
        ("rest", "client", "nova-api", "GET", 200),
        ("rpc_call", "nova-api", "nova-conductor", "get", ""),
        ("rpc_reply", "nova-conductor", "nova-api", "get", "ok"),
    ]
    assert len(trace(entries, polls=True)) == 9
    assert rows[1]["exchange"] == "nova"


def test_mermaid_has_a_lane_for_each_component() -> None:
    async def main(tiny):
        await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")
        return "".join(export("mermaid", Flow(tiny.wires.journal.since())))

    text = play(main)
    assert text.startswith("sequenceDiagram\n    participant client as client\n    participant nova_api as nova-api")
    assert "client->>nova_api: GET /v2.1/things/1\n" in text


def test_secrets_are_starred_in_the_journal() -> None:
    async def main(tiny):
        body = {"name": "x", "password": "hunter2"}
        await tiny.client.rest.call(CTX, "compute", "POST", "/v2.1/things", body=body, auth="none")
        return b"\n".join(e.line() for e in tiny.wires.journal.since())

    text = play(main)
    assert b"hunter2" not in text.replace(b"Value: 'hunter2'", b"")
    assert b"***" in text


def test_a_reader_misses_nothing_that_is_packed_away_while_it_reads() -> None:
    journal = Journal(SimLoop().runtime, window=CHUNK)
    for i in range(4 * CHUNK):
        journal.add("log", "p@h", "", f"line {i}")
    reader = journal.since()
    seen = [next(reader).seq]
    for i in range(4 * CHUNK):
        journal.add("log", "p@h", "", f"later {i}")
    seen.extend(entry.seq for entry in reader)
    assert seen == list(range(1, 8 * CHUNK + 1))
    journal.close()


def test_a_subscriber_may_leave_while_it_is_told() -> None:
    journal = Journal(SimLoop().runtime)
    seen: list[str] = []

    def once(entry: Entry) -> None:
        seen.append("once")
        leave()

    leave = journal.subscribe(once)
    journal.subscribe(lambda entry: seen.append("always"))
    journal.add("log", "a", "b", "one")
    journal.add("log", "a", "b", "two")
    assert seen == ["once", "always", "always"]


def test_a_field_that_entries_do_not_have_is_refused_with_those_that_they_have() -> None:
    with pytest.raises(LabError, match="no knd; known: seq, t, kind"):
        Journal(SimLoop().runtime).find(knd="decision")
