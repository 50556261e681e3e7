"""What it costs a busy cloud to be watched: the same workload with a watcher of the event stream and without, in turns.

The cloud is served as `glasscloud up` does it; the watcher is a process of its own, reads all that comes, and must have
seen the last entry when its turn ends. What is compared is the processor time of the cloud's process: each watched turn
with the unwatched ones before and after it, and of these ratios the median counts.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import statistics
import sys
from asyncio.subprocess import PIPE
from time import process_time
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from lab.serve import Served
from tests.bench.boots import Workload, config
from tests.watching.serving import serving

HOSTS = {"racks": 2, "hosts_per_rack": 8}
TURNS = 25
SERVERS = 40
"""Creates of a turn."""
LAST_S = 0.1
"""How long a turn waits for what the watcher has not got yet."""
ENTRIES = re.compile(rb"event: entries\nid: (\d+)\n")


def watch(url: str, token: str, since: str) -> None:
    """The watcher: say when the stream has begun, read it until stdin ends, and say which entry was the last."""
    opener = build_opener(ProxyHandler({}))
    source = opener.open(Request(f"{url}/glasscloud/events?since={since}", headers={"x-auth-token": token}))
    last, rest = int(since), b""
    print("ready", flush=True)
    while data := source.read1(1 << 20):
        rest = rest[-40:] + data
        for found in ENTRIES.finditer(rest):
            last = max(last, int(found[1]))
        if b"event: clock" in data and b'"paused":true' in data:
            break
    print(last, flush=True)


class Turns:
    """A served cloud that takes turns."""

    def __init__(self, served: Served, url: str, token: str) -> None:
        self.served, self.url, self.token = served, url, token
        self.work = Workload(served.cloud)

    async def turn(self, watched: bool) -> float:
        """Let some servers be created; milliseconds of CPU for each."""
        runner, journal = self.served.runner, self.served.journal
        watcher = await self._watcher() if watched else None
        started = process_time()
        await runner.call(lambda: self.work.run(SERVERS))
        await asyncio.sleep(LAST_S)
        taken = process_time() - started
        if watcher is not None:
            end = journal.seq
            runner.pause()
            self.served.bell.ring()
            said, _ = await watcher.communicate()
            runner.resume()
            assert int(said) >= end, f"the watcher has seen entry {int(said)} of {end}"
        return taken / SERVERS * 1000

    async def _watcher(self) -> Any:
        command = (sys.executable, "-m", "tests.bench.watching", "--watch", self.url, self.token, str(self.served.journal.seq))
        watcher = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        assert watcher.stdout is not None
        assert await watcher.stdout.readline() == b"ready\n"
        return watcher

    async def measure(self) -> dict[str, float]:
        """All turns; the speed of the watched cloud as a part of the unwatched one's."""
        runner = self.served.runner
        await runner.call(lambda: self.work.prepare(SERVERS * (TURNS + 1)))
        await runner.call(lambda: self.work.run(SERVERS))
        gc.collect()
        gc.freeze()
        taken = [await self.turn(watched=number % 2 == 1) for number in range(TURNS)]
        ratios = [(taken[i - 1] + taken[i + 1]) / 2 / taken[i] for i in range(1, TURNS, 2)]
        return {
            "watched_speed_ratio": round(statistics.median(ratios), 4),
            "watched_boot_cpu_ms": round(statistics.median(taken[1::2]), 4),
            "unwatched_boot_cpu_ms": round(statistics.median(taken[::2]), 4),
        }


async def run(hosts: dict[str, int]) -> dict[str, float]:
    """Serve a cloud and measure."""
    async with serving(paused=False, config=config(), datacenter=hosts) as here:
        return await Turns(here.served, str(here.http.base_url).rstrip("/"), here.http.headers["x-auth-token"]).measure()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watch", nargs=3, help="be the watcher of a URL, with a token, from an entry on")
    parser.add_argument("--racks", type=int, default=HOSTS["racks"])
    asked = parser.parse_args()
    if asked.watch:
        watch(*asked.watch)
    else:
        print(json.dumps(asyncio.run(run({**HOSTS, "racks": asked.racks}))))
