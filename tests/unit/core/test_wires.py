"""Processes, RPC and REST: what arrives, what is lost, and what a power cut leaves."""

from __future__ import annotations

import asyncio

import pytest

from lab.errors import MessagingTimeout, NoValidHost, ProcessKilled, Unreachable
from lab.medium import Passing
from sim.faults import Match
from tests.unit.core.wiring import CTX, play


def test_a_call_is_answered_and_journaled_with_cause_and_duration() -> None:
    async def main(tiny):
        response = await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")
        return response.json(), list(tiny.wires.journal.since())

    body, entries = play(main)
    assert body == {"thing": {"x": 2}}
    rest, call, reply, answer = [e for e in entries if e.kind in ("rest", "rpc_call", "rpc_reply", "rest_reply")]
    assert (rest.name, rest.where, rest.parent) == ("GET", "/v2.1/things/1", 0)
    assert (call.parent, call.where, call.json()) == (rest.seq, "conductor", {"x": 1})
    assert (reply.parent, reply.status, reply.json()) == (call.seq, "ok", {"x": 2})
    assert (answer.parent, answer.status, answer.duration) == (rest.seq, "200", 4_500_000)
    assert {e.request_id for e in (rest, call, reply, answer)} == {"req-test"}


def test_an_error_of_the_handler_comes_back_as_its_own_class() -> None:
    async def main(tiny):
        with pytest.raises(NoValidHost, match="None at all"):
            await tiny.client.rpc.call(CTX, "conductor", "refuse", {})

    play(main)


def test_a_lost_reply_is_a_messaging_timeout_after_60_s_and_the_effect_stays() -> None:
    async def main(tiny):
        tiny.faults.arm("lose_reply", Match("get"))
        with pytest.raises(MessagingTimeout, match="Timed out waiting for a reply to message ID"):
            await tiny.client.rpc.call(CTX, "conductor", "get", {"x": 1})
        return tiny.seen, tiny.wires.runtime.now()

    seen, now = play(main)
    assert seen == [("get", 1)]
    assert now == pytest.approx(60.0, abs=0.01)


@pytest.mark.parametrize(("act", "count"), [("drop", 0), ("duplicate", 2)])
def test_a_cast_may_be_lost_or_doubled(act: str, count: int) -> None:
    async def main(tiny):
        tiny.faults.arm(act, Match("make"))
        tiny.client.rpc.cast(CTX, "conductor", "make", {"name": "a"})
        await asyncio.sleep(5)
        return tiny.seen

    assert play(main).count(("make", "a")) == count


def test_what_lies_in_the_queue_survives_its_consumer_and_what_was_taken_is_lost() -> None:
    async def main(tiny):
        for name in "abc":
            tiny.client.rpc.cast(CTX, "conductor", "make", {"name": name})
        await asyncio.sleep(0.003)  # a is being handled, the one worker works on b, c lies in the queue
        tiny.wires.kill("nova-conductor@c2")
        depth = tiny.wires.broker.depths()["conductor"]
        await asyncio.sleep(10)
        tiny.wires.restart("nova-conductor@c2")
        await asyncio.sleep(10)
        return depth, tiny.seen

    depth, seen = play(main, workers=1)
    assert depth == 1
    assert seen == [("make", "a"), ("make", "c"), ("made", "c")]


def test_a_finally_block_of_a_killed_process_sends_nothing() -> None:
    async def main(tiny):
        tiny.client.rpc.cast(CTX, "conductor", "finally_sends", {})
        await asyncio.sleep(1)
        tiny.wires.kill("nova-conductor@c2")
        await asyncio.sleep(1)
        return tiny.seen, tiny.kinds("rpc_cast")

    seen, casts = play(main)
    assert seen == ["finally"]
    assert [name for _, name, _ in casts] == ["finally_sends"]


def test_every_handle_of_a_dead_process_is_dead_even_after_its_restart() -> None:
    async def main(tiny):
        old = tiny.wires.processes["nova-conductor@c2"]
        tiny.wires.restart("nova-conductor@c2")
        with pytest.raises(ProcessKilled):
            await old.store.run(lambda tx: None)
        with pytest.raises(ProcessKilled):
            old.rpc.cast(CTX, "conductor", "get", {"x": 1})
        with pytest.raises(ProcessKilled):
            await old.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")
        with pytest.raises(ProcessKilled):
            old.log(CTX, "still here")

    play(main)


def test_a_killed_api_resets_the_connections_that_it_held() -> None:
    async def main(tiny):
        task = asyncio.get_running_loop().create_task(
            tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/slow", auth="none")
        )
        await asyncio.sleep(1)
        tiny.wires.kill("nova-api@c1")
        with pytest.raises(Unreachable, match="closed the connection"):
            await task
        with pytest.raises(Unreachable, match="no compute API listens"):
            await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/slow", auth="none")

    play(main)


def test_a_hung_process_takes_nothing_and_goes_on_where_it_stood() -> None:
    async def main(tiny):
        tiny.client.rpc.cast(CTX, "conductor", "make", {"name": "a"})
        await asyncio.sleep(0.5)
        tiny.wires.hang("nova-conductor@c2")
        tiny.client.rpc.cast(CTX, "conductor", "make", {"name": "b"})
        await asyncio.sleep(20)
        hung = list(tiny.seen)
        tiny.wires.resume("nova-conductor@c2")
        await asyncio.sleep(5)
        return hung, tiny.seen

    hung, seen = play(main)
    assert hung == [("make", "a")]
    assert sorted(seen) == [("made", "a"), ("made", "b"), ("make", "a"), ("make", "b")]


def test_a_queue_grows_while_the_workers_are_busy() -> None:
    async def main(tiny):
        for i in range(10):
            tiny.client.rpc.cast(CTX, "conductor", "make", {"name": str(i)})
        await asyncio.sleep(0.001)
        return tiny.wires.broker.depths()["conductor"]

    assert play(main, workers=4) == 6


def test_a_sender_without_a_path_sends_when_the_path_is_back() -> None:
    async def main(tiny):
        tiny.medium.cut.add("out")
        tiny.client.rpc.cast(CTX, "conductor", "make", {"name": "a"})
        await asyncio.sleep(10)
        before = list(tiny.seen)
        tiny.medium.cut.clear()
        await asyncio.sleep(5)
        return before, tiny.seen

    before, seen = play(main)
    assert before == []
    assert seen[0] == ("make", "a")


def test_an_idle_wire_is_not_busy_and_holds_no_timer() -> None:
    async def main(tiny):
        await tiny.client.rest.call(CTX, "compute", "GET", "/v2.1/things/1", auth="none")
        await asyncio.sleep(1)
        return tiny.wires.runtime.busy, tiny.client.runtime.loop._timers

    busy, timers = play(main)
    assert busy == 0
    assert [handle for _, _, handle in timers if handle.callback is not None] == []


def test_a_rule_counts_its_matches_and_acts_on_the_nth() -> None:
    async def main(tiny):
        tiny.faults.arm("drop", Match("make", nth=2))
        passing = Passing("rpc_cast", "client@out", "nova-conductor@c2", "make", "conductor", 1)
        return [tiny.faults.judge(passing) is not None for _ in range(4)]

    assert play(main) == [False, True, False, False]
