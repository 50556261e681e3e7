"""`glasscloud up` from outside: its files and errors, its clock, its journal, its idleness and its tokens' lives."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import lab
from lab.cloud import Cloud
from lab.config import Config
from lab.serve import token_factor
from sim.loop import SimLoop
from tests.conformance.child import Up, glasscloud

GOLDEN_FIELDS = {"seq", "t_ms", "kind", "source", "target", "method", "path_or_topic", "status", "note"}
SPEEDS = ("0.1", "1", "10", "1000", "max", "paused")
HALF_HOUR_S = 1800.0


def options(speed: str) -> tuple[str, ...]:
    return ("--paused",) if speed == "paused" else ("--speed", speed)


# -- files, signals, errors -----------------------------------------------------------------------


def test_what_holds_a_password_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "openrc").write_text("old")
    (tmp_path / "openrc").chmod(0o644)
    with Up(tmp_path) as up:
        printed = up.stdout.read_text()
        for name in ("clouds.yaml", "openrc"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert yaml.safe_load(printed.partition("\n\n")[0]) == yaml.safe_load(up.clouds.read_text())
        assert f"export OS_AUTH_URL='{up.url}/identity'" in (tmp_path / "openrc").read_text()
        assert up.end(signal.SIGINT) == 0
    assert up.stderr.read_text() == ""


def test_a_password_that_is_not_given_is_made_up(tmp_path: Path) -> None:
    with Up(tmp_path, password="") as up:
        assert len(up.password) >= 16
        assert up.login().status_code == 201
        up.password += "x"
        assert up.login().status_code == 401


def test_a_port_in_use_is_an_error_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = glasscloud("up", "--port", port, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"glasscloud: port {port} cannot be used (Address already in use); choose another --port\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--nope",), 2, "No such option: --nope"),
        (("--speed", "0"), 2, "'0' is no speed; give a number above 0, or max"),
        (("--speed", "fast"), 2, "'fast' is no speed"),
        (("--port", "70000"), 2, "Invalid value for '--port'"),
        (("--scenario", "nowhere"), 1, "no scenario 'nowhere'; known: "),
        (("--db", "cloud.db"), 1, "'cloud.db' is no database URL; use sqlite:///FILE"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = glasscloud("up", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if words in line]) == 1


# -- /glasscloud ----------------------------------------------------------------------------------


def test_health_needs_no_token_and_the_rest_an_administrators(up: Up) -> None:
    health = up.health()
    assert health["ready"] is True
    assert health["errors"] == []
    assert health["clock"]["speed"] == "max"
    ordinary = up.login("demo", "demo").headers["x-subject-token"]
    for what in ("journal", "clock", "events", "datacenter", "queues", "faults"):
        assert up.http.get(f"/glasscloud/{what}").status_code == 401
        assert up.http.get(f"/glasscloud/{what}", headers={"x-auth-token": "forged"}).status_code == 401
        assert up.http.get(f"/glasscloud/{what}", headers={"x-auth-token": ordinary}).status_code == 403
    assert up.get("/glasscloud/nothing").status_code == 404


def test_the_journal_is_read_on_from_where_one_stopped(up: Up) -> None:
    first = up.journal()
    up.get("/compute/v2.1/servers")
    answer = up.get(f"/glasscloud/journal?since={first[-1]['seq']}")
    assert answer.headers["content-type"] == "application/jsonl"
    entries = [*first, *map(json.loads, answer.text.splitlines())]
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert int(answer.headers["x-glasscloud-seq"]) == entries[-1]["seq"]
    request, reply = [e for e in entries if e["where"] == "/v2.1/servers"][-2:]
    assert (request["kind"], request["name"], request["source"].partition("@")[0]) == ("rest", "GET", "client")
    assert (reply["kind"], reply["status"], reply["parent"]) == ("rest_reply", "200", request["seq"])
    assert up.get("/glasscloud/journal?since=999999999").text == ""


@pytest.mark.parametrize("query", ["since=x", "since=-1", "since=\u00b2", "format=xml"])
def test_a_wrong_question_to_the_journal_is_refused(up: Up, query: str) -> None:
    answer = up.get(f"/glasscloud/journal?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "since is a sequence number, limit a number of entries, format is native or trace"


def test_a_trace_has_each_finished_message_once_and_its_request_where_it_began(up: Up) -> None:
    before = up.health()["seq"]
    up.get("/network/v2.0/networks")
    up.get("/compute/v2.1/servers/detail")
    rows = up.journal(before, "trace")
    assert all(set(row) >= GOLDEN_FIELDS for row in rows)
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert {row["kind"] for row in rows} <= {"rest", "rpc_call", "rpc_cast", "rpc_reply", "notify"}
    asked = [(r["target"], r["method"], r["path_or_topic"], r["status"]) for r in rows if r["source"] == "client"]
    assert asked == [("neutron-api", "GET", "/v2.0/networks", 200), ("nova-api", "GET", "/v2.1/servers/detail", 200)]


def test_a_trace_read_page_by_page_misses_nothing(up: Up) -> None:
    """A request that was sent before the page and answered on it is on it."""
    before = up.health()["seq"]
    up.get("/network/v2.0/subnets")
    entries = up.journal(before)
    request = next(e for e in entries if e["where"] == "/v2.0/subnets")
    rows = up.journal(request["seq"], "trace")
    assert [r["seq"] for r in rows if r["path_or_topic"] == "/v2.0/subnets"] == [request["seq"]]


@pytest.mark.parametrize(
    "change", [{"speed": 0}, {"speed": -1}, {"speed": "fast"}, {"speed": True}, {"step": 0}, {"step": 1.5}, {"paused": 1}, {"x": 1}, []]
)
def test_a_wrong_change_of_the_clock_is_refused(up: Up, change: object) -> None:
    answer = up.http.put("/glasscloud/clock", json=change, headers={"x-auth-token": up.token})
    assert answer.status_code == 400
    assert 'send {"paused"' in answer.json()["error"]["message"]


def test_a_paused_cloud_answers_questions_about_itself_and_nothing_else(up: Up) -> None:
    assert up.set_clock(paused=True)["paused"] is True
    try:
        stood = up.health()["clock"]["t_s"]
        with pytest.raises(Exception, match="timed out"):
            up.http.get("/compute/v2.1", timeout=0.3)
        assert up.get("/glasscloud/clock").json()["paused"] is True
        before = up.health()["seq"]
        assert up.journal(before - 1)
        assert up.set_clock(step=1)["paused"] is True
        time.sleep(0.2)
        assert up.health()["seq"] > before
        assert up.health()["clock"]["t_s"] <= stood + 60
    finally:
        running = up.set_clock(paused=False, speed=2.5)
        assert (running["paused"], running["speed"]) == (False, 2.5)
        assert up.set_clock(speed="max")["speed"] == "max"
    assert up.http.get("/compute/v2.1").status_code == 200


def test_a_cloud_that_begins_paused_is_ready_and_waits(tmp_path: Path) -> None:
    with Up(tmp_path, "--paused", "--speed", "10") as up:
        health = up.health()
        assert health["ready"]
        assert health["clock"] | {"paused": True, "speed": 10.0} == health["clock"]
        time.sleep(0.3)
        assert up.health()["clock"]["t_s"] == health["clock"]["t_s"]


def test_the_documentation_names_every_service(up: Up) -> None:
    description = up.http.get("/glasscloud/openapi.json").json()
    assert {path.split("/")[1] for path in description["paths"]} == set(up.http.get("/").json()["glasscloud"])
    assert up.http.get("/glasscloud/docs").status_code == 200
    assert up.http.get("/nowhere/x").status_code == 404
    assert up.http.get("/swift-object@storage-1/x").status_code == 404


# -- idleness -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("speed", SPEEDS)
def test_an_idle_cloud_uses_hardly_any_processor(tmp_path: Path, speed: str) -> None:
    """Under 5 % of a core."""
    with Up(tmp_path, *options(speed)) as up:
        if speed != "paused":
            up.get("/compute/v2.1/servers/detail")
        time.sleep(1)
        before, started = up.cpu_s(), time.monotonic()
        time.sleep(8)
        share = (up.cpu_s() - before) / (time.monotonic() - started)
        assert share < 0.05, f"{share:.1%} of a core at {speed}"


# -- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_token_lives_half_an_hour_of_wall_time(speed: str) -> None:
    """On the virtual clock of a cloud that works all the time, and by the date that its owner reads."""
    number = {"max": float("inf"), "paused": 1.0}.get(speed) or float(speed)
    factor = token_factor(number, falls_behind=speed == "paused")
    config = Config().but(token_lifetime_factor=factor)
    fastest = 10_000.0  # what a small cloud reaches on one core when nothing paces it
    passed = HALF_HOUR_S * min(number, fastest)

    async def main() -> None:
        loop: SimLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        async with Cloud.simulated(config=config, datacenter={"racks": 1, "hosts_per_rack": 1}) as cloud:
            token = await cloud.session.authenticate()
            answer = await cloud.session.send("identity", "GET", "/v3/auth/tokens", headers={"x-subject-token": token})
            ends = datetime.fromisoformat(answer.json()["token"]["expires_at"])
            assert (ends - cloud.world.runtime.utc()).total_seconds() >= max(passed, HALF_HOUR_S)
            loop.env.jump(loop.env.now + round(passed * 10**9))
            for service, path in (("compute", "/v2.1/servers"), ("network", "/v2.0/networks"), ("volume", "/v3/volumes")):
                await cloud.session.send(service, "GET", path)
            assert cloud.session.token == token, "the client had to authenticate again"

    lab.run(main)


def test_a_token_outlives_a_clock_that_is_made_faster_or_stopped(up: Up) -> None:
    up.set_clock(speed=1)
    old = up.login()
    up.set_clock(speed=1000)
    new = up.login().json()["token"]["expires_at"]
    hours = (datetime.fromisoformat(new) - datetime.now(UTC)).total_seconds() / 3600
    assert hours > 999
    assert up.http.get("/compute/v2.1/servers", headers={"x-auth-token": old.headers["x-subject-token"]}).status_code == 200
    up.set_clock(speed="max")


@pytest.mark.conformance
def test_one_server_list_authenticates_once(up: Up) -> None:
    assert up.token  # ours, which reads the journal below
    before = up.health()["seq"]
    up.openstack("server", "list")
    asked = [r for r in up.journal(before, "trace") if r["source"] == "client"]
    assert [r["status"] for r in asked if (r["method"], r["path_or_topic"].partition("?")[0]) == ("POST", "/v3/auth/tokens")] == [201]
    assert any(r["path_or_topic"].startswith("/v2.1/servers/detail") for r in asked)
