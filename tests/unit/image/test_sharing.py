"""Who sees which images: lists, members, other projects; and what the service says of itself."""

from __future__ import annotations

from tests.unit.image.glance import BASE, Cloud, run


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
