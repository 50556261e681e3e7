"""The Perfetto file: each event is valid, slices nest, arrows hit, counters end at nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.journal import Entry
from lab.journal.formats import Flow, export
from tests.unit.formats.trace_event import problems


def trace(flow: Flow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(export("perfetto", flow)))
    return found


@pytest.fixture(scope="module")
def events(created: Flow) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = trace(created)["traceEvents"]
    return found


def test_every_event_is_valid(events: list[dict[str, Any]], guarded: tuple[list[Entry], list[str]]) -> None:
    more = trace(Flow(guarded[0]))["traceEvents"]
    assert [(event, found) for event in (*events, *more) if (found := problems(event))] == []
    assert {event["ph"] for event in events} == {"X", "i", "C", "s", "t", "f", "M"}


@pytest.mark.parametrize(
    "event",
    [
        {"ph": "X", "name": "a", "ts": 1, "pid": 1, "tid": 1},
        {"ph": "X", "name": "a", "ts": -1, "dur": 1, "pid": 1, "tid": 1},
        {"ph": "X", "name": "a", "ts": 1, "dur": 1, "pid": "nova", "tid": 1},
        {"ph": "C", "name": "a", "ts": 1, "pid": 1, "args": {"depth": "many"}},
        {"ph": "s", "name": "a", "cat": "a", "ts": 1, "pid": 1, "tid": 1},
        {"ph": "M", "name": "process_nmae", "pid": 1, "args": {"name": "nova"}},
        {"ph": "i", "name": "a", "ts": 1, "pid": 1, "tid": 1, "s": "x"},
        {"ph": "?", "name": "a"},
    ],
)
def test_the_schema_sees_what_is_wrong(event: dict[str, Any]) -> None:
    assert problems(event)


def test_slices_of_a_track_lie_beside_or_inside_each_other(events: list[dict[str, Any]]) -> None:
    stacks: dict[int, list[float]] = {}
    pieces = [e for e in events if e["ph"] == "X" and e["cat"] != "state"]
    assert len(pieces) > 200
    for piece in sorted(pieces, key=lambda e: (e["ts"], -e["dur"])):
        stack = stacks.setdefault(piece["tid"], [])
        while stack and stack[-1] <= piece["ts"] + 1e-3:
            stack.pop()
        end = piece["ts"] + piece["dur"]
        assert not stack or end <= stack[-1] + 1e-3, piece
        stack.append(end)


def test_arrows_go_forward_and_end_in_slices(events: list[dict[str, Any]]) -> None:
    slices: dict[int, list[tuple[float, float]]] = {}
    for event in events:
        if event["ph"] == "X":
            slices.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
    ways: dict[int, list[dict[str, Any]]] = {}
    for event in events:
        if event["ph"] in "stf":
            ways.setdefault(event["id"], []).append(event)
            assert any(begin <= event["ts"] <= end for begin, end in slices[event["tid"]]), event
    assert len(ways) > 100
    for way in ways.values():
        assert [e["ph"] for e in way] in (["s", "f"], ["s", "t", "f"])
        assert [e["ts"] for e in way] == sorted(e["ts"] for e in way)


def test_an_arrow_leads_from_the_cast_to_who_builds(events: list[dict[str, Any]]) -> None:
    threads = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    seq = next(e["args"]["seq"] for e in events if e["ph"] == "X" and e["name"].startswith("build_and_run_instance"))
    way = [threads[e["tid"]] for e in events if e["ph"] in "stf" and e["id"] == seq]
    assert [name.partition("@")[0] for name in way] == ["nova-conductor", "nova-conductor", "nova-compute"]


def test_counters_count_up_and_end_at_nothing(events: list[dict[str, Any]]) -> None:
    last: dict[str, int] = {}
    for event in events:
        if event["ph"] == "C":
            last[event["name"]] = event["args"]["messages"]
            assert event["args"]["messages"] >= 0, event
    assert {"queue scheduler", "queue conductor", "REST placement"} <= set(last)
    assert set(last.values()) == {0}


def test_services_are_processes_and_a_servers_states_a_thread(events: list[dict[str, Any]]) -> None:
    services = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert {"nova", "neutron", "placement", "queues", "resources"} <= set(services.values())
    threads = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    states = [e["name"] for e in events if e.get("cat") == "state" and threads[e["tid"]] == "server web"]
    assert states[-2:] == ["building spawning", "active"]
