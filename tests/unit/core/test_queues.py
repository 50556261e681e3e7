"""The broker's lines: who gets what waited, what comes back to a queue, and what a fault does to a message in line."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from lab.errors import MessagingTimeout
from sim.faults import Match
from tests.unit.core.wiring import CTX, Conductor, play

CONDUCTOR = "nova-conductor@c2"


def second_conductor(tiny, host="c3"):
    """Another consumer of the same topic, with a list of its own."""
    seen: list = []
    tiny.wires.start("nova-conductor", host, lambda process: Conductor(process, seen) and None)
    return seen


@pytest.mark.parametrize("act", ["kill_before", "kill_after"])
def test_a_fault_of_a_message_holds_though_it_waits_in_line(act: str) -> None:
    async def main(tiny):
        tiny.faults.arm(act, Match("get", nth=2))
        for i in range(2):
            tiny.client.rpc.cast(CTX, "conductor", "get", {"x": i})
        await asyncio.sleep(1)
        return tiny.wires.processes[CONDUCTOR].alive, tiny.seen

    alive, seen = play(main, workers=1)
    assert not alive
    assert seen == [("get", 0), ("get", 1)][: 1 if act == "kill_before" else 2]


def test_the_reply_of_a_call_that_waited_in_line_can_be_lost() -> None:
    async def main(tiny):
        tiny.faults.arm("lose_reply", Match("get", nth=2))
        tiny.client.rpc.cast(CTX, "conductor", "get", {"x": 0})
        with pytest.raises(MessagingTimeout):
            await tiny.client.rpc.call(CTX, "conductor", "get", {"x": 1})

    play(main, workers=1)


def test_a_message_goes_to_the_consumer_that_has_a_path() -> None:
    async def main(tiny):
        other = second_conductor(tiny)
        tiny.medium.cut.add("c2")
        for i in range(3):
            tiny.client.rpc.cast(CTX, "conductor", "get", {"x": i})
        await asyncio.sleep(1)
        return other, tiny.wires.broker.depths()["conductor"]

    other, depth = play(main)
    assert other == [("get", 0), ("get", 1), ("get", 2)]
    assert depth == 0


def test_messages_that_were_on_their_way_to_a_dead_consumer_go_to_another_in_their_order() -> None:
    async def main(tiny):
        other = second_conductor(tiny)
        tiny.wires.hang("nova-conductor@c3")
        for i in range(3):
            tiny.client.rpc.cast(CTX, "conductor", "get", {"x": i})
        await asyncio.sleep(0.0001)
        tiny.wires.resume("nova-conductor@c3")
        tiny.wires.kill(CONDUCTOR)
        await asyncio.sleep(1)
        return other, tiny.wires.broker.depths()["conductor"], tiny.wires.runtime.busy

    assert play(main) == ([("get", 0), ("get", 1), ("get", 2)], 0, 0)


def test_a_fanout_on_its_way_to_a_dead_listener_is_gone_and_comes_to_nobody_twice() -> None:
    async def main(tiny):
        other = second_conductor(tiny)
        tiny.client.rpc.fanout(CTX, "conductor", "get", {"x": 7})
        await asyncio.sleep(0.0001)
        tiny.wires.kill(CONDUCTOR)
        await asyncio.sleep(1)
        tiny.wires.restart(CONDUCTOR)
        await asyncio.sleep(1)
        return tiny.seen, other

    assert play(main) == ([], [("get", 7)])


def test_a_fanout_waits_for_a_listener_that_hangs_or_has_no_path() -> None:
    async def main(tiny):
        other = second_conductor(tiny)
        tiny.wires.hang(CONDUCTOR)
        tiny.medium.cut.add("c3")
        tiny.client.rpc.fanout(CTX, "conductor", "get", {"x": 7})
        await asyncio.sleep(5)
        before = [*tiny.seen, *other]
        tiny.wires.resume(CONDUCTOR)
        tiny.medium.cut.clear()
        tiny.medium.changed()
        await asyncio.sleep(1)
        return before, tiny.seen, other, tiny.wires.broker._waiting

    assert play(main) == ([], [("get", 7)], [("get", 7)], 0)


def test_a_fanout_is_sent_when_its_sender_has_a_path_again() -> None:
    async def main(tiny):
        tiny.medium.cut.add("out")
        tiny.client.rpc.fanout(CTX, "conductor", "get", {"x": 7})
        await asyncio.sleep(5)
        tiny.medium.cut.clear()
        await asyncio.sleep(2)
        return tiny.seen

    assert play(main) == [("get", 7)]


def test_a_delayed_fanout_holds_no_worker_meanwhile() -> None:
    async def main(tiny):
        tiny.faults.arm("delay", Match("make"), delay_s=50)
        tiny.client.rpc.fanout(CTX, "conductor", "make", {"name": "late"})
        await asyncio.sleep(1)
        await tiny.client.rpc.call(CTX, "conductor", "get", {"x": 1}, timeout=5)
        await asyncio.sleep(60)
        return tiny.seen

    assert play(main, workers=1)[:2] == [("get", 1), ("make", "late")]


def test_what_waited_for_a_listener_that_dies_is_no_longer_counted() -> None:
    async def main(tiny):
        tiny.wires.hang(CONDUCTOR)
        tiny.client.rpc.fanout(CTX, "conductor", "get", {"x": 7})
        await asyncio.sleep(1)
        tiny.wires.kill(CONDUCTOR)
        await asyncio.sleep(1)
        return tiny.wires.broker._waiting, tiny.wires.runtime.busy

    assert play(main) == (0, 0)


def test_a_call_that_timed_out_before_it_could_be_sent_is_never_sent() -> None:
    async def main(tiny):
        tiny.medium.cut.add("out")
        with pytest.raises(MessagingTimeout):
            await tiny.client.rpc.call(CTX, "conductor", "get", {"x": 1})
        tiny.medium.cut.clear()
        await asyncio.sleep(10)
        return tiny.seen

    assert play(main) == []


def test_a_reply_waits_for_a_path_as_long_as_its_caller_does() -> None:
    async def main(tiny):
        call = partial(tiny.client.rpc.call, CTX, "conductor", "get", {"x": 1})
        task = asyncio.get_running_loop().create_task(call())
        await asyncio.sleep(0.001)
        tiny.medium.cut.add("out")
        await asyncio.sleep(5)
        tiny.medium.cut.clear()
        return await task, tiny.wires.runtime.now() < 10

    assert play(main) == ({"x": 2}, True)


def test_an_interest_that_is_dropped_leaves_nothing_behind() -> None:
    async def main(tiny):
        rpc = tiny.wires.processes[CONDUCTOR].rpc
        for i in range(5):
            rpc.declare_interest("conductor", f"port-{i}")
            rpc.drop_interest("conductor", f"port-{i}")
        rpc.declare_interest("conductor", "kept")
        tiny.wires.kill(CONDUCTOR)
        return tiny.wires.broker._interested

    assert play(main) == {}


def test_a_fault_on_one_agents_report_leaves_the_others_of_its_tick_alone() -> None:
    async def main(tiny):
        got: list = []

        async def reports(ctx, reports):
            got.extend(r["host"] for r in reports)

        tiny.wires.processes[CONDUCTOR].rpc.serve("reports", {"report_state": reports})
        for host in range(11):
            process = tiny.wires.start("agent", f"h{host}", lambda process: None)
            process.rpc.report("reports", "report_state", 10, lambda host=f"h{host}": {"host": host})
        await asyncio.sleep(0.5)
        got.clear()
        tiny.faults.arm("drop", Match("report_state", source="agent@h0", times=0))
        await asyncio.sleep(10)
        return sorted(got)

    assert play(main) == sorted(f"h{i}" for i in range(1, 11))
