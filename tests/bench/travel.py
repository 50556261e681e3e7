"""Travel in time: how long it takes to go back in a run of 2,000 messages, as a client over HTTP sees it."""

from __future__ import annotations

import json
from time import perf_counter, process_time
from typing import Any

from lab.cloud import Cloud
from lab.journal.export import TRACED
from tests.travel.edge import Face, create, furnish, run

MESSAGES = 2_000
POINTS = (1.0, 0.5, 0.9, 0.1, 0.75, 0.999)
"""Parts of the run after which it is stopped; each is gone to twice, since the first time has to find where it can be."""


async def fill(at: Face) -> int:
    """Create servers until the run has its messages; the journal's end."""

    def messages() -> int:
        return sum(1 for entry in at.served.journal.since() if entry.kind in TRACED)

    async with Cloud.connect(at.url, password="a password") as cloud:
        things = await furnish(cloud)
        number = 0
        while messages() < MESSAGES:
            number += 1
            server = await create(cloud, f"web-{number}", things)
            await server.wait_for("ACTIVE")
            if number >= 8:
                await server.delete()
                await server.wait_gone()
    return await at.paused_at()


async def main(at: Face) -> dict[str, float]:
    """Go to the points and take the longest and the mean time."""
    end = await fill(at)
    times, walls = [], []
    for part in POINTS * 2:
        cpu, wall = process_time(), perf_counter()
        answer: dict[str, Any] = await at.travel(max(2, round(end * part)))
        times.append(process_time() - cpu)
        walls.append(perf_counter() - wall)
        assert answer["same"], answer
    return {
        "travel_s": round(max(times), 3),
        "travel_mean_s": round(sum(times) / len(times), 3),
        "travel_wall_s": round(max(walls), 3),
        "travel_entries": end,
    }


if __name__ == "__main__":
    print(json.dumps(run(main)))
