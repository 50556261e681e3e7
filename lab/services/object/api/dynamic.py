"""Dynamic large objects: an object names a container and how names begin there; what is found is read as one object.

Source of the rules: "Dynamic large objects" of Swift's API guide, and swift/common/middleware/dlo.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from urllib.parse import unquote

from lab.context import Context
from lab.errors import BadRequest
from lab.services.object.api.large import LargeObjectsPart, described, quoted
from lab.services.object.driver import Data, StoredObject
from lab.services.object.model import NoSuchObject, ObjectEntry, SegmentsGone

NAMES = "x-object-manifest"
"""The header by which an object is one; it is kept beside it."""


class DynamicObjectsPart(LargeObjectsPart):
    """What objects need of segments that are found by their names."""

    async def described(self, ctx: Context, path: str, kept: Mapping[str, str], size: int, as_manifest: bool) -> dict[str, str]:
        """What the headers of an object of so many bytes say."""
        headers = described(kept, size, as_manifest)
        if NAMES in kept and not as_manifest:
            entries = await self._named(ctx, path, kept[NAMES])
            hashes = "".join(entry.etag for entry in entries)
            headers["content-length"] = str(sum(entry.size for entry in entries))
            headers["etag"] = quoted(md5(hashes.encode(), usedforsecurity=False).hexdigest())
        return headers

    async def whole(self, ctx: Context, item: StoredObject, depth: int = 0) -> Data:
        """The bytes of an object: its own, or those of its segments. Raises SegmentsGone when one went meanwhile."""
        names = dict(item.metadata).get(NAMES)
        if names is None or depth:  # a segment that names others is only itself
            return await super().whole(ctx, item, depth)
        pieces = []
        for entry in await self._named(ctx, item.name, names):
            path = f"/{entry.account}/{entry.container}/{entry.name}"
            try:
                segment = await self.replicas.read(ctx, path, await self.newest(ctx, path))
            except NoSuchObject:
                raise SegmentsGone from None
            pieces.append(segment.data)
        return Data(b"".join(pieces))

    async def _named(self, ctx: Context, path: str, names: str) -> list[ObjectEntry]:
        """The segments in the order of their names, of a container that the caller may list. Raises NotYours, NoToken, NoSuchObject."""
        account = path.split("/", 2)[1]
        container, prefix = parted(names)
        await self.readable_container(ctx, account, container, listing=True)
        entries = await self.databases.objects(account, container)
        return sorted((entry for entry in entries if entry.name.startswith(prefix)), key=lambda entry: entry.name)


def parted(names: str) -> tuple[str, str]:
    """The container that a manifest names, and how the names of its segments begin. Raises BadRequest."""
    container, _, prefix = unquote(names).partition("/")
    if not container or not prefix or prefix.startswith("/") or "?" in names or "&" in names:
        raise BadRequest("X-Object-Manifest must be in the format container/prefix")
    return container, prefix
