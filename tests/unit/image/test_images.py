"""Images as records: registering, finding, changing, removing, tags, and who may do it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.image.glance import BASE, PATCH_TYPE, Cloud, run


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
