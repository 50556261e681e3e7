"""The README is true: its program runs, its commands and targets exist, its rooms are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.cli.main import COMMANDS
from lab.teach.scenario import find, names

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_its_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert program is not None
    exec(compile(program[1], "README.md", "exec"), {})
    name, host, address = capsys.readouterr().out.split()
    assert (name, host[:8], address[:7]) == ("web", "compute-", "['10.0.")


def test_its_commands_exist() -> None:
    commands = re.findall(r"(?:^ {4}|`)glasscloud ([a-z]+)(?: ([a-z]+)\b)?", README, re.MULTILINE)
    assert {command for command, _ in commands} == set(COMMANDS) - {"version"}
    for command, below in commands:
        if command in {"trace", "scenario"} and below:
            text = (ROOT / "lab" / "cli" / f"{command}.py").read_text(encoding="utf-8")
            assert f"\ndef {below}(" in text or f'command("{below}")' in text, f"{command} {below}"


def test_its_options_exist() -> None:
    for command, option in re.findall(r"glasscloud ([a-z]+)[^`\n]* (--[a-z-]+)", README):
        text = (ROOT / "lab" / "cli" / f"{command}.py").read_text(encoding="utf-8")
        assert option in text or f"{option[2:].replace('-', '_')}:" in text, f"{command} {option}"


def test_its_scenarios_exist() -> None:
    for name in re.findall(r"(?:scenario run|--scenario) ([a-z-]+)", README):
        assert find(name).name in names()


def test_its_targets_exist() -> None:
    for target in re.findall(r"(?:^ {4}|`)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_its_rooms_are_there() -> None:
    for names_of_row in re.findall(r"^\| (`[^|]*`) \|", README, re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", names_of_row):
            assert (ROOT / path).exists(), path
