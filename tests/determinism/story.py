"""A piece of cloud life that touches every service, and the journal it leaves, as bytes.

`python -m tests.determinism.story [calm|faulty]` prints the journal, for tests that compare processes.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import lab
from lab.client.session import ApiError
from lab.cloud import SimulatedCloud
from lab.errors import LabError
from lab.journal import Journal
from sim.faults import Match

Story = Callable[[SimulatedCloud], Awaitable[None]]
SETTLED = ("ACTIVE", "ERROR")
MIB = 1 << 20


def lines(journal: Journal) -> list[bytes]:
    """Every entry with its body, one line each."""
    return [entry.line() for entry in journal.since(0)]


async def calm(cloud: SimulatedCloud) -> None:
    """Make, use and delete one of everything."""
    image = await cloud.image.images.create("cirros", visibility="public")
    await image.upload_sparse(20 * MIB)
    small = await cloud.image.images.create("tiny")
    await small.upload(b"some bytes" * 100)
    flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    group = await cloud.network.security_groups.create("web")
    await cloud.network.security_group_rules.create(group.id, protocol="tcp", port_range_min=80, port_range_max=80)
    servers = [
        await cloud.compute.servers.create(f"web-{i}", flavor.id, image=image.id, networks=[{"uuid": network.id}])
        for i in range(3)
    ]
    volume = await cloud.volume.volumes.create(1, name="data")
    for server in servers:
        await server.wait_for("ACTIVE")
    await volume.wait_for("available")
    await servers[0].attach_volume(volume.id)
    await volume.refresh()
    await volume.wait_for("in-use")
    await servers[0].attach_interface(network.id)
    await cloud.ping(servers[1].id, servers[2].addresses[0])
    await cloud.object.create_container("box")
    await cloud.object.put("box", "note", b"hello")
    assert await cloud.object.get("box", "note") == b"hello"
    await servers[1].stop()
    await servers[1].refresh()
    await servers[1].wait_for("SHUTOFF")
    await servers[0].detach_volume(volume.id)
    for server in servers:
        await server.delete()
    for server in servers:
        await server.wait_gone()
    await cloud.object.delete("box", "note")
    await volume.refresh()
    await volume.wait_for("available")
    await volume.delete()
    await volume.wait_gone()
    await cloud.sleep(61)


async def faulty(cloud: SimulatedCloud) -> None:
    """Work while messages are lost by dice, driver calls fail and processes die."""
    cloud.faults.arm("drop", Match("*", kinds=("rpc_cast",), chance=0.05, times=0))
    cloud.faults.arm("delay", Match("*", kinds=("rpc_call",), chance=0.2, times=0), delay_s=3)
    cloud.faults.arm("duplicate", Match("*", kinds=("rpc_cast",), chance=0.1, times=0))
    cloud.faults.arm("raise", Match("hypervisor.*", kinds=("driver",), nth=5))
    cloud.faults.arm("raise", Match("l2.*", kinds=("driver",), chance=0.1, times=0))
    computes = cloud.world.computes
    cloud.faults.at(cloud.wires.runtime.now() + 9, "kill", lambda: cloud.wires.kill(f"nova-compute@{computes[0]}"))
    cloud.faults.at(
        cloud.wires.runtime.now() + 31, "restart", lambda: cloud.wires.restart(f"nova-compute@{computes[0]}")
    )
    image = await cloud.image.images.create("cirros", visibility="public")
    await image.upload_sparse(20 * MIB)
    flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    servers = []
    for i in range(6):
        try:
            servers.append(
                await cloud.compute.servers.create(f"web-{i}", flavor.id, image=image.id, networks=[{"uuid": network.id}])
            )
        except ApiError:
            await cloud.sleep(1)
    for server in servers:
        with suppress(LabError):
            await server.wait_for(*SETTLED, timeout=600, interval=1.0)
    for server in servers:
        with suppress(LabError):
            await server.delete()
            await server.wait_gone(timeout=600, interval=1.0)
    await cloud.sleep(120)


STORIES: dict[str, Story] = {"calm": calm, "faulty": faulty}


@asynccontextmanager
async def noted(seed: int, into: list[bytes], **options: Any) -> AsyncIterator[SimulatedCloud]:
    """A cloud whose journal is in `into` when it ends."""
    async with lab.Cloud.simulated(seed=seed, **options) as cloud:
        yield cloud
        into.extend(lines(cloud.journal))


async def told(story: Story, seed: int) -> list[bytes]:
    """The journal of a story on a cloud of its own."""
    into: list[bytes] = []
    async with noted(seed, into) as cloud:
        await story(cloud)
    return into


def journal_of(story: Story, seed: int = 7) -> list[bytes]:
    """The same on a loop of its own."""
    return lab.run(lambda: told(story, seed), seed=seed)


def first_difference(one: list[bytes], other: list[bytes]) -> str:
    """Where two journals part, for people."""
    for number, (a, b) in enumerate(zip(one, other, strict=False), 1):
        if a != b:
            return f"entry {number}:\n  {a.decode()}\n  {b.decode()}"
    return "" if len(one) == len(other) else f"one has {len(one)} entries, the other {len(other)}"


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(journal_of(STORIES[sys.argv[1]])))
