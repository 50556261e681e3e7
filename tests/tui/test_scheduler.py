"""Scheduler: the table of a decision, the winner, the alternates and the reasons, for two hosts and for a thousand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lab.journal import Entry
from lab.tui.screens.inspector import Inspector
from lab.tui.screens.scheduler import SchedulerRoom
from lab.watch.decision import Decisions, read
from lab.watch.film import Film
from tests.tui.conftest import FACES, StubFeed, app_of, play

RAM = 131_072.0


def row(number: int) -> dict[str, Any]:
    """A host: every third is refused by ComputeFilter, every fifth by ImagePropertiesFilter, the others have more room each."""
    name = {"host": f"compute-{number}", "uuid": f"{number:032x}"}
    if number % 3 == 0:
        return {**name, "passed": False, "reason": "ComputeFilter: nova-compute is down: last seen 75 s ago"}
    if number % 5 == 0:
        return {**name, "passed": False, "reason": "ImagePropertiesFilter: img_hv_type=xen is not among what the host runs"}
    norm = number / 1000
    weights = {
        "IoOpsWeigher": {"raw": 0.0, "normalised": 0.0, "multiplier": -1.0, "score": 0.0},
        "RAMWeigher": {"raw": norm * RAM, "normalised": norm, "multiplier": 1.0, "score": norm},
        "CPUWeigher": {"raw": 32.0 * norm, "normalised": norm, "multiplier": 2.0, "score": 2 * norm},
    }
    return {**name, "passed": True, "weights": weights, "total": 3 * norm}


def decided(path: Path, hosts: int) -> StubFeed:
    """The recording, with a decision about so many hosts after its own, for another server; the third best claimed the server."""
    feed = StubFeed(path)
    made = next(entry for entry in feed.entries if entry.kind == "decision")
    rows = [row(number) for number in range(1, hosts + 1)]
    passed = sorted((r for r in rows if r["passed"]), key=lambda r: -r["total"])
    gone = sum(r.get("reason", "").startswith("Compute") for r in rows)
    body = {
        "server_id": "other", "request": {"vcpus": 2, "memory_mb": 2048, "disk_mb": 20480}, "candidates": hosts,
        "ranking": [{"host": r["host"], "total": r["total"]} for r in passed[2:5]],
        "stages": [f"ComputeFilter: (start: {hosts}, end: {hosts - gone})",
                   f"ImagePropertiesFilter: (start: {hosts - gone}, end: {len(passed)})",
                   f"ServerGroupAffinityFilter: (start: {len(passed)}, end: {len(passed)})"],
        "summary": None, "hosts": rows,
    }  # fmt: skip
    last = feed.entries[-1]
    feed.entries.append(made._replace(
        seq=last.seq + 1, t=last.t, where="other", status=passed[2]["host"], request_id="req-other", body=orjson.dumps(body),
        note={"version": 4, "candidates": hosts, "passed": len(passed)},
    ))  # fmt: skip
    return feed


def last(feed: StubFeed) -> Entry:
    return feed.entries[-1]


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(decided(recording, 1000), lang, "scheduler"), size, "down")


def test_a_projector_has_the_chosen_host_at_the_side(snap: Callable[..., bool], recording: Path) -> None:
    assert snap(app_of(decided(recording, 40), "ko", "scheduler"), (200, 60), "end")


def test_the_winner_comes_first_then_the_alternates_and_those_refused_say_by_what(recording: Path) -> None:
    decision = read(last(decided(recording, 20)))
    names = [host.name for host in decision.hosts]
    assert names[:3] == ["compute-16", "compute-14", "compute-13"]
    assert [host.verdict for host in decision.hosts[:4]] == ["chosen", "alternate", "alternate", "passed"]
    assert names[3] == "compute-19"  # the best by weight, but it could not be claimed
    assert [host.verdict for host in decision.hosts].count("refused") == 9
    refused = next(host for host in decision.hosts if host.name == "compute-5")
    assert [refused.mark(stage) for stage in range(3)] == ["passed", "refused", "unasked"]
    assert refused.reason.startswith("img_hv_type=xen")
    assert decision.weighers[-1] == "IoOpsWeigher"  # tells no host from another
    assert [stage.short for stage in decision.stages] == ["Compute", "ImageProperties", "ServerGroupAffinity"]


def test_a_decision_without_a_valid_host_or_without_reasons_is_read_too(recording: Path) -> None:
    entry = last(decided(recording, 9))
    none = read(entry._replace(status="NoValidHost"))
    assert none.chosen == ""
    assert "chosen" not in {host.verdict for host in none.hosts}
    gone = read(entry._replace(body=orjson.dumps({"candidates": 9, "hosts": [], "lost": "version 3 is not kept"})))
    assert (gone.hosts, gone.lost, gone.candidates) == ((), "version 3 is not kept", 9)
    assert read(entry._replace(body=None)).candidates == 9


def test_decisions_are_found_by_request_and_come_with_the_film(recording: Path) -> None:
    feed = decided(recording, 9)
    film = Film(feed.entries[:-1])
    decisions = Decisions(film)
    decisions.advance()
    assert len(decisions) == 1
    assert decisions.of_request("req-other") is None
    film.extend(feed.entries[-1:])
    decisions.advance()
    assert decisions.of_request("req-other") == 1
    assert decisions.of_request("") is None
    assert decisions[0].chosen == "compute-1"


def test_a_thousand_hosts_scroll_and_the_table_turns(recording: Path) -> None:
    app = app_of(decided(recording, 1000), room="scheduler")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, SchedulerRoom)
        assert (room.rows.count, room.list.count) == (1000, 2)
        await pilot.press("end")
        assert room.rows.row == 999
        assert room.rows.scroll_offset.y > 900
        assert "refused" in str(room.query_one("#detail", Static).content)
        name = room.hosts[room.rows.row].name
        await pilot.press("o")
        assert room.hosts[room.rows.row].name == name
        assert [host.name for host in room.hosts[:3]] == ["compute-1", "compute-2", "compute-3"]
        await pilot.press("left_square_bracket")
        assert room.decision is not None
        assert (room.decision.chosen, room.rows.count) == ("compute-1", 2)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Inspector)

    play(app, story)


def test_the_request_that_was_chosen_elsewhere_is_shown(recording: Path) -> None:
    app = app_of(decided(recording, 9))

    async def story(pilot: Pilot[None]) -> None:
        made = next(entry for entry in app.desk.film.slice(0) if entry.kind == "decision")
        other = next(entry for entry in app.desk.film.slice(0) if entry.request_id == made.request_id)
        app.desk.chosen = other.seq
        await pilot.press("4")
        await pilot.pause()
        await pilot.pause()
        room = app.screen
        assert isinstance(room, SchedulerRoom)
        assert room.decision is not None
        assert room.decision.seq == made.seq

    play(app, story)


def test_before_any_decision_it_says_so(recording: Path) -> None:
    app = app_of(StubFeed(recording, upto=100), room="scheduler")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("down", "right", "o", "v", "right_square_bracket", "enter")
        assert "nothing yet" in str(app.screen.query_one("#stages", Static).content)

    play(app, story)


def test_what_another_scheduler_decides_is_left_out(recording: Path) -> None:
    feed = decided(recording, 9)
    volume = last(feed)._replace(seq=last(feed).seq + 1, source="cinder-scheduler@controller-1", target="volume", body=None, status="ok")
    decisions = Decisions(Film([*feed.entries, volume]))
    decisions.advance()
    assert [entry.target for entry in map(decisions.entry, range(len(decisions)))] == ["server", "server"]
