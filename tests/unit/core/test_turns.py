"""Casts of one request over RabbitMQ: each leaves when the one before is confirmed, and who must wait for that does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.rpc.amqp_turns import Key, Turns

ONE, OTHER, ELSEWHERE = Key("req-1", "neutron-api"), Key("req-2", "neutron-api"), Key("req-1", "nova-api")


def test_casts_of_a_request_leave_one_after_another_and_those_of_others_beside_them() -> None:
    turns, out = Turns(), list[str]()
    for key, name in ((ONE, "push"), (ONE, "port_create_end"), (OTHER, "push of another"), (ELSEWHERE, "of another process")):
        turns.go(key, sending(turns, key, out, name))
    assert out == ["push", "push of another", "of another process"]
    turns.done(ONE)
    assert out[3:] == ["port_create_end"]
    turns.done(ONE)
    turns.go(ONE, sending(turns, ONE, out, "later"))
    assert out[4:] == ["later"]


def test_a_call_goes_after_what_was_told_before_it_and_holds_nothing_up() -> None:
    turns, out = Turns(), list[str]()
    turns.after(ONE, lambda: out.append("first call"))
    for name in ("cast", "second cast"):
        turns.go(ONE, sending(turns, ONE, out, name))
    turns.after(ONE, lambda: out.append("call"))
    turns.go(ONE, sending(turns, ONE, out, "third cast"))
    assert out == ["first call", "cast"]
    turns.done(ONE)
    assert out[2:] == ["second cast"]
    turns.done(ONE)
    assert out[3:] == ["call", "third cast"]


def test_what_never_leaves_holds_nothing_up() -> None:
    turns, out = Turns(), list[str]()
    turns.go(ONE, lambda: None)
    turns.go(ONE, sending(turns, ONE, out, "cast"))
    turns.go(ONE, lambda: None)
    turns.go(ONE, sending(turns, ONE, out, "last"))
    turns.done(ONE)
    assert out == ["cast", "last"]


def test_who_answers_waits_until_all_of_the_request_is_confirmed() -> None:
    async def main() -> None:
        turns, out = Turns(), list[str]()
        await turns.wait("req-1")
        for key in (ONE, ONE, ELSEWHERE, OTHER):
            turns.go(key, sending(turns, key, out, "cast"))
        waiting = asyncio.ensure_future(turns.wait("req-1"))
        for key in (ONE, ONE, ELSEWHERE):
            await asyncio.sleep(0)
            assert not waiting.done()
            turns.done(key)
        await asyncio.sleep(0)
        assert waiting.done()

    asyncio.run(main())


def test_nobody_waits_for_a_connection_that_broke() -> None:
    async def main() -> None:
        turns, out = Turns(), list[str]()
        for name in ("cast", "second", "third"):
            turns.go(ONE, sending(turns, ONE, out, name))
        waiting = asyncio.ensure_future(turns.wait("req-1"))
        await asyncio.sleep(0)
        turns.give_up()
        await asyncio.sleep(0)
        assert waiting.done()
        assert out == ["cast", "second", "third"]
        await turns.wait("req-1")

    asyncio.run(main())


def sending(turns: Turns, key: Key, out: list[str], name: str) -> Callable[[], None]:
    """What sends a cast."""

    def send() -> None:
        turns.left(key)
        out.append(name)

    return send
