"""Static large objects: a manifest names segments, which are read as one object.

Clients upload what is larger than one object may be in segments. Source of the rules: "Large objects" of Swift's API guide, and
swift/common/middleware/slo.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from typing import Any

import orjson

from lab.body import encode
from lab.context import Context
from lab.errors import BadRequest
from lab.rest.ranges import RangeNotSatisfiable, byte_range
from lab.services.object.api.part import ObjectPart
from lab.services.object.driver import Data, StoredObject
from lab.services.object.model import (
    MAX_MANIFEST_SEGMENTS,
    MAX_MANIFEST_SIZE,
    NoSuchObject,
    NoToken,
    NotYours,
    ObjectTooLarge,
    SegmentsGone,
    WrongChecksum,
)

Row = dict[str, Any]
LARGE, SIZE, ETAG = MARKS = ("x-static-large-object", "x-slo-size", "x-slo-etag")
"""What is kept beside a manifest: that it is one, the bytes of all its segments, and the MD5 over their MD5s."""
FIELDS = {"path", "etag", "size_bytes", "range"}
MAX_DEPTH = 10
"""Manifests of manifests of …"""


class LargeObjectsPart(ObjectPart):
    """What objects need of manifests."""

    async def manifest(self, ctx: Context, account: str, sent: bytes, asked: str) -> tuple[Data, dict[str, str]]:
        """Check the manifest that a client sends; return it as it is kept, and its marks. `asked`: the ETag that the client expects.

        Raises BadRequest that names every segment which is not as the client says, ObjectTooLarge, WrongChecksum.
        """
        if len(sent) > MAX_MANIFEST_SIZE:
            raise ObjectTooLarge
        rows, errors = [], []
        for wanted in _listed(sent):
            try:
                rows.append(await self._segment(ctx, account, wanted))
            except (BadRequest, NoSuchObject, NotYours, NoToken, RangeNotSatisfiable) as error:
                errors.append(f"{wanted['path']}, {error.message}")
        if errors:
            raise BadRequest("\n".join(["Errors:", *errors]))
        etag = md5(usedforsecurity=False)
        for row in rows:
            etag.update((f"{row['hash']}:{row['range']};" if "range" in row else row["hash"]).encode())
        if asked not in ("", etag.hexdigest()):
            raise WrongChecksum
        return Data(encode(rows)), {LARGE: "True", SIZE: str(sum(row["bytes"] for row in rows)), ETAG: etag.hexdigest()}

    async def _segment(self, ctx: Context, account: str, wanted: Row) -> Row:
        path = "/" + wanted["path"].lstrip("/")
        container, slash, name = path[1:].partition("/")
        if not slash or not name:
            raise BadRequest("a path is /CONTAINER/OBJECT")
        await self.readable_container(ctx, account, container)
        newest = (await self.newest(ctx, f"/{account}{path}"))[0]
        kept = newest.kept
        row: Row = {
            "name": path,
            "hash": kept.get(ETAG, kept["etag"]),
            "bytes": int(kept.get(SIZE, newest.size)),
            "content_type": kept["content-type"],
        }
        if LARGE in kept:
            row["sub_slo"] = True
        if wanted.get("etag") not in (None, row["hash"]):
            raise BadRequest("Etag Mismatch")
        if wanted.get("size_bytes") not in (None, row["bytes"]):
            raise BadRequest("Size Mismatch")
        if wanted.get("range") is not None:
            part = byte_range(f"bytes={wanted['range']}", row["bytes"])
            if part is None:
                raise BadRequest(f"{wanted['range']!r} is no range; it looks like 0-1023")
            row["range"] = f"{part[0]}-{part[1]}"
            row["bytes"] = part[1] - part[0] + 1
        if not row["bytes"]:
            raise BadRequest("Too Small; each segment must be at least 1 byte.")
        return row

    async def segments(self, ctx: Context, item: StoredObject) -> list[str]:
        """The paths of all segments of a manifest, those of manifests among them too, each before what names it."""
        found: list[str] = []
        account = item.name.split("/", 2)[1]
        for row in orjson.loads(bytes(item.data)):
            path = f"/{account}{row['name']}"
            if row.get("sub_slo"):
                found += await self.segments(ctx, await self.replicas.read(ctx, path, await self.newest(ctx, path)))
            found.append(path)
        return found

    async def whole(self, ctx: Context, item: StoredObject, depth: int = 0) -> Data:
        """The bytes of an object: its own, or those of its segments. Raises SegmentsGone when one is not there as it was."""
        if LARGE not in dict(item.metadata):
            return Data(item.data)
        if depth == MAX_DEPTH:
            raise SegmentsGone
        account = item.name.split("/", 2)[1]
        pieces = []
        for row in orjson.loads(bytes(item.data)):
            path = f"/{account}{row['name']}"
            await self.readable_container(ctx, account, path.split("/", 3)[2])
            try:
                segment = await self.replicas.read(ctx, path, await self.newest(ctx, path))
            except NoSuchObject:
                raise SegmentsGone from None
            kept = dict(segment.metadata)
            if kept.get(ETAG, kept["etag"]) != row["hash"]:
                raise SegmentsGone
            piece = await self.whole(ctx, segment, depth + 1)
            first, last = map(int, row["range"].split("-")) if "range" in row else (0, len(piece) - 1)
            pieces.append(piece[first : last + 1])
        return Data(b"".join(pieces))


def quoted(etag: str) -> str:
    """The ETag of a large object, in whose quotes clients see that it is no MD5 of its bytes."""
    return f'"{etag}"'


def described(kept: Mapping[str, str], size: int, as_manifest: bool) -> dict[str, str]:
    """What the headers of an object of so many bytes say: of a manifest, what its segments are together, or what it is itself."""
    shown = {name: value for name, value in kept.items() if name not in (SIZE, ETAG)}
    if LARGE not in kept:
        return {**shown, "content-length": str(size)}
    if as_manifest:
        return {**shown, "content-length": str(size), "content-type": "application/json; charset=utf-8"}
    return {**shown, "content-length": kept[SIZE], "etag": quoted(kept[ETAG]), "x-manifest-etag": kept["etag"]}


def _listed(sent: bytes) -> list[Row]:
    """The segments that a client lists. Raises BadRequest."""
    try:
        rows = orjson.loads(bytes(sent))
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list) or not rows:
        raise BadRequest("Manifest must be valid JSON: a list of segments, at least one.")
    if len(rows) > MAX_MANIFEST_SEGMENTS:
        raise BadRequest(f"Number of segments must be <= {MAX_MANIFEST_SEGMENTS}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("path"), str) or not isinstance(row.get("range"), str | None):
            raise BadRequest(f"Index {number}: a segment is an object with a path, and etag, size_bytes or range if you like")
        if unknown := sorted(row.keys() - FIELDS):
            raise BadRequest(f"Index {number}: {unknown[0]!r} is not known here; known: {', '.join(sorted(FIELDS))}")
    return rows
