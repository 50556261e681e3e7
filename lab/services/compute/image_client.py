"""Nova's view of glance: an image's description, and its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.errors import RemoteFault
from lab.services.compute.own_token import auth_of

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.driver import Content

Json = dict[str, Any]

_OWN_FIELDS = frozenset({
    "id", "name", "status", "visibility", "protected", "owner", "created_at", "updated_at", "tags", "self", "file", "schema",
    "locations", "direct_url", "size", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "os_hash_algo",
    "os_hash_value", "os_hidden", "virtual_size", "stores",
})  # fmt: skip
"""Fields of glance's answer that are no free properties. Source: glance's image schema."""


def properties_of(image: Json) -> Json:
    """The free properties of an image: hw_*, os_*, …"""
    return {name: value for name, value in image.items() if name not in _OWN_FIELDS}


def brief_image(image: Json) -> Json:
    """What travels of an image between nova's processes."""
    kept = {name: image.get(name) for name in ("id", "name", "size", "checksum", "disk_format", "min_ram", "min_disk")}
    return {**kept, "properties": properties_of(image)}


class Images:
    """Calls of one process to glance, with the user's token and its own beside it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def show(self, ctx: Context, image_id: str) -> Json:
        """Read an image's description. Raises RemoteFault 404."""
        return dict(await self._process.rest.json(ctx, "image", "GET", f"/v2/images/{quote(image_id, safe='')}", auth=auth_of(ctx)))

    async def schema(self, ctx: Context) -> None:
        """Read the schema of images, as glance's client does before it shows one to nova-api."""
        await self._process.rest.call(ctx, "image", "GET", "/v2/schemas/image", auth=auth_of(ctx))

    async def download(self, ctx: Context, image_id: str) -> Content:
        """Ask for an image's bytes, to be read here. Raises RemoteFault or TransportError."""
        response = await self._process.rest.call(ctx, "image", "GET", f"/v2/images/{image_id}/file", auth=auth_of(ctx))
        if response.status != 200:
            raise RemoteFault("image", response.status, f"Image {image_id} could not be downloaded: status {response.status}")
        return response.open
