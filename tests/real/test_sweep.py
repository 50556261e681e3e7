"""Sweeping: what a cloud left is found and removed, in an order that works; what only looks like it is never touched."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers import sweep
from drivers.owned import TAG
from drivers.registry import make
from drivers.site import Site, site
from lab.cli.main import main
from lab.errors import DriverError, LabError
from lab.services.object.driver import StoredObject
from tests.content import holding

T = TypeVar("T")
pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed; apt-get install qemu-utils")
CONFIG = """
[cloud]
id = "{cloud}"
state = "{state}"
host = "here"
[hosts.here]
roles = ["controller", "storage"]
[hosts.there]
roles = ["network", "compute"]
[volume]
driver = "directory"
"""


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def config(state: Path, cloud: str = "lab") -> Path:
    """Write a configuration beside the state directory."""
    path = state.with_name(f"{cloud}.toml")
    path.write_text(CONFIG.format(cloud=cloud, state=state), encoding="utf-8")
    return path


def leave_things(state: Path, cloud: str = "lab") -> Site:
    """Use a cloud's drivers and let them fall, as a crash does."""
    from drivers.site import load

    here = load(config(state, cloud))

    async def use() -> None:
        drivers = {
            (port, name): make(port, table, here.place("here"), port)
            for port in ("volume", "image", "object")
            for name, table in here.tables(port).items()
        }
        for driver in drivers.values():
            await driver.open()
        volumes, images, disk = drivers["volume", ""], drivers["image", ""], drivers["object", "disk-1"]
        await volumes.create("v1", 1)
        await volumes.snapshot("v1", "s1")
        await images.put("i1", holding(b"bytes")())
        await disk.put(7, StoredObject("/a/c/o", 1, b"bytes"))

    run(use())
    (here.cloud.state / cloud / "cloud.db").write_bytes(b"records")
    return here


def snapshot(directory: Path) -> dict[str, bytes]:
    """All files below a directory with their bytes, and all directories."""
    return {str(p.relative_to(directory)): p.read_bytes() if p.is_file() else b"" for p in sorted(directory.rglob("*"))}


def sweeping(*arguments: str) -> int:
    """Run the command; answer its exit code."""
    with pytest.raises(SystemExit) as left:
        main(["sweep", "--lang", "en", *arguments])
    return int(left.value.code or 0)


def test_without_yes_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    leave_things(state)
    before = snapshot(state)
    assert sweeping("--config", str(config(state))) == 0
    told = capsys.readouterr().out
    for kind in ("volume file", "image file", "object partition", "database", "directory"):
        assert kind in told
    assert "--yes" in told
    assert snapshot(state) == before


def test_with_yes_all_of_it_goes_and_a_repeat_finds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    leave_things(state)
    assert sweeping("--config", str(config(state)), "--yes") == 0
    assert snapshot(state) == {}
    assert " removed, 0 not." in capsys.readouterr().out
    assert sweeping("--config", str(config(state)), "--yes") == 0
    assert "Nothing of the cloud lab is on here." in capsys.readouterr().out


def test_what_could_not_be_looked_at_is_not_told_as_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(self: sweep.StateFiles) -> list[sweep.Trace]:
        raise DriverError("the disk is broken")

    monkeypatch.setattr(sweep.StateFiles, "found", unreadable)
    assert sweeping("--config", str(config(tmp_path / "state"))) == 1
    told = capsys.readouterr().out
    assert "not looked at: state: the disk is broken" in told
    assert "Nothing of the cloud lab is in what could be looked at on here." in told
    assert "lab is on here" not in told


def test_another_cloud_beside_it_is_not_touched(tmp_path: Path) -> None:
    state = tmp_path / "state"
    leave_things(state)
    leave_things(state, "lab2")
    before = snapshot(state / "lab2")
    assert sweeping("--config", str(config(state)), "--yes") == 0
    assert snapshot(state / "lab2") == before
    assert not (state / "lab").exists()
    assert sweeping("--config", str(config(state)), "--cloud", "lab2", "--yes") == 0
    assert snapshot(state) == {}


def test_look_alikes_survive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files with our names in a directory without our mark: cinder's own NFS driver names its files so."""
    state = tmp_path / "state"
    host = state / "lab" / "here"
    theirs = {
        host / "volumes" / "lab" / "volume-1": b"of cinder",
        host / "glance" / "lab" / "i1.digests": b"{}",
        host / "objects" / "disk-1" / "lab" / "7" / "x.object": b"of swift",
        state / "lab" / "notes.txt": b"mine",
    }
    for path, data in theirs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert sweeping("--config", str(config(state)), "--yes") == 1
    assert {path: path.read_bytes() for path in theirs} == theirs
    assert "still holds here, notes.txt" in capsys.readouterr().out


def test_strangers_in_our_directories_survive_and_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    leave_things(state)
    volumes = state / "lab" / "here" / "volumes" / "lab"
    (volumes / "notes.txt").write_text("mine")
    (volumes / "volumes-of-mine").write_text("mine")
    assert sweeping("--config", str(config(state)), "--yes") == 1
    assert sorted(path.name for path in volumes.iterdir()) == [TAG, "notes.txt", "volumes-of-mine"]
    told = capsys.readouterr().out
    assert "NOT removed: directory" in told
    assert "notes.txt" in told
    assert not (state / "lab" / "here" / "glance").exists()


def test_a_link_out_of_the_directory_leads_nowhere(tmp_path: Path) -> None:
    state, mine = tmp_path / "state", tmp_path / "mine"
    (mine / "empty").mkdir(parents=True)
    here = leave_things(state)
    (here.place("here").state / "link").symlink_to(mine)
    assert sweeping("--config", str(config(state)), "--yes") == 1
    assert (mine / "empty").is_dir()


def test_it_goes_on_after_what_cannot_be_removed(tmp_path: Path) -> None:
    here = leave_things(tmp_path / "state")

    async def work() -> list[LabError]:
        found, problems = await sweep.look(here)
        assert problems == []
        unremovable = next(each for each in found if each.trace.kind == "image file")

        class Broken(sweep.StateFiles):
            async def remove(self, trace: sweep.Trace) -> None:
                raise DriverError("the disk is broken")

        found[found.index(unremovable)] = sweep.Found("image", Broken(here), unremovable.trace)
        outcomes = [await sweep.remove(each) for each in found]
        return [problem.why for problem in outcomes if problem is not None]

    why = run(work())
    assert str(why[0]) == "the disk is broken"
    assert not list(here.cloud.state.rglob("volume-*"))
    assert list(here.cloud.state.rglob("i1"))


@pytest.mark.parametrize("trace", ["/etc/passwd", "/nonexistent/volume-1", ""])
def test_a_driver_removes_nothing_that_is_not_its_own(tmp_path: Path, trace: str) -> None:
    here = leave_things(tmp_path / "state")
    before = snapshot(tmp_path)
    for port, driver in sweep.sweepers(here):
        assert not isinstance(driver, LabError), port
        with pytest.raises(DriverError):
            run(driver.remove(sweep.Trace("file", trace)))
    assert snapshot(tmp_path) == before


def test_what_cannot_be_looked_at_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    leave_things(state)
    path = config(state)
    path.write_text(path.read_text().replace('driver = "directory"', 'driver = "floppy"'))
    assert sweeping("--config", str(path), "--yes") == 1
    told = capsys.readouterr().out
    assert "not looked at: volume: there is no volume driver 'floppy'; known: directory, nfs" in told
    assert not (state / "lab" / "here" / "glance" / "lab").exists()


def test_the_cloud_is_named_as_clouds_are() -> None:
    assert "is no id for a cloud" in _failing("--cloud", "../etc")


def _failing(*arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["sweep", *arguments])
    return str(left.value.code)


def test_the_default_is_this_machine() -> None:
    assert site({}).cloud.id == "lab"
    assert os.fspath(site({}).cloud.state) == "/var/lib/glasscloud"
