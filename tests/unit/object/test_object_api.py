"""Swift's API: accounts, containers, objects, and the ways in which requests are refused."""

from __future__ import annotations

import asyncio
from hashlib import md5

import orjson
import pytest

from tests.unit.object.object_storage import ObjectStorage, play


def test_what_the_openstack_client_does() -> None:
    async def story(cloud: ObjectStorage) -> None:
        answer = await cloud.ask("PUT", "c1")
        assert (answer.status, answer.headers["X-Trans-Id"][:2]) == (201, "tx")
        assert (await cloud.ask("PUT", "c1")).status == 202
        data = bytes(range(256)) * 400
        answer = await cloud.ask("PUT", "c1/img.bin", data, Content_Type="application/x-disk")
        assert (answer.status, answer.headers["Etag"]) == (201, md5(data).hexdigest())
        answer = await cloud.ask("GET", "c1?format=json")
        (row,) = orjson.loads(answer.content())
        assert answer.status == 200
        assert (row["name"], row["bytes"], row["hash"]) == ("img.bin", len(data), md5(data).hexdigest())
        assert row["content_type"] == "application/x-disk"
        assert row["last_modified"].startswith("2026-01-01T00:00:0")
        assert answer.headers["X-Container-Object-Count"] == "1"
        answer = await cloud.ask("GET", "c1/img.bin")
        assert (answer.status, answer.content()) == (200, data)
        assert answer.headers["Last-Modified"].startswith("Thu, 01 Jan 2026 00:00:0")
        head = await cloud.ask("HEAD", "c1/img.bin")
        assert (head.status, head.headers["Content-Length"], head.content()) == (200, str(len(data)), b"")
        account = await cloud.ask("HEAD", "")
        assert account.status == 204
        assert account.headers["X-Account-Container-Count"] == "1"
        assert account.headers["X-Account-Bytes-Used"] == str(len(data))
        assert (await cloud.ask("DELETE", "c1")).status == 409
        assert (await cloud.ask("DELETE", "c1/img.bin")).status == 204
        assert (await cloud.ask("DELETE", "c1/img.bin")).status == 404
        assert (await cloud.ask("GET", "c1/img.bin")).status == 404
        assert (await cloud.ask("DELETE", "c1")).status == 204
        assert (await cloud.ask("DELETE", "c1")).status == 404

    play(story)


def test_no_bytes_of_an_object_reach_the_journal() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        await cloud.ask("PUT", "c/o", b"moonshine" * 100)
        await cloud.ask("GET", "c/o")
        assert all(b"moonshine" not in entry.body_bytes() for entry in cloud.wires.journal.since(0))
        (put, *_) = cloud.wires.journal.find(kind="driver", name="object.put")
        assert b"<900 bytes>" in put.body_bytes()

    play(story)


def test_uploads_in_chunks_checked_and_limited() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        answer = await cloud.ask("PUT", "c/o", [b"one ", b"two ", b"three"], Transfer_Encoding="chunked")
        assert answer.status == 201
        assert (await cloud.ask("GET", "c/o")).content() == b"one two three"
        wrong = await cloud.ask("PUT", "c/o", b"other", ETag="0" * 32)
        assert wrong.status == 422
        right = await cloud.ask("PUT", "c/o", b"other", ETag=f'"{md5(b"other").hexdigest()}"')
        assert right.status == 201
        assert (await cloud.ask("PUT", "c/o", b"short", Content_Length="6")).status == 499
        assert (await cloud.ask("PUT", "c/o", b"x", Content_Length=str(5 * 2**30 + 3))).status == 413
        assert (await cloud.ask("PUT", "c/o", b"x", Content_Length="many")).status == 400
        assert (await cloud.ask("GET", "c/o")).content() == b"other"
        assert (await cloud.ask("PUT", "c/empty")).status == 201
        assert (await cloud.ask("GET", "c/empty")).content() == b""
        assert (await cloud.ask("PUT", f"c/{'n' * 1025}", b"x")).status == 400
        assert (await cloud.ask("PUT", "none/o", b"x")).status == 404
        for name in ("%FF", "a%00b"):
            assert (await cloud.ask("PUT", f"c/{name}", b"x")).status == 412
            assert (await cloud.ask("PUT", name)).status == 412
        assert (await cloud.ask("PUT", "a%2Fb")).status == 400
        assert (await cloud.ask("PUT", "c/new", b"x", If_None_Match="*")).status == 201
        assert (await cloud.ask("PUT", "c/new", b"y", If_None_Match="*")).status == 412

    play(story)


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, None),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("furlongs=0-1", 200, b"0123456789", None),
    ],
)
def test_ranges(asked: str, status: int, body: bytes | None, content_range: str | None) -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        await cloud.ask("PUT", "c/o", b"0123456789")
        answer = await cloud.ask("GET", "c/o", Range=asked)
        assert answer.status == status
        assert body is None or answer.content() == body
        assert answer.headers.get("Content-Range") == content_range

    play(story, hosts=3)


def test_conditions() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        etag = (await cloud.ask("PUT", "c/o", b"x")).headers["Etag"]
        modified = (await cloud.ask("HEAD", "c/o")).headers["Last-Modified"]
        assert (await cloud.ask("GET", "c/o", If_None_Match=etag)).status == 304
        assert (await cloud.ask("GET", "c/o", If_None_Match='"other"')).status == 200
        assert (await cloud.ask("GET", "c/o", If_Match='"other"')).status == 412
        assert (await cloud.ask("GET", "c/o", If_Modified_Since=modified)).status == 304
        assert (await cloud.ask("GET", "c/o", If_Unmodified_Since="Thu, 01 Jan 2015 00:00:00 GMT")).status == 412
        assert (await cloud.ask("GET", "c/o", If_Modified_Since="yesterday")).status == 200

    play(story, hosts=3)


def test_metadata_and_copies() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c", X_Container_Meta_Owner="ada")
        assert (await cloud.ask("HEAD", "c")).headers["X-Container-Meta-Owner"] == "ada"
        assert (await cloud.ask("POST", "c", X_Remove_Container_Meta_Owner="x", X_Container_Meta_Color="red")).status == 204
        headers = (await cloud.ask("HEAD", "c")).headers
        assert "X-Container-Meta-Owner" not in headers
        assert headers["X-Container-Meta-Color"] == "red"
        await cloud.ask("POST", "", X_Account_Meta_Team="blue")
        assert (await cloud.ask("HEAD", "")).headers["X-Account-Meta-Team"] == "blue"
        await cloud.ask("PUT", "c/o", b"data", X_Object_Meta_Year="1843", Content_Type="text/plain")
        assert (await cloud.ask("HEAD", "c/o")).headers["X-Object-Meta-Year"] == "1843"
        assert (await cloud.ask("POST", "c/o", X_Object_Meta_Name="n")).status == 202
        head = (await cloud.ask("HEAD", "c/o")).headers
        assert "X-Object-Meta-Year" not in head
        assert (head["X-Object-Meta-Name"], head["Content-Type"]) == ("n", "text/plain")
        assert (await cloud.ask("PUT", "c/copy", X_Copy_From="/c/o")).status == 201
        assert (await cloud.ask("COPY", "c/o", Destination="c/again")).status == 201
        assert (await cloud.ask("GET", "c/again")).content() == b"data"
        assert (await cloud.ask("HEAD", "c/copy")).headers["X-Object-Meta-Name"] == "n"
        assert (await cloud.ask("PUT", "c/copy", X_Copy_From="nowhere")).status == 412
        assert (await cloud.ask("POST", "c/none", X_Object_Meta_Name="n")).status == 404
        long = {f"X_Object_Meta_{'a' * 129}": "v"}
        assert (await cloud.ask("PUT", "c/o", b"x", **long)).status == 400
        assert (await cloud.ask("PUT", "c/o", b"x", X_Object_Meta_A="v" * 257)).status == 400

    play(story, hosts=3)


def test_listings() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        assert (await cloud.ask("GET", "c")).status == 204
        for name in ("a", "photos/2025/x", "photos/2026/y", "photos/z", "zoo", "dir/", "sp%20ace", "b//c"):
            await cloud.ask("PUT", f"c/{name}", b"1")
        everything = ["a", "b//c", "dir/", "photos/2025/x", "photos/2026/y", "photos/z", "sp ace", "zoo"]
        assert await cloud.names("c") == everything
        assert (await cloud.ask("GET", "c")).content().decode().splitlines() == everything
        assert await cloud.names("c?delimiter=/") == ["a", "b/", "dir/", "photos/", "sp ace", "zoo"]
        assert await cloud.names("c?delimiter=/&prefix=photos/") == ["photos/2025/", "photos/2026/", "photos/z"]
        assert await cloud.names("c?delimiter=/&marker=photos/") == ["sp ace", "zoo"]
        assert await cloud.names("c?limit=2&marker=a") == ["b//c", "dir/"]
        assert await cloud.names("c?end_marker=dir/") == ["a", "b//c"]
        assert await cloud.names("c?reverse=true&limit=2") == ["zoo", "sp ace"]
        assert (await cloud.ask("GET", "c?limit=10001")).status == 412
        assert (await cloud.ask("GET", "c/dir/")).content() == b"1"
        await cloud.ask("PUT", "other")
        answer = await cloud.ask("GET", "?format=json")
        assert [(row["name"], row["count"], row["bytes"]) for row in orjson.loads(answer.content())] == [
            ("c", 8, 8),
            ("other", 0, 0),
        ]

    play(story, hosts=3)


def test_who_may() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        await cloud.ask("PUT", "c/o", b"secret")
        for path in ("", "c", "c/o", "none", "none/o"):
            assert (await cloud.ask("GET", path, user="bob")).status == 403
            assert (await cloud.ask("GET", path, user="")).status == 401
            assert (await cloud.ask("GET", path, user="mallory")).status == 401
        assert (await cloud.ask("GET", "c/o", user="reader")).status == 200
        assert (await cloud.ask("PUT", "c/o", b"x", user="reader")).status == 403
        await cloud.ask("POST", "c", X_Container_Read=".r:*,.rlistings")
        assert (await cloud.ask("GET", "c/o", user="")).content() == b"secret"
        assert (await cloud.ask("GET", "c", user="")).status == 200
        assert (await cloud.ask("DELETE", "c/o", user="")).status == 401
        await cloud.ask("POST", "c", X_Container_Read="p-bob:*", X_Container_Write="*:bob")
        assert (await cloud.ask("GET", "c/o", user="")).status == 401
        assert (await cloud.ask("GET", "c/o", user="bob")).status == 200
        assert (await cloud.ask("PUT", "c/new", b"x", user="bob")).status == 201
        assert (await cloud.ask("DELETE", "c", user="bob")).status == 403
        page = (await cloud.ask("GET", "none")).content()
        assert page == b"<html><h1>Not Found</h1><p>The resource could not be found.</p></html>"
        assert (await cloud.ask("PATCH", "c/o")).status == 405
        info = await cloud.ask("GET", "/info", user="")
        assert info.json()["swift"]["max_file_size"] == 5368709122

    play(story, hosts=3)


def test_writers_of_one_object_leave_listing_and_replicas_agreed() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        for _ in range(4):
            steps = [cloud.ask("PUT", "c/o", bytes([65 + n]) * (n + 1)) for n in range(3)]
            await asyncio.gather(*steps, cloud.ask("DELETE", "c/o"), cloud.ask("PUT", "c/o", b"last" * 5))
            answer = await cloud.ask("GET", "c/o")
            rows = orjson.loads((await cloud.ask("GET", "c?format=json")).content())
            assert [row["bytes"] for row in rows] == ([len(answer.content())] if answer.status == 200 else [])
            head = await cloud.ask("HEAD", "c")
            assert head.headers["X-Container-Bytes-Used"] == str(sum(row["bytes"] for row in rows))

    play(story)


def test_a_container_that_goes_while_an_object_is_written_takes_it_along() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        put, gone = await asyncio.gather(cloud.ask("PUT", "c/o", b"x"), cloud.ask("DELETE", "c"))
        assert (put.status, gone.status) == (404, 204)
        await cloud.ask("PUT", "c")
        assert (await cloud.ask("GET", "c/o")).status == 404

    play(story)
