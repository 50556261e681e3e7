"""The data of images: states, digests, failures, and what is left after them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from lab.context import Context
from lab.rest import Stream
from lab.services.image.model import MOVES, BadMove, check_move
from lab.services.image.upload import HEADER_BYTES, QCOW2_MAGIC
from tests.unit.image.glance import Cloud, MemoryImages, run

OCTETS = {"Content-Type": "application/octet-stream"}


def test_an_upload_makes_the_image_active() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, b"hello world")
        assert (image["status"], image["size"], image["virtual_size"]) == ("active", 11, 11)
        assert image["checksum"] == hashlib.md5(b"hello world").hexdigest()
        assert image["os_hash_algo"] == "sha512"
        assert image["os_hash_value"] == hashlib.sha512(b"hello world").hexdigest()
        response = await cloud.ask("GET", image["file"], token=token)
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-MD5"] == image["checksum"]
        assert isinstance(response.body, Stream)
        assert response.body.size == 11
        assert await cloud.download(image["id"], token) == b"hello world"
        states = [entry.name for entry in cloud.wires.journal.find(kind="state", where=image["id"])]
        assert states == ["None -> queued", "queued -> saving", "saving -> active"]

    run(main)


def test_a_range_of_the_data_can_be_read() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        for wanted, part in (("3-10", "3-10"), ("20-", "20-25"), ("-2", "24-25"), ("0-99", "0-25")):
            response = await cloud.ask("GET", image["file"], token=token, headers={"Range": f"bytes={wanted}"})
            assert (response.status, response.headers["Content-Range"]) == (206, f"bytes {part}/26")
            assert isinstance(response.body, Stream)
            first, last = map(int, part.split("-"))
            data = b"".join([piece async for piece in response.body.open()])
            assert (data, response.body.size) == (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[first : last + 1], last + 1 - first)
        for wrong in ("bytes=10-5", "bytes=26-", "bytes=0-1,3-4", "lines=1-2"):
            assert (await cloud.ask("GET", image["file"], token=token, headers={"Range": wrong})).status == 416

    run(main)


def test_data_can_come_in_a_stream() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, disk_format="qcow2")

        async def chunks() -> AsyncIterator[bytes]:
            yield QCOW2_MAGIC + bytes(20)
            yield (1 << 30).to_bytes(8, "big") + bytes(100)

        response = await cloud.client.rest.call(
            Context(request_id="req-test"), "image", "PUT", image["file"], auth="none",
            headers={"X-Auth-Token": token, **OCTETS}, stream=Stream(chunks, None),
        )  # fmt: skip
        assert response.status == 204
        seen = (await cloud.ask("GET", image["self"], token=token)).json()
        assert (seen["size"], seen["virtual_size"]) == (HEADER_BYTES + 100, 1 << 30)
        shown = [entry.body_bytes() for entry in cloud.wires.journal.find(kind="driver", name="image.put")]
        assert shown == [f'["{image["id"]}","<image data>"]'.encode()]

    run(main)


def test_a_big_image_is_made_up_for_administrators() -> None:
    async def main(cloud: Cloud) -> None:
        admin, demo = await cloud.token(), await cloud.token("demo")
        image = await cloud.image(admin, disk_format="qcow2")
        big = {"X-Glasscloud-Sparse-Size": str(2 << 30)}
        assert (await cloud.ask("PUT", image["file"], None, admin, big)).status == 204
        seen = (await cloud.ask("GET", image["self"], token=admin)).json()
        assert (seen["status"], seen["size"]) == ("active", 2 << 30)
        assert len(seen["os_hash_value"]) == 128
        mine = await cloud.image(demo)
        assert (await cloud.ask("PUT", mine["file"], None, demo, big)).status == 403
        for odd in ("-1", "many", str(1 << 50)):
            assert (await cloud.ask("PUT", mine["file"], None, admin, {"X-Glasscloud-Sparse-Size": odd})).status == 400
        assert await cloud.status(mine["id"], demo) == "queued"

    run(main)


def test_what_cannot_be_uploaded() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        bare = (await cloud.ask("POST", "/v2/images", {"name": "x"}, token)).json()
        refused = await cloud.upload(bare["id"], b"data", token)
        assert refused.status == 400
        assert b"Properties disk_format, container_format must be set prior to saving data." in refused.content()
        image = await cloud.image(token, b"data")
        again = await cloud.upload(image["id"], b"other", token)
        assert again.status == 409
        assert b"Image status transition from active to saving is not allowed" in again.content()
        queued = await cloud.image(token)
        assert (await cloud.upload(queued["id"], b"{}", token, "application/json")).status == 415
        assert (await cloud.upload("missing", b"data", token)).status == 404
        nothing = await cloud.ask("GET", queued["file"], token=token)
        assert (nothing.status, nothing.content()) == (204, b"")

    run(main)


@pytest.mark.parametrize(("fault", "status"), [("full", 413), ("broken", 500)])
def test_a_failed_upload_can_be_tried_again(fault: str, status: int) -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        setattr(cloud.store, fault, True)
        assert (await cloud.upload(image["id"], b"data", token)).status == status
        assert await cloud.status(image["id"], token) == "queued"
        setattr(cloud.store, fault, False)
        assert (await cloud.upload(image["id"], b"data", token)).status == 204
        assert await cloud.download(image["id"], token) == b"data"

    run(main)


class SlowImages(MemoryImages):
    """Takes ten seconds to store anything."""

    async def put(self, image_id: str, chunks: AsyncIterator[bytes]):  # type: ignore[no-untyped-def]
        await asyncio.sleep(10)
        return await super().put(image_id, chunks)


def slow(cloud: Cloud) -> None:
    """Make the store slow from now on."""
    cloud.store.__class__ = SlowImages


def test_an_image_deleted_while_its_data_comes_in_leaves_nothing() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        slow(cloud)
        upload = asyncio.ensure_future(cloud.upload(image["id"], b"data", token))
        await asyncio.sleep(5)
        assert await cloud.status(image["id"], token) == "saving"
        assert (await cloud.upload(image["id"], b"other", token)).status == 409
        assert (await cloud.ask("GET", image["file"], token=token)).status == 204
        assert (await cloud.ask("DELETE", image["self"], token=token)).status == 204
        gone = await upload
        assert gone.status == 410
        assert b"could not be found after upload" in gone.content()
        assert cloud.store.files == {}

    run(main)


def test_glance_killed_during_an_upload_leaves_an_image_that_can_be_deleted() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token)
        slow(cloud)
        upload = asyncio.ensure_future(cloud.upload(image["id"], b"data", token))
        await asyncio.sleep(5)
        cloud.wires.kill("glance@controller-1")
        with pytest.raises(Exception, match="closed the connection"):
            await upload
        cloud.wires.restart("glance@controller-1")
        await asyncio.sleep(10)
        assert await cloud.status(image["id"], token) == "saving"
        assert (await cloud.ask("DELETE", image["self"], token=token)).status == 204
        assert cloud.store.files == {}

    run(main)


def test_data_that_cannot_be_removed_is_removed_later() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, b"data")
        cloud.store.broken = True
        assert (await cloud.ask("DELETE", image["self"], token=token)).status == 204
        assert (await cloud.ask("GET", image["self"], token=token)).status == 404
        assert (await cloud.ask("GET", "/v2/images", token=await cloud.token())).json()["images"] == []
        assert list(cloud.store.files) == [image["id"]]
        cloud.store.broken = False
        await asyncio.sleep(601)
        assert cloud.store.files == {}

    run(main)


def test_a_restart_removes_data_of_no_image() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        image = await cloud.image(token, b"data")
        cloud.store.files["orphan"] = b"left behind"
        cloud.wires.restart("glance@controller-1")
        await asyncio.sleep(1)
        assert list(cloud.store.files) == [image["id"]]
        assert await cloud.download(image["id"], token) == b"data"

    run(main)


def test_a_deactivated_image_is_read_by_administrators_only() -> None:
    async def main(cloud: Cloud) -> None:
        token, admin = await cloud.token("demo"), await cloud.token()
        image = await cloud.image(token)
        actions = f"{image['self']}/actions"
        assert (await cloud.ask("POST", f"{actions}/deactivate", token=token)).status == 403
        await cloud.upload(image["id"], b"data", token)
        for _ in range(2):
            assert (await cloud.ask("POST", f"{actions}/deactivate", token=token)).status == 204
        assert await cloud.status(image["id"], token) == "deactivated"
        assert (await cloud.ask("GET", image["file"], token=token)).status == 403
        assert await cloud.download(image["id"], admin) == b"data"
        assert (await cloud.ask("POST", f"{actions}/reactivate", token=token)).status == 204
        assert await cloud.download(image["id"], token) == b"data"

    run(main)


def test_the_table_of_states() -> None:
    for old, targets in MOVES.items():
        for new in (*MOVES, "deleted"):
            if new in targets:
                check_move(old, new)
            else:
                with pytest.raises(BadMove):
                    check_move(old, new)
