"""Handlers of the data of images, of members, and of what the service says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from lab.context import Context
from lab.errors import BadRequest, Forbidden, NotFound
from lab.rest import MEMBER, PUBLIC, READER, TOKEN, Request, Response, Route, Stream
from lab.rest.numbers import number
from lab.rest.ranges import RangeNotSatisfiable, byte_range, cut
from lab.services.image.api.handlers import ImageHandlers
from lab.services.image.model import Image, NoData
from lab.services.image.schemas import PUBLISHED

IMAGE = "/v2/images/{image_id}"
MEMBERS = IMAGE + "/members"
OCTETS = "application/octet-stream"

# The simulator's own: the size in bytes of made-up data; the request has no body. For administrators.
SPARSE = "x-glasscloud-sparse-size"

# The versions that glance answers without a cache and with one store; the first is the current one.
VERSIONS = ("2.17", "2.15", "2.9", "2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0")


class DataHandlers(ImageHandlers):
    """Upload and download."""

    data_routes = (
        Route("PUT", IMAGE + "/file", "upload_image", MEMBER, success=204, streaming=True),
        Route("GET", IMAGE + "/file", "download_image", READER),
    )

    async def upload_image(self, ctx: Context, request: Request) -> None:
        """Take the data of a queued image."""
        image_id = request.params["image_id"]
        sparse = request.headers.get(SPARSE)
        if sparse is not None:
            if not ctx.is_admin:
                raise Forbidden(self.refusal.format(handler="upload_image"))
            size = number(sparse)
            if size is None:
                raise BadRequest(f"{SPARSE} must be a number of bytes; {sparse!r} is none.")
            await self.manager.data.upload_sparse(ctx, image_id, size)
            return
        kind = request.headers.get("content-type", OCTETS).partition(";")[0].strip()
        if kind != OCTETS:
            raise NoData(f"Image data is sent as {OCTETS}; {kind} is not supported.")
        chunks = request.stream.open() if request.stream is not None else one_piece(request.body)
        await self.manager.data.upload(ctx, image_id, chunks)

    async def download_image(self, ctx: Context, request: Request) -> Response:
        """Give the data of an image or one range of it, or nothing while it has none."""
        image = await self.manager.get(ctx, request.params["image_id"])
        if not self.manager.data.is_readable(ctx, image):
            return Response(204)
        headers = {"Content-Type": OCTETS}
        wanted = request.headers.get("range")
        if wanted is not None:
            return self._part(image, wanted, headers)
        if image.checksum:
            headers["Content-MD5"] = image.checksum
        return Response(200, Stream(partial(self.manager.data.read, image.id), image.size), headers)


    def _part(self, image: Image, wanted: str, headers: dict[str, str]) -> Response:
        """One range of the data; several at once, and those that make no sense, are refused."""
        part = byte_range(wanted, image.size or 0)
        if part is None:
            raise RangeNotSatisfiable(image.size or 0)
        first, last = part
        headers["Content-Range"] = f"bytes {first}-{last}/{image.size}"
        return Response(206, Stream(lambda: cut(self.manager.data.read(image.id), first, last), last + 1 - first), headers)


class MemberHandlers(ImageHandlers):
    """Members of shared images."""

    member_routes = (
        Route("GET", MEMBERS, "get_members", READER),
        Route("POST", MEMBERS, "add_member", MEMBER),
        Route("GET", MEMBERS + "/{member_id}", "get_member", READER),
        Route("PUT", MEMBERS + "/{member_id}", "modify_member", MEMBER),
        Route("DELETE", MEMBERS + "/{member_id}", "delete_member", MEMBER, success=204),
    )

    async def get_members(self, ctx: Context, request: Request) -> dict[str, Any]:
        """With whom an image is shared."""
        members = await self.manager.members.members(ctx, request.params["image_id"])
        return {"members": [self.views.member(one) for one in members], "schema": "/v2/schemas/members"}

    async def add_member(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Share an image with a project."""
        member_id = text_of(request.data, "member")
        return self.views.member(await self.manager.members.add(ctx, request.params["image_id"], member_id))

    async def get_member(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One project with which an image is shared."""
        params = request.params
        return self.views.member(await self.manager.members.member(ctx, params["image_id"], params["member_id"]))

    async def modify_member(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Accept or reject an image."""
        status, params = text_of(request.data, "status"), request.params
        member = await self.manager.members.answer(ctx, params["image_id"], params["member_id"], status)
        return self.views.member(member)

    async def delete_member(self, ctx: Context, request: Request) -> None:
        """Share an image with a project no longer."""
        await self.manager.members.remove(ctx, request.params["image_id"], request.params["member_id"])


class SelfHandlers(ImageHandlers):
    """Discovery, schemas, stores."""

    self_routes = (
        Route("GET", "/", "discover", PUBLIC, success=300),
        Route("GET", "/versions", "list_versions", PUBLIC),
        Route("GET", "/v2/schemas/{name}", "get_schema", TOKEN),
        Route("GET", "/v2/info/import", "get_import_info", TOKEN),
        Route("GET", "/v2/info/stores", "get_stores", TOKEN),
    )

    async def discover(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The versions, as a choice."""
        return self.version_list()

    async def list_versions(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The versions, as a list."""
        return self.version_list()

    def version_list(self) -> dict[str, Any]:
        links = [{"rel": "self", "href": self.url("/v2/")}]
        return {
            "versions": [
                {"id": f"v{number}", "status": "SUPPORTED" if place else "CURRENT", "links": links} for place, number in enumerate(VERSIONS)
            ]
        }

    async def get_schema(self, ctx: Context, request: Request) -> Response:
        """A published schema; the bytes are made once."""
        body = PUBLISHED.get(request.params["name"])
        if body is None:
            raise NotFound("The resource could not be found.")
        return Response(200, body)

    async def get_import_info(self, ctx: Context, request: Request) -> dict[str, Any]:
        """How images can be imported: not at all, clients fall back to uploading."""
        return {"import-methods": {"description": "Import methods available.", "type": "array", "value": []}}

    async def get_stores(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The stores, where there are several; here is one."""
        raise NotFound("Multi backend is not supported at this site.")


async def one_piece(body: bytes) -> AsyncIterator[bytes]:
    """A body that came whole, as a stream."""
    if body:
        yield body


def text_of(body: Any, name: str) -> str:
    """A text that a body must have. Raises BadRequest."""
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise BadRequest(f'Expected a {name} in the form: {{"{name}": "…"}}')
    return value
