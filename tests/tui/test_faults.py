"""Faults: the palette, what is filled in from the chosen message, the orders for the cloud, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lab.journal import Entry
from lab.tui.screens.faults import FaultsRoom
from lab.tui.widgets.form import Form
from lab.watch.breakage import Ground, Ware, asked, before, fields, happened, order, standing, wares
from lab.watch.film import Film
from lab.watch.line import entry_of
from sim.outside import PLANTS
from tests.tui.conftest import FACES, StubFeed, app_of, play

BUILD = "build_and_run_instance"
DATACENTER: dict[str, Any] = {
    "processes": [
        {"name": "client@client", "state": "up"}, {"name": "nova-conductor@controller-1", "state": "up"},
        {"name": "nova-compute@compute-1", "state": "dead"}, {"name": "nova-compute@compute-2", "state": "hung"},
    ],
    "links": [{"name": "compute-1--leaf-1", "cut": True, "slow": 1.0}, {"name": "leaf-1--spine-1", "cut": False, "slow": 1.0}],
    "filers": [{"name": "nas-1", "slow": 10.0, "full": False}],
    "switches": [{"name": "leaf-1"}],
}
ARMED = {"number": 3, "act": "drop", "what": "", "seen": 1, "done": 0,
         "match": {"name": BUILD, "source": "nova-conductor", "target": "nova-compute@compute-1"}}
ANSWER = {"armed": [ARMED], "known": {"acts": {kind: list(acts) for kind, (acts, _) in PLANTS.items()}}}


def film_of(path: Path) -> Film:
    """The recording."""
    return Film(entry_of(line) for line in path.read_bytes().splitlines())


def build_of(film: Film) -> Entry:
    """The cast that makes a server be built."""
    return next(entry for entry in film.slice(0) if entry.name == BUILD)


def stub(path: Path) -> StubFeed:
    """A cloud in which something is armed and something is broken."""
    return StubFeed(path, {
        "GET faults": ANSWER, "datacenter": DATACENTER, "POST faults": {"number": 4}, "POST travel": {"seq": 1, "same": True},
    })


def given(ware: Ware, ground: Ground, **change: str) -> dict[str, str]:
    """A form as it is filled in at first, with some of it changed."""
    return {field.key: field.value for field in fields(ware, ground)} | change


def test_all_that_a_cloud_knows_is_offered_in_both_languages() -> None:
    offered = wares(ANSWER["known"])  # type: ignore[arg-type]
    assert {(ware.kind, ware.act) for ware in offered} == {(kind, act) for kind, (acts, _) in PLANTS.items() for act in acts}
    assert all(f"act.{ware.kind}.{ware.act}" in FaultsRoom.texts for ware in offered)


def test_the_chosen_message_is_filled_in(recording: Path) -> None:
    film = film_of(recording)
    build = build_of(film)
    ground = Ground(build, DATACENTER)
    assert order(Ware("message", "drop"), given(Ware("message", "drop"), ground), ground) == {
        "act": "drop",
        "match": {"name": BUILD, "source": build.source, "target": build.target, "nth": 1, "times": 1, "kinds": ["rpc_cast"]},
    }
    delay = order(Ware("message", "delay"), given(Ware("message", "delay"), ground, delay_s="5"), ground)
    assert delay["delay_s"] == 5.0
    assert given(Ware("process", "kill"), ground)["process"] == build.target
    assert given(Ware("driver", "raise"), ground) == {"driver": "hypervisor.spawn", "source": build.target, "nth": "1", "times": "1"}


def test_a_request_is_addressed_by_method_and_path_and_an_answer_by_its_question(recording: Path) -> None:
    film = film_of(recording)
    reply = next(e for e in film.slice(0) if e.kind == "rest_reply" and e.where.startswith("/v3/auth/tokens?"))
    ground = Ground(asked(film, reply.seq))
    fault = order(Ware("message", "drop"), given(Ware("message", "drop"), ground), ground)
    assert fault["match"]["name"] == "POST /v3/auth/tokens"
    assert fault["match"]["kinds"] == ["rest"]


def test_parts_of_the_datacenter_are_planted_now_later_or_with_a_message(recording: Path) -> None:
    ground = Ground(build_of(film_of(recording)), DATACENTER)
    kill, slow = Ware("process", "kill"), Ware("link", "slow")
    now = {"plant": "process", "process": "nova-compute@compute-1", "do": "kill"}
    assert order(kill, given(kill, ground), ground) == now
    assert order(kill, given(kill, ground, at_s="3"), ground) == {**now, "at_s": 3.0}
    assert order(kill, given(kill, ground, when="with"), ground)["on"]["message"] == BUILD
    assert order(slow, given(slow, ground), ground) == {"plant": "link", "link": "compute-1--leaf-1", "do": "slow", "factor": 10.0}


def test_one_can_go_back_to_hit_the_chosen_message_itself(recording: Path) -> None:
    build = build_of(film_of(recording))
    ground, drop = Ground(build, DATACENTER, may_go_back=True), Ware("message", "drop")
    assert before(given(drop, ground), ground) == 0
    assert before(given(drop, ground, when="back"), ground) == build.seq - 1
    assert "when" not in given(drop, Ground(build, DATACENTER))


def test_what_is_broken_can_be_mended() -> None:
    found = standing(ANSWER, DATACENTER)
    assert [(one.kind, one.state) for one in found] == [
        ("armed", "drop"), ("process", "dead"), ("process", "hung"), ("link", "cut"), ("nas", "slow"),
    ]
    assert [one.mend["do"] for one in found if one.mend] == ["restart", "resume", "mend", "mend"]


def test_what_happened_stands_newest_first(recording: Path) -> None:
    build = build_of(film_of(recording))
    film = Film([build, *(build._replace(seq=build.seq + n, kind="fault", name=f"drop {n}") for n in (1, 2))])
    assert [one.state for one in happened(film)] == ["drop 2", "drop 1"]


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap_compare: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    app = app_of(stub(recording), lang, "faults")
    app.desk.chosen = build_of(film_of(recording)).seq
    assert snap_compare(app, terminal_size=size, run_before=ready)


async def ready(pilot: Pilot[None]) -> None:
    """The cloud has said what can be broken, and the film is there."""
    app = pilot.app
    room = app.screen
    assert isinstance(room, FaultsRoom)
    while not (room.offered and room.desk.clock):
        await pilot.pause(0.01)
    room.catch_up()
    await pilot.pause()


def test_a_fault_is_armed_and_disarmed(recording: Path) -> None:
    feed = stub(recording)
    app = app_of(feed, room="faults")
    app.desk.chosen = seq = build_of(film_of(recording)).seq

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, FaultsRoom)
        await ready(pilot)
        await pilot.press("enter")
        assert isinstance(app.screen, Form)
        await pilot.press("f2")
        await pilot.pause()
        await pilot.press("enter", *["tab"] * 5, "enter", "down", "enter", "f2")
        await pilot.pause()
        await pilot.press("tab", "d", "down", "d")
        await pilot.pause()
        orders = [each for each in feed.asked if each[0] != "GET"]
        assert [(method, what) for method, what, _ in orders] == [
            ("POST", "faults"), ("POST", "travel"), ("POST", "faults"), ("DELETE", "faults/3"), ("POST", "faults"),
        ]
        assert orders[0][2]["match"]["name"] == BUILD
        assert orders[1][2] == {"to": seq - 1}
        assert orders[4][2] == {"plant": "process", "process": "nova-compute@compute-1", "do": "restart"}

    play(app, story)


def test_a_recording_says_why_nothing_can_be_broken(recording: Path) -> None:
    app = app_of(recording, "ko", "faults")

    async def story(pilot: Pilot[None]) -> None:
        assert "기록된 저널" in str(app.screen.query_one("#told").render())

    play(app, story)
