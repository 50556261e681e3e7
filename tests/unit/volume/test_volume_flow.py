"""Volumes from birth to end, by cinder's API."""

from __future__ import annotations

import asyncio

from tests.unit.volume.block_storage import BlockStorage, play


def test_a_volume_is_created_through_scheduler_and_backend() -> None:
    async def story(cloud: BlockStorage) -> None:
        answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 1, "name": "v", "metadata": None}})
        assert answer.status == 202
        body = answer.json()["volume"]
        assert (body["status"], body["bootable"], body["volume_type"], body["attachments"]) == (
            "creating",
            "false",
            "__DEFAULT__",
            [],
        )
        shown = await cloud.wait(body["id"], "available")
        assert shown["size"] == 1
        assert cloud.backend.kept == {body["id"]: 1}
        casts = [(e.source, e.name, e.where, e.note["exchange"]) for e in cloud.entries(kind="rpc_cast", name="create_volume")]
        assert casts == [
            ("cinder-api@controller-1", "create_volume", "cinder-scheduler", "openstack"),
            ("cinder-scheduler@controller-1", "create_volume", "cinder-volume.nas-1@nas.nas-1", "openstack"),
        ]
        notes = [(e.source, e.name) for e in cloud.entries(kind="notify")]
        assert notes == [("cinder-volume@nas-1", "volume.create.start"), ("cinder-volume@nas-1", "volume.create.end")]
        answer = await cloud.ask("DELETE", f"~/volumes/{body['id']}")
        assert answer.status == 202
        await cloud.wait(body["id"], "gone")
        assert cloud.backend.kept == {}

    play(story)


def test_a_volume_from_an_image_boots_and_remembers_it() -> None:
    async def story(cloud: BlockStorage) -> None:
        answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 1, "imageRef": "cirros"}})
        assert answer.status == 400
        assert "Size of specified image 2GB is larger than volume size 1GB." in answer.json()["badRequest"]["message"]
        assert (await cloud.ask("POST", "~/volumes", {"volume": {"size": 9, "imageRef": "nope"}})).status == 404
        assert (await cloud.ask("POST", "~/volumes", {"volume": {"size": 9, "imageRef": "queued"}})).status == 400
        shown = await cloud.make(3, imageRef="cirros", wait="downloading")
        shown = await cloud.wait(shown["id"], "available")
        assert shown["bootable"] == "true"
        assert shown["volume_image_metadata"]["hw_disk_bus"] == "virtio"
        assert shown["volume_image_metadata"]["image_id"] == "cirros"
        assert cloud.backend.images == {shown["id"]: "cirros"}

    play(story)


def test_snapshots_and_clones() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = await cloud.make(2)
        answer = await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": volume["id"], "name": "s"}}, version="3.65")
        assert answer.status == 202
        snapshot = answer.json()["snapshot"]
        assert (snapshot["status"], snapshot["size"]) == ("creating", 2)
        await asyncio.sleep(5)
        shown = (await cloud.ask("GET", f"~/snapshots/{snapshot['id']}")).json()["snapshot"]
        assert (shown["status"], shown["os-extended-snapshot-attributes:progress"]) == ("available", "100%")
        assert (await cloud.ask("DELETE", f"~/volumes/{volume['id']}")).status == 400
        copy = await cloud.make(3, snapshot_id=snapshot["id"])
        assert copy["snapshot_id"] == snapshot["id"]
        twin = await cloud.ask("POST", "~/volumes", {"volume": {"source_volid": volume["id"]}})
        assert twin.json()["volume"]["size"] == 2
        await cloud.wait(twin.json()["volume"]["id"], "available")
        small = {"volume": {"size": 1, "source_volid": volume["id"]}}
        assert (await cloud.ask("POST", "~/volumes", small)).status == 400
        assert (await cloud.ask("DELETE", f"~/volumes/{volume['id']}?cascade=True")).status == 202
        await cloud.wait(volume["id"], "gone")
        assert (await cloud.ask("GET", f"~/snapshots/{snapshot['id']}")).status == 404
        assert sorted(cloud.backend.kept.values()) == [2, 3]

    play(story)


def test_attach_and_detach_as_nova_does() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = (await cloud.make(1))["id"]
        server = "11111111-1111-4111-8111-111111111111"
        body = {"attachment": {"volume_uuid": volume, "instance_uuid": server}}
        answer = await cloud.ask("POST", "/v3/attachments", body, version="3.44")
        assert answer.status == 200
        attachment = answer.json()["attachment"]["id"]
        assert (await cloud.show(volume))["status"] == "reserved"
        other = {"attachment": {"volume_uuid": volume, "instance_uuid": server.replace("1", "2")}}
        refused = await cloud.ask("POST", "/v3/attachments", other)
        assert refused.status == 400
        assert refused.json()["badRequest"]["message"] == (
            f"Invalid volume: Volume {volume} status must be available or downloading to reserve, but the current status is reserved."
        )
        connector = {"host": "compute-1", "ip": "10.0.0.1", "initiator": "iqn", "mountpoint": "/dev/vdb"}
        answer = await cloud.ask("PUT", f"/v3/attachments/{attachment}", {"attachment": {"connector": connector}})
        info = answer.json()["attachment"]["connection_info"]
        assert info["driver_volume_type"] == "nfs"
        assert info["export"] == "nas-1:/pool-1"
        assert info["attachment_id"] == attachment
        assert (await cloud.show(volume))["status"] == "attaching"
        done = await cloud.ask("POST", f"/v3/attachments/{attachment}/action", {"os-complete": None}, version="3.44")
        assert done.status == 204
        shown = await cloud.show(volume)
        assert shown["status"] == "in-use"
        assert (shown["attachments"][0]["server_id"], shown["attachments"][0]["device"]) == (server, "/dev/vdb")
        assert (await cloud.ask("DELETE", f"~/volumes/{volume}")).status == 400
        begun = await cloud.ask("POST", f"/v3/volumes/{volume}/action", {"os-begin_detaching": None})
        assert begun.status == 202
        assert (await cloud.show(volume))["status"] == "detaching"
        # The user alone may not pull the disk out from under a server; nova, with its own token, may.
        assert (await cloud.ask("DELETE", f"/v3/attachments/{attachment}")).status == 409
        by_id, by_host = {"attachment_id": attachment}, {"connector": connector}
        for verb in ({"os-detach": by_id}, {"os-detach": {}}, {"os-terminate_connection": by_host}):
            assert (await cloud.ask("POST", f"~/volumes/{volume}/action", verb)).status == 409, verb
        assert (await cloud.show(volume))["status"] == "detaching"
        assert cloud.backend.exports
        service = {"x-service-token": "service"}
        answer = await cloud.ask("DELETE", f"/v3/attachments/{attachment}", headers=service)
        assert (answer.status, answer.json()) == (200, {"attachments": []})
        assert (await cloud.show(volume))["status"] == "available"
        assert cloud.backend.exports == {}
        calls = [e.name for e in cloud.entries(kind="rpc_call")]
        assert calls == ["attachment_update", "attachment_delete"]
        names = [(e.source.split("@")[0], e.name) for e in cloud.entries(kind="notify")][2:]
        assert names == [
            ("cinder-volume", "volume.attach.start"),
            ("cinder-api", "volume.attach.end"),
            ("cinder-volume", "volume.detach.start"),
            ("cinder-api", "volume.detach.end"),
        ]

    play(story)


def test_extend_and_the_old_verbs() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = (await cloud.make(1))["id"]
        path = f"~/volumes/{volume}/action"
        assert (await cloud.ask("POST", path, {"os-extend": {"new_size": 1}})).status == 400
        assert (await cloud.ask("POST", path, {"os-extend": {"new_size": "5"}})).status == 202
        shown = await cloud.wait(volume, "available")
        assert (shown["size"], cloud.backend.kept[volume]) == (5, 5)
        assert (await cloud.ask("POST", path, {"os-reserve": {}})).status == 202
        assert (await cloud.ask("POST", path, {"os-unreserve": {}})).status == 202
        connector = {"connector": {"host": "compute-1", "ip": "10.0.0.1"}}
        info = (await cloud.ask("POST", path, {"os-initialize_connection": connector})).json()["connection_info"]
        assert info["data"]["export"] == "nas-1:/pool-1"
        assert (await cloud.ask("POST", path, {"os-terminate_connection": connector})).status == 202
        assert cloud.backend.exports == {}
        server = "11111111-1111-4111-8111-111111111111"
        attach = {"os-attach": {"instance_uuid": server, "mountpoint": "/dev/vdc"}}
        assert (await cloud.ask("POST", path, attach)).status == 202
        assert (await cloud.show(volume))["status"] == "in-use"
        assert (await cloud.ask("POST", path, {"os-detach": {}})).status == 202
        assert (await cloud.show(volume))["status"] == "available"
        assert (await cloud.ask("POST", path, {"os-set_bootable": {"bootable": True}})).status == 200
        assert (await cloud.show(volume))["bootable"] == "true"
        assert (await cloud.ask("POST", path, {"os-fly": {}})).status == 400
        assert (await cloud.ask("POST", path, {"os-reset_status": {"status": "error"}})).status == 403
        reset = {"os-reset_status": {"status": "error"}}
        assert (await cloud.ask("POST", f"~/volumes/{volume}/action", reset, user="admin")).status == 202
        assert (await cloud.ask("DELETE", f"~/volumes/{volume}")).status == 202
        await cloud.wait(volume, "gone")

    play(story)
