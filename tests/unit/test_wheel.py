"""What `pip install glasscloud` gives: all files of the packages, and a command that works far from the source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("lab", "sim", "drivers", "lessons", "scenarios")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy, because setuptools builds in place, and leaves what it made to the next
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source))
    subprocess.run(command, check=True, capture_output=True, text=True)
    [made] = folder.glob("glasscloud-*.whl")
    return made


@pytest.mark.slow
def test_it_has_every_file_of_the_packages(wheel: Path) -> None:
    files = {path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name}
    assert wanted - set(ZipFile(wheel).namelist()) == set()


@pytest.mark.slow
def test_the_demo_runs_from_it_alone(wheel: Path, tmp_path: Path) -> None:
    ZipFile(wheel).extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    script = "import lab, sys; from lab.cli.main import main; print(lab.__file__); sys.stdout.flush(); main(['demo'])"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path)), "it is not the source that runs"
    assert "ACTIVE" in done.stdout
