"""`glasscloud up` serves, writes what clients need, can be read from outside, and ends cleanly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import typer
import yaml

from lab.cli.main import main
from lab.cli.up import build, parse_speed
from lab.serve import Origin, Served
from sim.runner import Runner

READY_S = 40.0
"""A busy machine with one core for many tests."""


@dataclass
class Running:
    """One `glasscloud up` and what it printed until it was ready."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def auth(self) -> dict[str, str]:
        """What clouds.yaml says about logging in."""
        known: dict[str, str] = yaml.safe_load((self.folder / "clouds.yaml").read_text())["clouds"]["glasscloud"]["auth"]
        return known

    def end(self, number: signal.Signals) -> int:
        """Send a signal and answer the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def started(folder: Path, *options: str) -> Running:
    command = [sys.executable, "-m", "lab.cli.main", "up", "--port", "0", "--clouds", str(folder / "clouds.yaml"), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Glasscloud is ready at "):
            return Running(process, line.split()[4], folder)
    raise AssertionError("".join(lines))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    cloud = started(tmp_path)
    yield cloud
    if cloud.process.poll() is None:
        cloud.process.kill()
    cloud.process.communicate()


def logged_in(running: Running) -> str:
    auth = running.auth
    domain = {"name": "Default"}
    user = {"name": auth["username"], "domain": domain, "password": auth["password"]}
    scope = {"project": {"name": auth["project_name"], "domain": domain}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    answer = httpx.post(f"{auth['auth_url']}/v3/auth/tokens", json=body)
    assert answer.status_code == 201
    return answer.headers["x-subject-token"]


def test_it_serves_and_is_read_and_ends(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    health = httpx.get(f"{running.url}/glasscloud/health").json()
    assert health["ready"] is True
    token = logged_in(running)
    assert httpx.get(f"{running.url}/compute/v2.1/servers", headers={"x-auth-token": token}).json() == {"servers": []}
    assert httpx.get(f"{running.url}/glasscloud/journal").status_code == 401
    with pytest.raises(SystemExit) as left:
        main(["trace", "read", "--connect", running.url, "--clouds", str(running.folder / "clouds.yaml")])
    assert left.value.code == 0
    assert "GET /v2.1/servers 200" in capsys.readouterr().out
    assert running.end(signal.SIGTERM) == 0


def test_a_scenario_is_played_in_it(tmp_path: Path) -> None:
    cloud = started(tmp_path, "--scenario", "no-valid-host-filter")
    try:
        token, end = logged_in(cloud), time.monotonic() + READY_S
        statuses: list[str] = []
        while statuses != ["ERROR"] and time.monotonic() < end:
            answer = httpx.get(f"{cloud.url}/compute/v2.1/servers/detail", headers={"x-auth-token": token})
            statuses = [server["status"] for server in answer.json()["servers"]]
            time.sleep(0.2)
        assert statuses == ["ERROR"]
        assert cloud.end(signal.SIGINT) == 0
    finally:
        cloud.process.kill()
        cloud.process.communicate()


def test_an_end_in_the_middle_of_the_boot_says_nothing() -> None:
    heard: list[object] = []

    async def begin_and_end(boots: bool) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
        cloud = build(Origin(7, datetime(2026, 1, 1, tzinfo=UTC)))
        served = Served(cloud, Runner(cloud.world.loop, cloud.journal))
        served.begin()
        waiting = asyncio.ensure_future(served.booted())
        if boots:
            await asyncio.sleep(0)
        waiting.cancel()
        await served.end()
        del cloud, served, waiting
        await asyncio.sleep(0.01)
        gc.collect()

    for boots in (True, False):
        asyncio.run(begin_and_end(boots))
    assert heard == []


def test_a_speed_is_a_positive_number_or_max() -> None:
    assert parse_speed("2.5", "en") == 2.5
    assert parse_speed("max", "en") == float("inf")
    for wrong in ("0", "-1", "fast", "nan"):
        with pytest.raises(typer.BadParameter, match="give a number above 0, or max"):
            parse_speed(wrong, "en")


def test_a_port_for_a_real_cloud_is_refused_where_its_url_decides(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["up", "--real", "--port", "9", "--lang", "en"])
    assert left.value.code == 2
    assert "a real cloud listens at [cloud] url" in " ".join(capsys.readouterr().err.split())
