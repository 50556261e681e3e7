"""What every message queue promises to the processes on it: the same bodies on the one in memory and on RabbitMQ.

A test is given `play`, which runs `main(bus)` on a bus of its own.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.context import Context, Scope
from lab.errors import LabError, MessagingTimeout, NoValidHost, ProcessKilled, RemoteError
from lab.journal import Entry
from lab.medium import Interference, Passing, Verdict
from lab.process import Process
from lab.wires import Wires
from tests.contracts.record import promise

SCOPE = Scope(user_name="Ann", project_name="demo")
CTX = Context(request_id="req-bus", user_id="u", project_id="p", roles=("admin", "member"), token="gAAAA-secret-token", scope=SCOPE)
Play = Callable[[Callable[["Bus"], Coroutine[Any, Any, Any]]], Any]


class Bus(ABC):
    """Some processes on one message queue; each may have a machine of its own."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        """What the handlers were asked, in order."""

    @abstractmethod
    async def start(self, binary: str, host: str, factory: Callable[[Process], None] = lambda process: None) -> Process:
        """Start a process; what its factory declares is known to the queue when this returns."""

    @abstractmethod
    def wires(self, name: str) -> Wires:
        """The wires of a process."""

    @abstractmethod
    async def settled(self) -> None:
        """Wait until the queue has all that was sent."""

    @abstractmethod
    async def depth(self, queue: str) -> int:
        """How many messages lie in a queue."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All journals."""

    async def until(self, done: Callable[[], object], timeout_s: float = 10) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(timeout_s):
            while not done():
                await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Wait long enough for what should not come."""
        await self.settled()
        await asyncio.sleep(0.2)

    async def worker(self, host: str, topic: str = "conductor", fanout: bool = False) -> Process:
        """A consumer that keeps what it is asked as (host, method, value)."""
        return await self.start("nova-conductor", host, lambda process: Worker(self, process).serve(topic, fanout))

    async def restart(self, name: str) -> Process:
        """Start a killed process again."""
        process = self.wires(name).restart(name)
        await self.settled()
        return process


class Worker:
    """Handlers that note what they are asked."""

    def __init__(self, bus: Bus, process: Process) -> None:
        self.bus, self.process = bus, process

    def serve(self, topic: str, fanout: bool) -> None:
        handlers = {name: getattr(self, name) for name in ("get", "make", "refuse", "crash", "slow", "who", "ask_back", "sends_at_end")}
        self.process.rpc.serve(topic, handlers, host=self.process.host, fanout=fanout)

    def _note(self, method: str, value: Any) -> None:
        self.bus.seen.append((self.process.host, method, value))

    async def get(self, ctx: Context, x: Any) -> Any:
        self._note("get", x)
        return {"x": x, "by": self.process.host}

    async def make(self, ctx: Context, name: Any) -> None:
        self._note("make", name)

    async def refuse(self, ctx: Context) -> None:
        raise NoValidHost("No valid host was found. None at all.")

    async def crash(self, ctx: Context) -> None:
        raise OddError("it is broken")

    async def slow(self, ctx: Context, seconds: float) -> str:
        self._note("slow", seconds)
        await self.process.sleep(seconds)
        self._note("slept", seconds)
        return "awake"

    async def who(self, ctx: Context) -> Any:
        self._note("who", ctx)
        self.process.log(ctx, "asked who")

    async def ask_back(self, ctx: Context, topic: str, x: int) -> Any:
        return await self.process.rpc.call(ctx, topic, "get", {"x": x})

    async def sends_at_end(self, ctx: Context) -> None:
        self._note("sends_at_end", None)
        try:
            await self.process.sleep(1000)
        finally:
            self.process.rpc.cast(ctx, "conductor", "make", {"name": "too late"})


class OddError(LabError):
    """An error of this file's own."""


class Rule(Interference):
    """One verdict for one method."""

    def __init__(self, method: str, verdict: Verdict) -> None:
        self.method, self.verdict = method, verdict

    def judge(self, passing: Passing) -> Verdict | None:
        return self.verdict if passing.name == self.method and passing.kind != "rpc_reply" else None


class BusContract:
    """Calls, casts, fanouts and queues as oslo.messaging's users know them."""

    port = "bus"

    @promise("call", "one of the consumers answers it")
    def test_a_call_is_answered_by_one_of_the_consumers(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            answer = await client.rpc.call(CTX, "conductor", "get", {"x": [1, {"ä": None}]})
            assert answer == {"x": [1, {"ä": None}], "by": "h1"}

        play(main)

    @promise("call", "an error comes back as its own class")
    def test_errors_come_back_as_their_own_class_or_name_theirs(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            with pytest.raises(NoValidHost, match="None at all"):
                await client.rpc.call(CTX, "conductor", "refuse", {})
            with pytest.raises(OddError, match="it is broken"):
                await client.rpc.call(CTX, "conductor", "crash", {})
            with pytest.raises(LabError, match="no RPC method nothing; known: ask_back, crash"):
                await client.rpc.call(CTX, "conductor", "nothing", {})
            statuses = {e.name: e.status for e in bus.entries() if e.kind == "rpc_reply"}
            assert statuses == {"refuse": "failure:NoValidHost", "crash": "failure:OddError", "nothing": "failure:LabError"}

        play(main)

    @promise("call", "an error without a class here is a RemoteError that names it")
    def test_an_error_without_a_class_here_is_a_remote_error(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            async def explode(ctx: Context) -> None:
                raise ZeroDivisionError("by zero")

            client = await bus.start("nova-api", "c1")
            worker = await bus.start("nova-conductor", "h1", lambda process: process.rpc.serve("conductor", {"explode": explode}))
            with pytest.raises(RemoteError, match="by zero") as caught:
                await client.rpc.call(CTX, "conductor", "explode", {})
            assert caught.value.kind == "ZeroDivisionError"
            assert [str(e) for e in worker.runtime.errors] == ["by zero"]  # it is a bug, and kept as one
            worker.runtime.errors.clear()

        play(main)

    @promise("call", "one that nobody answers times out and says what was asked")
    def test_a_call_that_nobody_answers_times_out_and_names_what_was_asked(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            with pytest.raises(MessagingTimeout, match=r"Timed out waiting for a reply to message ID \d+ \(get to nobody\)"):
                await client.rpc.call(CTX, "nobody", "get", {"x": 1}, timeout=0.3)

        play(main)

    @promise("call", "an answer that comes too late disturbs nobody")
    def test_an_answer_that_comes_too_late_disturbs_nobody(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            with pytest.raises(MessagingTimeout):
                await client.rpc.call(CTX, "conductor", "slow", {"seconds": 0.5}, timeout=0.2)
            await bus.until(lambda: ("h1", "slept", 0.5) in bus.seen)
            assert (await client.rpc.call(CTX, "conductor", "get", {"x": 2}, timeout=5))["x"] == 2

        play(main)

    @promise("call", "a call that lay in its queue until nobody waits for it any more is gone, a cast is not")
    def test_a_call_that_nobody_took_in_its_time_is_gone(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            client.rpc.cast(CTX, "conductor", "make", {"name": "kept"})
            with pytest.raises(MessagingTimeout):
                await client.rpc.call(CTX, "conductor", "get", {"x": 1}, timeout=0.2)
            await bus.quiet()
            await bus.worker("h1")
            await bus.until(lambda: bus.seen)
            await bus.quiet()
            assert bus.seen == [("h1", "make", "kept")]
            assert await bus.depth("conductor") == 0

        play(main)

    @promise("cast", "messages of one sender arrive in their order")
    def test_messages_of_one_sender_arrive_in_their_order(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            for i in range(100):
                client.rpc.cast(CTX, "conductor", "make", {"name": i})
            await client.rpc.call(CTX, "conductor", "get", {"x": "last"})
            assert [value for _, _, value in bus.seen] == [*range(100), "last"]

        play(main)

    @promise("cast", "what was handed over lies in its queue")
    def test_what_was_handed_over_lies_in_its_queue(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            for i in range(3):
                client.rpc.cast(CTX, "later", "make", {"name": i})
            await client.rpc.handed_over(CTX)
            assert await bus.depth("later") == 3

        play(main)

    @promise("call", "consumers of a topic take turns; a host has a queue of its own")
    def test_consumers_of_a_topic_take_turns_and_a_host_has_a_queue_of_its_own(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            for host in ("h1", "h2"):
                await bus.worker(host)
            by = [(await client.rpc.call(CTX, "conductor", "get", {"x": i}))["by"] for i in range(10)]
            assert min(by.count("h1"), by.count("h2")) >= 3
            for _ in range(4):
                assert (await client.rpc.call(CTX, "conductor.h2", "get", {"x": 0}))["by"] == "h2"

        play(main)

    @promise("call", "many at once get each its own answer")
    def test_many_calls_at_once_get_each_its_own_answer(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            for host in ("h1", "h2"):
                await bus.worker(host)
            answers = await asyncio.gather(*(client.rpc.call(CTX, "conductor", "get", {"x": i}) for i in range(200)))
            assert [answer["x"] for answer in answers] == list(range(200))

        play(main)

    @promise("call", "a handler that calls others does not stand in their way")
    def test_a_handler_that_calls_others_does_not_stand_in_their_way(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            asked = (client.rpc.call(CTX, "conductor", "ask_back", {"topic": "conductor.h1", "x": i}, timeout=5) for i in range(20))
            assert [a["x"] for a in await asyncio.gather(*asked)] == list(range(20))

        play(main)

    @promise("call", "a message of a megabyte passes")
    def test_a_message_of_a_megabyte_passes(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            text = "0123456789abcdef" * 65_536
            assert (await client.rpc.call(CTX, "conductor", "get", {"x": text}))["x"] == text

        play(main)

    # -- fanouts ------------------------------------------------------------------------------

    @promise("fanout", "it comes once to each listener, the sender's machine included")
    def test_a_fanout_comes_once_to_each_listener_the_senders_machine_included(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            workers = [await bus.worker(host, fanout=True) for host in ("h1", "h2", "h3")]
            await bus.worker("h4")
            workers[0].rpc.fanout(CTX, "conductor", "make", {"name": "all"})
            await bus.until(lambda: len(bus.seen) >= 3)
            await bus.quiet()
            assert sorted(bus.seen) == [(host, "make", "all") for host in ("h1", "h2", "h3")]

        play(main)

    @promise("fanout", "one under keys comes to who wants one of them, or never said")
    def test_a_fanout_under_keys_comes_to_those_who_want_one_of_them_and_to_those_who_never_said(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            one, two, _ = [await bus.worker(host, fanout=True) for host in ("h1", "h2", "h3")]
            one.rpc.declare_interest("conductor", "port-1")
            one.rpc.declare_interest("conductor", "port-2")
            two.rpc.declare_interest("conductor", "port-2")
            for keys in ("port-1", "port-2", ["port-1", "port-2"], "port-9"):
                client.rpc.fanout(CTX, "conductor", "make", {"name": str(keys)}, keys)
            one.rpc.declare_interest("conductor", "port-3")
            two.rpc.drop_interest("conductor", "port-2")
            await bus.until(lambda: len([by for by, _, _ in bus.seen if by != "h2"]) >= 7)
            await bus.quiet()
            got = {host: [name for by, _, name in bus.seen if by == host] for host in ("h1", "h2", "h3")}
            assert got["h1"] == ["port-1", "port-2", "['port-1', 'port-2']"]
            assert got["h3"] == ["port-1", "port-2", "['port-1', 'port-2']", "port-9"]
            bus.seen.clear()
            client.rpc.fanout(CTX, "conductor", "make", {"name": "later"}, "port-2")
            await bus.until(lambda: len(bus.seen) >= 2)
            await bus.quiet()
            assert sorted(host for host, _, _ in bus.seen) == ["h1", "h3"]

        play(main)

    # -- the ends of processes ----------------------------------------------------------------

    @promise("cast", "what is sent before there is a consumer waits for it")
    def test_what_is_sent_before_there_is_a_consumer_waits_for_it(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            for i in range(3):
                client.rpc.cast(CTX, "conductor.h1", "make", {"name": i})
            await bus.settled()
            assert await bus.depth("conductor.h1") == 3
            await bus.worker("h1")
            await bus.until(lambda: len(bus.seen) == 3)
            assert [value for _, _, value in bus.seen] == [0, 1, 2]
            assert await bus.depth("conductor.h1") == 0

        play(main)

    @promise("kill", "what lies in a queue survives its consumer; what was taken is lost")
    def test_what_lies_in_a_queue_survives_its_consumer_and_what_was_taken_is_lost(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            client.rpc.cast(CTX, "conductor", "slow", {"seconds": 1000})
            await bus.until(lambda: bus.seen)
            bus.wires("nova-conductor@h1").kill("nova-conductor@h1")
            client.rpc.cast(CTX, "conductor", "make", {"name": "after"})
            await bus.quiet()
            assert await bus.depth("conductor") == 1
            await bus.restart("nova-conductor@h1")
            await bus.until(lambda: len(bus.seen) > 1)
            await bus.quiet()
            assert bus.seen == [("h1", "slow", 1000), ("h1", "make", "after")]

        play(main)

    @promise("kill", "the other consumers go on")
    def test_the_other_consumers_go_on_when_one_dies(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            for host in ("h1", "h2"):
                await bus.worker(host)
            bus.wires("nova-conductor@h1").kill("nova-conductor@h1")
            await bus.settled()
            by = [(await client.rpc.call(CTX, "conductor", "get", {"x": i}, timeout=5))["by"] for i in range(6)]
            assert by == ["h2"] * 6

        play(main)

    @promise("kill", "a killed process neither answers nor sends")
    def test_a_killed_process_neither_answers_nor_sends(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            worker = await bus.worker("h1")
            await bus.worker("h2", topic="other")
            client.rpc.cast(CTX, "conductor", "sends_at_end", {})
            asked = asyncio.ensure_future(client.rpc.call(CTX, "conductor", "slow", {"seconds": 1000}, timeout=0.8))
            await bus.until(lambda: len(bus.seen) == 2)
            bus.wires(worker.name).kill(worker.name)
            with pytest.raises(MessagingTimeout):
                await asked
            with pytest.raises(ProcessKilled):
                worker.rpc.cast(CTX, "conductor", "make", {"name": "dead"})
            await bus.quiet()
            assert await bus.depth("conductor") == 0

        play(main)

    @promise("fanout", "it is not kept for a listener that died")
    def test_a_fanout_is_not_kept_for_a_listener_that_died(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1", fanout=True)
            bus.wires("nova-conductor@h1").kill("nova-conductor@h1")
            client.rpc.fanout(CTX, "conductor", "make", {"name": "missed"})
            await bus.quiet()
            await bus.restart("nova-conductor@h1")
            client.rpc.fanout(CTX, "conductor", "make", {"name": "heard"})
            await bus.until(lambda: bus.seen)
            await bus.quiet()
            assert bus.seen == [("h1", "make", "heard")]

        play(main)

    # -- what travels with a message ----------------------------------------------------------

    @promise("call", "the context travels, and its token is in no journal")
    def test_the_context_travels_and_its_token_is_in_no_journal(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            await client.rpc.call(CTX, "conductor", "who", {})
            [(_, _, ctx)] = bus.seen
            [call] = [e for e in bus.entries() if e.kind == "rpc_call"]
            assert ctx == CTX.at(call.seq)
            assert (ctx.scope, ctx.has("reader")) == (SCOPE, True)
            assert not [e for e in bus.entries() if CTX.token.encode() in e.line()]

        play(main)

    @promise("call", "the journal knows what a handler did of which message")
    def test_what_a_handler_does_is_caused_by_its_message(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            await client.rpc.call(CTX, "conductor", "who", {})
            [call] = [e for e in bus.entries() if e.kind == "rpc_call"]
            [said] = [e for e in bus.entries() if e.name == "asked who"]
            [reply] = [e for e in bus.entries() if e.kind == "rpc_reply"]
            assert (call.source, call.where, call.json()) == ("nova-api@c1", "conductor", {})
            assert said.parent == reply.parent == call.seq
            assert (reply.source, reply.target, reply.where) == ("nova-conductor@h1", "nova-api@c1", "reply_nova-api")
            assert said.request_id == reply.request_id == "req-bus"
            assert 0 <= reply.duration < 5_000_000_000

        play(main)

    @promise("report", "reports come again and again")
    def test_reports_come_again_and_again(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            got: list[Any] = []

            async def report_state(ctx: Context, reports: list[Any]) -> None:
                got.extend((report["host"], ctx.periodic) for report in reports)

            await bus.start("neutron-rpc", "c1", lambda process: process.rpc.serve("reports", {"report_state": report_state}))
            for host in ("h1", "h2"):
                told = {"host": host}
                await bus.start(
                    "agent", host, lambda process, told=told: process.rpc.report("reports", "report_state", 0.2, lambda: told)
                )
            await bus.until(lambda: got.count(("h1", True)) >= 3 and got.count(("h2", True)) >= 3)

        play(main)

    # -- what goes wrong ----------------------------------------------------------------------

    @promise("interfere", "a message may be doubled or lost, or its answer lost")
    def test_a_message_may_be_doubled_or_lost_or_its_answer_lost(self, play: Play) -> None:
        async def main(bus: Bus) -> None:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")
            wires = bus.wires(client.name)
            wires.interference = Rule("make", Verdict(copies=1))
            client.rpc.cast(CTX, "conductor", "make", {"name": "twice"})
            await bus.until(lambda: len(bus.seen) == 2)
            wires.interference = Rule("make", Verdict(drop=True))
            client.rpc.cast(CTX, "conductor", "make", {"name": "never"})
            wires.interference = Rule("get", Verdict(copies=1))
            assert (await client.rpc.call(CTX, "conductor", "get", {"x": 1}))["x"] == 1
            await bus.until(lambda: len(bus.seen) == 4)
            await bus.quiet()
            assert bus.seen == [*[("h1", "make", "twice")] * 2, *[("h1", "get", 1)] * 2]

        play(main)
