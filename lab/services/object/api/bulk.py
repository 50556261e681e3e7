"""Many deletes in one request.

Source of the rules: "Bulk delete" of Swift's API reference, and swift/common/middleware/bulk.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from lab.body import encode
from lab.context import Context
from lab.errors import BadRequest, NotFound, TooLarge
from lab.rest import Request, Response
from lab.services.object.api.dynamic import DynamicObjectsPart
from lab.services.object.model import MAX_CONTAINER_NAME_LENGTH, MAX_DELETES, MAX_OBJECT_NAME_LENGTH, ContainerNotEmpty, NoToken, NotYours

LINE_MAX = 3 * (MAX_CONTAINER_NAME_LENGTH + MAX_OBJECT_NAME_LENGTH) + 2
"""Bytes of a path whose every letter is written as %XX."""


class BulkPart(DynamicObjectsPart):
    """Deletes of a list of paths."""

    async def bulk_delete(self, ctx: Context, req: Request) -> Response:
        """Delete the objects and empty containers that the body names, one a line, URL-encoded; 200 whatever became of each.

        Raises TooLarge for more than MAX_DELETES of them.
        """
        account = req.params["account"]
        lines = [line for line in (line.strip() for line in (await self.receive(req)).split(b"\n")) if line]
        if len(lines) > MAX_DELETES:
            raise TooLarge(f"Maximum Bulk Deletes: {MAX_DELETES} per request")
        return await self.delete_each(ctx, req, [f"/{account}/{_path(line)}" for line in lines])

    async def delete_each(self, ctx: Context, req: Request, paths: Iterable[str]) -> Response:
        """Delete objects and containers, and tell what became of them. Raises BadRequest for a path that is none."""
        deleted, gone, errors = 0, 0, []
        for path in paths:
            _, account, container, *name = path.split("/", 3)
            try:
                if name and name[0]:
                    await self.writable_container(ctx, account, container)
                    await self.delete(ctx, path)
                else:
                    await self._delete_container(ctx, account, container)
            except NotFound:
                gone += 1
            except (NotYours, NoToken, ContainerNotEmpty) as error:
                errors.append([quote(path), _status(error)])
            else:
                deleted += 1
        return told(req, deleted, gone, errors)

    async def _delete_container(self, ctx: Context, account: str, name: str) -> None:
        self.owned(ctx, account, writing=True)
        await self.databases.delete_container(account, name)


def _path(line: bytes) -> str:
    """A line's path. Raises BadRequest."""
    try:
        path = unquote_to_bytes(line).decode().lstrip("/") if len(line) <= LINE_MAX else ""
    except UnicodeDecodeError:
        path = ""
    if not path:
        raise BadRequest("Invalid bulk delete: each line is the path of an object or of a container, URL-encoded.")
    return path


def _status(error: NotYours | NoToken | ContainerNotEmpty) -> str:
    if isinstance(error, ContainerNotEmpty):
        return "409 Conflict"
    return "403 Forbidden" if isinstance(error, NotYours) else "401 Unauthorized"


def told(req: Request, deleted: int, gone: int, errors: list[list[str]]) -> Response:
    """Return what became of many deletes, as JSON or as text."""
    status = "400 Bad Request" if errors else "200 OK"
    nothing = "" if deleted or gone or errors else "Invalid bulk delete."
    if nothing:
        status = "400 Bad Request"
    rows = {"Number Deleted": deleted, "Number Not Found": gone, "Response Status": status, "Response Body": nothing, "Errors": errors}
    if "application/json" in req.headers.get("accept", ""):
        return Response(200, encode(rows), {"Content-Type": "application/json"})
    lines = [f"{name}: {value}" for name, value in rows.items() if name != "Errors"]
    text = "\n".join([*lines, "Errors:", *(", ".join(error) for error in errors), ""])
    return Response(200, text.encode(), {"Content-Type": "text/plain"})
