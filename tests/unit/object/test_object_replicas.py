"""Three replicas: a majority must be written, the newest is read, one disk lost loses nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.config import Config
from lab.context import Context
from lab.errors import ObjectError
from lab.services.object.driver import StoredObject
from lab.services.object.nodes import Nodes
from lab.services.object.processes import ring_of
from lab.services.object.storage import Inventory
from lab.services.object.updater import Updater
from tests.unit.object.object_storage import ObjectStorage, play

OBJECTS = [f"c/o{n}" for n in range(12)]


async def fill(cloud: ObjectStorage) -> None:
    await cloud.ask("PUT", "c")
    for name in OBJECTS:
        assert (await cloud.ask("PUT", name, name.encode())).status == 201


def test_every_object_lies_on_three_hosts() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await fill(cloud)
        assert [cloud.copies(name) for name in OBJECTS] == [3] * len(OBJECTS)
        puts = list(cloud.wires.journal.find(kind="rest", name="PUT", source="swift-proxy@controller-1"))
        assert len(puts) == 3 * len(OBJECTS)
        assert puts[0].target.startswith("swift-object@storage-")

    play(story)


def test_one_disk_lost_nothing_lost() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await fill(cloud)
        cloud.disks["storage-2"].dead = True
        for name in OBJECTS:
            assert (await cloud.ask("GET", name)).content() == name.encode()
        await asyncio.sleep(120)
        assert [cloud.copies(name) for name in OBJECTS] == [3] * len(OBJECTS)  # hand-off devices stand in
        cloud.disks["storage-2"].kept.clear()  # replaced by an empty one
        cloud.disks["storage-2"].dead = False
        await asyncio.sleep(120)
        assert [cloud.copies(name) for name in OBJECTS] == [3] * len(OBJECTS)  # home again, no copy too many
        assert await cloud.names("c") == sorted(name.removeprefix("c/") for name in OBJECTS)

    play(story)


def test_with_three_hosts_a_replaced_disk_is_filled_again() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await fill(cloud)
        cloud.disks["storage-1"].kept.clear()
        await asyncio.sleep(90)
        assert [cloud.copies(name) for name in OBJECTS] == [3] * len(OBJECTS)

    play(story, hosts=3)


def test_writes_go_on_with_a_dead_disk_and_stop_without_a_majority() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        cloud.disks["storage-1"].dead = True
        assert (await cloud.ask("PUT", "c/o", b"two of three")).status == 201
        cloud.disks["storage-2"].dead = True
        assert (await cloud.ask("PUT", "c/o", b"one of three")).status == 503
        cloud.disks["storage-1"].dead = cloud.disks["storage-2"].dead = False
        await asyncio.sleep(90)
        assert cloud.copies("c/o") == 3

    play(story, hosts=3)


def test_a_node_that_hangs_or_is_dead_is_stood_in_for() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        cloud.wires.kill("swift-object@storage-1")
        cloud.wires.hang("swift-object@storage-2")
        for name in OBJECTS:
            answer = await cloud.ask("PUT", name, b"v1")
            assert answer.status in (201, 503)
            if answer.status == 201:
                assert (await cloud.ask("GET", name)).content() == b"v1"
        cloud.wires.restart("swift-object@storage-1")
        cloud.wires.resume("swift-object@storage-2")
        await asyncio.sleep(120)
        for name in OBJECTS:
            assert cloud.copies(name) == 3

    play(story, hosts=5)


def test_a_stale_replica_never_wins() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        await cloud.ask("PUT", "c/o", b"old")
        cloud.disks["storage-1"].dead = True
        await cloud.ask("PUT", "c/o", b"new")
        await cloud.ask("PUT", "c/gone", b"x")
        cloud.disks["storage-1"].dead = False
        assert (await cloud.ask("GET", "c/o")).content() == b"new"
        cloud.disks["storage-2"].dead = True
        await cloud.ask("DELETE", "c/gone")
        cloud.disks["storage-2"].dead = False
        assert (await cloud.ask("GET", "c/gone")).status == 404
        await asyncio.sleep(90)
        assert {item.data for disk in cloud.disks.values() for held in disk.kept.values() for item in held.values()} == {
            b"new",
            b"",
        }
        assert cloud.copies("c/gone") == 0

    play(story, hosts=3)


def test_of_two_replicas_written_at_once_the_newer_one_is_remembered() -> None:
    async def story(cloud: ObjectStorage) -> None:
        [device] = [d for d in ring_of(Config(), cloud.devices).devices if d.host == "storage-1"]
        nodes, ctx, name = Nodes(cloud.client), Context(), "/AUTH_p-alice/c/o"
        old, new = StoredObject(name, 1, b"old"), StoredObject(name, 2, b"new")
        cloud.disks["storage-1"].lag = lambda item: 1.0 if item.timestamp_ns == 1 else 0.1
        answers = await asyncio.gather(*(nodes.ask(ctx, device, "PUT", f"/5{name}", item) for item in (old, new)))
        assert all(answer is not None and answer.ok for answer in answers)
        told = await nodes.ask(ctx, device, "REPLICATE", "/5")
        assert told is not None
        assert told.json()["objects"] == {name: 2}

    play(story)


def test_a_listing_that_could_not_be_looked_at_is_looked_at_later() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        inventory = Inventory(cloud.disks)  # type: ignore[arg-type]
        updater, disk = Updater(cloud.client, inventory), cloud.disks["storage-1"]
        item = StoredObject("/AUTH_p-alice/c/o", 1, b"hello", (("etag", "x"),))
        await disk.put(5, item)
        inventory.note("storage-1", 5, item)
        disk.dead = True
        with pytest.raises(ObjectError):
            await updater.settle("storage-1", 5, item.name)
        disk.dead = False
        await updater.settle("storage-1", 5, item.name)
        assert await cloud.names("c") == ["o"]

    play(story)


def test_old_tombstones_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.services.object.replicator.RECLAIM_AGE_S", 600)

    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        await cloud.ask("PUT", "c/o", b"x")
        await cloud.ask("DELETE", "c/o")
        await asyncio.sleep(100)
        assert sum(len(disk.kept) for disk in cloud.disks.values()) == 3
        await asyncio.sleep(600)
        assert sum(len(disk.kept) for disk in cloud.disks.values()) == 0

    play(story, hosts=3)


STALE_COPY_IS_HEALED = [
    *[("put", 0, 2), ("put", 0, 1), ("die", 0, 2), ("put", 2, 4), ("put", 0, 1), ("heal", 0, 1), ("put", 0, 1), ("delete", 2, 2)],
    *[("put", 0, 2), ("wait", 0, 4), ("wait", 1, 1), ("die", 2, 4), ("delete", 0, 4), ("delete", 1, 1)],
]
"""The copy that a hand-off device kept of a deleted object is no reason to list it again."""


@settings(max_examples=15, deadline=None)
@example(STALE_COPY_IS_HEALED)
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "delete", "die", "heal", "wait"]), st.integers(0, 2), st.integers(1, 4)),
        max_size=14,
    )
)
def test_what_was_acknowledged_can_be_read(steps: list[tuple[str, int, int]]) -> None:
    """With one disk dead at a time, every acknowledged write is what a read gives."""

    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        truth: dict[int, bytes | None] = {}
        for turn, (what, key, host) in enumerate(steps):
            if what == "put":
                data = f"{turn}".encode()
                if (await cloud.ask("PUT", f"c/{key}", data)).status == 201:
                    truth[key] = data
            elif what == "delete":
                if (await cloud.ask("DELETE", f"c/{key}")).status == 204:
                    truth[key] = None
            elif what == "die":
                if not any(disk.dead for disk in cloud.disks.values()):
                    cloud.disks[f"storage-{host}"].dead = True
            elif what == "heal":
                for disk in cloud.disks.values():
                    disk.dead = False
            else:
                await asyncio.sleep(40)
            for key_, expected in truth.items():
                answer = await cloud.ask("GET", f"c/{key_}")
                assert (answer.status, answer.content() if expected is not None else None) == (
                    404 if expected is None else 200,
                    expected,
                )
            assert await cloud.names("c") == sorted(str(k) for k, v in truth.items() if v is not None)

    play(story)
