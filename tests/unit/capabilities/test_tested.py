"""What a run of the contracts writes down, and how `glasscloud capabilities --tested` shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.capabilities import recorded, render_tested
from lab.capabilities.tested import TITLES
from lab.cli.main import main
from tests.contracts import record
from tests.contracts.record import Recorder


def report(driver: str, outcome: str, promise: str = "a repeat converges", reason: str = "", when: str = "call") -> Any:
    about = {"port": "volume", "driver": driver, "verb": "create", "promise": promise, "versions": "v7" if when == "call" else ""}
    longrepr = ("file", 1, f"Skipped: {reason}") if reason else None
    return SimpleNamespace(user_properties=[("promise", about)], outcome=outcome, when=when, longrepr=longrepr)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "BUILT", tmp_path / "built.json")
    monkeypatch.setattr(record, "KEPT", tmp_path / "kept.json")
    return tmp_path / "built.json"


def run(*reports: Any, keep: bool = False) -> None:
    recorder = Recorder(keep)
    for each in reports:
        recorder.pytest_runtest_logreport(each)
    recorder.pytest_sessionfinish()


def test_outcomes_are_written_by_driver(built: Path) -> None:
    run(report("nfs", "passed"), report("nfs", "skipped", "in reach", "no root", when="setup"), report("floppy", "failed"))
    kept = json.loads(built.read_text())
    assert [(each["driver"], each["promises"]) for each in kept] == [
        ("floppy", [{"verb": "create", "promise": "a repeat converges", "outcome": "failed", "reason": ""}]),
        (
            "nfs",
            [
                {"verb": "create", "promise": "a repeat converges", "outcome": "passed", "reason": ""},
                {"verb": "create", "promise": "in reach", "outcome": "skipped", "reason": "no root"},
            ],
        ),
    ]
    assert kept[1]["made_with"].endswith(", v7")
    assert not (built.parent / "kept.json").exists()


def test_a_failure_beats_a_success_and_a_success_a_skip(built: Path) -> None:
    run(report("a", "passed"), report("a", "failed"), report("a", "passed"), report("b", "passed"), report("b", "skipped", reason="no"))
    assert [each["promises"][0]["outcome"] for each in json.loads(built.read_text())] == ["failed", "passed"]


def test_a_setup_that_breaks_is_a_failure_and_one_that_works_is_nothing(built: Path) -> None:
    run(report("a", "failed", when="setup"), report("b", "passed", when="setup"), report("b", "passed", when="teardown"))
    assert [each["driver"] for each in json.loads(built.read_text())] == ["a"]


def test_a_run_replaces_the_drivers_that_were_in_it_and_no_others(built: Path) -> None:
    run(report("a", "failed", "old promise"), report("b", "passed"), keep=True)
    run(report("a", "passed"), keep=True)
    for path in (built, built.parent / "kept.json"):
        kept = {each["driver"]: [row["promise"] for row in each["promises"]] for each in json.loads(path.read_text())}
        assert kept == {"a": ["a repeat converges"], "b": ["a repeat converges"]}


def test_a_driver_that_could_be_asked_nothing_leaves_what_an_earlier_run_wrote(built: Path) -> None:
    run(report("a", "skipped", reason="no root"))
    assert json.loads(built.read_text())[0]["promises"][0]["reason"] == "no root"
    run(report("a", "passed"))
    run(report("a", "skipped", reason="no root"))
    assert [each["promises"][0]["outcome"] for each in json.loads(built.read_text())] == ["passed"]


def test_what_was_asked_on_another_kernel_is_written_as_it_came(built: Path) -> None:
    there = {"port": "volume", "driver": "a", "when": "2026-11-22", "made_with": "Linux 6.1", "promises": []}
    ended = report("b", "passed", when="teardown")
    ended.user_properties = [("brought", there)]
    run(report("a", "skipped", reason="not this kernel"), ended)
    assert json.loads(built.read_text()) == [there]


def test_other_tests_are_not_written(built: Path) -> None:
    run(SimpleNamespace(user_properties=[], outcome="passed", when="call", longrepr=None))
    assert not built.exists()


def test_the_table_says_what_is_kept_broken_and_not_asked() -> None:
    rows = [
        {"verb": "create", "promise": "twice", "outcome": "passed", "reason": ""},
        {"verb": "delete", "promise": "twice", "outcome": "failed", "reason": ""},
        {"verb": "clone", "promise": "bytes", "outcome": "skipped", "reason": "no bytes"},
    ]
    about = {"port": "volume", "when": "2026-11-22", "made_with": "Linux 6.18"}
    text = render_tested(recorded([{**about, "driver": "nfs", "promises": rows}, {**about, "driver": "tape", "promises": rows[:1]}]))
    lines = [line.split() for line in text.splitlines()]
    assert ["create", "twice", "Y", "Y"] in lines
    assert ["delete", "twice", "N"] in lines
    assert ["clone", "bytes", "-"] in lines
    assert "  nfs: no bytes (clone)" in text.splitlines()
    assert "1 nfs   2026-11-22, Linux 6.18" in text


def test_nothing_that_came_with_the_package_is_broken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = recorded()
    assert {each.port for each in found} == {*TITLES}
    real = """libvirt qemu, libvirt lxc, openvswitch vlan, openvswitch vxlan, linuxbridge vlan, linuxbridge vxlan, dnsmasq, nfs,
        directory, file, rabbitmq, over http, sqlite, postgresql"""
    assert {*re.split(r",\s+", real)} <= {each.driver for each in found}
    assert [(each.driver, row) for each in found for row in each.promises if row.outcome == "failed"] == []
    with pytest.raises(SystemExit):
        main(["capabilities", "--tested"])
    shown = capsys.readouterr().out
    assert "Volume backends, as tested" in shown
    assert max(map(len, shown.splitlines())) <= 80
