"""Objects: store, read, describe, copy, delete."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5
from typing import ClassVar
from urllib.parse import quote, unquote

from lab.context import Context
from lab.errors import BadRequest
from lab.rest import PUBLIC, Request, Response, Route
from lab.rest.ranges import byte_range
from lab.services.object.api.bulk import BulkPart, told
from lab.services.object.api.dynamic import NAMES, parted
from lab.services.object.api.large import ETAG, LARGE, MARKS, quoted
from lab.services.object.api.part import metadata_of, object_name, titled
from lab.services.object.conditions import not_modified
from lab.services.object.driver import Data, StoredObject
from lab.services.object.manager import entry_of
from lab.services.object.model import (
    DEFAULT_TYPE,
    MAX_OBJECT_NAME_LENGTH,
    NoSuchObject,
    ObjectContainer,
    PreconditionFailed,
    WrongChecksum,
)
from lab.services.object.nodes import stream_of
from lab.services.object.replicas import Found
from lab.services.object.times import http_date, stamp, whole_second

OBJECT = "/v1/{account}/{container}/{object:path}"
KEPT = ("content-type", "content-encoding", "content-disposition", "x-delete-at", NAMES)
"""Headers that an object keeps beside its X-Object-Meta-*. Source: Swift's object API reference."""


class ObjectsPart(BulkPart):
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
        data = await self.receive(req)
        kept = _kept(req)
        kept.setdefault("content-type", DEFAULT_TYPE)
        asked = req.headers.get("etag", "").strip('"').lower()
        if req.arg("multipart-manifest") != "put":
            return await self._store(ctx, (container, name), data, {**kept, **metadata}, asked)
        data, marks = await self.manifest(ctx, container.account, data, asked)
        stored = await self._store(ctx, (container, name), data, {**kept, **metadata, **marks})
        stored.headers["Etag"] = quoted(marks[ETAG])
        return stored

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
        item = await self.replicas.read(ctx, path, await self.newest(ctx, path))
        changes = _kept(req)
        as_manifest = _as_manifest(req)
        data = item.data if as_manifest else await self.whole(ctx, item)
        left_out = ("etag",) if as_manifest else ("etag", *MARKS, NAMES)
        metadata = {k: v for k, v in item.metadata if k not in left_out} | changes | metadata_of(req, "object")
        return await self._store(ctx, where, data, metadata)

    # -- reading ------------------------------------------------------------------------------

    async def _exists(self, ctx: Context, container: ObjectContainer, name: str) -> bool:
        found = await self.replicas.newest(ctx, f"/{container.account}/{container.name}/{name}")
        return bool(found) and not found[0].deleted

    async def _readable_path(self, ctx: Context, req: Request) -> str:
        container = await self.readable(ctx, req, listing=False)
        return f"/{container.account}/{container.name}/{object_name(req)}"

    async def _headers(self, ctx: Context, path: str, newest: Found, as_manifest: bool) -> dict[str, str]:
        runtime = self.process.runtime
        headers = titled(await self.described(ctx, path, newest.kept, newest.size, as_manifest))
        headers["Last-Modified"] = http_date(runtime, newest.timestamp_ns)
        headers["X-Timestamp"] = stamp(runtime, newest.timestamp_ns)
        headers["Accept-Ranges"] = "bytes"
        return headers

    async def head_object(self, ctx: Context, req: Request) -> Response:
        """Describe an object."""
        path = await self._readable_path(ctx, req)
        newest = (await self.newest(ctx, path))[0]
        headers = await self._headers(ctx, path, newest, _as_manifest(req))
        if not_modified(req.headers, headers["Etag"].strip('"'), whole_second(self.process.runtime, newest.timestamp_ns)):
            headers.pop("Content-Length")
            return Response(304, headers=headers)
        return Response(200, headers=headers)

    async def get_object(self, ctx: Context, req: Request) -> Response:
        """Send an object, or the range of it that is asked for."""
        path = await self._readable_path(ctx, req)
        found = await self.newest(ctx, path)
        headers = await self._headers(ctx, path, found[0], _as_manifest(req))
        if not_modified(req.headers, headers["Etag"].strip('"'), whole_second(self.process.runtime, found[0].timestamp_ns)):
            headers.pop("Content-Length")
            return Response(304, headers=headers)
        part = byte_range(req.headers.get("range"), int(headers["Content-Length"]))
        item = await self.replicas.read(ctx, path, found)
        data = item.data if _as_manifest(req) else await self.whole(ctx, item)
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
        item = await self.replicas.read(ctx, path, await self.newest(ctx, path))
        kept = {key: value for key, value in item.metadata if key in ("content-type", *MARKS)}
        changes = _kept(req)
        await self._store(ctx, (container, name), item.data, {**kept, **changes, **metadata})
        return Response(202)

    async def delete_object(self, ctx: Context, req: Request) -> Response:
        """Delete an object: tombstones first, then the listing."""
        container = await self.writable(ctx, req)
        path = f"/{container.account}/{container.name}/{object_name(req)}"
        if req.arg("multipart-manifest") == "delete":
            return await self._delete_large(ctx, req, path)
        await self.delete(ctx, path)
        return Response(204)

    async def _delete_large(self, ctx: Context, req: Request, path: str) -> Response:
        """Delete the segments, then the manifest; the answer is that of swift's bulk deletes, which is 200 whatever happened."""
        item = await self.replicas.read(ctx, path, await self.newest(ctx, path))
        if LARGE not in dict(item.metadata):
            return told(req, 0, 0, [[quote(path), "Not an SLO manifest"]])
        return await self.delete_each(ctx, req, [*await self.segments(ctx, item), path])


def _kept(req: Request) -> dict[str, str]:
    """The headers that the object is to keep. Raises BadRequest."""
    kept = {header: req.headers[header] for header in KEPT if req.headers.get(header)}
    if NAMES in kept:
        parted(kept[NAMES])
    return kept


def _as_manifest(req: Request) -> bool:
    """Whether a manifest itself is meant, not what its segments are together."""
    return req.arg("multipart-manifest") == "get"
