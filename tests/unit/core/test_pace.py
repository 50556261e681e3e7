"""The clock of a driven world against the wall's: it hurries exactly while something is in flight."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from lab.runtime import NANOSECOND
from sim import pace
from tests.unit.core.test_runner import drive, get


def periodic(world, period_s, seen):
    """Something that happens each period, as heartbeats do, without making the world busy."""

    def again():
        seen.append(world.time())
        world.runtime.after(round(period_s * NANOSECOND), again)

    again()


def test_as_fast_as_possible_stops_with_the_last_answer():
    async def main(tiny, runner):
        periodic(runner.world, 10.0, [])
        before = runner.world.time()
        for _ in range(5):
            await runner.call(lambda: get(tiny))
        return runner.world.time() - before

    assert drive(main) < 5


@pytest.mark.parametrize("speed", [1.0, 1000.0, math.inf])
def test_an_idle_clock_keeps_up_with_the_wall_between_requests(speed):
    async def main(tiny, runner):
        periodic(runner.world, 0.4, [])
        started, before = time.perf_counter(), runner.state()["t_s"]
        for _ in range(10):
            await asyncio.sleep(0.05)
            await runner.call(lambda: get(tiny))
        return runner.state()["t_s"] - before - (time.perf_counter() - started)

    ahead = drive(main, speed=speed)
    assert ahead > -0.02, "the cloud's clock fell behind"
    assert ahead < 10


def test_a_shown_clock_moves_while_nothing_happens_and_stands_while_paused():
    async def main(tiny, runner):
        periodic(runner.world, 100.0, [])
        first = runner.state()["t_s"]
        await asyncio.sleep(0.1)
        second = runner.state()["t_s"]
        runner.pause()
        third = runner.state()["t_s"]
        await asyncio.sleep(0.1)
        return first, second, third, runner.state()["t_s"]

    first, second, third, fourth = drive(main, speed=1.0)
    assert second - first == pytest.approx(0.1, abs=0.05)
    assert second <= third == fourth


def test_below_times_one_an_idle_world_is_slow_too():
    async def main(tiny, runner):
        periodic(runner.world, 0.01, [])
        await asyncio.sleep(0.5)
        return runner.world.time()

    assert drive(main, speed=0.1) == pytest.approx(0.05, abs=0.03)


def test_work_that_hangs_does_not_hurry_the_clock_for_ever(monkeypatch):
    monkeypatch.setattr(pace, "HUNG_S", 60)

    async def main(tiny, runner):
        periodic(runner.world, 1.0, [])
        runner.world.runtime.busy += 1  # a driver call that never comes back
        await asyncio.sleep(0.3)
        return runner.world.time()

    assert 60 <= drive(main) < 65


def test_many_single_steps_leave_the_server_its_turn():
    async def main(tiny, runner):
        periodic(runner.world, 1.0, [])
        runner.step(10**9)
        started = time.perf_counter()
        await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        return time.perf_counter() - started

    assert drive(main, paused=True) < 1
