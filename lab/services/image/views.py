"""How images and members look in answers."""

from __future__ import annotations

from typing import Any

import orjson

from lab.runtime import Runtime
from lab.services.image.model import Image, ImageMember

# Attributes that are shown as they are stored.
PLAIN = (
    "name",
    "disk_format",
    "container_format",
    "visibility",
    "size",
    "virtual_size",
    "status",
    "checksum",
    "protected",
    "min_ram",
    "min_disk",
    "owner",
    "os_hidden",
    "os_hash_algo",
    "os_hash_value",
    "id",
)


class ImageViews:
    """Renders images, and keeps what it rendered: records never change, so a body holds as long as its record."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bodies: dict[str, tuple[Image, bytes]] = {}

    def image(self, image: Image) -> dict[str, Any]:
        """The image with its properties flat beside its attributes."""
        content = image.__dict__
        view: dict[str, Any] = {**image.properties, **{name: content[name] for name in PLAIN}}
        view["created_at"] = self._runtime.iso(image.created_ns)
        view["updated_at"] = self._runtime.iso(image.updated_ns)
        view["tags"] = image.tags
        view["self"] = f"/v2/images/{image.id}"
        view["file"] = f"/v2/images/{image.id}/file"
        view["schema"] = "/v2/schemas/image"
        return view

    def image_body(self, image: Image) -> bytes:
        """The same as JSON bytes; every server that is created asks for them several times."""
        known = self._bodies.get(image.id)
        # A store in memory gives the same record again; one in SQL gives an equal one.
        if known is not None and (known[0] is image or known[0] == image):
            return known[1]
        body = orjson.dumps(self.image(image))
        self._bodies[image.id] = (image, body)
        return body

    def forget(self, image_id: str) -> None:
        """Drop the body of an image that is gone."""
        self._bodies.pop(image_id, None)

    def member(self, member: ImageMember) -> dict[str, Any]:
        """A project with which an image is shared."""
        return {
            "image_id": member.image_id,
            "member_id": member.member_id,
            "status": member.status,
            "created_at": self._runtime.iso(member.created_ns),
            "updated_at": self._runtime.iso(member.updated_ns),
            "schema": "/v2/schemas/member",
        }
