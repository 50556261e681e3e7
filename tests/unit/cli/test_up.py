"""`glasscloud up` serves, writes what clients need, can be read from outside, and ends cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import typer
import yaml

from lab.cli.main import main
from lab.cli.up import parse_speed

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

    def end(self, number: int = signal.SIGTERM) -> int:
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


def test_what_it_writes_is_private_and_its_password_random(running: Running) -> None:
    for name in ("clouds.yaml", "openrc"):
        assert (running.folder / name).stat().st_mode & 0o077 == 0
    assert len(running.auth["password"]) >= 12
    assert running.auth["password"] in (running.folder / "openrc").read_text()
    assert running.end(signal.SIGINT) == 0


def test_a_paused_cloud_answers_about_itself_only(tmp_path: Path) -> None:
    cloud = started(tmp_path, "--paused", "--admin-password", "open sesame")
    try:
        assert cloud.auth["password"] == "open sesame"
        assert httpx.get(f"{cloud.url}/glasscloud/health").json()["clock"]["paused"] is True
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"{cloud.url}/identity/v3", timeout=0.5)
        assert cloud.end() == 0
    finally:
        cloud.process.kill()
        cloud.process.communicate()


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
        assert cloud.end() == 0
    finally:
        cloud.process.kill()
        cloud.process.communicate()


def test_a_kept_cloud_is_there_again(tmp_path: Path) -> None:
    options = ("--db", f"sqlite:///{tmp_path / 'cloud.db'}")
    for expected in ([], ["net1"]):
        cloud = started(tmp_path, *options)
        try:
            headers = {"x-auth-token": logged_in(cloud)}
            networks = httpx.get(f"{cloud.url}/network/v2.0/networks", headers=headers).json()["networks"]
            assert [network["name"] for network in networks] == expected
            if not expected:
                answer = httpx.post(f"{cloud.url}/network/v2.0/networks", headers=headers, json={"network": {"name": "net1"}})
                assert answer.status_code == 201
            cloud.process.kill()
        finally:
            cloud.process.kill()
            cloud.process.communicate()


def test_a_port_in_use_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as left:
            main(["up", "--port", str(port)])
    assert str(left.value.code).startswith(f"glasscloud: port {port} cannot be used")


def test_a_speed_is_a_positive_number_or_max() -> None:
    assert parse_speed("2.5") == 2.5
    assert parse_speed("max") == float("inf")
    for wrong in ("0", "-1", "fast", "nan"):
        with pytest.raises(typer.BadParameter, match="give a number above 0, or max"):
            parse_speed(wrong)
