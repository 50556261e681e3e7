"""Bugs are planted, one at a time, and each machine must find the ones meant for it within 500 examples, and nothing without them.

`tests/mutants/<machine>-<n>.patch` is meant for `tests/property/test_<machine>.py`. A patch is applied to a copy of the tree; the
machine runs there in a process of its own, under the profile `mutants`: the same examples each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "tests" / "mutants"
PATCHES = sorted(path.stem for path in MUTANTS.glob("*.patch"))
MACHINES = sorted({name.rpartition("-")[0] for name in PATCHES})
TREE = ("lab", "sim", "drivers", "scenarios", "lessons", "tests", "pyproject.toml")
TIMEOUT_S = 1800
FAILED = 1
"""pytest's exit code when tests failed; a tree that does not even import has another."""


def run_machine(machine: str, tree: Path) -> subprocess.CompletedProcess[str]:
    """Run a machine in a tree, in a process of its own."""
    test = f"tests/property/test_{machine}.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", str(TIMEOUT_S), test]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutants", "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def apply(patch: str, tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Apply a patch to a tree, which need not be a repository."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    command = ["git", "apply", *options, str(MUTANTS / f"{patch}.patch")]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("machine", MACHINES)
def test_three_bugs_are_planted_for_each_machine(machine: str) -> None:
    assert (ROOT / "tests" / "property" / f"test_{machine}.py").exists()
    assert sum(patch.rpartition("-")[0] == machine for patch in PATCHES) >= 3


@pytest.mark.parametrize("patch", PATCHES)
def test_a_planted_bug_still_fits_the_code(patch: str) -> None:
    result = apply(patch, ROOT, "--check")
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("patch", PATCHES)
def test_a_planted_bug_is_found(patch: str, tmp_path: Path) -> None:
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, tmp_path / name)
    applied = apply(patch, tmp_path)
    assert applied.returncode == 0, applied.stderr
    result = run_machine(patch.rpartition("-")[0], tmp_path)
    assert result.returncode == FAILED, f"{patch} was not found:\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    assert "state.build(" in result.stdout, f"{patch} broke something else than a run of the machine:\n{result.stdout[-2000:]}"


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("machine", MACHINES)
def test_without_a_planted_bug_the_same_examples_pass(machine: str) -> None:
    result = run_machine(machine, ROOT)
    assert result.returncode == 0, f"{result.stdout[-4000:]}{result.stderr[-2000:]}"
