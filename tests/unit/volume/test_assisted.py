"""Snapshots of volumes that a server has open, on a backend that needs the hypervisor's help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from lab.context import Context
from lab.errors import Conflict
from lab.process import Process
from lab.rest import PUBLIC, Api, Request, Route
from tests.unit.volume.block_storage import BlockStorage, MemoryBackend, play

SERVER = "5d1b1f6e-0c1e-4bb5-9f0d-2f6f6f5b1c11"


class Helped(MemoryBackend):
    """A filer that cannot freeze what is written."""

    begun: str | None = None

    async def begin_assisted_snapshot(self, volume_id: str, snapshot_id: str) -> str | None:
        self._do("begin_assisted_snapshot")
        self.begun = snapshot_id
        return f"lab/base-{snapshot_id}.part"

    async def end_assisted_snapshot(self, snapshot_id: str) -> None:
        self._do("end_assisted_snapshot")
        assert self.begun == snapshot_id
        self.kept[snapshot_id] = 1

    async def delete_snapshot(self, snapshot_id: str) -> None:
        await super().delete_snapshot(snapshot_id)
        self.begun = None


class Nova(Api):
    """Takes what it is asked for, or refuses."""

    service: ClassVar[str] = "compute"
    routes: ClassVar[Sequence[Route]] = (Route("POST", "/v2.1/os-assisted-volume-snapshots", "create", PUBLIC),)
    asked: ClassVar[list[Any]] = []
    refuses = False

    async def create(self, ctx: Context, req: Request) -> dict[str, Any]:
        """Note it."""
        self.asked.append(req.data["snapshot"])
        if self.refuses:
            raise Conflict("the disk is full")
        return {"snapshot": {"id": req.data["snapshot"]["create_info"]["snapshot_id"]}}


async def taken(cloud: BlockStorage, nova: type[Nova], attached: bool = True) -> tuple[str, dict[str, Any]]:
    """Take a snapshot of a volume; answer the volume's id and the snapshot."""

    def start(process: Process) -> None:
        nova(process).start()

    cloud.wires.start("nova-api", "controller-1", start)
    volume = (await cloud.make())["id"]
    if attached:
        await cloud.attach(volume, SERVER)
    answer = await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": volume, "force": True}})
    assert answer.status == 202
    for _ in range(20):
        snapshot: dict[str, Any] = (await cloud.ask("GET", f"~/snapshots/{answer.json()['snapshot']['id']}")).json()["snapshot"]
        if snapshot["status"] != "creating":
            break
        await cloud.client.sleep(1)
    return volume, snapshot


def test_the_hypervisor_fills_the_file_that_the_backend_made() -> None:
    class Willing(Nova):
        asked: ClassVar[list[Any]] = []

    backend = Helped()

    async def story(cloud: BlockStorage) -> None:
        volume, snapshot = await taken(cloud, Willing)
        assert snapshot["status"] == "available"
        info = {"snapshot_id": snapshot["id"], "type": "qcow2", "new_file": f"lab/base-{snapshot['id']}.part"}
        assert Willing.asked == [{"volume_id": volume, "create_info": info}]
        assert backend.calls[-2:] == ["begin_assisted_snapshot", "end_assisted_snapshot"]
        assert snapshot["id"] in backend.kept

    play(story, backends={"nas-1": backend})


@pytest.mark.parametrize("broken", ["nova", "end_assisted_snapshot"])
def test_what_fails_half_way_leaves_nothing(broken: str) -> None:
    class Wavering(Nova):
        refuses = broken == "nova"

    backend = Helped()
    backend.broken.add(broken)

    async def story(cloud: BlockStorage) -> None:
        _, snapshot = await taken(cloud, Wavering)
        assert snapshot["status"] == "error"
        assert backend.begun is None
        assert snapshot["id"] not in backend.kept

    play(story, backends={"nas-1": backend})


def test_a_volume_that_nobody_has_open_needs_no_help() -> None:
    backend = Helped()

    async def story(cloud: BlockStorage) -> None:
        _, snapshot = await taken(cloud, Nova, attached=False)
        assert snapshot["status"] == "available"
        assert backend.calls[-1] == "snapshot"

    play(story, backends={"nas-1": backend})
