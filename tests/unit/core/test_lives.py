"""Kill, hang and restart: what a process does not do any more, and what the others see of it."""

from __future__ import annotations

import asyncio

import pytest

from lab.errors import ProcessKilled, Unreachable
from lab.rest import Stream
from sim.faults import Match
from tests.unit.core.wiring import CTX, play

API, CONDUCTOR = "nova-api@c1", "nova-conductor@c2"


def get(tiny, target="/v2.1/things/1"):
    return asyncio.get_running_loop().create_task(tiny.client.rest.call(CTX, "compute", "GET", target, auth="none"))


def test_what_a_hung_process_has_in_hand_is_handled_when_it_goes_on() -> None:
    async def main(tiny):
        task = get(tiny)
        tiny.client.rpc.cast(CTX, "conductor", "get", {"x": 5})
        await asyncio.sleep(0.0003)  # both are with their workers
        tiny.wires.hang(API)
        tiny.wires.hang(CONDUCTOR)
        await asyncio.sleep(20)
        hung = list(tiny.seen), tiny.kinds("rpc_call")
        tiny.wires.resume(CONDUCTOR)
        tiny.wires.resume(API)
        response = await task
        await asyncio.sleep(1)
        return hung, response.status, tiny.seen, tiny.wires.runtime.busy

    assert play(main) == (([], []), 200, [("get", 5), ("get", 1)], 0)


def test_what_came_to_a_process_while_it_hung_goes_back_to_the_queue_when_it_is_killed() -> None:
    async def main(tiny):
        tiny.client.rpc.cast(CTX, "conductor", "get", {"x": 5})
        await asyncio.sleep(0.0001)  # on its way
        tiny.wires.hang(CONDUCTOR)
        await asyncio.sleep(1)
        tiny.wires.kill(CONDUCTOR)
        await asyncio.sleep(1)
        depth = tiny.wires.broker.depths()["conductor"]
        tiny.wires.restart(CONDUCTOR)
        await asyncio.sleep(1)
        return depth, tiny.seen, tiny.wires.runtime.busy

    assert play(main) == (1, [("get", 5)], 0)


def test_a_hung_api_that_is_killed_resets_what_it_had_in_hand() -> None:
    async def main(tiny):
        task = get(tiny)
        await asyncio.sleep(0.0003)
        tiny.wires.hang(API)
        await asyncio.sleep(1)
        tiny.wires.kill(API)
        with pytest.raises(Unreachable, match="closed the connection"):
            await task
        return tiny.wires.runtime.busy

    assert play(main) == 0


def test_a_request_that_comes_late_to_a_dead_api_is_refused() -> None:
    async def main(tiny):
        tiny.faults.arm("delay", Match("GET *slow"), delay_s=5)
        for _ in range(2):
            get(tiny)
        task = get(tiny, "/v2.1/slow")
        await asyncio.sleep(1)
        tiny.wires.processes[API].memory["listener"].busy = 1
        tiny.wires.kill(API)
        with pytest.raises(Unreachable):
            await task
        return tiny.wires.runtime.now()

    assert play(main, workers=1) == pytest.approx(5, abs=0.1)


def test_a_driver_tells_a_hung_process_when_it_goes_on_and_a_dead_one_nothing() -> None:
    class Driver:
        def on_change(self, callback):
            self.told = callback

    async def main(tiny):
        process, driver, heard = tiny.wires.processes[CONDUCTOR], Driver(), []
        process.drive("hypervisor", driver).on_change(heard.append)
        driver.told("one")
        process.hang()
        driver.told("two")
        await asyncio.sleep(1)
        assert heard == ["one"]
        process.resume()
        await asyncio.sleep(1)
        process.kill()
        driver.told("three")
        return heard

    assert play(main) == ["one", "two"]


def test_no_verb_of_a_driver_has_effect_for_a_dead_process_and_attributes_are_read_anew() -> None:
    class Driver:
        level = 1

        def open(self) -> str:
            return "content"

    async def main(tiny):
        process, driver = tiny.wires.processes[CONDUCTOR], Driver()
        handle = process.drive("image", driver)
        assert (handle.level, handle.open()) == (1, "content")
        driver.level = 2
        assert handle.level == 2
        process.kill()
        with pytest.raises(ProcessKilled):
            handle.open()

    play(main)


def test_the_journal_tells_only_what_happened_to_a_process() -> None:
    async def main(tiny):
        for act in (tiny.wires.resume, tiny.wires.hang, tiny.wires.hang, tiny.wires.kill, tiny.wires.kill, tiny.wires.resume):
            act(CONDUCTOR)
        return [name for _, name, _ in tiny.kinds("process")][-2:]

    assert play(main) == ["hang", "kill"]


def test_a_loop_can_be_closed_while_a_process_hangs() -> None:
    async def main(tiny):
        tiny.client.rpc.cast(CTX, "conductor", "make", {"name": "a"})
        await asyncio.sleep(0.5)
        tiny.wires.hang(CONDUCTOR)
        await asyncio.sleep(5)

    play(main)


def test_a_handler_killed_before_its_task_began_ends_with_its_finally() -> None:
    async def main(tiny):
        process, ended = tiny.wires.processes[CONDUCTOR], []

        async def handler():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append("finally")

        process.handle(handler(), "test", lambda *ends: ended.append(type(ends[-1]).__name__))
        process.kill()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return ended

    assert play(main) == ["finally", "CancelledError"]


def test_a_handler_that_kills_its_own_process_is_not_resumed() -> None:
    async def main(tiny):
        process, ended = tiny.wires.processes[CONDUCTOR], []

        async def handler():
            process.kill()
            await asyncio.sleep(1)
            ended.append("went on")

        process.handle(handler(), "test", lambda *ends: ended.append(type(ends[-1]).__name__))
        await asyncio.sleep(5)
        return ended

    assert play(main) == ["ProcessKilled"]


def test_an_upload_whose_path_breaks_leaves_no_error_behind() -> None:
    async def main(tiny):
        async def breaks(a, b, nbytes):
            await asyncio.sleep(1)
            raise Unreachable("the path broke")

        tiny.medium.transfer = breaks
        other = get(tiny, "/v2.1/slow")

        async def content():
            yield b"x"

        with pytest.raises(Unreachable, match="the path broke"):
            await tiny.client.rest.call(
                CTX, "compute", "GET", "/v2.1/slow", auth="none", stream=Stream(content, 10)
            )
        tiny.wires.kill(API)
        with pytest.raises(Unreachable):
            await other
        return tiny.wires.runtime.busy

    assert play(main) == 0


def test_the_journal_names_the_api_process_that_got_the_request() -> None:
    async def main(tiny):
        from tests.unit.core.wiring import ThingApi

        tiny.wires.start("nova-api", "c9", lambda process: ThingApi(process).start())
        for _ in range(4):
            await get(tiny)
        entries = list(tiny.wires.journal.since())
        asked = [e.target for e in entries if e.kind == "rest"]
        answered = [e.source for e in entries if e.kind == "rest_reply"]
        return asked, answered

    asked, answered = play(main)
    assert asked == answered
    assert sorted(set(asked)) == ["nova-api@c1", "nova-api@c9"]


def test_periodic_work_stays_periodic_behind_an_api() -> None:
    async def main(tiny):
        ctx = tiny.client.context(periodic=True)
        await tiny.client.rest.call(ctx, "compute", "POST", "/v2.1/things", body={"name": "a"}, auth="none")
        await asyncio.sleep(0.5)
        return tiny.seen, tiny.wires.runtime.busy

    assert play(main) == ([("make", "a")], 0)


def test_rules_count_every_match_also_those_that_another_rule_acts_on() -> None:
    async def main(tiny):
        tiny.faults.arm("drop", Match("make", nth=1))
        tiny.faults.arm("drop", Match("make", nth=2))
        tiny.faults.arm("delay", Match("make", nth=3), delay_s=10)
        tiny.faults.arm("duplicate", Match("make", nth=3))
        for name in "abc":
            tiny.client.rpc.cast(CTX, "conductor", "make", {"name": name})
        await asyncio.sleep(5)
        early = list(tiny.seen)
        await asyncio.sleep(30)
        return early, tiny.seen

    early, seen = play(main)
    assert early == []
    assert seen.count(("make", "c")) == 2
    assert {name for _, name in seen} == {"c"}
