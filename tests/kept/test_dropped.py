"""A kept cloud whose power is cut at random steps, opened again in the same process."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.kept.life import SMALL, Boot, Seen, looked_at, work_until_dropped

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
    looked_at(path, seen, datacenter=SMALL)


@pytest.mark.parametrize("seed", range(1))
def test_what_is_known_survives_a_power_cut(tmp_path: Path, seed: int) -> None:
    cut_off_and_opened(tmp_path / "cloud.db", seed, cuts=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 122))
def test_what_is_known_survives_many_power_cuts(tmp_path: Path, seed: int) -> None:
    cut_off_and_opened(tmp_path / "cloud.db", seed, cuts=4)
