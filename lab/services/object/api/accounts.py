"""Accounts and containers: what is in them, their metadata, and who may use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import PUBLIC, Request, Response, Route
from lab.services.object.api.part import ObjectPart, checked_name, listed, metadata_of, titled
from lab.services.object.listing import Page, cut
from lab.services.object.manager import SWIFT_BYTES
from lab.services.object.model import MAX_CONTAINER_NAME_LENGTH, ObjectContainer
from lab.services.object.times import http_date, stamp

ACCOUNT = "/v1/{account}"
CONTAINER = "/v1/{account}/{container}"


class AccountsPart(ObjectPart):
    """An account lists its containers. Every project has one, even before its first container."""

    routes: ClassVar[Sequence[Route]] = (
        Route("GET", ACCOUNT, "get_account", PUBLIC, summary="List the containers"),
        Route("HEAD", ACCOUNT, "head_account", PUBLIC, summary="Show the account"),
        Route("POST", ACCOUNT, "post_account", PUBLIC, streaming=True, summary="Change the account's metadata"),
    )

    async def _account(self, ctx: Context, req: Request) -> tuple[dict[str, str], list[ObjectContainer]]:
        name = self.own_account(ctx, req, writing=False)
        account, containers = await self.databases.account(name)
        runtime = self.process.runtime
        created = account.created_ns if account is not None else runtime.now_ns()
        headers = {
            "X-Account-Container-Count": str(len(containers)),
            "X-Account-Object-Count": str(sum(c.object_count for c in containers)),
            "X-Account-Bytes-Used": str(sum(c.bytes_used for c in containers)),
            "X-Timestamp": stamp(runtime, created),
            "Accept-Ranges": "bytes",
            **titled(account.metadata_ if account is not None else {}),
        }
        return headers, containers

    async def get_account(self, ctx: Context, req: Request) -> Response:
        """List the containers."""
        headers, containers = await self._account(ctx, req)
        runtime = self.process.runtime
        rows: list[dict[str, Any]] = []
        for row in cut(containers, Page.of(req)):
            if isinstance(row, str):
                rows.append({"subdir": row})
                continue
            at = runtime.iso_us(row.created_ns)
            rows.append({"name": row.name, "count": row.object_count, "bytes": row.bytes_used, "last_modified": at})
        return listed(req, rows, headers)

    async def head_account(self, ctx: Context, req: Request) -> Response:
        """Show what the account adds up to."""
        headers, _ = await self._account(ctx, req)
        return Response(204, headers=headers)

    async def post_account(self, ctx: Context, req: Request) -> Response:
        """Change the account's metadata."""
        name = self.own_account(ctx, req, writing=True)
        await self.databases.post_account(name, metadata_of(req, "account"))
        return Response(204)


class ContainersPart(ObjectPart):
    """A container lists its objects."""

    routes: ClassVar[Sequence[Route]] = (
        Route("GET", CONTAINER, "get_container", PUBLIC, summary="List the objects"),
        Route("HEAD", CONTAINER, "head_container", PUBLIC, summary="Show the container"),
        Route("PUT", CONTAINER, "put_container", PUBLIC, streaming=True, summary="Create a container"),
        Route("POST", CONTAINER, "post_container", PUBLIC, streaming=True, summary="Change its metadata"),
        Route("DELETE", CONTAINER, "delete_container", PUBLIC, streaming=True, summary="Delete an empty container"),
    )

    def _container_headers(self, ctx: Context, container: ObjectContainer) -> dict[str, str]:
        runtime = self.process.runtime
        headers = {
            "X-Container-Object-Count": str(container.object_count),
            "X-Container-Bytes-Used": str(container.bytes_used),
            "X-Timestamp": stamp(runtime, container.created_ns),
            "Last-Modified": http_date(runtime, container.changed_ns),
            "X-Storage-Policy": "Policy-0",
            "Accept-Ranges": "bytes",
            **titled(container.metadata_),
        }
        if ctx.is_admin or f"AUTH_{ctx.project_id}" == container.account:
            headers |= {"X-Container-Read": container.read} if container.read else {}
            headers |= {"X-Container-Write": container.write} if container.write else {}
        return headers

    async def get_container(self, ctx: Context, req: Request) -> Response:
        """List the objects."""
        container = await self.readable(ctx, req, listing=True)
        page = Page.of(req)
        entries = await self.databases.objects(container.account, container.name)
        rows: list[dict[str, Any]] = []
        for row in cut(entries, page):
            if isinstance(row, str):
                rows.append({"subdir": row})
                continue
            content_type, _, whole = row.content_type.partition(SWIFT_BYTES)
            rows.append(
                {
                    "name": row.name,
                    "bytes": int(whole or row.size),
                    "hash": row.etag,
                    "content_type": content_type,
                    "last_modified": self.process.runtime.iso_us(row.timestamp_ns),
                }
            )
        return listed(req, rows, self._container_headers(ctx, container))

    async def head_container(self, ctx: Context, req: Request) -> Response:
        """Show what the container adds up to."""
        container = await self.readable(ctx, req, listing=True)
        return Response(204, headers=self._container_headers(ctx, container))

    async def put_container(self, ctx: Context, req: Request) -> Response:
        """Make a container: 201, or 202 when it is there already."""
        account, name = self.own_account(ctx, req, writing=True), checked_name(req.path.split("/")[3])
        if len(name.encode()) > MAX_CONTAINER_NAME_LENGTH:
            raise BadRequest(f"Container name length of {len(name.encode())} longer than {MAX_CONTAINER_NAME_LENGTH}")
        if "/" in name:
            raise BadRequest("a container's name cannot hold a slash")
        new = await self.databases.put_container(account, name, metadata_of(req, "container"), _acls(req))
        return Response(201 if new else 202)

    async def post_container(self, ctx: Context, req: Request) -> Response:
        """Change the container's metadata and access lists."""
        account = self.own_account(ctx, req, writing=True)
        await self.databases.post_container(account, req.params["container"], metadata_of(req, "container"), _acls(req))
        return Response(204)

    async def delete_container(self, ctx: Context, req: Request) -> Response:
        """Drop the container; one with objects is a conflict."""
        account = self.own_account(ctx, req, writing=True)
        await self.databases.delete_container(account, req.params["container"])
        return Response(204)


def _acls(req: Request) -> dict[str, str]:
    found = {}
    for field in ("read", "write"):
        if f"x-container-{field}" in req.headers:
            found[field] = req.headers[f"x-container-{field}"]
        if f"x-remove-container-{field}" in req.headers:
            found[field] = ""
    return found
