"""Handlers of images: register, find, change, remove, tags, state."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from lab.context import Context
from lab.errors import BadRequest, Forbidden, NotFound
from lab.rest import MEMBER, READER, Request, Response, Route
from lab.services.image.api.handlers import ImageHandlers
from lab.services.image.model import Image
from lab.services.image.patch import read_patch, refuse_unsettable
from lab.services.image.schemas import NAME_MAX, check_attributes

IMAGE = "/v2/images/{image_id}"

# Attributes that only answers have: a client that sends one is refused, as glance does.
ANSWER_ONLY = ("direct_url", "self", "file", "schema", "stores")


class RecordHandlers(ImageHandlers):
    """/v2/images but for the data."""

    record_routes = (
        Route("GET", "/v2/images", "get_images", READER),
        Route("POST", "/v2/images", "add_image", MEMBER, success=201),
        Route("GET", IMAGE, "get_image", READER),
        Route("PATCH", IMAGE, "modify_image", MEMBER),
        Route("DELETE", IMAGE, "delete_image", MEMBER, success=204),
        Route("PUT", IMAGE + "/tags/{tag}", "add_tag", MEMBER, success=204),
        Route("DELETE", IMAGE + "/tags/{tag}", "delete_tag", MEMBER, success=204),
        Route("POST", IMAGE + "/actions/deactivate", "deactivate", MEMBER, success=204),
        Route("POST", IMAGE + "/actions/reactivate", "reactivate", MEMBER, success=204),
    )

    async def get_images(self, ctx: Context, request: Request) -> dict[str, Any]:
        """A page of images, filtered and sorted."""
        images, marker = await self.manager.find(ctx, request.query)
        pairs = [(name, value) for name, values in request.query.items() if name != "marker" for value in values]
        query = urlencode(pairs)
        body: dict[str, Any] = {
            "images": [self.views.image(image) for image in images],
            "first": "/v2/images" + (f"?{query}" if query else ""),
            "schema": "/v2/schemas/images",
        }
        if marker is not None:
            body["next"] = f"/v2/images?{urlencode([*pairs, ('marker', marker)])}"
        return body

    async def add_image(self, ctx: Context, request: Request) -> Response:
        """Register an image."""
        attributes = request.data
        if not isinstance(attributes, dict):
            raise BadRequest("Body expected in request." if attributes is None else "A JSON object is needed.")
        for name in attributes:
            if name in ANSWER_ONLY:
                raise Forbidden(f"Attribute '{name}' is read-only.")
        check_attributes(attributes)
        for name in attributes:
            if name != "id":
                refuse_unsettable(name)
        image = await self.manager.create(ctx, attributes)
        return Response(201, self.views.image_body(image), {"Location": self.url(f"/v2/images/{image.id}")})

    async def get_image(self, ctx: Context, request: Request) -> Response:
        """One image."""
        return self._answer_image(await self.manager.get(ctx, request.params["image_id"]))

    async def modify_image(self, ctx: Context, request: Request) -> Response:
        """Change attributes and properties."""
        changes = read_patch(request.headers.get("content-type", ""), request.body)
        return self._answer_image(await self.manager.update(ctx, request.params["image_id"], changes))

    def _answer_image(self, image: Image) -> Response:
        return Response(200, self.views.image_body(image))

    async def delete_image(self, ctx: Context, request: Request) -> None:
        """Remove an image with its data."""
        await self.manager.data.delete(ctx, request.params["image_id"])
        self.views.forget(request.params["image_id"])

    async def add_tag(self, ctx: Context, request: Request) -> None:
        """Mark an image with a word."""
        tag = request.params["tag"]
        if len(tag) > NAME_MAX:
            raise BadRequest(f"Provided object does not match schema 'image': {tag!r} is too long. Property: tags")
        await self.manager.add_tag(ctx, request.params["image_id"], tag)

    async def delete_tag(self, ctx: Context, request: Request) -> None:
        """Take a mark off."""
        if not await self.manager.remove_tag(ctx, request.params["image_id"], request.params["tag"]):
            raise NotFound("The resource could not be found.")

    async def deactivate(self, ctx: Context, request: Request) -> None:
        """Let nobody but administrators read the data."""
        await self.manager.set_active(ctx, request.params["image_id"], False)

    async def reactivate(self, ctx: Context, request: Request) -> None:
        """Take that back."""
        await self.manager.set_active(ctx, request.params["image_id"], True)
