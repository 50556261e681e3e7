"""Objects: store, read, describe, copy, delete."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5
from typing import ClassVar
from urllib.parse import unquote

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import PUBLIC, Request, Response, Route
from lab.rest.ranges import byte_range
from lab.services.object.api.part import ObjectPart, metadata_of, object_name, titled
from lab.services.object.conditions import not_modified
from lab.services.object.driver import Data, StoredObject
from lab.services.object.manager import entry_of
from lab.services.object.model import (
    DEFAULT_TYPE,
    MAX_FILE_SIZE,
    MAX_OBJECT_NAME_LENGTH,
    ClientDisconnect,
    NoSuchObject,
    ObjectContainer,
    ObjectTooLarge,
    PreconditionFailed,
    WrongChecksum,
)
from lab.services.object.nodes import META, stream_of
from lab.services.object.replicas import Found
from lab.services.object.times import http_date, stamp, whole_second

OBJECT = "/v1/{account}/{container}/{object:path}"
KEPT = ("content-type", "content-encoding", "content-disposition", "x-delete-at")
"""Headers that an object keeps beside its X-Object-Meta-*. Source: Swift's object API reference."""


class ObjectsPart(ObjectPart):
    """The objects of a container."""

    routes: ClassVar[Sequence[Route]] = (
        Route("PUT", OBJECT, "put_object", PUBLIC, streaming=True, summary="Store an object"),
        Route("GET", OBJECT, "get_object", PUBLIC, summary="Read an object"),
        Route("HEAD", OBJECT, "head_object", PUBLIC, summary="Describe an object"),
        Route("POST", OBJECT, "post_object", PUBLIC, streaming=True, summary="Change its metadata"),
        Route("DELETE", OBJECT, "delete_object", PUBLIC, streaming=True, summary="Delete an object"),
        Route("COPY", OBJECT, "copy_object", PUBLIC, streaming=True, summary="Copy an object"),
    )

    # -- storing ------------------------------------------------------------------------------

    async def put_object(self, ctx: Context, req: Request) -> Response:
        """Store an object, or a copy of the one that X-Copy-From names."""
        container = await self.writable(ctx, req)
        name = object_name(req)
        if len(name.encode()) > MAX_OBJECT_NAME_LENGTH:
            raise BadRequest(f"Object name length of {len(name.encode())} longer than {MAX_OBJECT_NAME_LENGTH}")
        metadata = metadata_of(req, "object")
        source = req.headers.get("x-copy-from")
        if source is not None:
            return await self._copy(ctx, req, unquote(source), (container, name))
        if req.headers.get("if-none-match", "").strip() == "*" and await self._exists(ctx, container, name):
            raise PreconditionFailed
        data = await self._receive(req)
        kept = {header: req.headers[header] for header in KEPT if req.headers.get(header)}
        kept.setdefault("content-type", DEFAULT_TYPE)
        asked = req.headers.get("etag", "").strip('"').lower()
        return await self._store(ctx, (container, name), data, {**kept, **metadata}, asked)

    async def _receive(self, req: Request) -> Data:
        """Read the body to its end. Raises ObjectTooLarge, ClientDisconnect when less came than was announced."""
        announced = req.headers.get("content-length")
        if announced is not None and not (announced.isascii() and announced.isdigit()):
            raise BadRequest(f"Invalid Content-Length header value {announced!r}")
        if announced is not None and int(announced) > MAX_FILE_SIZE:
            raise ObjectTooLarge
        if req.stream is None:
            data = Data(req.body)
        else:
            chunks, size = [], 0
            async for chunk in req.stream.open():
                size += len(chunk)
                if size > MAX_FILE_SIZE:
                    raise ObjectTooLarge
                chunks.append(chunk)
            data = Data(b"".join(chunks))
        if announced is not None and len(data) < int(announced):
            raise ClientDisconnect
        return data

    async def _store(
        self, ctx: Context, where: tuple[ObjectContainer, str], data: bytes, metadata: dict[str, str], asked: str = ""
    ) -> Response:
        """Write the replicas, then the listing; `asked` is the MD5 that the client expects."""
        container, name = where
        etag = md5(data, usedforsecurity=False).hexdigest()
        if asked and asked != etag:
            raise WrongChecksum
        path = f"/{container.account}/{container.name}/{name}"
        kept = tuple(sorted({**{k: v for k, v in metadata.items() if v}, "etag": etag}.items()))
        async with self.databases.only(path):
            at = self.databases.stamp_ns()
            item = StoredObject(path, at, data, kept)
            await self.replicas.put(ctx, item)
            if not await self.databases.list_object(entry_of(item)):
                await self.replicas.delete(ctx, path, self.databases.stamp_ns())
                raise NoSuchObject  # the container went while the object was written
        return Response(201, headers={"Etag": etag, "Last-Modified": http_date(self.process.runtime, at)})

    async def copy_object(self, ctx: Context, req: Request) -> Response:
        """Copy to the Destination."""
        destination = unquote(req.headers.get("destination", "")).lstrip("/")
        container_name, slash, name = destination.partition("/")
        if not slash or not name:
            raise PreconditionFailed("Destination header must be of the form <container name>/<object name>")
        account = self.own_account(ctx, req, writing=True)
        container = await self.databases.container(account, container_name)
        return await self._copy(ctx, req, f"/{req.params['container']}/{object_name(req)}", (container, name))

    async def _copy(self, ctx: Context, req: Request, source: str, where: tuple[ObjectContainer, str]) -> Response:
        from_container, slash, from_name = source.lstrip("/").partition("/")
        if not slash or not from_name:
            raise PreconditionFailed("X-Copy-From header must be of the form <container name>/<object name>")
        account = self.own_account(ctx, req, writing=False)
        await self.databases.container(account, from_container)
        path = f"/{account}/{from_container}/{from_name}"
        item = await self.replicas.read(ctx, path, await self._find(ctx, path))
        changes = {header: req.headers[header] for header in KEPT if req.headers.get(header)}
        metadata = {k: v for k, v in item.metadata if k != "etag"} | changes | metadata_of(req, "object")
        return await self._store(ctx, where, item.data, metadata)

    # -- reading ------------------------------------------------------------------------------

    async def _find(self, ctx: Context, path: str) -> list[Found]:
        """Return the replicas, newest first. Raises NoSuchObject when there is none or the newest is a tombstone."""
        found = await self.replicas.newest(ctx, path)
        if not found or found[0].deleted:
            raise NoSuchObject
        return found

    async def _exists(self, ctx: Context, container: ObjectContainer, name: str) -> bool:
        found = await self.replicas.newest(ctx, f"/{container.account}/{container.name}/{name}")
        return bool(found) and not found[0].deleted

    async def _readable_path(self, ctx: Context, req: Request) -> str:
        container = await self.readable(ctx, req, listing=False)
        return f"/{container.account}/{container.name}/{object_name(req)}"

    def _headers(self, newest: Found) -> dict[str, str]:
        runtime = self.process.runtime
        kept = {key[len(META) :]: unquote(v) for key, v in newest.headers.items() if key.startswith(META)}
        headers = titled(kept)
        headers["Content-Length"] = str(newest.size)
        headers["Last-Modified"] = http_date(runtime, newest.timestamp_ns)
        headers["X-Timestamp"] = stamp(runtime, newest.timestamp_ns)
        headers["Accept-Ranges"] = "bytes"
        return headers

    async def head_object(self, ctx: Context, req: Request) -> Response:
        """Describe an object."""
        newest = (await self._find(ctx, await self._readable_path(ctx, req)))[0]
        headers = self._headers(newest)
        if not_modified(req.headers, headers["Etag"], whole_second(self.process.runtime, newest.timestamp_ns)):
            headers.pop("Content-Length")
            return Response(304, headers=headers)
        return Response(200, headers=headers)

    async def get_object(self, ctx: Context, req: Request) -> Response:
        """Send an object, or the range of it that is asked for."""
        path = await self._readable_path(ctx, req)
        found = await self._find(ctx, path)
        headers = self._headers(found[0])
        if not_modified(req.headers, headers["Etag"], whole_second(self.process.runtime, found[0].timestamp_ns)):
            headers.pop("Content-Length")
            return Response(304, headers=headers)
        part = byte_range(req.headers.get("range"), found[0].size)
        data = (await self.replicas.read(ctx, path, found)).data
        if part is None:
            return Response(200, stream_of(data), headers)
        first, last = part
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        headers["Content-Length"] = str(last - first + 1)
        return Response(206, stream_of(Data(data[first : last + 1])), headers)

    # -- changing -----------------------------------------------------------------------------

    async def post_object(self, ctx: Context, req: Request) -> Response:
        """Replace the object's metadata; its bytes stay, its type stays unless another is given."""
        container = await self.writable(ctx, req)
        name = object_name(req)
        path = f"/{container.account}/{container.name}/{name}"
        metadata = metadata_of(req, "object")
        item = await self.replicas.read(ctx, path, await self._find(ctx, path))
        kept = {key: value for key, value in item.metadata if key == "content-type"}
        changes = {header: req.headers[header] for header in KEPT if req.headers.get(header)}
        await self._store(ctx, (container, name), item.data, {**kept, **changes, **metadata})
        return Response(202)

    async def delete_object(self, ctx: Context, req: Request) -> Response:
        """Delete an object: tombstones first, then the listing."""
        container = await self.writable(ctx, req)
        name = object_name(req)
        path = f"/{container.account}/{container.name}/{name}"
        async with self.databases.only(path):
            await self._find(ctx, path)
            at = self.databases.stamp_ns()
            await self.replicas.delete(ctx, path, at)
            await self.databases.unlist_object(container.account, container.name, name, at)
        return Response(204)
