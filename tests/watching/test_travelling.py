"""A watcher of a cloud that goes back in its time: what it has at the end is the journal of the future that was chosen."""

from __future__ import annotations

import asyncio
import json

import pytest
from httpx_sse import aconnect_sse

from lab.rest import pages
from tests.travel.edge import Face, face


class Film:
    """The lines that a watcher has, as far as they are of the present future."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.travelled: list[int] = []

    async def follow(self, at: Face, forgets: bool) -> None:
        """Watch for ever; one that forgets breaks off after each travel and asks to go on by number alone."""
        run = 0
        while True:
            query = f"since={len(self.lines)}" + ("" if forgets else f"&run={run}")
            async with aconnect_sse(at.http, "GET", f"/glasscloud/events?{query}", headers={"x-auth-token": at.token}) as source:
                async for event in source.aiter_sse():
                    if event.event == "entries":
                        self.lines += event.data.encode().split(b"\n")
                    elif event.event == "travel":
                        told = json.loads(event.data)
                        run = told["run"]
                        self.travelled.append(told["to"])
                        del self.lines[told["to"] :]
                        if forgets:
                            break

    async def has(self, at: Face) -> None:
        """Wait until it has all."""
        while len(self.lines) != at.served.journal.seq:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("forgets", [False, True])
def test_the_film_is_cut_where_the_world_was_gone_back_to(forgets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS_MAX", 1 << 40)

    async def main() -> None:
        async with face() as at:
            film = Film()
            watching = asyncio.ensure_future(film.follow(at, forgets))
            end = await at.paused_at()
            await film.has(at)
            assert film.lines == at.lines
            await at.travel(end - 60)
            await at.clock(step_events=40)
            await film.has(at)
            await at.travel(end - 30, then={"fault": {"plant": "process", "process": "nova-compute@compute-1", "do": "kill"}})
            await at.clock(step=20)
            await film.has(at)
            assert film.lines == at.lines
            assert any(b'"name":"kill"' in line for line in film.lines)
            assert film.travelled == at.served.travels
            assert at.served.travels[0] == end - 60
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(main())
