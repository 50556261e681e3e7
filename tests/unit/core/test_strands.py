"""Handlers and work without tasks: what they wait for, and how hang, kill and the end of the run find them."""

from __future__ import annotations

import asyncio

import pytest

from lab.errors import MessagingTimeout
from sim.agenda import Stuck
from tests.unit.core.wiring import CTX, play

API, CONDUCTOR = "nova-api@c1", "nova-conductor@c2"


async def asking(process, heard):
    """Ask the conductor for what takes it no time, and wait for time itself."""
    try:
        heard.append((await process.rpc.call(CTX, "conductor", "get", {"x": 1}))["x"])
        await asyncio.sleep(0)
        await asyncio.sleep(1)
        heard.append("slept")
    finally:
        heard.append("over")


def test_work_begun_waits_for_answers_and_for_time_without_a_task() -> None:
    async def main(tiny):
        heard, tasks = [], len(asyncio.all_tasks())
        tiny.wires.processes[API].begin(asking(tiny.wires.processes[API], heard), "work")
        assert (heard, len(tiny.wires.runtime.strands)) == ([], 1)
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) == tasks
        await asyncio.sleep(1)
        return heard, tiny.wires.runtime.strands

    assert play(main) == ([2, "slept", "over"], {})


def test_an_answer_to_a_hung_process_is_heard_when_it_goes_on() -> None:
    async def main(tiny):
        heard = []
        tiny.wires.processes[API].begin(asking(tiny.wires.processes[API], heard), "work")
        await asyncio.sleep(0.0001)  # it has asked
        tiny.wires.hang(API)
        await asyncio.sleep(10)
        assert heard == []
        tiny.wires.resume(API)
        await asyncio.sleep(2)
        return heard

    assert play(main) == [2, "slept", "over"]


def test_killed_work_ends_with_its_finally_wherever_it_waits() -> None:
    async def main(tiny):
        heard, process = [], tiny.wires.processes[API]
        process.begin(asking(process, heard), "waits for an answer")
        await asyncio.sleep(0.0001)
        process.begin(asking(process, heard), "never began")
        tiny.wires.kill(API)
        await asyncio.sleep(0)
        assert (heard, tiny.wires.runtime.strands) == (["over"], {})
        await asyncio.sleep(10)
        return heard

    assert play(main) == ["over"]


def test_work_killed_while_its_process_hangs_does_not_hear_the_answer() -> None:
    async def main(tiny):
        heard, process = [], tiny.wires.processes[API]
        process.begin(asking(process, heard), "work")
        await asyncio.sleep(0.0001)
        tiny.wires.hang(API)
        await asyncio.sleep(10)
        tiny.wires.kill(API)
        await asyncio.sleep(10)
        return heard

    assert play(main) == ["over"]


def test_timeouts_of_one_instant_are_all_heard_and_a_new_call_has_its_own_time() -> None:
    async def main(tiny):
        heard, process = [], tiny.wires.processes[API]

        async def twice():
            for _ in range(2):
                with pytest.raises(MessagingTimeout):
                    await process.rpc.call(CTX, "nobody", "get", {"x": 1}, timeout=5)
                heard.append(round(tiny.wires.runtime.now(), 3))

        process.begin(twice(), "one")
        process.begin(twice(), "two")
        await asyncio.sleep(20)
        return heard

    assert play(main) == [5.0, 5.0, 10.0, 10.0]


def test_an_unexpected_error_of_work_is_journaled_and_kept() -> None:
    async def main(tiny):
        async def breaks():
            raise RuntimeError("no such thing")

        tiny.wires.processes[API].begin(breaks(), "work")
        await asyncio.sleep(0)
        errors = [str(error) for error in tiny.wires.runtime.errors]
        tiny.wires.runtime.errors.clear()
        return errors, tiny.kinds("error")

    assert play(main) == (["no such thing"], [("error", "work", "RuntimeError")])


def test_nothing_left_to_wait_for_names_the_work_that_waits() -> None:
    async def main(tiny):
        async def forever():
            await asyncio.get_running_loop().create_future()

        tiny.wires.processes[API].begin(forever(), "the-one-that-waits")
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match="nova-api@c1:the-one-that-waits"):
        play(main)
