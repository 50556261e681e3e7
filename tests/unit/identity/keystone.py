"""A keystone of its own for each test: the real dispatcher, store and tokens on a virtual clock, nothing mocked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from lab.config import Config
from lab.context import Context
from lab.process import Process
from lab.rest import Response
from lab.services.identity.api import start
from lab.services.identity.manager import IdentityManager
from lab.wires import Wires
from sim.loop import SimLoop
from tests.played import played

T = TypeVar("T")
DEFAULT = {"id": "default"}


class Cloud:
    """Keystone and a client that talks to it."""

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self.keystone: Process = wires.start("keystone", "controller-1", start)
        self.client = Process(wires, "client", "laptop-1")

    def keystone_now(self) -> Process:
        """Keystone's present life."""
        return self.wires.processes["keystone@controller-1"]

    @property
    def manager(self) -> IdentityManager:
        """The manager of keystone's present life."""
        manager: IdentityManager = self.keystone_now().memory["identity"]
        return manager

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        token: str = "",
        headers: dict[str, str] | None = None,
        service: str = "identity",
    ) -> Response:
        """Send one request as this token's owner."""
        sent = {"X-Auth-Token": token} if token else {}
        ctx = Context(request_id="req-test")
        return await self.client.rest.call(ctx, service, method, target, body=body, auth="none", headers={**sent, **(headers or {})})

    async def login(self, user: str = "admin", scope: Any = None, password: str = "glasscloud", query: str = "") -> Response:
        """Ask for a token; without a scope, for the project with the user's name."""
        if scope is None:
            scope = {"project": {"name": user, "domain": DEFAULT}}
        credentials = {"name": user, "domain": DEFAULT, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": credentials}}}
        if scope != "none":
            auth["scope"] = scope
        return await self.call("POST", f"/v3/auth/tokens{query}", {"auth": auth})

    async def token(self, user: str = "admin", scope: Any = None, password: str = "glasscloud") -> str:
        """A token, or a failed test."""
        response = await self.login(user, scope, password)
        assert response.status == 201, response.content()
        return response.headers["X-Subject-Token"]

    async def validate(self, subject: str, token: str, query: str = "") -> Response:
        """Ask keystone what a token is worth."""
        return await self.call("GET", f"/v3/auth/tokens{query}", token=token, headers={"X-Subject-Token": subject})


async def make(cloud: Cloud, token: str, kind: str, **values: Any) -> dict[str, Any]:
    """Create one thing and return it as the API shows it."""
    response = await cloud.call("POST", f"/v3/{kind}s", {kind: values}, token)
    assert response.status == 201, response.content()
    return response.json()[kind]  # type: ignore[no-any-return]


async def names(cloud: Cloud, token: str, target: str, kind: str) -> list[str]:
    """The names in a list."""
    response = await cloud.call("GET", target, token=token)
    assert response.status == 200, response.content()
    return [item["name"] for item in response.json()[kind]]


def run(main: Callable[[Cloud], Awaitable[T]], seed: int = 7, **settings: Any) -> T:
    """Run a coroutine in a world that has keystone, bootstrapped; an error inside it fails the test."""
    loop = SimLoop(seed)
    wires = Wires(loop.runtime, Config().but(**settings))

    async def whole() -> T:
        cloud = Cloud(wires)
        return await main(cloud)

    return played(loop, whole())
