"""Nova's view of placement: the provider of a host, and what a server holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import RemoteFault
from lab.rest.client import fault_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lab.context import Context
    from lab.process import Process
    from lab.rest import Response

Json = dict[str, Any]

VERSION = (1, 36)
"""Consumer generations and traits in one. Source: placement's rest_api_version_history; nova's report client asks at most 1.39."""


class Placement:
    """Calls of one process to placement, always as the service."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def _call(self, ctx: Context, method: str, path: str, body: Json | None = None) -> Awaitable[Response]:
        return self._process.rest.call(ctx, "placement", method, path, body=body, version=VERSION, auth="service")

    def _json(self, ctx: Context, method: str, path: str, body: Json | None = None) -> Awaitable[Any]:
        return self._process.rest.json(ctx, "placement", method, path, body=body, version=VERSION, auth="service")

    async def look_at(self, ctx: Context, server_id: str) -> None:
        """Ask what a server holds, as nova's tracker does; the answer stays closed. Raises RemoteFault."""
        response = await self._call(ctx, "GET", f"/allocations/{server_id}")
        if not response.ok:
            raise fault_of("placement", response)

    async def look_around(self, ctx: Context, provider: str) -> None:
        """Ask who holds something of a provider; the answer stays closed."""
        await self._call(ctx, "GET", f"/resource_providers/{provider}/allocations")

    async def allocate(self, ctx: Context, server_id: str, owner: tuple[str, str], request: Json) -> bool:
        """Claim resources for a server that holds none; False when they are taken meanwhile. `owner` is (project, user)."""
        held: Json = await self._json(ctx, "GET", f"/allocations/{server_id}")
        body = {
            "allocations": request["allocations"],
            "project_id": owner[0],
            "user_id": owner[1],
            "consumer_generation": held.get("consumer_generation"),
        }
        response = await self._call(ctx, "PUT", f"/allocations/{server_id}", body)
        return response.ok

    async def release(self, ctx: Context, server_id: str) -> None:
        """Give back all that a server holds; nothing held is no error."""
        response = await self._call(ctx, "DELETE", f"/allocations/{server_id}")
        if response.status >= 400 and response.status != 404:
            raise RemoteFault("placement", response.status, f"allocations of {server_id} could not be deleted: status {response.status}")

    async def consumers(self, ctx: Context, provider: str) -> list[str]:
        """List the ids of the servers that hold something of a provider."""
        response = await self._call(ctx, "GET", f"/resource_providers/{provider}/allocations")
        return sorted(response.json()["allocations"]) if response.ok else []

    async def provider(self, ctx: Context, uuid: str) -> Json | None:
        """Read a provider, with its generation."""
        found = (await self._json(ctx, "GET", f"/resource_providers?in_tree={uuid}"))["resource_providers"]
        return dict(found[0]) if found else None

    async def create_provider(self, ctx: Context, uuid: str, name: str) -> Json:
        """Make a provider and return it."""
        return dict(await self._json(ctx, "POST", "/resource_providers", {"uuid": uuid, "name": name}))

    async def delete_provider(self, ctx: Context, uuid: str) -> None:
        """Remove a provider; gone is no error."""
        response = await self._call(ctx, "DELETE", f"/resource_providers/{uuid}")
        if response.status >= 400 and response.status != 404:
            raise RemoteFault("placement", response.status, f"provider {uuid} could not be deleted: status {response.status}")

    async def inventories(self, ctx: Context, uuid: str) -> Json:
        """Read a provider's inventories and its generation."""
        return dict(await self._json(ctx, "GET", f"/resource_providers/{uuid}/inventories"))

    async def set_inventories(self, ctx: Context, uuid: str, generation: int, inventories: Json) -> int:
        """Replace a provider's inventories; answers its new generation."""
        body = {"resource_provider_generation": generation, "inventories": inventories}
        answer = await self._json(ctx, "PUT", f"/resource_providers/{uuid}/inventories", body)
        return int(answer["resource_provider_generation"])

    async def traits(self, ctx: Context, uuid: str) -> tuple[list[str], int]:
        """Read a provider's traits and its generation."""
        answer: Json = await self._json(ctx, "GET", f"/resource_providers/{uuid}/traits")
        return list(answer["traits"]), int(answer["resource_provider_generation"])

    async def ensure_trait(self, ctx: Context, name: str) -> None:
        """Make a custom trait; known is no error."""
        await self._call(ctx, "PUT", f"/traits/{name}")

    async def set_traits(self, ctx: Context, uuid: str, generation: int, traits: list[str]) -> int:
        """Replace a provider's traits; answers its new generation."""
        body = {"resource_provider_generation": generation, "traits": traits}
        answer = await self._json(ctx, "PUT", f"/resource_providers/{uuid}/traits", body)
        return int(answer["resource_provider_generation"])
