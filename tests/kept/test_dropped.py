"""A kept cloud whose power is cut at random steps, opened again in the same process."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from lab.journal import Entry
from tests.kept.life import Boot, Seen, Worker, check, empty, settle, work_until_dropped

SMALL = {"racks": 1, "hosts_per_rack": 2}
LONGEST = 12_000


def cut_off_and_opened(path: Path, seed: int, cuts: int) -> None:
    dice, seen = Random(seed), Seen()
    for number in range(cuts):
        boot = Boot(path, datacenter=SMALL)
        task = boot.loop.create_task(work_until_dropped(boot.cloud, f"{seed}/{number}", seen))
        until = boot.loop.steps + dice.randrange(200, LONGEST)
        with boot.loop._as_running():
            while boot.loop.steps < until and not task.done():
                boot.loop.step()
        assert not task.done() or task.exception() is None, task.exception()
        assert not boot.errors(), boot.errors()
        seen.tick(boot.world.runtime.iso_us())
        boot.drop()
    looked_at(path, seen)


def looked_at(path: Path, seen: Seen) -> None:
    """Open the cloud once more: everything must be right, and can be deleted."""
    boot = Boot(path, datacenter=SMALL)

    async def look() -> None:
        await settle(boot.cloud, seen)
        await check(boot.cloud, seen)
        await empty(boot.cloud)

    boot.run(look())
    assert not boot.errors(), boot.errors()
    boot.drop()


def cut_off_in_a_boot(path: Path, entries: int) -> list[Entry]:
    """Cut the power after so many entries of the journal since a boot from a new volume was asked for; answer them."""
    boot, seen = Boot(path, datacenter=SMALL), Seen()
    worker, journal = Worker(boot.cloud, "one", seen), boot.world.wires.journal

    async def prepare() -> int:
        await boot.cloud.ready()
        await worker.prepare()
        return journal.seq

    before = boot.run(prepare())
    networks = [{"uuid": worker.network}]
    servers = boot.cloud.compute.servers
    boot.loop.create_task(servers.create("one", worker.flavor, image=worker.image, networks=networks, boot_volume_gib=1))
    with boot.loop._as_running():
        while journal.seq < before + entries:
            boot.loop.step()
    seen.tick(boot.world.runtime.iso_us())
    told = journal.since(before)
    assert not boot.errors(), boot.errors()
    boot.drop()
    looked_at(path, seen)
    return told


@pytest.mark.parametrize("seed", range(3))
def test_what_is_known_survives_a_power_cut(tmp_path: Path, seed: int) -> None:
    cut_off_and_opened(tmp_path / "cloud.db", seed, cuts=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 120))
def test_what_is_known_survives_many_power_cuts(tmp_path: Path, seed: int) -> None:
    cut_off_and_opened(tmp_path / "cloud.db", seed, cuts=4)


def test_a_server_goes_whose_volume_was_never_made(tmp_path: Path) -> None:
    """What cinder-api had accepted was lost with the queue: nobody makes that volume, and cinder does not delete it."""
    told = cut_off_in_a_boot(tmp_path / "whole.db", 150)
    asked = next(number for number, entry in enumerate(told) if entry.kind == "state" and entry.target == "volume")
    cut_off_in_a_boot(tmp_path / "cut.db", asked + 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_boot_cut_off_at_any_entry_can_be_deleted(tmp_path: Path) -> None:
    for entries in range(1, 200, 3):
        cut_off_in_a_boot(tmp_path / f"{entries}.db", entries)
