"""The demo shows the true flow, in two languages, and starts light."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lab.cli.main import main

RSS_LIMIT_MIB = 150
# The peak of this program alone: getrusage's ru_maxrss also knows the size of the process that started it.
PROBE = """
import re, sys
from pathlib import Path
from lab.cli.main import main
try:
    main(["demo", "--json"])
finally:
    heavy = sorted({"fastapi", "uvicorn", "httpx", "starlette", "aio_pika", "aiormq", "aiohttp"} & set(sys.modules))
    status = Path("/proc/self/status")
    peak_kib = re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1] if status.exists() else 0
    print(heavy, int(peak_kib) // 1024, file=sys.stderr)
"""


def demo(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["demo", *options])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_it_is_light_and_tells_all_as_json() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    heavy, _, rss_mib = done.stderr.strip().rpartition(" ")
    assert heavy == "[]"
    assert int(rss_mib) < RSS_LIMIT_MIB
    told = json.loads(done.stdout)
    assert [server["status"] for server in told["servers"]] == ["ACTIVE", "ACTIVE"]
    assert all(ping["ok"] for ping in told["pings"].values())
    assert [decision["server"] for decision in told["decisions"]] == ["web", "db"]
    assert {host["verdict"] for host in told["decisions"][0]["hosts"]} == {"chosen", "passed"}
    methods = [message["method"] for message in told["messages"]]
    spine = ["schedule_and_build_instances", "select_destinations", "build_and_run_instance", "external_instance_event"]
    assert [method for method in spine if method in methods] == spine


def test_it_draws_the_sequence_and_says_why_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    out = demo(capsys, "--lang", "en", "--servers", "1")
    assert "Server web:" in out
    assert "POST /v2.1/servers 202" in out
    assert "cast build_and_run_instance" in out
    assert "The scheduler's decision for web" in out


def test_it_speaks_korean(capsys: pytest.CaptureFixture[str]) -> None:
    out = demo(capsys, "--lang", "ko")
    assert "web에 대한 스케줄러의 결정" in out
    assert "프레임이 web에서 db까지 걸어갑니다" in out
    assert "응답이 왔습니다" in out
    assert "]: spine-1(으)로" in out
    assert "]: to " not in out


def test_it_draws_mermaid(capsys: pytest.CaptureFixture[str]) -> None:
    lines = demo(capsys, "--mermaid", "--servers", "1").splitlines()
    assert lines[0] == "sequenceDiagram"
    assert any("nova_conductor--)nova_compute: cast build_and_run_instance" in line for line in lines)


def test_the_same_seed_tells_the_same_story(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (json.loads(demo(capsys, "--json", "--seed", seed)) for seed in ("3", "3", "4"))
    assert first["messages"] == again["messages"]
    assert first["messages"] != other["messages"]


def test_json_and_mermaid_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demo", "--json", "--mermaid"])
    assert left.value.code == "glasscloud: choose one of --json and --mermaid"
