"""Which messages count as lost: those that a fault dropped, and casts that carry a server and were never taken up."""

from __future__ import annotations

import pytest

import lab
from lab.journal.export import trace
from lab.journal.lost import CARRIERS
from sim.faults import Match


def lost_of(act: str, name: str, wait_s: float) -> list[tuple[str, str]]:
    """Create two servers, of which a fault strikes the first; the lost messages, by name and server."""

    async def main() -> list[tuple[str, str]]:
        async with lab.Cloud.simulated(7) as cloud:
            flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
            image = await cloud.image.images.create("cirros")
            await image.upload(b"not much of a system")
            since = cloud.journal.seq
            cloud.world.faults.arm(act, Match(name=name, kinds=("rpc_cast",)))
            requests = {}
            for server in ("struck", "whole"):
                made = await cloud.compute.servers.create(server, flavor.id, image=image.id, networks="none")
                [event] = await made.events()
                requests[event["request_id"]] = server
                await cloud.sleep(wait_s)
            rows = trace(cloud.journal.since(since))
            return [(row["method"], requests[row["note"]["req_id"]]) for row in rows if row["status"] == "lost"]

    return lab.run(main, seed=7)


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_a_dropped_cast_is_lost(name: str) -> None:
    assert lost_of("drop", name, 10.0) == [(name, "struck")]


def test_a_cast_that_nobody_takes_up_is_lost_after_a_minute() -> None:
    """A conductor that is dead takes up neither; the second create is younger than a minute when the journal is read."""
    name = "schedule_and_build_instances"
    assert lost_of("kill_before", name, 45.0) == [(name, "struck")]
    assert lost_of("kill_before", name, 20.0) == []
    assert lost_of("duplicate", name, 70.0) == []
