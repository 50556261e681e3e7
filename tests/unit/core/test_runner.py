"""The runner: a world in wall time, its pace, its inputs and its idleness."""

from __future__ import annotations

import asyncio
import time

import pytest

from sim.callers import WorldStopped
from sim.loop import SimLoop
from sim.runner import Runner
from tests.unit.core.wiring import CTX, Tiny


def drive(main, **options):
    """Run `main(tiny, runner)` on a wall-clock loop beside a tiny world."""

    async def whole():
        world = SimLoop(1)
        tiny = Tiny(world)
        runner = Runner(world, tiny.wires.journal, **options)
        runner.start()
        try:
            return await main(tiny, runner)
        finally:
            runner.stop()
            world.close()

    return asyncio.run(whole())


async def get(tiny):
    return await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")


def test_only_answers_come_out_and_the_input_is_journaled_with_its_step():
    async def main(tiny, runner):
        response = await runner.call(lambda: get(tiny), "GET /compute/v2.1/things/1")
        return response.json(), next(tiny.wires.journal.find(kind="input"))

    body, entry = drive(main)
    assert body == {"thing": {"x": 2}}
    assert entry.name == "GET /compute/v2.1/things/1"
    assert entry.note == {"step": 0} or entry.note["step"] >= 0


def test_as_fast_as_possible_runs_hours_in_no_time():
    async def main(tiny, runner):
        started = time.perf_counter()
        await runner.call(lambda: asyncio.sleep(36_000))
        return runner.world.time(), time.perf_counter() - started

    virtual, wall = drive(main)
    assert virtual >= 36_000
    assert wall < 5


def test_an_idle_world_goes_at_times_one_whatever_the_speed():
    async def main(tiny, runner):
        runner.world.runtime.after(10**9, lambda: None)
        before = runner.world.time()
        await asyncio.sleep(0.3)
        return runner.world.time() - before

    assert drive(main, speed=1000.0) < 5


@pytest.mark.parametrize("speed", [20.0, 200.0])
def test_a_busy_world_goes_at_its_speed(speed):
    async def main(tiny, runner):
        started = time.perf_counter()
        await runner.call(lambda: asyncio.sleep(speed / 5))
        return time.perf_counter() - started

    assert drive(main, speed=speed) == pytest.approx(0.2, abs=0.15)


def test_a_paused_world_answers_nothing_until_it_goes_on_or_steps():
    async def main(tiny, runner):
        asking = asyncio.ensure_future(runner.call(lambda: get(tiny)))
        await asyncio.sleep(0.1)
        waited = not asking.done()
        runner.step(2)
        await asyncio.sleep(0.1)
        stepped = [e.kind for e in tiny.wires.journal.since() if e.kind != "process"]
        runner.resume()
        return waited, stepped, (await asking).status

    waited, stepped, status = drive(main, paused=True)
    assert waited
    assert stepped[:2] == ["rest", "rpc_call"]
    assert len(stepped) == 2
    assert status == 200


def test_a_question_that_needs_no_clock_is_answered_while_paused():
    async def main(tiny, runner):
        async def count():
            return await tiny.client.store.run(lambda tx: 42)

        return runner.peek(count)

    assert drive(main, paused=True) == 42


def test_an_error_that_stops_the_world_fails_what_is_pending_and_what_comes():
    async def main(tiny, runner):
        async def forever():
            while True:
                await asyncio.sleep(1)

        pending = asyncio.ensure_future(runner.call(forever))
        await asyncio.sleep(0.05)
        runner.world.env.timeout(1).callbacks.append(lambda _: (_ for _ in ()).throw(LookupError("broken")))
        with pytest.raises(WorldStopped, match="broken"):
            await pending
        with pytest.raises(WorldStopped, match="has stopped"):
            await runner.call(lambda: get(tiny))
        return runner.error

    assert isinstance(drive(main), LookupError)


@pytest.mark.parametrize("speed", [0, -1])
def test_a_speed_that_does_not_move_is_refused(speed):
    with pytest.raises(ValueError, match="does not move"):
        Runner(SimLoop(), None, speed=speed)
