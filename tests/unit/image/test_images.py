"""Images as records: registering, finding, changing, removing, tags, and who may do it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.image.glance import PATCH_TYPE, Cloud, run

BASE = {
    "id", "name", "status", "visibility", "owner", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value",
    "disk_format", "container_format", "min_disk", "min_ram", "protected", "os_hidden", "created_at", "updated_at",
    "tags", "self", "file", "schema",
}  # fmt: skip


def test_a_new_image_is_queued_and_has_its_properties_beside_its_attributes() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        made = await cloud.ask("POST", "/v2/images", {"name": "cirros", "hw_disk_bus": "virtio"}, token)
        image = made.json()
        assert made.status == 201
        assert made.headers["Location"] == f"http://glasscloud.local/image/v2/images/{image['id']}"
        assert set(image) == BASE | {"hw_disk_bus"}
        assert (image["status"], image["visibility"], image["hw_disk_bus"]) == ("queued", "shared", "virtio")
        assert image["size"] is image["checksum"] is image["os_hash_value"] is None
        assert image["file"] == f"/v2/images/{image['id']}/file"
        assert image["self"] == f"/v2/images/{image['id']}"
        assert image["created_at"].endswith("Z")
        owner = (await cloud.login("demo")).json()["token"]["project"]["id"]
        assert image["owner"] == owner
        assert (await cloud.ask("GET", image["self"], token=token)).json() == image

    run(main)


def test_a_name_is_no_id() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, name="cirros")
        missing = await cloud.ask("GET", "/v2/images/cirros", token=token)
        assert missing.status == 404
        assert missing.headers["Content-Type"].startswith("text/html")
        assert b"404 Not Found" in missing.content()
        assert b"No image found with ID cirros" in missing.content()
        found = (await cloud.ask("GET", "/v2/images?name=cirros", token=token)).json()
        assert [one["id"] for one in found["images"]] == [image["id"]]
        assert (found["first"], found["schema"]) == ("/v2/images?name=cirros", "/v2/schemas/images")

    run(main)


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"name": "x" * 256}, 400),
        ({"name": 7}, 400),
        ({"min_ram": -1}, 400),
        ({"min_disk": "1"}, 400),
        ({"min_disk": True}, 400),
        ({"visibility": "secret"}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"container_format": "box"}, 400),
        ({"protected": "yes"}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"tags": [7]}, 400),
        ({"id": "cirros"}, 400),
        ({"my_property": 7}, 400),
        ({"min_ram": 2**31}, 400),
        ({"x" * 256: "long"}, 400),
        ({"status": "active"}, 403),
        ({"self": "here"}, 403),
        ({"location": "here"}, 403),
        ({"os_glance_secret": "x"}, 403),
        ({"visibility": "public"}, 403),
        ({"owner": "somebody"}, 403),
        ({f"p{n}": "x" for n in range(129)}, 413),
        ({"tags": [f"t{n}" for n in range(129)]}, 413),
        ([], 400),
        (None, 400),
    ],
)
def test_what_cannot_be_registered(attributes: Any, status: int) -> None:
    async def main(cloud: Cloud) -> None:
        response = await cloud.ask("POST", "/v2/images", attributes, await cloud.token("demo"))
        assert response.status == status, response.content()

    run(main)


def test_names_of_the_records_own_fields_are_properties_like_others() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        odd = {"properties": "a", "created_ns": "b", "updated_ns": "c"}
        image = await cloud.image(token, **odd)
        assert {name: image[name] for name in odd} == odd
        found = (await cloud.ask("GET", "/v2/images?created_ns=b&properties=a", token=token)).json()["images"]
        assert [one["id"] for one in found] == [image["id"]]

    run(main)


def test_an_id_can_be_chosen_once() -> None:
    async def main(cloud: Cloud) -> None:
        token, chosen = await cloud.token("demo"), "11111111-2222-3333-4444-555555555555"
        assert (await cloud.image(token, id=chosen))["id"] == chosen
        assert (await cloud.ask("POST", "/v2/images", {"id": chosen}, token)).status == 409

    run(main)


def test_a_patch_adds_replaces_and_removes() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, name="old", colour="red")
        changes = [
            {"op": "replace", "path": "/name", "value": "new"},
            {"op": "add", "path": "/a~1b~0c", "value": "odd"},
            {"op": "replace", "path": "/colour", "value": "blue"},
            {"op": "replace", "path": "/tags", "value": ["a", "b", "a"]},
            {"op": "add", "path": "/min_ram", "value": 64},
        ]
        changed = (await cloud.patch(image["id"], changes, token)).json()
        assert {name: changed[name] for name in ("name", "a/b~c", "colour", "tags", "min_ram")} == {
            "name": "new", "a/b~c": "odd", "colour": "blue", "tags": ["a", "b"], "min_ram": 64,
        }  # fmt: skip
        removed = await cloud.patch(image["id"], [{"op": "remove", "path": "/colour"}], token)
        assert "colour" not in removed.json()
        old_form = [{"replace": "/name", "value": "older"}]
        kind = "application/openstack-images-v2.0-json-patch"
        assert (await cloud.patch(image["id"], old_form, token, kind)).json()["name"] == "older"

    run(main)


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ({}, 400),
        ([7], 400),
        ([{"path": "/name", "value": "x"}], 400),
        ([{"op": "move", "path": "/name", "value": "x"}], 400),
        ([{"op": "replace", "value": "x"}], 400),
        ([{"op": "replace", "path": "/name"}], 400),
        ([{"op": "replace", "path": "name", "value": "x"}], 400),
        ([{"op": "replace", "path": "/tags/0", "value": "x"}], 400),
        ([{"op": "replace", "path": "/a//b", "value": "x"}], 400),
        ([{"op": "replace", "path": "/name/", "value": "x"}], 400),
        ([{"op": "replace", "path": "/a~2", "value": "x"}], 400),
        ([{"op": "replace", "path": "/name", "value": 7}], 400),
        ([{"op": "replace", "path": "/status", "value": "active"}], 403),
        ([{"op": "remove", "path": "/id"}], 403),
        ([{"op": "add", "path": "/locations/-", "value": {}}], 403),
        ([{"op": "remove", "path": "/visibility"}], 403),
        ([{"op": "replace", "path": "/visibility", "value": "public"}], 403),
        ([{"op": "replace", "path": "/owner", "value": "somebody"}], 403),
        ([{"op": "replace", "path": "/missing", "value": "x"}], 409),
        ([{"op": "remove", "path": "/missing"}], 409),
    ],
)
def test_what_cannot_be_changed(operations: Any, status: int) -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, name="x")
        response = await cloud.patch(image["id"], operations, token)
        assert response.status == status, response.content()
        assert (await cloud.ask("GET", image["self"], token=token)).json() == image

    run(main)


def test_a_patch_of_another_media_type_is_refused() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        for kind in ("application/json", "text/plain"):
            assert (await cloud.patch(image["id"], [], token, kind)).status == 415
        bad = await cloud.ask("PATCH", image["self"], b"{", token, {"Content-Type": PATCH_TYPE})
        assert bad.status == 400

    run(main)


def test_formats_change_only_while_the_image_is_queued() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        change = [{"op": "replace", "path": "/disk_format", "value": "qcow2"}]
        assert (await cloud.patch(image["id"], change, token)).json()["disk_format"] == "qcow2"
        await cloud.upload(image["id"], b"data", token)
        assert (await cloud.patch(image["id"], change, token)).status == 403

    run(main)


def test_another_projects_image_does_not_exist_unless_it_is_shown() -> None:
    async def main(cloud: Cloud) -> None:
        demo, admin = await cloud.token("demo"), await cloud.token()
        for visibility in ("private", "shared"):
            image = await cloud.image(admin, b"data", visibility=visibility)
            path = f"/v2/images/{image['id']}"
            for method, target in (("GET", path), ("GET", f"{path}/file"), ("DELETE", path), ("PUT", f"{path}/tags/x")):
                assert (await cloud.ask(method, target, token=demo)).status == 404
        for visibility in ("public", "community"):
            image = await cloud.image(admin, b"data", visibility=visibility)
            path = f"/v2/images/{image['id']}"
            assert (await cloud.ask("GET", path, token=demo)).status == 200
            assert await cloud.download(image["id"], demo) == b"data"
            for method, target in (("DELETE", path), ("PUT", f"{path}/tags/x"), ("POST", f"{path}/actions/deactivate")):
                assert (await cloud.ask(method, target, token=demo)).status == 403
            assert (await cloud.patch(image["id"], [], demo)).status == 403
        mine = await cloud.image(demo, visibility="private")
        assert (await cloud.ask("DELETE", mine["self"], token=admin)).status == 204
        assert (await cloud.ask("GET", "/v2/images")).status == 401

    run(main)


def test_lists_show_what_the_caller_may_see() -> None:
    async def main(cloud: Cloud) -> None:
        demo, admin = await cloud.token("demo"), await cloud.token()
        for visibility in ("private", "shared", "public", "community"):
            await cloud.image(admin, name=visibility, visibility=visibility)
        await cloud.image(demo, name="mine")

        async def names(query: str, token: str = demo) -> set[str]:
            return {one["name"] for one in (await cloud.ask("GET", f"/v2/images{query}", token=token)).json()["images"]}

        assert await names("") == {"public", "mine"}
        assert await names("?visibility=all") == {"public", "mine", "community"}
        assert await names("?visibility=community") == {"community"}
        assert await names("?visibility=private") == set()
        assert await names("", admin) == {"private", "shared", "public", "community", "mine"}
        assert (await cloud.ask("GET", "/v2/images?visibility=secret", token=demo)).status == 400

    run(main)


def test_lists_are_filtered() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        a = await cloud.image(token, b"1234", name="a", tags=["x", "y"], kind="small")
        b = await cloud.image(token, b"12345678", name="b", tags=["x"], protected=True)
        c = await cloud.image(token, name="c,d", disk_format="qcow2", os_hidden=True)

        async def names(query: str) -> list[str]:
            response = await cloud.ask("GET", f"/v2/images?sort=name:asc&{query}", token=token)
            assert response.status == 200, response.content()
            return [one["name"] for one in response.json()["images"]]

        assert await names("name=a") == ["a"]
        assert await names(f"id=in:{a['id']},{b['id']},missing") == ["a", "b"]
        assert await names(f"id=in%3A{b['id']}") == ["b"]
        assert await names(f"id={a['id']}") == ["a"]
        assert await names("name=in:a,b") == ["a", "b"]
        assert await names("status=active") == ["a", "b"]
        assert await names("status=in:queued,active&os_hidden=true") == ["c,d"]
        assert await names("os_hidden=true&disk_format=qcow2") == [c["name"]]
        assert await names("tag=x&tag=y") == ["a"]
        assert await names("size_min=5") == ["b"]
        assert await names("size_max=4") == ["a"]
        assert await names("protected=True") == ["b"]
        assert await names("kind=small") == ["a"]
        assert await names(f"owner={a['owner']}") == ["a", "b"]
        assert await names("owner=nobody") == []
        assert await names("created_at=gte:2026-01-01T00:00:00Z") == ["a", "b"]
        assert await names("created_at=gt:2027-01-01T00:00:00Z") == []
        for bad in ("size_min=many", "protected=perhaps", "os_hidden=maybe", "member_status=odd", "changes-since=x"):
            assert (await cloud.ask("GET", f"/v2/images?{bad}", token=token)).status == 400, bad

    run(main)


def test_lists_are_sorted_and_cut() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        for number in (2, 0, 1, 1):
            await cloud.image(token, name=f"i{number}")
            await cloud.wires.processes["glance@controller-1"].sleep(1)

        async def names(query: str) -> list[str]:
            return [one["name"] for one in (await cloud.ask("GET", f"/v2/images{query}", token=token)).json()["images"]]

        assert await names("") == ["i1", "i1", "i0", "i2"]
        assert await names("?sort=name:asc") == ["i0", "i1", "i1", "i2"]
        assert await names("?sort_key=name&sort_dir=desc") == ["i2", "i1", "i1", "i0"]
        assert await names("?sort_key=created_at&sort_dir=asc") == ["i2", "i0", "i1", "i1"]
        seen, target = [], "/v2/images?limit=3&sort=name:asc,created_at:asc"
        while target:
            answer = (await cloud.ask("GET", target, token=token)).json()
            seen.append([one["name"] for one in answer["images"]])
            target = answer.get("next", "")
        assert seen == [["i0", "i1", "i1"], ["i2"]]
        assert await names("?limit=0") == []
        for bad in ("limit=-1", "limit=x", "marker=x", "sort=colour", "sort=name:up", "sort=name&sort_key=name",
                    "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=asc"):  # fmt: skip
            assert (await cloud.ask("GET", f"/v2/images?{bad}", token=token)).status == 400, bad

    run(main)


def test_tags() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        path = f"{image['self']}/tags/base%20image"
        for _ in range(2):
            assert (await cloud.ask("PUT", path, token=token)).status == 204
        assert (await cloud.ask("GET", image["self"], token=token)).json()["tags"] == ["base image"]
        assert (await cloud.ask("DELETE", path, token=token)).status == 204
        assert (await cloud.ask("DELETE", path, token=token)).status == 404
        assert (await cloud.ask("PUT", f"{image['self']}/tags/{'x' * 256}", token=token)).status == 400

    run(main)


def test_a_protected_image_stays() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, b"data", protected=True)
        refused = await cloud.ask("DELETE", image["self"], token=token)
        assert refused.status == 403
        assert f"Image {image['id']} is protected and cannot be deleted.".encode() in refused.content()
        await cloud.patch(image["id"], [{"op": "replace", "path": "/protected", "value": False}], token)
        assert (await cloud.ask("DELETE", image["self"], token=token)).status == 204
        assert (await cloud.ask("GET", image["self"], token=token)).status == 404
        assert (await cloud.ask("DELETE", image["self"], token=token)).status == 404
        assert cloud.store.files == {}

    run(main)


def test_members_see_an_image_and_accept_it() -> None:
    async def main(cloud: Cloud) -> None:
        demo, admin = await cloud.login("demo"), await cloud.token()
        token, project_id = demo.headers["X-Subject-Token"], demo.json()["token"]["project"]["id"]
        image = await cloud.image(admin, name="team")
        members = f"{image['self']}/members"
        added = await cloud.ask("POST", members, {"member": project_id}, admin)
        assert added.status == 200
        assert set(added.json()) == {"image_id", "member_id", "status", "created_at", "updated_at", "schema"}
        assert added.json()["status"] == "pending"
        assert (await cloud.ask("POST", members, {"member": project_id}, admin)).status == 409
        assert (await cloud.ask("GET", image["self"], token=token)).status == 200
        assert (await cloud.ask("GET", "/v2/images", token=token)).json()["images"] == []
        pending = await cloud.ask("GET", "/v2/images?member_status=pending&visibility=shared", token=token)
        assert len(pending.json()["images"]) == 1
        answer = await cloud.ask("PUT", f"{members}/{project_id}", {"status": "accepted"}, token)
        assert answer.json()["status"] == "accepted"
        assert len((await cloud.ask("GET", "/v2/images", token=token)).json()["images"]) == 1
        assert len((await cloud.ask("GET", members, token=token)).json()["members"]) == 1
        assert (await cloud.ask("GET", f"{members}/other", token=token)).status == 404
        assert (await cloud.ask("PUT", f"{members}/{project_id}", {"status": "odd"}, token)).status == 400
        assert (await cloud.ask("POST", members, {}, admin)).status == 400
        assert (await cloud.ask("DELETE", f"{members}/{project_id}", token=token)).status == 403
        assert (await cloud.ask("DELETE", f"{members}/{project_id}", token=admin)).status == 204
        assert (await cloud.ask("GET", image["self"], token=token)).status == 404
        own = await cloud.image(admin, visibility="private")
        assert (await cloud.ask("GET", f"{own['self']}/members", token=admin)).status == 403

    run(main)


def test_discovery_and_schemas() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        top, listed = await cloud.ask("GET", "/"), await cloud.ask("GET", "/versions")
        assert (top.status, listed.status) == (300, 200)
        versions = top.json()["versions"]
        assert [one["id"] for one in versions if one["status"] == "CURRENT"] == ["v2.17"]
        assert versions[0]["links"] == [{"rel": "self", "href": "http://glasscloud.local/image/v2/"}]
        schema = (await cloud.ask("GET", "/v2/schemas/image", token=token)).json()
        assert schema["name"] == "image"
        assert set(schema["properties"]) >= BASE
        assert schema["additionalProperties"] == {"type": "string"}
        for name in ("images", "member", "members"):
            assert (await cloud.ask("GET", f"/v2/schemas/{name}", token=token)).json()["name"] == name
        assert (await cloud.ask("GET", "/v2/schemas/odd", token=token)).status == 404
        assert (await cloud.ask("GET", "/v2/info/stores", token=token)).status == 404
        assert (await cloud.ask("GET", "/v2/info/import", token=token)).json()["import-methods"]["value"] == []

    run(main)
