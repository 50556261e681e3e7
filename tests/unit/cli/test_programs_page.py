"""docs/programs.md is true: each of its programs runs as a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
STORM, PROPERTY, OWN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def ran(path: Path, text: str, *tool: str) -> str:
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, *tool, str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_boot_storm_ends_in_a_histogram(tmp_path: Path) -> None:
    assert ran(tmp_path / "storm.py", STORM).count("█") == 200


@pytest.mark.slow
def test_the_property_holds(tmp_path: Path) -> None:
    few = PROPERTY.replace("max_examples=20", "max_examples=2")
    assert few != PROPERTY
    assert "1 passed" in ran(tmp_path / "test_scheduler.py", few, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_a_filter_and_a_weigher_of_ones_own_decide(tmp_path: Path) -> None:
    lines = ran(tmp_path / "own.py", OWN).splitlines()
    homes = [line.split()[1] for line in lines[:4]]
    assert (homes[0], homes[2]) == (homes[1], homes[3]), "the weigher packs"
    assert homes[0] != homes[2], "the filter ends that"
    assert f"{homes[0]} FewServersFilter: it has 2 servers" in lines


@pytest.mark.parametrize("path", re.findall(r"`((?:lab|sim)/[\w/.]+)`", PAGE))
def test_the_files_that_it_names_are_there(path: str) -> None:
    assert (ROOT / path).exists()
