"""A running cloud is recorded to a file: resumed, ended by Ctrl-C, refused in words; the file is a journal without secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab.cli.main import main
from lab.journal.formats.lines import read
from tests.unit.cli.test_up import Running, logged_in, started

WAIT_S = 30.0


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = started(tmp_path_factory.mktemp("cloud"))
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


def record(cloud: Running, out: Path, *more: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["trace", "record", "--connect", cloud.url, "--clouds", str(cloud.folder / "clouds.yaml"), "-o", str(out), *more])
    assert left.value.code == 0, left.value.code


def recording(cloud: Running, out: Path) -> subprocess.Popen[str]:
    """A recorder in a process of its own that has written its first lines."""
    command = [sys.executable, "-m", "lab.cli.main", "trace", "record", "--connect", cloud.url, "-o", str(out)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    process = subprocess.Popen(command, cwd=cloud.folder, stderr=subprocess.PIPE, text=True, env={**clean, "PYTHONPATH": str(Path.cwd())})
    end = time.monotonic() + WAIT_S
    while not (out.exists() and out.read_bytes().endswith(b"\n")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    return process


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["trace", *arguments])
    assert isinstance(left.value.code, str)
    return left.value.code


def test_a_recording_is_gone_on_with_where_it_was_cut(cloud: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "journal.jsonl"
    record(cloud, out, "--once")
    assert "from entry 1 on" in capsys.readouterr().err
    whole = out.read_bytes()
    before = read(out)
    assert [entry.seq for entry in before] == list(range(1, len(before) + 1))
    out.write_bytes(whole[: len(whole) // 2])  # as a recording that was killed leaves it
    httpx.get(f"{cloud.url}/image/v2/images", headers={"x-auth-token": logged_in(cloud)}).raise_for_status()
    record(cloud, out, "--once")
    after = read(out)
    assert out.read_bytes().startswith(whole)
    assert [entry.seq for entry in after] == list(range(1, len(after) + 1))
    assert any(entry.where == "/v2/images" for entry in after[len(before) :])


def test_no_secret_is_in_a_recording(cloud: Running, tmp_path: Path) -> None:
    token = logged_in(cloud)
    out = tmp_path / "journal.jsonl"
    record(cloud, out, "--once")
    text = out.read_text()
    assert "password" in text
    assert cloud.auth["password"] not in text
    assert token not in text


def test_ctrl_c_ends_it_with_whole_lines_and_a_summary(cloud: Running, tmp_path: Path) -> None:
    out = tmp_path / "journal.jsonl"
    process = recording(cloud, out)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert f"{out} has {len(read(out)):,} new entries" in said


def test_a_file_of_another_run_or_of_another_kind_is_left_alone(cloud: Running, tmp_path: Path) -> None:
    clouds = str(cloud.folder / "clouds.yaml")
    out = tmp_path / "journal.jsonl"
    record(cloud, out, "--once")
    lines = out.read_bytes().splitlines(keepends=True)
    row = json.loads(lines[-1])
    out.write_bytes(b"".join(lines[:-1]) + json.dumps({**row, "t": row["t"] + 1}).encode() + b"\n")
    foreign = [(out.read_bytes(), "of another cloud, or of another run"), (b"buy milk\n", "no recorded journal: it ends with 'buy milk'"),
               (b"buy milk", "it has no whole line")]
    for content, words in foreign:
        out.write_bytes(content)
        assert words in refused("record", "--connect", cloud.url, "--clouds", clouds, "-o", str(out))
        assert out.read_bytes() == content


def test_who_may_not_look_is_told_so(cloud: Running, tmp_path: Path) -> None:
    out, wrong = str(tmp_path / "journal.jsonl"), tmp_path / "clouds.yaml"
    wrong.write_text((cloud.folder / "clouds.yaml").read_text().replace(cloud.auth["password"], "wrong"))
    login = ("--clouds", str(wrong), "-o", out)
    assert "refuses the password (401); name its clouds.yaml" in refused("record", "--connect", cloud.url, *login)
    assert "refuses the token (401)" in refused("record", "--connect", cloud.url, "--token", "nonsense", "-o", out)
    assert "is not the URL of a cloud" in refused("record", "--connect", "nowhere", "-o", out)
    assert "no cloud answers at http://127.0.0.1:1" in refused("record", "--connect", "127.0.0.1:1", *login)
    assert "no cloud answers at http://127.0.0.1:1" in refused("record", "--connect", "http://127.0.0.1:1", *login)
    assert "say which cloud and which file" in refused("record")
    assert not Path(out).exists()


def test_a_running_cloud_is_exported_by_a_token(cloud: Running, tmp_path: Path) -> None:
    out = tmp_path / "a.mmd"
    with pytest.raises(SystemExit) as left:
        main(["trace", "export", "--connect", cloud.url, "--token", logged_in(cloud), "-o", str(out)])
    assert left.value.code == 0
    assert "POST /v3/auth/tokens" in out.read_text()


def test_a_paused_cloud_is_read_and_notices_nothing_of_it(cloud: Running, tmp_path: Path) -> None:
    headers = {"x-auth-token": logged_in(cloud)}
    httpx.put(f"{cloud.url}/glasscloud/clock", json={"paused": True}, headers=headers).raise_for_status()
    try:
        out = tmp_path / "journal.jsonl"
        record(cloud, out, "--once")
        whole = out.read_bytes()
        record(cloud, out, "--once")
        record(cloud, out, "--once", "--token", headers["x-auth-token"])
        assert out.read_bytes() == whole
    finally:
        httpx.put(f"{cloud.url}/glasscloud/clock", json={"paused": False}, headers=headers).raise_for_status()


@pytest.mark.slow
def test_a_recording_ends_when_the_cloud_is_taken_back(tmp_path: Path) -> None:
    running = started(tmp_path)
    headers = {"x-auth-token": logged_in(running)}
    out = tmp_path / "journal.jsonl"
    process = recording(running, out)
    whole = len(read(out))
    httpx.post(f"{running.url}/glasscloud/travel", json={"to": 100}, headers=headers, timeout=60).raise_for_status()
    _, said = process.communicate(timeout=WAIT_S)
    running.end(signal.SIGTERM)
    running.process.communicate()
    assert process.returncode == 1
    assert "was taken back to an earlier moment" in said
    seqs = [entry.seq for entry in read(out)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= whole


@pytest.mark.slow
def test_a_cloud_that_goes_leaves_a_whole_recording(tmp_path: Path) -> None:
    running = started(tmp_path)
    out = tmp_path / "journal.jsonl"
    process = recording(running, out)
    running.end(signal.SIGTERM)
    running.process.communicate()
    _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "is gone" in said
    assert "up to entry" in said
    assert read(out)
