"""A list of 50 servers with all their details, as `openstack server list --long` asks for it."""

from __future__ import annotations

import json
import statistics
from time import process_time

import lab
from tests.bench.boots import Workload, config

SERVERS = 50
LISTS = 60


def run() -> dict[str, float]:
    """Milliseconds of CPU for one list, request to decoded answer; the median of many."""

    async def main() -> float:
        async with lab.Cloud.simulated(7, config=config(), datacenter={"racks": 1, "hosts_per_rack": 10}) as cloud:
            work = Workload(cloud)
            await work.prepare(SERVERS)
            await work.run(SERVERS)
            taken = []
            for _ in range(LISTS):
                started = process_time()
                answer = await cloud.session.json("compute", "GET", "/v2.1/servers/detail")
                taken.append(process_time() - started)
                assert len(answer["servers"]) == SERVERS
                assert all(server["status"] == "ACTIVE" for server in answer["servers"])
            return statistics.median(taken) * 1000

    return {"servers_detail_50_ms": round(lab.run(main, seed=7), 3)}


if __name__ == "__main__":
    print(json.dumps(run()))
