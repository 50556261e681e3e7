"""/v2.0/<nouns>/{id}/tags"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from lab.context import Context
from lab.rest import MEMBER, READER, Request, Route
from lab.services.network.api.collection import Room
from lab.services.network.errors import HTTPBadRequest, HTTPNotFound, TagNotFound
from lab.services.network.manager import Plugin
from lab.services.network.model import Json

TAG_LENGTH_MAX, TAGS_MAX = 255, 50
"""Source: neutron's tagging extension."""

Find = Callable[[Plugin, Any, Context, str], Any]
TAGGED: Mapping[str, Find] = MappingProxyType(
    {
        "networks": lambda plugin, tx, ctx, key: plugin.networks.need(tx, ctx, key),
        "subnets": lambda plugin, tx, ctx, key: plugin.subnets.need(tx, ctx, key),
        "ports": lambda plugin, tx, ctx, key: plugin.ports.need(tx, ctx, key),
        "security-groups": lambda plugin, tx, ctx, key: plugin.security_groups.need(tx, ctx, key),
        "routers": lambda plugin, tx, ctx, key: plugin.routers.need(tx, ctx, key),
    }
)


class TagRoutes(Room):
    """Tags of all nouns that have them."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/{plural}/{resource_id}/tags", "list_tags", READER),
        Route("PUT", "/v2.0/{plural}/{resource_id}/tags", "replace_tags", MEMBER),
        Route("DELETE", "/v2.0/{plural}/{resource_id}/tags", "delete_tags", MEMBER, 204),
        Route("GET", "/v2.0/{plural}/{resource_id}/tags/{tag}", "show_tag", READER, 204),
        Route("PUT", "/v2.0/{plural}/{resource_id}/tags/{tag}", "add_tag", MEMBER, 201),
        Route("DELETE", "/v2.0/{plural}/{resource_id}/tags/{tag}", "delete_tag", MEMBER, 204),
    )

    async def list_tags(self, ctx: Context, request: Request) -> Json:
        """List a resource's tags."""
        return {"tags": await self._tags(ctx, request, lambda tags: tags)}

    async def replace_tags(self, ctx: Context, request: Request) -> Json:
        """Give a resource these tags and no others."""
        given = request.data.get("tags") if isinstance(request.data, dict) else None
        if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
            raise HTTPBadRequest("Invalid tags body")
        return {"tags": await self._tags(ctx, request, lambda tags: list(dict.fromkeys(given)))}

    async def delete_tags(self, ctx: Context, request: Request) -> None:
        """Take all tags from a resource."""
        await self._tags(ctx, request, lambda tags: [])

    async def show_tag(self, ctx: Context, request: Request) -> None:
        """Say whether a resource has a tag."""
        tag = request.params["tag"]
        if tag not in await self._tags(ctx, request, lambda tags: tags):
            raise TagNotFound(tag=tag)

    async def add_tag(self, ctx: Context, request: Request) -> None:
        """Give a resource one more tag."""
        tag = request.params["tag"]
        await self._tags(ctx, request, lambda tags: tags if tag in tags else [*tags, tag])

    async def delete_tag(self, ctx: Context, request: Request) -> None:
        """Take a tag from a resource."""
        tag = request.params["tag"]

        def without(tags: list[str]) -> list[str]:
            if tag not in tags:
                raise TagNotFound(tag=tag)
            return [other for other in tags if other != tag]

        await self._tags(ctx, request, without)

    async def _tags(self, ctx: Context, request: Request, change: Callable[[list[str]], list[str]]) -> list[str]:
        plugin = self.plugin
        find = TAGGED.get(request.params["plural"])
        if find is None:
            raise HTTPNotFound

        def work(tx: Any) -> list[str]:
            record = find(plugin, tx, ctx, request.params["resource_id"])
            tags = change(record.tags)
            if len(tags) > TAGS_MAX or any(not tag or len(tag) > TAG_LENGTH_MAX for tag in tags):
                raise HTTPBadRequest(f"A resource has at most {TAGS_MAX} tags of at most {TAG_LENGTH_MAX} characters")
            if tags != record.tags:
                revision = record.revision_number + 1
                tx.update(record, tags=tags, updated_at=plugin.now(), revision_number=revision)
            return tags

        return await plugin.store.run(work)
