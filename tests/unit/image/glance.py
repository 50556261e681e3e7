"""A glance and a keystone for each test, with a store in memory; dispatcher, tokens and records are the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import orjson

from lab.config import Config
from lab.errors import ImageError, NoSpace
from lab.rest import Response, Stream
from lab.services.image.api import start
from lab.services.image.driver import ImageStore, StoredImage
from lab.wires import Wires
from sim.loop import SimLoop
from tests.played import played
from tests.unit.identity.keystone import Cloud as Identity

T = TypeVar("T")
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
# The attributes of every image.
BASE = {
    "id", "name", "status", "visibility", "owner", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value",
    "disk_format", "container_format", "min_disk", "min_ram", "protected", "os_hidden", "created_at", "updated_at",
    "tags", "self", "file", "schema",
}  # fmt: skip


class MemoryImages(ImageStore):
    """Files of images in a dictionary; `full` and `broken` make it fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | int] = {}
        self.full = self.broken = False

    async def put(self, image_id: str, chunks: AsyncIterator[bytes]) -> StoredImage:
        data = b"".join([chunk async for chunk in chunks])
        self._fail()
        self.files[image_id] = data
        return StoredImage(len(data), hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest())

    async def put_sparse(self, image_id: str, size: int, seed: str) -> StoredImage:
        self._fail()
        self.files[image_id] = size
        name = f"{size}/{seed}".encode()
        return StoredImage(size, hashlib.md5(name).hexdigest(), hashlib.sha512(name).hexdigest())

    def _fail(self) -> None:
        if self.full:
            raise NoSpace("no space left on nas-1")
        if self.broken:
            raise ImageError("the disk is broken")

    async def open_chunks(self, image_id: str) -> AsyncIterator[bytes]:
        data = self.files[image_id]
        assert isinstance(data, bytes)
        for start_at in range(0, len(data), 4):
            yield data[start_at : start_at + 4]

    def read(self, image_id: str) -> AsyncIterator[bytes]:
        return self.open_chunks(image_id)

    async def stat(self, image_id: str) -> StoredImage | None:
        return None

    async def delete(self, image_id: str) -> None:
        if self.broken:
            raise ImageError("the disk is broken")
        self.files.pop(image_id, None)

    async def images(self) -> list[str]:
        return sorted(self.files)


class Cloud(Identity):
    """Keystone, glance and their clients."""

    def __init__(self, wires: Wires, store: MemoryImages) -> None:
        super().__init__(wires)
        self.store = store
        self.glance = wires.start("glance", "controller-1", partial(start, store=store))

    async def ask(self, method: str, target: str, body: Any = None, token: str = "", headers: dict[str, str] | None = None) -> Response:
        """Send one request to glance."""
        return await self.call(method, target, body, token, headers, "image")

    async def image(self, token: str, data: bytes | None = None, **attributes: Any) -> dict[str, Any]:
        """Register an image, upload its data if there is some, and return how it looks then."""
        given = {"disk_format": "raw", "container_format": "bare", **attributes}
        made = await self.ask("POST", "/v2/images", given, token)
        assert made.status == 201, made.content()
        image_id = made.json()["id"]
        if data is not None:
            assert (await self.upload(image_id, data, token)).status == 204
        return (await self.ask("GET", f"/v2/images/{image_id}", token=token)).json()  # type: ignore[no-any-return]

    async def upload(self, image_id: str, data: bytes, token: str, kind: str = "application/octet-stream") -> Response:
        """Send the data of an image."""
        path = f"/v2/images/{image_id}/file"
        return await self.ask("PUT", path, data, token, {"Content-Type": kind})

    async def download(self, image_id: str, token: str) -> bytes:
        """Read the data of an image."""
        response = await self.ask("GET", f"/v2/images/{image_id}/file", token=token)
        assert response.status == 200, response.status
        assert isinstance(response.body, Stream)
        return b"".join([chunk async for chunk in response.body.open()])

    async def patch(self, image_id: str, operations: Any, token: str, kind: str = PATCH_TYPE) -> Response:
        """Change an image."""
        return await self.ask("PATCH", f"/v2/images/{image_id}", orjson.dumps(operations), token, {"Content-Type": kind})

    async def status(self, image_id: str, token: str) -> str:
        """The state of an image."""
        return str((await self.ask("GET", f"/v2/images/{image_id}", token=token)).json()["status"])


def run(main: Callable[[Cloud], Awaitable[T]], seed: int = 7, **settings: Any) -> T:
    """Run a coroutine in a world that has keystone and glance."""
    loop = SimLoop(seed)
    wires = Wires(loop.runtime, Config().but(**settings))

    async def whole() -> T:
        cloud = Cloud(wires, MemoryImages())
        return await main(cloud)

    return played(loop, whole())
