"""What goes wrong ends in a status that can be deleted, and deletion leaves nothing on the backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lab.config import Config
from lab.medium import Passing, Verdict
from lab.services.volume.model import Volume
from tests.unit.volume.block_storage import BlockStorage, MemoryBackend, play

SERVER = "11111111-1111-4111-8111-111111111111"


def once(kind: str, name: str, verdict: Verdict) -> Callable[[Passing], Verdict | None]:
    """A rule that meets the first message of that name."""
    met: list[int] = []

    def rule(passing: Passing) -> Verdict | None:
        if passing.kind == kind and passing.name == name and not met:
            met.append(passing.seq)
            return verdict
        return None

    return rule


async def ends_clean(cloud: BlockStorage, volume_id: str) -> None:
    answer = await cloud.ask("DELETE", f"~/volumes/{volume_id}")
    assert answer.status == 202, answer.content()
    await cloud.wait(volume_id, "gone")
    assert all(backend.kept == {} for backend in cloud.backends.values())
    assert all(backend.exports == {} for backend in cloud.backends.values())


def test_a_broken_backend_is_tried_three_times_then_the_volume_is_error() -> None:
    async def story(cloud: BlockStorage) -> None:
        cloud.backend.broken.add("create")
        volume = await cloud.make(1, wait="error")
        assert cloud.backend.calls.count("create") == 3
        logs = [e.name for e in cloud.entries(kind="log", status="error")]
        assert logs[-1] == (
            "Failed to run task cinder.scheduler.flows.create_volume.ScheduleCreateVolumeTask;volume:create: "
            f"No valid backend was found. Exceeded max scheduling attempts 3 for volume {volume['id']}"
        )
        cloud.backend.broken.clear()
        await ends_clean(cloud, volume["id"])

    play(story)


def test_another_backend_takes_what_the_first_could_not() -> None:
    backends = {"nas-1": MemoryBackend(200.0), "nas-2": MemoryBackend(100.0)}

    async def story(cloud: BlockStorage) -> None:
        await cloud.make(1)
        assert len(backends["nas-1"].kept) == 1  # more room weighs more
        body = {"host": "nas-1@nas", "binary": "cinder-volume", "disabled_reason": "repair"}
        answer = await cloud.ask("PUT", "~/os-services/disable-log-reason", body, user="admin")
        assert answer.json()["status"] == "disabled"
        await cloud.make(1)
        assert len(backends["nas-2"].kept) == 1
        assert (await cloud.make(100, wait="error"))["status"] == "error"  # only nas-1 could

    play(story, backends=backends)


def test_no_room_is_told_by_filter() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = await cloud.make(500, wait="error")
        (decision,) = cloud.entries(kind="decision")
        refused = decision.json()["filters"][1]
        assert refused["filter"] == "CapacityFilter"
        assert refused["refused"][0]["reason"] == "insufficient free space: 100 GB are free, 500 GB are asked for"
        names = [e.name for e in cloud.entries(kind="log")]
        assert "Filter CapacityFilter returned 0 hosts" in names
        assert names[-1].endswith("No valid backend was found. No weighed backends available")
        await ends_clean(cloud, volume["id"])

    play(story)


def test_an_image_that_fails_is_not_tried_again() -> None:
    async def story(cloud: BlockStorage) -> None:
        cloud.backend.broken.add("write_image")
        await cloud.make(3, imageRef="cirros", wait="error")
        assert cloud.backend.calls == ["create", "write_image", "delete"]
        assert cloud.backend.kept == {}

    play(story)


@pytest.mark.parametrize("life", ["creating", "downloading", "deleting"])
def test_a_restart_repairs_what_it_finds(life: str) -> None:
    async def story(cloud: BlockStorage) -> None:
        fields: dict[str, Any] = {"imageRef": "cirros"} if life == "downloading" else {}
        if life == "deleting":
            volume = await cloud.make(3)
            await cloud.ask("DELETE", f"~/volumes/{volume['id']}")
            await asyncio.sleep(0.2)
        else:
            answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 3, **fields}})
            volume = answer.json()["volume"]
            await asyncio.sleep(5 if life == "downloading" else 0.5)
        assert (await cloud.show(volume["id"]))["status"] == life
        cloud.wires.restart("cinder-volume@nas-1")
        if life == "deleting":
            await cloud.wait(volume["id"], "gone")
            assert cloud.backend.kept == {}
        else:
            await cloud.wait(volume["id"], "error")
            await ends_clean(cloud, volume["id"])

    play(story)


def test_repeated_messages_do_nothing_more() -> None:
    async def story(cloud: BlockStorage) -> None:
        double = Verdict(copies=1)
        cloud.meddler.rule = lambda p: double if p.kind in ("rpc_cast", "rpc_call") and "cinder" in p.where else None
        volume = (await cloud.make(1))["id"]
        assert cloud.backend.calls == ["create"]
        await cloud.attach(volume, SERVER)
        await cloud.ask("POST", f"/v3/volumes/{volume}/action", {"os-begin_detaching": None})
        attachments = (await cloud.ask("GET", f"/v3/attachments?instance_id={SERVER}")).json()["attachments"]
        service = {"x-service-token": "service"}
        path = f"/v3/attachments/{attachments[0]['id']}"
        assert (await cloud.ask("DELETE", path, headers=service)).status == 200
        assert (await cloud.show(volume))["status"] == "available"
        answer = await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": volume}})
        await asyncio.sleep(5)
        snapshot = answer.json()["snapshot"]["id"]
        await cloud.ask("POST", f"~/volumes/{volume}/action", {"os-extend": {"new_size": 2}})
        await cloud.wait(volume, "available")
        await cloud.ask("DELETE", f"~/snapshots/{snapshot}")
        await asyncio.sleep(5)
        await ends_clean(cloud, volume)
        for verb in ("snapshot", "delete_snapshot", "extend", "delete"):
            assert cloud.backend.calls.count(verb) == 1, verb

    play(story)


@pytest.mark.parametrize("fail", ["raise", "lie"])
@pytest.mark.parametrize("verb", ["create", "connect", "disconnect", "delete", "extend", "snapshot"])
def test_one_failing_driver_call(verb: str, fail: str) -> None:
    async def story(cloud: BlockStorage) -> None:
        cloud.meddler.rule = once("driver", f"volume.{verb}", Verdict(fail=fail))
        volume = (await cloud.make(1))["id"]  # a failed create is tried again
        service = {"x-service-token": "service"}
        body = {"attachment": {"volume_uuid": volume, "instance_uuid": SERVER}}
        attachment = (await cloud.ask("POST", "/v3/attachments", body)).json()["attachment"]["id"]
        connector = {"attachment": {"connector": {"host": "compute-1", "ip": "10.0.0.1"}}}
        answer = await cloud.ask("PUT", f"/v3/attachments/{attachment}", connector)
        assert answer.status == (500 if verb == "connect" else 200)
        answer = await cloud.ask("DELETE", f"/v3/attachments/{attachment}", headers=service)
        if verb == "disconnect":
            assert answer.status == 500
            answer = await cloud.ask("DELETE", f"/v3/attachments/{attachment}", headers=service)
        assert answer.status == 200
        await cloud.wait(volume, "available")
        await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": volume}})
        await cloud.ask("POST", f"~/volumes/{volume}/action", {"os-extend": {"new_size": 2}})
        await cloud.wait(volume, "error_extending" if verb == "extend" else "available")
        await asyncio.sleep(5)
        assert (await cloud.ask("DELETE", f"~/volumes/{volume}?cascade=true")).status == 202
        if verb == "delete":
            await cloud.wait(volume, "error_deleting")
            assert (await cloud.ask("DELETE", f"~/volumes/{volume}")).status == 400
            forced = await cloud.ask("POST", f"~/volumes/{volume}/action", {"os-force_delete": {}}, user="alice")
            assert forced.status == 403
            forced = await cloud.ask("POST", f"/v3/volumes/{volume}/action", {"os-force_delete": {}}, user="admin")
            assert forced.status == 202
        await cloud.wait(volume, "gone")
        assert cloud.backend.kept == {}
        assert cloud.backend.exports == {}

    play(story)


@pytest.mark.parametrize("name", ["create_volume", "delete_volume"])
def test_a_backend_that_dies_with_the_message_in_its_hands(name: str) -> None:
    async def story(cloud: BlockStorage) -> None:
        kill = Verdict(before=cloud.wires.kill)

        def rule(passing: Passing) -> Verdict | None:
            mine = passing.name == name and passing.where.startswith("cinder-volume")
            return kill if mine and cloud.wires.lives["cinder-volume@nas-1"] == 1 else None

        cloud.meddler.rule = rule
        if name == "create_volume":
            answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 1}})
            volume = answer.json()["volume"]["id"]
        else:
            volume = (await cloud.make(1))["id"]
            await cloud.ask("DELETE", f"~/volumes/{volume}")
        await asyncio.sleep(30)
        assert (await cloud.show(volume))["status"] == ("creating" if name == "create_volume" else "deleting")
        cloud.wires.restart("cinder-volume@nas-1")
        if name == "create_volume":
            await cloud.wait(volume, "error")
            await ends_clean(cloud, volume)
        await cloud.wait(volume, "gone")
        assert cloud.backend.kept == {}

    play(story)


def test_the_scheduler_waits_for_a_backend_and_forgets_the_dead() -> None:
    async def story(cloud: BlockStorage) -> None:
        cloud.wires.kill("cinder-volume@nas-1")
        await asyncio.sleep(90)
        services = (await cloud.ask("GET", "~/os-services", user="admin")).json()["services"]
        states = {s["binary"]: s["state"] for s in services}
        assert states == {"cinder-scheduler": "up", "cinder-volume": "down"}
        dead = await cloud.make(1, wait="error")
        cloud.wires.restart("cinder-scheduler@controller-1")
        cloud.wires.restart("cinder-volume@nas-1")
        await asyncio.sleep(1)
        alive = await cloud.make(1)
        await cloud.ask("DELETE", f"~/volumes/{dead['id']}")
        await ends_clean(cloud, alive["id"])

    play(story)


def test_two_that_reserve_at_once_do_not_both_win() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = (await cloud.make(1))["id"]
        bodies = [{"attachment": {"volume_uuid": volume, "instance_uuid": SERVER.replace("1", digit)}} for digit in "23456"]
        answers = await asyncio.gather(*(cloud.ask("POST", "/v3/attachments", body) for body in bodies))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400]

    play(story)


def test_growth_counts_against_the_quota_while_it_lasts() -> None:
    async def story(cloud: BlockStorage) -> None:
        one, two = await cloud.make(1), await cloud.make(1)
        grow = {"os-extend": {"new_size": 6}}
        answers = await asyncio.gather(*(cloud.ask("POST", f"~/volumes/{v['id']}/action", grow) for v in (one, two)))
        assert sorted(answer.status for answer in answers) == [202, 413]
        rows = await cloud.wires.store.run(lambda tx: tx.all(Volume))
        await asyncio.sleep(5)
        assert sum(row.quota_size for row in rows) == 7

    play(story, Config(volume_quotas={**Config().volume_quotas, "gigabytes": 10}))
