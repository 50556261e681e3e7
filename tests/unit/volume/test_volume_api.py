"""Shapes, statuses and refusals of cinder's API."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from tests.unit.volume.block_storage import BlockStorage, play

NOBODY = "99999999-9999-4999-8999-999999999999"


def test_versions_are_found() -> None:
    async def story(cloud: BlockStorage) -> None:
        answer = await cloud.ask("GET", "/", user="")
        assert answer.status == 300
        version = answer.json()["versions"][0]
        assert (version["id"], version["version"], version["min_version"]) == ("v3.0", "3.71", "3.0")
        assert version["links"][1]["href"] == "http://glasscloud.local/volume/v3/"
        assert (await cloud.ask("GET", "/v3/", user="")).status == 200
        answer = await cloud.ask("GET", "~/volumes", version="3.27")
        assert answer.headers["OpenStack-API-Version"] == "volume 3.27"
        assert (await cloud.ask("GET", "~/volumes", version="3.99")).status == 406

    play(story)


def test_extensions_tell_what_is_there() -> None:
    """Horizon offers no zone for a new volume when none of them is AvailabilityZones."""

    async def story(cloud: BlockStorage) -> None:
        extensions = (await cloud.ask("GET", "~/extensions")).json()["extensions"]
        assert {"AvailabilityZones", "Services", "Quotas"} <= {extension["name"] for extension in extensions}
        assert {key for extension in extensions for key in extension} == {"name", "alias", "updated", "description", "links"}
        assert not {"backups", "qos-specs", "os-volume-transfer"} & {extension["alias"] for extension in extensions}
        for extension in extensions:
            assert (await cloud.ask("GET", f"~/extensions/{extension['alias']}")).json() == {"extension": extension}
        assert (await cloud.ask("GET", "~/extensions/backups")).status == 404

    play(story)


def test_lists_of_what_is_never_made_are_there_and_empty() -> None:
    """Horizon's page of volumes asks for groups, and `cinder` and `openstack` list the rest."""

    async def story(cloud: BlockStorage) -> None:
        for noun in ("backups", "qos_specs", "messages", "group_types", "groups", "group_snapshots"):
            answer = await cloud.ask("GET", f"~/{noun.replace('qos_', 'qos-')}", version="3.71")
            assert (answer.status, answer.json()) == (200, {noun: []})
        for noun in ("groups", "group_snapshots"):
            assert (await cloud.ask("GET", f"~/{noun}/detail", version="3.71")).json() == {noun: []}
        assert (await cloud.ask("GET", "~/groups/detail", version="3.12")).status == 404

    play(story)


def test_what_the_openstack_client_sends_is_accepted() -> None:
    async def story(cloud: BlockStorage) -> None:
        body: dict[str, Any] = {
            "source_volid": None,
            "volume_type": None,
            "description": None,
            "name": "vol1",
            "consistencygroup_id": None,
            "imageRef": None,
            "size": 1,
            "snapshot_id": None,
            "backup_id": None,
            "availability_zone": None,
            "metadata": None,
        }
        answer = await cloud.ask("POST", "~/volumes", {"volume": body})
        assert answer.status == 202
        shown = answer.json()["volume"]
        expected = {
            "bootable": "false",
            "encrypted": False,
            "multiattach": False,
            "metadata": {},
            "volume_type": "__DEFAULT__",
            "availability_zone": "nova",
            "consumes_quota": True,
            "shared_targets": None,
            "group_id": None,
        }
        assert {name: shown[name] for name in expected} == expected
        assert shown["created_at"].startswith("2026-01-01T00:00:0")
        assert "os-vol-host-attr:host" not in shown
        volume = await cloud.wait(shown["id"], "available")
        admin = (await cloud.ask("GET", f"/v3/volumes/{volume['id']}", user="admin")).json()["volume"]
        assert admin["os-vol-host-attr:host"] == "nas-1@nas#pool-1"
        old = (await cloud.ask("GET", f"~/volumes/{volume['id']}", version="3.0")).json()["volume"]
        assert not {"consumes_quota", "group_id", "volume_type_id", "shared_targets"} & set(old)
        found = (await cloud.ask("GET", "~/volumes/detail?name=vol1")).json()["volumes"]
        assert [row["id"] for row in found] == [volume["id"]]
        assert (await cloud.ask("GET", "~/volumes/vol1")).json() == {
            "itemNotFound": {"code": 404, "message": "Volume vol1 could not be found."}
        }
        answer = await cloud.ask("POST", "~/types", {"volume_type": {"name": "lvm2", "description": None}}, user="admin", version="3.0")
        assert answer.status == 200
        assert {"id", "name", "is_public", "description", "extra_specs"} <= set(answer.json()["volume_type"])
        services = (await cloud.ask("GET", "~/os-services", user="admin", version="3.32")).json()["services"]
        assert [(s["binary"], s["host"], s["zone"], s["status"], s["state"]) for s in services] == [
            ("cinder-scheduler", "controller-1", "nova", "enabled", "up"),
            ("cinder-volume", "nas-1@nas", "nova", "enabled", "up"),
        ]

    play(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "~/volumes", {"volume": {"size": -1}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 0}}, 400),
        ("POST", "~/volumes", {"volume": {"size": "big"}}, 400),
        ("POST", "~/volumes", {"volume": {"size": True}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1.5}}, 400),
        ("POST", "~/volumes", {"volume": {}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1, "colour": "red"}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1, "name": "x" * 256}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1, "volume_type": "none"}}, 404),
        ("POST", "~/volumes", {"volume": {"size": 1, "availability_zone": "mars"}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1, "snapshot_id": NOBODY}}, 404),
        ("POST", "~/volumes", {"volume": {"size": 1, "metadata": {"a": 1}}}, 400),
        ("POST", "~/volumes", {"volume": {"size": 1, "multiattach": True}}, 400),
        ("POST", "~/volumes", b"{", 400),
        ("POST", "~/volumes", [], 400),
        ("POST", "~/volumes", None, 400),
        ("POST", "/v3/p-bob/volumes", {"volume": {"size": 1}}, 400),
        ("PUT", "~/volumes", {}, 405),
        ("GET", "~/nothing", None, 404),
        ("GET", f"~/volumes/{NOBODY}", None, 404),
        ("DELETE", f"~/volumes/{NOBODY}", None, 404),
        ("POST", f"~/volumes/{NOBODY}/action", {"os-extend": {"new_size": 2}}, 404),
        ("GET", "~/volumes?limit=-1", None, 400),
        ("GET", "~/volumes?sort=colour", None, 400),
        ("GET", f"~/volumes?marker={NOBODY}", None, 404),
        ("GET", "~/os-services", None, 403),
        ("GET", "~/os-quota-sets/p-bob", None, 403),
        ("POST", "~/types", {"volume_type": {"name": "x"}}, 403),
        ("POST", "/v3/attachments", {"attachment": {"volume_uuid": NOBODY, "instance_uuid": NOBODY}}, 404),
        ("PUT", f"/v3/attachments/{NOBODY}", {"attachment": {"connector": {"host": "h"}}}, 404),
        ("DELETE", f"/v3/attachments/{NOBODY}", None, 404),
    ],
)
def test_bad_requests_get_cinders_faults(method: str, path: str, body: Any, status: int) -> None:
    async def story(cloud: BlockStorage) -> None:
        answer = await cloud.ask(method, path, body)
        assert answer.status == status, answer.content()
        (fault,) = answer.json().values()
        assert fault["code"] == status
        assert fault["message"]

    play(story)


def test_tokens_and_projects() -> None:
    async def story(cloud: BlockStorage) -> None:
        volume = (await cloud.make(1))["id"]
        assert (await cloud.ask("GET", "~/volumes", user="admin", headers={"x-auth-token": ""})).status == 401
        for method, path, body in (
            ("GET", f"~/volumes/{volume}", None),
            ("PUT", f"~/volumes/{volume}", {"volume": {"name": "mine"}}),
            ("DELETE", f"~/volumes/{volume}", None),
            ("POST", f"~/volumes/{volume}/action", {"os-reserve": {}}),
            ("POST", "~/snapshots", {"snapshot": {"volume_id": volume}}),
            ("POST", "~/volumes", {"volume": {"source_volid": volume}}),
            ("POST", "~/attachments", {"attachment": {"volume_uuid": volume}}),
        ):
            assert (await cloud.ask(method, path, body, user="bob")).status == 404, path
        assert (await cloud.ask("GET", "~/volumes/detail?all_tenants=1", user="bob")).json()["volumes"] == []
        assert len((await cloud.ask("GET", "~/volumes/detail?all_tenants=1", user="admin")).json()["volumes"]) == 1
        assert (await cloud.ask("GET", f"~/volumes/{volume}", user="reader")).status == 200
        assert (await cloud.ask("DELETE", f"~/volumes/{volume}", user="reader")).status == 403
        assert (await cloud.ask("HEAD", f"~/volumes/{volume}")).status == 200

    play(story)


def test_quotas_refuse_and_are_counted() -> None:
    quotas = {**Config().volume_quotas, "volumes": 2, "gigabytes": 5, "snapshots": 1}

    async def story(cloud: BlockStorage) -> None:
        answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 6}})
        assert answer.status == 413
        assert answer.json()["overLimit"]["message"] == (
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            "Requested 6G, quota is 5G and 0G has been consumed."
        )
        assert answer.headers["Retry-After"] == "0"
        first = await cloud.make(1)
        await cloud.make(1)
        answer = await cloud.ask("POST", "~/volumes", {"volume": {"size": 1}})
        assert answer.json()["overLimit"]["message"] == (
            "VolumeLimitExceeded: Maximum number of volumes allowed (2) exceeded for quota 'volumes'."
        )
        assert (await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": first["id"]}})).status == 202
        assert (await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": first["id"]}})).status == 413
        shown = (await cloud.ask("GET", "~/os-quota-sets/p-alice?usage=True")).json()["quota_set"]
        assert shown["gigabytes"] == {"limit": 5, "in_use": 3, "reserved": 0, "allocated": 0}
        assert shown["volumes___DEFAULT__"]["in_use"] == 2
        limits = (await cloud.ask("GET", "~/limits", version="3.39")).json()["limits"]["absolute"]
        assert (limits["maxTotalVolumes"], limits["totalVolumesUsed"], limits["totalGigabytesUsed"]) == (2, 2, 3)
        answer = await cloud.ask("PUT", "~/os-quota-sets/p-alice", {"quota_set": {"volumes": 5}}, user="admin")
        assert answer.json()["quota_set"]["volumes"] == 5
        await cloud.make(1)
        bad = await cloud.ask("PUT", "~/os-quota-sets/p-alice", {"quota_set": {"cats": 5}}, user="admin")
        assert bad.status == 400
        assert (await cloud.ask("DELETE", "~/os-quota-sets/p-alice", user="admin")).status == 200
        defaults = (await cloud.ask("GET", "~/os-quota-sets/p-alice?usage=False")).json()["quota_set"]
        assert (defaults["volumes"], defaults["per_volume_gigabytes"]) == (2, -1)
        cheaper = {"quota_class_set": {"volumes": 9}}
        assert (await cloud.ask("PUT", "~/os-quota-class-sets/default", cheaper, user="admin")).status == 200
        await cloud.make(1)

    play(story, Config(volume_quotas=quotas))


def test_lists_are_filtered_sorted_and_paged() -> None:
    async def story(cloud: BlockStorage) -> None:
        for name, size in (("a", 3), ("b", 1), ("c", 2)):
            await cloud.make(size, name=name, metadata={"tier": name})

        async def names(query: str) -> list[str]:
            answer = await cloud.ask("GET", f"~/volumes/detail?{query}")
            return [row["name"] for row in answer.json()["volumes"]]

        assert await names("") == ["c", "b", "a"]
        assert await names("sort=size:asc") == ["b", "c", "a"]
        assert await names("sort_key=name&sort_dir=asc") == ["a", "b", "c"]
        assert await names("name~=b") == ["b"]
        assert await names("metadata=%7B'tier':'c'%7D") == ["c"]
        answer = (await cloud.ask("GET", "~/volumes?limit=2&with_count=true")).json()
        assert (len(answer["volumes"]), answer["count"]) == (2, 3)
        link = answer["volumes_links"][0]["href"]
        assert link.startswith("http://glasscloud.local/volume/v3/p-alice/volumes?limit=2")
        rest = (await cloud.ask("GET", f"~/volumes?{link.partition('?')[2]}")).json()
        assert [row["name"] for row in rest["volumes"]] == ["a"]
        summary = (await cloud.ask("GET", "~/volumes/summary")).json()["volume-summary"]
        assert summary == {"total_size": 6, "total_count": 3, "metadata": {"tier": ["c", "b", "a"]}}

    play(story)


def test_metadata_of_volumes() -> None:
    async def story(cloud: BlockStorage) -> None:
        path = f"~/volumes/{(await cloud.make(1))['id']}/metadata"
        assert (await cloud.ask("POST", path, {"metadata": {"a": "1", "b": "2"}})).json()["metadata"] == {"a": "1", "b": "2"}
        assert (await cloud.ask("PUT", path, {"metadata": {"c": "3"}})).json() == {"metadata": {"c": "3"}}
        assert (await cloud.ask("PUT", f"{path}/d", {"meta": {"d": "4"}})).json() == {"meta": {"d": "4"}}
        assert (await cloud.ask("PUT", f"{path}/d", {"meta": {"e": "4"}})).status == 400
        assert (await cloud.ask("DELETE", f"{path}/c")).status == 200
        assert (await cloud.ask("GET", f"{path}/c")).status == 404
        assert (await cloud.ask("GET", path)).json() == {"metadata": {"d": "4"}}

    play(story)


def test_types_choose_backends_and_have_doors() -> None:
    async def story(cloud: BlockStorage) -> None:
        new = {"volume_type": {"name": "gold", "os-volume-type-access:is_public": False}}
        gold = (await cloud.ask("POST", "~/types", new, user="admin")).json()["volume_type"]["id"]
        assert (await cloud.ask("POST", "~/types", new, user="admin")).status == 409
        specs = {"extra_specs": {"volume_backend_name": "tape"}}
        assert (await cloud.ask("POST", f"~/types/{gold}/extra_specs", specs, user="admin")).status == 200
        assert (await cloud.ask("POST", "~/volumes", {"volume": {"size": 1, "volume_type": "gold"}})).status == 404
        access = {"addProjectAccess": {"project": "p-alice"}}
        assert (await cloud.ask("POST", f"~/types/{gold}/action", access, user="admin")).status == 202
        assert [t["name"] for t in (await cloud.ask("GET", "~/types")).json()["volume_types"]] == ["__DEFAULT__", "gold"]
        nowhere = (await cloud.make(1, volume_type="gold", wait="error"))["id"]
        reset = {"os-reset_status": {"status": "available"}}
        assert (await cloud.ask("POST", f"~/volumes/{nowhere}/action", reset, user="admin")).status == 202
        refused = await cloud.ask("POST", "~/snapshots", {"snapshot": {"volume_id": nowhere}})
        assert (refused.status, "is on no backend" in refused.json()["badRequest"]["message"]) == (400, True)
        spec = {"volume_backend_name": "nas"}
        assert (await cloud.ask("PUT", f"~/types/{gold}/extra_specs/volume_backend_name", spec, user="admin")).status == 200
        assert (await cloud.make(1, volume_type="gold"))["volume_type"] == "gold"
        assert (await cloud.ask("DELETE", f"~/types/{gold}", user="admin")).status == 400
        default = (await cloud.ask("GET", "~/types/default")).json()["volume_type"]
        assert (await cloud.ask("DELETE", f"~/types/{default['id']}", user="admin")).status == 400
        pools = (await cloud.ask("GET", "~/scheduler-stats/get_pools?detail=True", user="admin")).json()["pools"]
        assert (pools[0]["name"], pools[0]["capabilities"]["total_capacity_gb"]) == ("nas-1@nas#pool-1", 100.0)
        zones = (await cloud.ask("GET", "~/os-availability-zone")).json()["availabilityZoneInfo"]
        assert zones == [{"zoneName": "nova", "zoneState": {"available": True}}]

    play(story)
