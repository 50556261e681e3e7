"""Virtual time: the loop's promises."""

from __future__ import annotations

import asyncio

import pytest

import lab
from sim.agenda import PURGE_MIN, Stuck
from sim.loop import SimLoop


def run(main, **options):
    loop = SimLoop(**options)
    try:
        return loop.run_until_complete(main(loop)), loop
    finally:
        loop.close()


def test_sleep_moves_the_virtual_clock_and_nothing_else() -> None:
    async def main(loop):
        await asyncio.sleep(3600)
        return loop.env.now

    now, _ = run(main)
    assert now == 3600 * 10**9


def test_a_delay_is_rounded_once_to_integer_nanoseconds() -> None:
    async def main(loop):
        for _ in range(10):
            await asyncio.sleep(0.1)
        return loop.env.now

    now, _ = run(main)
    assert now == 10**9
    assert type(now) is int


def test_cancelled_timers_leave_memory_and_do_not_move_the_clock() -> None:
    async def main(loop):
        handles = [loop.call_later(60 + i, lambda: None) for i in range(10 * PURGE_MIN)]
        for handle in handles:
            handle.cancel()
        left = len(loop._timers)
        await asyncio.sleep(1)
        return left, loop.time()

    (left, now), _ = run(main)
    assert left <= 2 * PURGE_MIN
    assert now == 1.0


def test_tasks_are_cancelled_in_order_of_creation_whatever_their_hash() -> None:
    order: list[int] = []

    async def wait(i: int) -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            order.append(i)
            raise

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError

    async def main(loop):
        for _ in range(250):  # so that serial numbers wrap around the set's table
            asyncio.get_running_loop().create_task(asyncio.sleep(0))
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for i in range(300):
                    group.create_task(wait(i))
                group.create_task(fail())

    run(main)
    assert order == list(range(300))


def test_left_over_tasks_are_closed_in_order_of_creation() -> None:
    order: list[int] = []

    async def wait(i: int) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            order.append(i)

    async def main() -> None:
        for i in range(100):
            asyncio.get_running_loop().create_task(wait(i))
        await asyncio.sleep(1)

    lab.run(main)
    assert order == list(range(100))


def test_an_exception_that_nobody_retrieved_fails_the_run() -> None:
    async def boom() -> None:
        raise LookupError("lost")

    async def main() -> None:
        asyncio.get_running_loop().create_task(boom())
        await asyncio.sleep(1)

    with pytest.raises(LookupError, match="lost"):
        lab.run(main)


def test_nothing_left_to_wait_for_names_the_waiting_tasks() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main(loop):
        await loop.create_task(forever(), name="the-one-that-waits")

    with pytest.raises(Stuck, match="the-one-that-waits"):
        run(main)


def test_callbacks_without_time_moving_stop_the_run(monkeypatch) -> None:
    monkeypatch.setattr("sim.agenda.STILL_LIMIT", 1000)

    async def main(loop):
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="without time moving"):
        run(main)


def test_a_simpy_event_is_awaited_with_its_value_or_its_error() -> None:
    async def main(loop):
        value = await loop.event(loop.env.timeout(5 * 10**9, "done"))
        failed = loop.env.event()
        failed.fail(OSError("disk"))
        with pytest.raises(OSError, match="disk"):
            await loop.event(failed)
        return value, loop.time()

    result, _ = run(main)
    assert result == ("done", 5.0)


def test_timers_and_events_of_one_instant_run_in_order_of_scheduling() -> None:
    order: list[str] = []

    async def main(loop):
        loop.call_later(1, order.append, "timer 1")
        loop.env.timeout(10**9).callbacks.append(lambda _: order.append("event"))
        loop.call_later(1, order.append, "timer 2")
        await asyncio.sleep(2)

    run(main)
    assert order == ["timer 1", "event", "timer 2"]


@pytest.mark.parametrize(
    "name", ["run_in_executor", "call_soon_threadsafe", "add_signal_handler", "create_connection", "getaddrinfo"]
)
def test_threads_sockets_and_signals_are_refused(name: str) -> None:
    async def main(loop):
        with pytest.raises(RuntimeError, match=name):
            getattr(loop, name)(None, None)

    run(main)


def test_timeouts_and_locks_of_asyncio_work_unchanged() -> None:
    async def main(loop):
        lock = asyncio.Lock()
        async with lock:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await asyncio.sleep(50)
        return loop.time()

    now, _ = run(main)
    assert now == 5.0


def test_a_burst_of_cancellations_minds_no_callback_of_unhashable_things() -> None:
    seen: list[int] = []

    async def main(loop):
        tasks = [loop.create_task(asyncio.sleep(100)) for _ in range(3)]
        await asyncio.sleep(1)
        loop.call_soon(seen.append, 1)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(1)

    run(main)
    assert seen == [1]


def test_a_device_that_never_lets_time_move_stops_the_run(monkeypatch) -> None:
    monkeypatch.setattr("sim.agenda.STILL_LIMIT", 1000)

    async def main(loop):
        def device():
            while True:
                yield loop.env.timeout(0)

        loop.env.process(device())
        await asyncio.sleep(1)

    with pytest.raises(Stuck, match="without time moving"):
        run(main)
