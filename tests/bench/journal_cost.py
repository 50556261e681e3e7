"""What the journal adds to a boot: the same workload with it and without it, in turns.

Without it, entries are only counted, and the bodies that are made for it alone (notifications, driver calls, states)
are not made. What the wires send they encode in any case. Turns are short and many, and the quickest tenth of each kind
is compared: what disturbs the machine disturbs both.
"""

from __future__ import annotations

import asyncio
import gc
import json
from time import process_time
from unittest.mock import patch

import lab
from lab.journal import Journal
from tests.bench.boots import RATE, Workload, config

HOSTS = {"racks": 5, "hosts_per_rack": 40}
WARM_UP = 300
"""Boots before the first turn: by then old entries are packed away, which is part of the cost."""
TURNS = 120
TURN_S = 6.0
"""Virtual seconds of a turn, nine creates; the boots under way at its ends even out."""


def counted(self: Journal, *args: object, **kwargs: object) -> int:
    """Stands for `Journal.add`: the entry gets its number and is forgotten."""
    self.seq += 1
    return self.seq


def run() -> dict[str, float]:
    """The cost of the journal as a part of what a boot costs without it."""

    async def main() -> float:
        async with lab.Cloud.simulated(7, config=config(), datacenter=HOSTS) as cloud:
            gc.collect()
            gc.freeze()
            servers = WARM_UP + round(TURNS * TURN_S * RATE)
            work = Workload(cloud)
            await work.prepare(servers)
            job = asyncio.create_task(work.run(servers))
            await cloud.sleep(WARM_UP / RATE)
            taken: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(TURNS):
                if turn % 2:
                    started = process_time()
                    await cloud.sleep(TURN_S)
                    taken[True].append(process_time() - started)
                else:
                    with patch.object(Journal, "add", counted), patch("lab.process.encode", lambda *_: b""):
                        started = process_time()
                        await cloud.sleep(TURN_S)
                        taken[False].append(process_time() - started)
            await job
            quick = {kept: sum(sorted(times)[: TURNS // 20]) for kept, times in taken.items()}
            return quick[True] / quick[False] - 1

    return {"journal_cost_ratio": round(lab.run(main, seed=7), 4)}


if __name__ == "__main__":
    print(json.dumps(run()))
