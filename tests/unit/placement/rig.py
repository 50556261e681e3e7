"""One placement process on a virtual clock, and requests to it without keystone."""

from __future__ import annotations

from typing import Any

from lab.config import Config
from lab.context import Context
from lab.process import Process
from lab.rest import Response
from lab.services.placement.api import PlacementApi
from lab.wires import Wires
from sim.loop import SimLoop

LATEST = (1, 39)
ADMIN = ("admin",)


class World:
    """A cloud of placement alone; the token is the caller's role."""

    def __init__(self, public_url: str = "http://glasscloud.local") -> None:
        self.loop = SimLoop(seed=1)
        self.wires = Wires(self.loop.runtime, Config(public_url=public_url))
        self.wires.start("placement", "controller-1", self._start)
        self.client = self.wires.start("client", "laptop", lambda process: None)

    def _start(self, process: Process) -> None:
        self.api = PlacementApi(process)
        self.api.authenticator.local = _identify
        self.api.start()

    def restart(self) -> None:
        """Kill and start the process; only what is stored survives."""
        self.wires.restart("placement@controller-1")

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        version: tuple[int, int] | None = LATEST,
        token: str = "admin",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send one request and wait for its answer."""
        sent = {"x-auth-token": token, **(headers or {})} if token else dict(headers or {})
        work = self.client.rest.call(
            Context(request_id="req-1"), "placement", method, target, body=body, version=version, auth="none", headers=sent
        )
        response: Response = self.loop.run_until_complete(work)
        assert not self.loop.runtime.errors, self.loop.runtime.errors
        return response

    def ok(self, method: str, target: str, body: Any = None, version: tuple[int, int] = LATEST) -> Any:
        """The same, which must succeed; answers the JSON."""
        response = self.call(method, target, body, version)
        assert response.ok, (response.status, response.content())
        return response.json()

    def provider(self, name: str, parent: str | None = None, **inventories: Any) -> str:
        """Make a provider with inventories given by total or as dicts; answer its UUID."""
        uuid: str = self.ok("POST", "/resource_providers", {"name": name, "parent_provider_uuid": parent})["uuid"]
        if inventories:
            given = {n: v if isinstance(v, dict) else {"total": v} for n, v in inventories.items()}
            body = {"resource_provider_generation": 0, "inventories": given}
            self.ok("PUT", f"/resource_providers/{uuid}/inventories", body)
        return uuid

    def claim(self, consumer: str, provider: str, generation: int | None = None, **resources: int) -> Response:
        """Let a consumer hold resources on one provider; none gives all back."""
        held = {provider: {"resources": resources}} if resources else {}
        body = {
            "allocations": held,
            "project_id": "project",
            "user_id": "user",
            "consumer_generation": generation,
            "consumer_type": "INSTANCE",
        }
        return self.call("PUT", f"/allocations/{consumer}", body)


async def _identify(token: str) -> Context | None:
    return Context(user_id=token, project_id="project", roles=(token,), token=token) if token != "bad" else None
