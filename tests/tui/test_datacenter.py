"""Datacenter: plans from the cloud and from a journal, paths, pings hop by hop, and what it looks like."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lab.journal import Entry
from lab.tui.screens.datacenter import DatacenterRoom
from lab.watch.film import Film
from lab.watch.line import entry_of
from lab.watch.plan import Plan, passes
from lab.watch.surveyor import Surveyor, built
from lab.watch.walk import Walks
from tests.tui.conftest import FACES, StubFeed, app_of, play

SPEC = {
    "racks": 1, "hosts_per_rack": 2, "vcpus": 32, "memory_mib": 131_072, "controllers": 1, "nas": 1, "nas_gib": 10_240, "storage_nodes": 1,
    "host_link_bps": 10**10, "uplink_bps": 4 * 10**10, "outside_bps": 10**9,
}  # fmt: skip
STEPS = [
    ("web", "tap1", "send", None, ""),
    ("compute-1/br-int", "eth0", "tag", 100, ""),
    ("leaf-1", "compute-1", "forward", 100, "to compute-2"),
    ("compute-2/br-int", "tap2", "deliver", None, ""), ("db", "tap2", "answer", None, ""),
]  # fmt: skip
PING = {
    "reached": True, "rtt_ms": 0.251, "reason": "", "lost": None,
    "hops": [
        {"t_ms": 1000 + 0.01 * number, "device": device, "port": port, "action": action, "vlan": vlan,
         "frame": ("802.1Q 100 " if vlan else "") + "10.0.0.3 > 10.0.0.4 ICMP echo request seq 1", "reason": reason}
        for number, (device, port, action, vlan, reason) in enumerate(STEPS)
    ],
}  # fmt: skip


def server(name: str, number: int) -> dict[str, Any]:
    port = {"id": f"port-{number}", "network": "net-1", "mac": f"fa:16:3e:00:00:0{number}", "address": f"10.0.0.{number + 2}",
            "type": "vlan", "segment": 100}  # fmt: skip
    return {"id": f"id-{name}", "name": name, "power": "RUNNING", "vcpus": 8 * number, "ram_mb": 4096, "ports": [port]}


def healthy() -> dict[str, Any]:
    """A small datacenter as GET datacenter tells of it: two servers on a VLAN, a volume, a dead agent."""
    told = built(SPEC)
    for thing in (*told["hosts"], *told["switches"], *told["links"], *told["filers"]):
        thing["up"] = True
    for switch in told["switches"]:
        for port in switch["ports"]:
            port["up"] = True
            port["vlans"] = [100] if port["peer"] != "border-1" and switch["kind"] != "router" else []
    hosts = {host["name"]: host for host in told["hosts"]}
    for number, (name, host) in enumerate((("web", "compute-1"), ("db", "compute-2")), 1):
        hosts[host] |= {"servers": [server(name, number)], "vcpus_used": 8 * number, "ram_used_mb": 4096}
    volume = {"id": "vol-data", "size_gb": 10, "used_gb": 1, "hosts": ["compute-2"]}
    told["filers"][0] |= {"used_gb": 512.0, "full": False, "volumes": [volume]}
    told["networks"] = [{"id": "net-1", "name": "blue", "type": "vlan", "segment": 100}]
    told["processes"] = [
        {"name": "nova-compute@compute-1", "host": "compute-1", "state": "up", "life": 1},
        {"name": "nova-compute@compute-2", "host": "compute-2", "state": "dead", "life": 1},
    ]
    return told


def port_of(told: dict[str, Any], switch: str, port: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for s in told["switches"] if s["name"] == switch for p in s["ports"] if p["name"] == port)
    return found


@pytest.fixture(scope="module")
def entries(recording: Path) -> list[Entry]:
    """The recording, beginning with its world."""
    found = [entry_of(line) for line in recording.read_bytes().splitlines()]
    world = found[0]._replace(kind="world", source="world", target="", name="epoch", body=orjson.dumps({"datacenter": SPEC}), note=None)
    return [world, *found[1:]]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatacenterRoom, "hop_s", 0)


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    feed = StubFeed(recording, {"GET datacenter": healthy()})
    assert snap(app_of(feed, lang, "datacenter"), size, "wait:200", "enter", "end", "up", "up", "up")


def test_a_broken_one_says_so_where_it_looks(snap: Callable[..., bool], recording: Path) -> None:
    told = healthy()
    port_of(told, "leaf-1", "compute-2")["omitted"] = [100]
    told["links"][0]["up"] = told["filers"][0]["up"] = False
    told["hosts"][0]["up"] = False
    told["filers"][0] |= {"full": True, "slow": 20.0}
    feed = StubFeed(recording, {"GET datacenter": told})
    assert snap(app_of(feed, "ko", "datacenter"), (200, 60), "wait:200", "end", "up", "up")


def test_a_recording_looks_as_it_did(snap: Callable[..., bool], entries: list[Entry], tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(b"".join(entry.line() + b"\n" for entry in entries))
    assert snap(app_of(path, "ko", "datacenter"), (80, 24), "end", "up")


def test_the_shortest_whole_way_is_found_and_what_stops_a_vlan_is_named() -> None:
    told = healthy()
    legs = Plan(told).path("compute-1", "compute-2", 100)
    assert [(leg.a, leg.b, leg.mbps, leg.carries) for leg in legs] == [
        ("compute-1", "leaf-1", 10_000, True), ("leaf-1", "compute-2", 10_000, True),
    ]  # fmt: skip
    broken = copy.deepcopy(told)
    port_of(broken, "leaf-1", "compute-2")["omitted"] = [0]
    assert [leg.carries for leg in Plan(broken).path("compute-1", "compute-2", 100)] == [True, False]
    next(link for link in broken["links"] if link["a"] == "compute-2")["up"] = False
    assert [leg.up for leg in Plan(broken).path("compute-1", "compute-2", 100)] == [True, False]
    assert Plan(told).path("compute-1", "nowhere") == []
    assert passes({"vlans": [100], "omitted": []}, 200) is False
    assert passes({"vlans": None}, 200) is None


def test_every_thing_has_one_row_and_a_switch_opens() -> None:
    plan = Plan(healthy())
    rows = plan.rows()
    assert len(set(rows)) == len(rows)
    assert {row.name for row in rows if row.kind in ("host", "filer")} == set(plan.hosts)
    assert [row.name for row in rows if row.kind == "server"] == ["id-web", "id-db"]
    opened = plan.rows(frozenset({"leaf-1"}))
    assert [row.name for row in opened if row.kind == "port"] == ["leaf-1:spine-1", "leaf-1:compute-1", "leaf-1:compute-2"]


def test_a_name_becomes_an_address_and_frames_name_devices() -> None:
    plan = Plan(healthy())
    assert (plan.address("db"), plan.address("10.9.9.9")) == ("10.0.0.4", "10.9.9.9")
    assert (plan.device_of("compute-1/br-int"), plan.device_of("db"), plan.device_of("leaf-1")) == ("compute-1", "compute-2", "leaf-1")
    assert plan.neighbour("id-web") == "id-db"


def test_a_journal_tells_what_was_built_and_what_runs_there(entries: list[Entry]) -> None:
    film = Film(entries)
    surveyor = Surveyor(film)
    assert surveyor.advance()
    plan = surveyor.plan({})
    (server, host), *others = plan.servers.values()
    assert (server["name"], host, others) == ("web", "compute-1", [])
    assert server["ports"][0]["segment"] == plan.segment(server["id"]) == 100
    assert plan.hosts["compute-1"]["vcpus_used"] == 1
    assert {row["state"] for row in plan.processes["controller-1"]} == {"up"}
    assert [leg.up for leg in plan.path("compute-1", "controller-1")] == [None] * 4
    assert plan.hosts["compute-1"]["up"] is None
    spawned = next(entry for entry in entries if entry.kind == "driver_reply" and entry.name == "hypervisor.spawn")
    film.cut(spawned.seq - 1)
    surveyor.advance()
    assert surveyor.plan({}).servers == {}


def test_a_journal_without_its_world_shows_the_hosts_it_heard_of(entries: list[Entry]) -> None:
    surveyor = Surveyor(Film(entries[1:]))
    surveyor.advance()
    plan = surveyor.plan({})
    assert {"controller-1", "compute-1", "compute-2"} <= set(plan.hosts)
    assert plan.answer["racks"] == []
    assert len(plan.servers) == 1


def test_frames_of_a_film_are_grouped_into_walks(entries: list[Entry]) -> None:
    last = entries[-1]
    frame = last._replace(kind="frame", source="web", name="send", where="tap", note={"frame": "x", "vlan": None})
    frames = [
        frame._replace(seq=last.seq + 1 + n, t=last.t + t)
        for n, t in enumerate((0, 1_000, 5_000_000_000, 5_000_001_000, 5_000_002_000))
    ]
    walks = Walks(Film([*entries, *frames]))
    walks.advance()
    assert [len(walks[n].hops) for n in range(len(walks))] == [2, 3]
    assert walks[-1].hops[0].seq == frames[2].seq


def test_a_ping_is_asked_for_sent_and_walked(recording: Path) -> None:
    feed = StubFeed(recording, {"GET datacenter": healthy(), "POST ping": PING})
    app = app_of(feed, room="datacenter")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, DatacenterRoom)
        while not room.plan.servers:
            await pilot.pause(0.01)
        room.rows.choose(next(at for at, row in enumerate(room.list) if row.name == "id-db"))
        await pilot.press("p", "enter")
        while room.walk is None:
            await pilot.pause(0.01)
        assert ("POST", "ping", {"server": "db", "target": "10.0.0.3"}) in feed.asked
        seen = [room.row.name if room.row else ""]
        for _ in range(5):
            await pilot.press("full_stop")
            seen.append(room.row.name if room.row else "")
        assert seen == ["id-web", "compute-1", "leaf-1", "compute-2", "id-db", "id-db"]
        assert "0.251 ms" in str(room.query_one("#detail", Static).content)
        await pilot.press("comma")
        assert room.hop == 3
        await pilot.press("escape")
        assert room.walk is None

    play(app, story)


def test_a_server_without_an_address_is_not_pinged_but_named(recording: Path) -> None:
    told = healthy()
    told["hosts"][[host["name"] for host in told["hosts"]].index("compute-2")]["servers"][0]["ports"][0]["address"] = None
    feed = StubFeed(recording, {"GET datacenter": told, "POST ping": PING})
    app = app_of(feed, "ko", "datacenter")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, DatacenterRoom)
        while not room.plan.servers:
            await pilot.pause(0.01)
        room._ping(("web", "db"))
        await pilot.pause()
        assert any("db에 아직 주소가 없습니다" in note.message for note in app._notifications)
        assert not [what for _, what, _ in feed.asked if what == "ping"]

    play(app, story)


def test_a_ping_that_cannot_be_is_refused_in_words(recording: Path) -> None:
    app = app_of(recording, "ko", "datacenter")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("p", "w")
        await pilot.pause()
        words = " ".join(note.message for note in app._notifications)
        assert "기록된 저널" in words
        assert "따라간 프레임이 없습니다" in words

    play(app, story)
