"""Sweeping a host's own files: what lies in a thing that a driver found goes with it and is not told of on its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drivers import sweep
from drivers.place import Place
from drivers.sweep import StateFiles, Sweepable, Trace


class Guests(Sweepable):
    """A driver that left one guest."""

    def __init__(self, guest: Path) -> None:
        self.guest = guest

    async def found(self) -> list[Trace]:
        return [Trace("files of a guest", str(self.guest))]

    async def remove(self, trace: Trace) -> None:
        raise NotImplementedError


def test_a_guest_s_directories_are_one_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("lab", "compute-1", "10.77.0.1", tmp_path / "lab" / "compute-1")
    guest = place.state / "guests" / "gc-lab-guest-1"
    (guest / "root" / "usr" / "bin").mkdir(parents=True)
    (place.state / "dhcp").mkdir()
    site: Any = SimpleNamespace(host="compute-1", cloud=SimpleNamespace(state=tmp_path, id="lab"), place=lambda host: place)
    monkeypatch.setattr(sweep, "sweepers", lambda _: [("hypervisor", Guests(guest)), ("state", StateFiles(site))])
    found, problems = asyncio.run(sweep.look(site))
    told = [Path(each.trace.name).relative_to(tmp_path).as_posix() for each in found]
    assert told == ["lab/compute-1/guests/gc-lab-guest-1", "lab/compute-1/guests", "lab/compute-1/dhcp", "lab/compute-1", "lab"]
    assert problems == []
