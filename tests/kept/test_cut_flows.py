"""One thing that a user asks for, its power cut after some entry of its journal; then everything must be right, and can be deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import SimulatedCloud
from lab.journal import Entry
from tests.kept.life import SMALL, Boot, Seen, Worker, looked_at

STRIDE = 17
Step = Callable[["User"], Awaitable[Any]]


class User:
    """What it has made, and what it does."""

    def __init__(self, cloud: SimulatedCloud, worker: Worker) -> None:
        self.cloud, self.worker = cloud, worker
        self.server: Any = None
        self.volume: Any = None
        self.snapshot: Any = None
        self.network: Any = None

    async def nothing(self) -> None:
        """For flows that begin with an empty cloud."""

    async def boot(self, **more: Any) -> None:
        networks = [{"uuid": self.worker.network}]
        self.server = await self.cloud.compute.servers.create("one", self.worker.flavor, image=self.worker.image, networks=networks, **more)

    async def boot_from_a_new_volume(self) -> None:
        await self.boot(boot_volume_gib=1)

    async def have_a_server(self) -> None:
        await self.boot()
        await self.server.wait_for("ACTIVE")

    async def have_a_server_on_a_volume(self) -> None:
        await self.boot_from_a_new_volume()
        await self.server.wait_for("ACTIVE")

    async def make_a_volume(self) -> None:
        self.volume = await self.cloud.volume.volumes.create(1, name="v", image=self.worker.image)

    async def have_both(self) -> None:
        await self.have_a_server()
        await self.make_a_volume()
        await self.volume.wait_for("available")

    async def attach(self) -> None:
        await self.server.attach_volume(self.volume.id)

    async def have_it_attached(self) -> None:
        await self.have_both()
        await self.attach()
        await self.volume.wait_for("in-use")

    async def detach(self) -> None:
        await self.server.detach_volume(self.volume.id)

    async def reboot(self) -> None:
        await self.server.reboot()

    async def take_a_snapshot(self) -> None:
        self.snapshot = await self.cloud.volume.snapshots.create(self.volume.id, force=True)

    async def have_a_snapshot(self) -> None:
        await self.have_both()
        await self.take_a_snapshot()
        await self.snapshot.wait_for("available")

    async def make_a_volume_of_it(self) -> None:
        await self.cloud.volume.volumes.create(1, name="w", snapshot=self.snapshot.id)

    async def have_a_network(self) -> None:
        await self.have_a_server()
        self.network = await self.cloud.network.networks.create("other")
        await self.cloud.network.subnets.create(self.network.id, "10.7.0.0/24")
        await self.cloud.sleep(20)

    async def add_a_card(self) -> None:
        await self.server.attach_interface(self.network.id)

    async def delete_the_network(self) -> None:
        await self.network.delete()

    async def delete(self) -> None:
        await self.server.delete()


FLOWS: dict[str, tuple[Step, Step]] = {
    "boot": (User.nothing, User.boot),
    "boot from a new volume": (User.nothing, User.boot_from_a_new_volume),
    "volume": (User.nothing, User.make_a_volume),
    "attach": (User.have_both, User.attach),
    "detach": (User.have_it_attached, User.detach),
    "reboot": (User.have_a_server, User.reboot),
    "delete with a volume": (User.have_it_attached, User.delete),
    "delete with its own volume": (User.have_a_server_on_a_volume, User.delete),
    "snapshot": (User.have_it_attached, User.take_a_snapshot),
    "volume from a snapshot": (User.have_a_snapshot, User.make_a_volume_of_it),
    "card": (User.have_a_network, User.add_a_card),
    "delete a network": (User.have_a_network, User.delete_the_network),
}
"""What is there before, and what is cut off."""


def cut_off(path: Path, flow: str, entries: int) -> list[Entry]:
    """Cut the power when the journal has told so much of a flow, and look; answer what it told, less when it was over before."""
    boot, seen = Boot(path, datacenter=SMALL), Seen()
    journal = boot.world.wires.journal
    user = User(boot.cloud, Worker(boot.cloud, "one", seen))
    before, act = FLOWS[flow]

    async def prepare() -> int:
        await boot.cloud.ready()
        await user.worker.prepare()
        await before(user)
        return journal.seq

    async def asked() -> None:
        await act(user)
        await boot.cloud.sleep(60)

    since = boot.run(prepare())
    task = boot.loop.create_task(asked())
    with boot.loop._as_running():
        while journal.seq < since + entries and not task.done():
            boot.loop.step()
    assert not task.done() or task.exception() is None, task.exception()
    assert not boot.errors(), boot.errors()
    seen.tick(boot.world.runtime.iso_us())
    told = list(journal.since(since))
    boot.drop()
    looked_at(path, seen, datacenter=SMALL)
    return told


def test_a_server_goes_whose_volume_was_never_made(tmp_path: Path) -> None:
    """What cinder-api had accepted was lost with the queue: nobody makes that volume, and cinder does not delete it."""
    flow = "boot from a new volume"
    told = cut_off(tmp_path / "whole.db", flow, 150)
    asked = next(number for number, entry in enumerate(told) if entry.kind == "state" and entry.target == "volume")
    cut_off(tmp_path / "cut.db", flow, asked + 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("flow", FLOWS)
def test_what_was_cut_off_anywhere_can_be_deleted(tmp_path: Path, flow: str) -> None:
    for entries in count(1, STRIDE):
        if len(cut_off(tmp_path / f"{entries}.db", flow, entries)) < entries:
            return
