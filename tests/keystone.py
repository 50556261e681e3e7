"""Keystone as the tests of one service need it: a handful of users, whose tokens are their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import NotFound
from lab.process import Process
from lab.rest import PUBLIC, Api, Request, Response, Route

USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("p-admin", ("admin",)),
    "alice": ("p-alice", ("member",)),
    "bob": ("p-bob", ("member",)),
    "reader": ("p-alice", ("reader",)),
    "service": ("p-service", ("admin", "service")),
}
"""Name, which is the token -> project and roles."""


class Keystone(Api):
    """Knows the tokens above."""

    service: ClassVar[str] = "identity"
    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/v3/auth/tokens", "check", PUBLIC),
        Route("POST", "/v3/auth/tokens", "issue", PUBLIC, success=201),
    )

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.authenticator.local = self._anyone

    @staticmethod
    async def _anyone(token: str) -> Context:
        return Context(roles=("admin",))

    async def check(self, ctx: Context, req: Request) -> dict[str, Any]:
        """Describe a token."""
        name = req.headers["x-subject-token"]
        if name not in USERS:
            raise NotFound("no such token")
        project, roles = USERS[name]
        body = {
            "user": {"id": f"u-{name}", "name": name, "domain": {"id": "default"}},
            "project": {"id": project, "name": project, "domain": {"id": "default"}},
            "roles": [{"id": role, "name": role} for role in roles],
            "expires_at": "2126-01-01T00:00:00.000000Z",
        }
        return {"token": body}

    async def issue(self, ctx: Context, req: Request) -> Response:
        """Give every service the same token."""
        return Response(201, {"token": {}}, {"X-Subject-Token": "service"})
