"""Ten thousand servers on a calibrated thousand-host cloud: CPU a create, memory, and the journal that tells it all.

Creates of three flavors arrive at a steady rate; state reports, periodic tasks and the whole journal with all
bodies are on. At the end every server must be ACTIVE with a port, an address and an allocation.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import time
from collections import Counter
from typing import Any

import lab
from lab.cloud import SimulatedCloud
from lab.config import Config
from lab.services.compute.model import Server
from lab.services.network.model import Port
from lab.services.placement.model import Allocation

RATE = 1.5
"""Creates a virtual second: what 200 nodes bore with all of them ACTIVE. Source: openstack/performance-docs."""
FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))
PER_NETWORK = 100
UNLIMITED = -1


def config() -> Config:
    """The defaults without quotas, which are not what is measured."""
    default = Config()
    return default.but(
        compute_quotas=dict.fromkeys(default.compute_quotas, UNLIMITED),
        network_quotas=dict.fromkeys(default.network_quotas, UNLIMITED),
        volume_quotas=dict.fromkeys(default.volume_quotas, UNLIMITED),
    )


class Workload:
    """Creates that arrive at a steady rate."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud = cloud
        self.flavors: list[str] = []
        self.image = ""
        self.networks: list[str] = []
        self.asked = 0
        self.refused: list[str] = []

    async def prepare(self, servers: int) -> None:
        cloud = self.cloud
        image = await cloud.image.images.create("cirros", visibility="public")
        await image.upload_sparse(20 << 20)
        self.image = image.id
        for name, vcpus, ram, disk in FLAVORS:
            self.flavors.append((await cloud.compute.flavors.create(f"bench-{name}", vcpus=vcpus, ram=ram, disk=disk)).id)
        for i in range((servers + PER_NETWORK - 1) // PER_NETWORK):
            network = await cloud.network.networks.create(f"net-{i}")
            await cloud.network.subnets.create(network.id, f"10.{i // 250}.{i % 250}.0/24")
            self.networks.append(network.id)

    async def run(self, servers: int) -> None:
        """Ask for that many more servers at RATE, and wait until none is being built."""
        loop = asyncio.get_running_loop()
        tasks = []
        for _ in range(servers):
            tasks.append(loop.create_task(self._create(self.asked)))
            self.asked += 1
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*tasks)
        for _ in range(600):
            building = await self.count("building")
            if not building:
                return
            await asyncio.sleep(1)
        raise AssertionError(f"{building} servers are still being built")

    async def count(self, vm_state: str) -> int:
        return await self.cloud.wires.store.run(lambda tx: sum(1 for s in tx.find(Server, deleted=False) if s.vm_state == vm_state))

    async def _create(self, i: int) -> None:
        body = {
            "name": f"server-{i}",
            "flavorRef": self.flavors[i % len(self.flavors)],
            "imageRef": self.image,
            "networks": [{"uuid": self.networks[i // PER_NETWORK % len(self.networks)]}],
        }
        await self.cloud.session.json("compute", "POST", "/v2.1/servers", {"server": body})


async def verify(cloud: SimulatedCloud) -> dict[str, int]:
    """How many servers there are, and how many of them are ACTIVE with a port, an address and an allocation."""

    def look(tx: Any) -> dict[str, int]:
        found: Counter[str] = Counter()
        ports = {port.device_id: port for port in tx.all(Port) if port.device_id}
        holders = {
            allocation.consumer_id if hasattr(allocation, "consumer_id") else allocation.consumer_uuid for allocation in tx.all(Allocation)
        }
        for server in tx.find(Server, deleted=False):
            found["servers"] += 1
            port = ports.get(server.id)
            whole = server.vm_state == "active" and port is not None and bool(port.fixed_ips) and server.id in holders
            found["whole"] += whole
        return dict(found)

    return await cloud.wires.store.run(look)


def flow(cloud: SimulatedCloud, server_name: str) -> int:
    """How many journal entries tell the creation of one server, read from wherever they lie."""
    journal = cloud.journal
    asked = next(e for e in journal.find(kind="rest", name="POST", where="/v2.1/servers") if f'"{server_name}"'.encode() in e.body_bytes())
    entries = list(journal.find(since=asked.seq - 1, request_id=asked.request_id))
    assert all(e.body is None or e.body_bytes() for e in entries)
    return len(entries)


def cpu() -> float:
    return time.process_time()


def run(hosts: int, servers: int, journal: bool = True) -> dict[str, float]:
    """Measure; CPU seconds, milliseconds a create, MiB."""
    result: dict[str, float] = {}

    async def main() -> None:
        started = cpu()
        racks = max(1, hosts // 40)
        async with lab.Cloud.simulated(7, config=config(), datacenter={"racks": racks, "hosts_per_rack": -(-hosts // racks)}) as cloud:
            if not journal:
                cloud.journal.add = lambda *args, **kwargs: 0  # type: ignore[method-assign]
            result["ready_s"] = cpu() - started
            gc.collect()
            gc.freeze()
            work = Workload(cloud)
            await work.prepare(servers + 1000)
            await cloud.sleep(60)
            idle_started, idle_t = cpu(), cloud.wires.runtime.now()
            await cloud.sleep(300)
            idle = (cpu() - idle_started) / (cloud.wires.runtime.now() - idle_t)
            result["periodic_cpu_ms_per_virtual_s"] = idle * 1000
            await work.run(100)
            early, seq = cpu(), cloud.journal.seq
            await work.run(400)
            virtual = 400 / RATE
            result["boot_cpu_ms_after_100"] = (cpu() - early - idle * virtual) / 400 * 1000
            result["entries_a_boot"] = (cloud.journal.seq - seq) / 400
            main_started, t = cpu(), cloud.wires.runtime.now()
            await work.run(servers - 500)
            spent, took = cpu() - main_started, cloud.wires.runtime.now() - t
            result["periodic_cpu_s"] = idle * took * servers / max(1, servers - 500)
            result["boots_cpu_s"] = (spent - idle * took) * servers / max(1, servers - 500)
            result["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            late, t = cpu(), cloud.wires.runtime.now()
            await work.run(400)
            result["boot_cpu_ms_after_all"] = (cpu() - late - idle * (cloud.wires.runtime.now() - t)) / 400 * 1000
            found = await verify(cloud)
            assert found == {"servers": work.asked, "whole": work.asked}, found
            result["servers"] = work.asked
            if journal:
                chosen = random.Random(1).randrange(50)
                result["entries_of_an_early_server"] = flow(cloud, f"server-{chosen}")
                result["entries_of_the_last_server"] = flow(cloud, f"server-{work.asked - 1}")
                result["journal_mib_packed"] = cloud.journal.packed_bytes / 2**20
            errors = cloud.wires.runtime.errors
            assert not errors, errors[:3]

    lab.run(main, seed=7)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--no-journal", action="store_true")
    args = parser.parse_args()
    print(json.dumps(run(args.hosts, args.servers, not args.no_journal)))
