"""Dynamic large objects: what begins with a name is read as one object, whatever is added to it later."""

from __future__ import annotations

from hashlib import md5

import orjson
import pytest

from tests.unit.object.object_storage import ObjectStorage, play

PIECES = (b"one ", b"two ", b"three")
WHOLE = b"one two three"


def digest(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


ETAG = digest("".join(digest(piece) for piece in PIECES).encode())


async def uploaded(cloud: ObjectStorage) -> None:
    """Segments in the wrong order of time, one that is none, and the object that names them."""
    await cloud.ask("PUT", "parts")
    await cloud.ask("PUT", "c")
    for number, piece in reversed(list(enumerate(PIECES))):
        await cloud.ask("PUT", f"parts/큰/{number}", piece)
    await cloud.ask("PUT", "parts/other", b"x")
    answer = await cloud.ask("PUT", "c/large", b"own", X_Object_Manifest="parts/%ED%81%B0/", Content_Type="text/x-tale")
    assert answer.status == 201


def test_what_begins_so_is_read_as_one() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        head = await cloud.ask("HEAD", "c/large")
        assert (head.headers["Content-Length"], head.headers["Etag"]) == (str(len(WHOLE)), f'"{ETAG}"')
        assert (head.headers["X-Object-Manifest"], head.headers["Content-Type"]) == ("parts/%ED%81%B0/", "text/x-tale")
        assert (await cloud.ask("GET", "c/large")).content() == WHOLE
        part = await cloud.ask("GET", "c/large", Range="bytes=2-6")
        assert (part.status, part.content(), part.headers["Content-Range"]) == (206, WHOLE[2:7], f"bytes 2-6/{len(WHOLE)}")
        assert (await cloud.ask("GET", "c/large", If_None_Match=ETAG)).status == 304
        assert (await cloud.ask("GET", "c/large?multipart-manifest=get")).content() == b"own"
        await cloud.ask("PUT", "parts/큰/3", b"!")
        assert (await cloud.ask("GET", "c/large")).content() == WHOLE + b"!"

    play(story)


def test_a_copy_holds_the_bytes_and_a_copied_manifest_names_them() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        await cloud.ask("COPY", "c/large", Destination="c/bytes")
        await cloud.ask("COPY", "c/large?multipart-manifest=get", Destination="c/names")
        await cloud.ask("DELETE", "parts/큰/0")
        assert (await cloud.ask("GET", "c/bytes")).content() == WHOLE
        assert "X-Object-Manifest" not in (await cloud.ask("HEAD", "c/bytes")).headers
        assert (await cloud.ask("GET", "c/names")).content() == b"two three"

    play(story)


def test_metadata_without_the_name_makes_it_an_object_like_others() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        await cloud.ask("POST", "c/large", X_Object_Manifest="parts/other", X_Object_Meta_Who="me")
        assert (await cloud.ask("GET", "c/large")).content() == b"x"
        await cloud.ask("POST", "c/large", X_Object_Meta_Who="me")
        assert (await cloud.ask("GET", "c/large")).content() == b"own"

    play(story)


@pytest.mark.parametrize("names", ["parts", "parts/", "/x", "parts//x", "parts/x?y", "parts/x&y"])
def test_a_name_that_is_none_is_refused(names: str) -> None:
    async def story(cloud: ObjectStorage) -> None:
        await cloud.ask("PUT", "c")
        answer = await cloud.ask("PUT", "c/large", X_Object_Manifest=names)
        assert (answer.status, b"container/prefix" in answer.content()) == (400, True)
        assert await cloud.names("c") == []

    play(story)


def test_segments_that_the_caller_may_not_list_make_no_object() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        await cloud.ask("POST", "c", X_Container_Read="p-bob:*")
        assert (await cloud.ask("GET", "c/large", user="bob")).status == 403
        assert (await cloud.ask("GET", "c/large?multipart-manifest=get", user="bob")).content() == b"own"

    play(story)


# -- bulk deletes ---------------------------------------------------------------------------------


def test_a_list_is_deleted_and_each_is_told() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        body = b"c/large\n/parts/%ED%81%B0/0\n\nparts/none\nc\nparts\n"
        answer = await cloud.ask("POST", "?bulk-delete", body, Content_Type="text/plain", Accept="application/json")
        told = orjson.loads(answer.content())
        assert (answer.status, told["Number Deleted"], told["Number Not Found"]) == (200, 3, 1)
        assert (told["Response Status"], [error[1] for error in told["Errors"]]) == ("400 Bad Request", ["409 Conflict"])
        assert told["Errors"][0][0].endswith("/parts")
        assert await cloud.names("parts") == ["other", "큰/1", "큰/2"]
        assert (await cloud.ask("HEAD", "c")).status == 404
        again = await cloud.ask("DELETE", "?bulk-delete=true", b"parts/other")
        assert b"Number Deleted: 1" in again.content()
        assert (await cloud.ask("DELETE", "")).status == 405

    play(story)


def test_a_list_with_a_line_that_is_no_path_deletes_nothing() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        answer = await cloud.ask("POST", "?bulk-delete", b"c/large\n%ff\n")
        assert (answer.status, b"Invalid bulk delete" in answer.content()) == (400, True)
        assert await cloud.names("c") == ["large"]
        empty = orjson.loads((await cloud.ask("POST", "?bulk-delete", b"\n", Accept="application/json")).content())
        assert (empty["Number Deleted"], empty["Response Body"]) == (0, "Invalid bulk delete.")

    play(story)


def test_what_is_not_ones_own_stays() -> None:
    async def story(cloud: ObjectStorage) -> None:
        await uploaded(cloud)
        answer = await cloud.ask("POST", "?bulk-delete", b"c/large\nc\n", user="bob", Accept="application/json")
        assert [error[1] for error in orjson.loads(answer.content())["Errors"]] == ["403 Forbidden"] * 2
        assert await cloud.names("c") == ["large"]

    play(story)
