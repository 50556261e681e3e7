"""A live run, served to HTTP clients at a changing pace, is repeated exactly: the same journal, byte for byte."""

from __future__ import annotations

from tests.determinism.story import first_difference
from tests.travel.edge import Face, eventful, run


def test_an_eventful_run_is_repeated_byte_for_byte() -> None:
    async def main(at: Face) -> None:
        await eventful(at)
        end = await at.paused_at()
        before = at.lines
        text = b"\n".join(before)
        for sign in (b'"kind":"input"', b"delay build_and_run_instance", b'"name":"kill"', b'"kind":"frame"', b'"status":"401"'):
            assert sign in text, sign
        answer = await at.travel(end)
        after = at.lines
        assert after == before[: len(after)], first_difference(before, after)
        assert answer == answer | {"seq": end, "run": 1, "same": True, "differs_at": None}

    run(main)
