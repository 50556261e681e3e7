"""Static large objects: what is uploaded in segments is read as one, and says what it is."""

from __future__ import annotations

from hashlib import md5

import orjson

from tests.unit.object.object_storage import ObjectStorage, play

PIECES = (b"one ", b"two ", b"three")
WHOLE = b"one two three"


def digest(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


ETAG = digest("".join(digest(piece) for piece in PIECES).encode())


async def uploaded(cloud: ObjectStorage) -> None:
    """Three segments in one container, and the manifest that makes them an object of another."""
    await cloud.ask("PUT", "parts")
    await cloud.ask("PUT", "c")
    for number, piece in enumerate(PIECES):
        await cloud.ask("PUT", f"parts/{number}", piece)
    rows = [{"path": f"/parts/{n}", "etag": digest(piece), "size_bytes": len(piece)} for n, piece in enumerate(PIECES)]
    sent = orjson.dumps(rows)
    answer = await cloud.ask("PUT", "c/large?multipart-manifest=put", sent, Content_Type="text/x-tale", X_Object_Meta_Who="me")
    assert (answer.status, answer.headers["Etag"]) == (201, f'"{ETAG}"')


def test_segments_are_read_as_one() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        head = await cloud.ask("HEAD", "c/large")
        assert (head.headers["Content-Length"], head.headers["Etag"]) == (str(len(WHOLE)), f'"{ETAG}"')
        assert (head.headers["X-Static-Large-Object"], head.headers["Content-Type"]) == ("True", "text/x-tale")
        assert (await cloud.ask("GET", "c/large")).content() == WHOLE
        part = await cloud.ask("GET", "c/large", Range="bytes=2-6")
        assert (part.status, part.content(), part.headers["Content-Range"]) == (206, WHOLE[2:7], f"bytes 2-6/{len(WHOLE)}")
        assert (await cloud.ask("GET", "c/large", If_None_Match=ETAG)).status == 304
        own = await cloud.ask("GET", "c/large?multipart-manifest=get")
        assert own.headers["Content-Type"] == "application/json; charset=utf-8"
        assert [row["name"] for row in orjson.loads(own.content())] == ["/parts/0", "/parts/1", "/parts/2"]
        (row,) = orjson.loads((await cloud.ask("GET", "c?format=json")).content())
        assert (row["bytes"], row["content_type"]) == (len(WHOLE), "text/x-tale")

    play(story)


def test_a_manifest_of_a_manifest_and_of_a_range() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        rows = [{"path": "c/large"}, {"path": "parts/2", "range": "1-2"}]
        assert (await cloud.ask("PUT", "c/more?multipart-manifest=put", orjson.dumps(rows))).status == 201
        assert (await cloud.ask("GET", "c/more")).content() == WHOLE + b"hr"

    play(story)


def test_what_is_not_as_the_client_says_is_named() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)

        async def refused(rows: object, *, status: int = 400, **headers: str) -> str:
            answer = await cloud.ask("PUT", "c/bad?multipart-manifest=put", orjson.dumps(rows), **headers)
            assert answer.status == status
            assert (await cloud.ask("GET", "c/bad")).status == 404
            return answer.content().decode()

        said = await refused([{"path": "/parts/0", "etag": "0" * 32}, {"path": "/parts/9"}, {"path": "/parts/1", "size_bytes": 1}])
        for line in ("/parts/0, Etag Mismatch", "/parts/9, The resource could not be found.", "/parts/1, Size Mismatch"):
            assert line in said
        assert "at least one" in await refused([])
        assert "at least one" in await refused({"path": "/parts/0"})
        assert "Index 0" in await refused([{"size_bytes": 1}])
        assert "&#x27;paht&#x27; is not known here" in await refused([{"path": "/parts/0", "paht": 1}])
        assert "&lt;= 1000" in await refused([{"path": "/parts/0"}] * 1001)
        assert "/CONTAINER/OBJECT" in await refused([{"path": "/parts"}])
        assert "no range" in await refused([{"path": "/parts/0", "range": "x"}])
        assert "not available" in await refused([{"path": "/parts/0", "range": "9-"}])
        await refused([{"path": "/parts/0"}], status=422, ETag="0" * 32)

    play(story)


def test_a_segment_that_went_or_changed_is_a_conflict() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        await cloud.ask("PUT", "parts/1", b"TWO ")
        assert (await cloud.ask("GET", "c/large")).status == 409
        await cloud.ask("DELETE", "parts/1")
        assert (await cloud.ask("GET", "c/large")).status == 409

    play(story)


def test_it_stays_one_when_its_metadata_change_and_a_copy_is_a_plain_object() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        assert (await cloud.ask("POST", "c/large", X_Object_Meta_Who="you")).status == 202
        again = await cloud.ask("GET", "c/large")
        assert (again.content(), again.headers["X-Object-Meta-Who"]) == (WHOLE, "you")
        await cloud.ask("COPY", "c/large", Destination="c/plain")
        await cloud.ask("COPY", "c/large?multipart-manifest=get", Destination="c/alike")
        plain, alike = await cloud.ask("GET", "c/plain"), await cloud.ask("GET", "c/alike")
        assert (plain.content(), plain.headers["Etag"], "X-Static-Large-Object" in plain.headers) == (WHOLE, digest(WHOLE), False)
        assert (alike.content(), alike.headers["X-Static-Large-Object"]) == (WHOLE, "True")

    play(story)


def test_it_is_deleted_alone_or_with_its_segments() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        assert (await cloud.ask("DELETE", "c/large")).status == 204
        assert await cloud.names("parts") == ["0", "1", "2"]
        await uploaded(cloud)
        await cloud.ask("DELETE", "parts/0")
        answer = await cloud.ask("DELETE", "c/large?multipart-manifest=delete", Accept="application/json")
        told = orjson.loads(answer.content())
        assert (answer.status, told["Number Deleted"], told["Number Not Found"], told["Errors"]) == (200, 3, 1, [])
        assert await cloud.names("parts") == await cloud.names("c") == []
        await cloud.ask("PUT", "c/small", b"x")
        answer = await cloud.ask("DELETE", "c/small?multipart-manifest=delete")
        assert b"Not an SLO manifest" in answer.content()
        assert await cloud.names("c") == ["small"]

    play(story)


def test_segments_that_the_caller_may_not_read_make_no_object() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        await cloud.ask("POST", "c", X_Container_Write="p-bob:*", X_Container_Read="p-bob:*")
        answer = await cloud.ask("PUT", "c/theft?multipart-manifest=put", orjson.dumps([{"path": "/parts/0"}]), user="bob")
        assert (answer.status, b"/parts/0, Access was denied" in answer.content()) == (400, True)
        assert (await cloud.ask("GET", "c/large", user="bob")).status == 403

    play(story)
