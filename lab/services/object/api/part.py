"""What accounts, containers and objects build on: faults in Swift's form, access, metadata headers, transaction ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from lab.body import encode
from lab.context import Context
from lab.errors import BadRequest, NoSpace
from lab.process import Process
from lab.rest import Api, FaultTable, Request, Response, Route
from lab.rest.faults import object_style
from lab.rest.ranges import RangeNotSatisfiable
from lab.services.object import acl
from lab.services.object.driver import Data
from lab.services.object.manager import Databases
from lab.services.object.model import (
    MAX_FILE_SIZE,
    MAX_META_COUNT,
    MAX_META_NAME_LENGTH,
    MAX_META_OVERALL_SIZE,
    MAX_META_VALUE_LENGTH,
    BadMetadata,
    ClientDisconnect,
    NoQuorum,
    NoSuchObject,
    ObjectContainer,
    ObjectTooLarge,
    PreconditionFailed,
    WrongChecksum,
)
from lab.services.object.replicas import Found, Replicas

FAULTS = FaultTable(
    object_style,
    {
        PreconditionFailed: 412,
        RangeNotSatisfiable: 416,
        WrongChecksum: 422,
        ClientDisconnect: 499,
        NoQuorum: 503,
        NoSpace: 507,
    },
)


class ObjectPart(Api):
    """Base of the nouns; `ObjectApi` puts them together."""

    service: ClassVar[str] = "object"
    faults: ClassVar[FaultTable | None] = FAULTS
    routes: ClassVar[Sequence[Route]] = ()

    def __init__(self, process: Process, replicas: Replicas) -> None:
        super().__init__(process)
        self.databases = Databases(process)
        self.replicas = replicas

    async def handle(self, request: Request, sender: Context, cause: int) -> Response:
        """Serve a request, and give the answer Swift's transaction id."""
        response = await super().handle(request, sender, cause)
        now = int(self.process.runtime.utc().timestamp())
        digits = sender.request_id.removeprefix("req-").replace("-", "")[:21]
        response.headers.setdefault("X-Trans-Id", f"tx{digits}-{now:010x}")
        return response

    # -- who may ------------------------------------------------------------------------------

    def own_account(self, ctx: Context, req: Request, writing: bool) -> str:
        """Return the account of the path, when the caller acts in it. Raises NoToken, NotYours."""
        return self.owned(ctx, req.params["account"], writing)

    def owned(self, ctx: Context, account: str, writing: bool) -> str:
        """Return the account, when the caller acts in it. Raises NoToken, NotYours."""
        if not acl.owns(ctx, account, writing):
            raise acl.refusal(ctx)
        return account

    async def readable(self, ctx: Context, req: Request, listing: bool) -> ObjectContainer:
        """Return the container of the path, when the caller may read it."""
        return await self.readable_container(ctx, req.params["account"], req.params["container"], listing)

    async def readable_container(self, ctx: Context, account: str, name: str, listing: bool = False) -> ObjectContainer:
        """Return a container, when the caller may read it: by ownership or by its access list. Raises NotYours, NoToken."""
        if acl.owns(ctx, account, writing=False):
            return await self.databases.container(account, name)
        return await self._by_list(ctx, account, name, lambda c: acl.public(c.read, listing) or acl.listed(ctx, c.read))

    async def writable(self, ctx: Context, req: Request) -> ObjectContainer:
        """Return the container of the path, when the caller may write its objects."""
        return await self.writable_container(ctx, req.params["account"], req.params["container"])

    async def writable_container(self, ctx: Context, account: str, name: str) -> ObjectContainer:
        """Return a container, when the caller may write its objects. Raises NotYours, NoToken."""
        if acl.owns(ctx, account, writing=True):
            return await self.databases.container(account, name)
        return await self._by_list(ctx, account, name, lambda c: acl.listed(ctx, c.write))

    async def _by_list(self, ctx: Context, account: str, name: str, allows: Callable[[ObjectContainer], bool]) -> ObjectContainer:
        """Return a container whose access list allows it; to others it does not even say whether it is there."""
        found: ObjectContainer | None = await self.process.store.run(lambda tx: tx.get(ObjectContainer, (account, name)))
        if found is None or not allows(found):
            raise acl.refusal(ctx)
        return found

    async def newest(self, ctx: Context, path: str) -> list[Found]:
        """Return the replicas of an object, newest first. Raises NoSuchObject when there is none or the newest is a tombstone."""
        found = await self.replicas.newest(ctx, path)
        if not found or found[0].deleted:
            raise NoSuchObject
        return found

    async def delete(self, ctx: Context, path: str) -> None:
        """Delete an object: tombstones first, then the listing. Raises NoSuchObject."""
        async with self.databases.only(path):
            await self.newest(ctx, path)
            at = self.databases.stamp_ns()
            await self.replicas.delete(ctx, path, at)
            _, account, container, name = path.split("/", 3)
            await self.databases.unlist_object(account, container, name, at)

    async def receive(self, req: Request) -> Data:
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


def metadata_of(req: Request, kind: str) -> dict[str, str]:
    """Return the X-{kind}-Meta-* headers by their lower-case names; X-Remove-* counts as empty. Raises BadMetadata."""
    found: dict[str, str] = {}
    for name, value in req.headers.items():
        if name.startswith(f"x-remove-{kind}-meta-"):
            found["x-" + name.removeprefix("x-remove-")] = ""
        elif name.startswith(f"x-{kind}-meta-"):
            found[name] = value
    prefix = len(f"x-{kind}-meta-")
    for name, value in found.items():
        if len(name) - prefix > MAX_META_NAME_LENGTH:
            raise BadMetadata(f"Metadata name too long: {name}")
        if len(name) == prefix:
            raise BadMetadata("Metadata name cannot be empty")
        if len(value) > MAX_META_VALUE_LENGTH:
            raise BadMetadata(f"Metadata value longer than {MAX_META_VALUE_LENGTH}: {name}")
    if len(found) > MAX_META_COUNT:
        raise BadMetadata(f"Too many metadata items; max {MAX_META_COUNT}")
    if sum(len(name) - prefix + len(value) for name, value in found.items()) > MAX_META_OVERALL_SIZE:
        raise BadMetadata(f"Total metadata too large; max {MAX_META_OVERALL_SIZE}")
    return found


def titled(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata as headers: 'x-object-meta-color' as 'X-Object-Meta-Color'."""
    return {"-".join(word.capitalize() for word in name.split("-")): value for name, value in metadata.items()}


def listed(req: Request, rows: list[dict[str, Any]], headers: dict[str, str]) -> Response:
    """Return a listing as JSON or as plain names, one a line; an empty plain one is a 204."""
    asked = req.arg("format") or ("json" if "application/json" in req.headers.get("accept", "") else "plain")
    if asked == "json":
        body = encode(rows)
        return Response(200, body, {**headers, "Content-Type": "application/json; charset=utf-8"})
    headers["Content-Type"] = "text/plain; charset=utf-8"
    text = "".join(f"{row.get('name', row.get('subdir'))}\n" for row in rows)
    return Response(200 if text else 204, text.encode(), headers)


def object_name(req: Request) -> str:
    """Return the object's name from the path as it was sent: a slash at its end belongs to it."""
    return checked_name(req.path.split("/", 4)[4])


def checked_name(raw: str) -> str:
    """Return a name of the path decoded. Raises PreconditionFailed when it is no UTF-8 or holds a zero."""
    try:
        name = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        name = "\0"
    if "\0" in name:
        raise PreconditionFailed("Invalid UTF8 or contains NULL")
    return name
