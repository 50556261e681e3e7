"""/v2.0/security-groups and /v2.0/security-group-rules"""

from __future__ import annotations

from typing import Any, ClassVar

from lab.context import Context
from lab.rest import MEMBER, READER, Request, Route
from lab.services.network import nouns, views
from lab.services.network.api.collection import Collection, Room, wrapped
from lab.services.network.attributes import for_create, for_update, item_of, items_of
from lab.services.network.model import Json, SecurityGroup, SecurityGroupRule
from lab.services.network.security_groups import INDEXED, RULE_INDEXED

GROUPS = Collection(
    "security_groups",
    "/v2.0/security-groups",
    SecurityGroup,
    INDEXED,
    lambda plugin, tx, ctx, group: plugin.security_groups.sees(ctx, group),
    lambda plugin, tx, ctx, group: plugin.security_groups.view(tx, group),
)
RULES = Collection(
    "security_group_rules",
    "/v2.0/security-group-rules",
    SecurityGroupRule,
    RULE_INDEXED,
    lambda plugin, tx, ctx, rule: plugin.security_groups.sees(ctx, rule),
    lambda plugin, tx, ctx, rule: views.security_group_rule(rule),
)


class SecurityGroupRoutes(Room):
    """Security groups and rules."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2.0/security-groups", "list_security_groups", READER),
        Route("POST", "/v2.0/security-groups", "create_security_group", MEMBER, 201),
        Route("GET", "/v2.0/security-groups/{group_id}", "show_security_group", READER),
        Route("PUT", "/v2.0/security-groups/{group_id}", "update_security_group", MEMBER),
        Route("DELETE", "/v2.0/security-groups/{group_id}", "delete_security_group", MEMBER, 204),
        Route("GET", "/v2.0/security-group-rules", "list_security_group_rules", READER),
        Route("POST", "/v2.0/security-group-rules", "create_security_group_rule", MEMBER, 201),
        Route("GET", "/v2.0/security-group-rules/{rule_id}", "show_security_group_rule", READER),
        Route("PUT", "/v2.0/security-group-rules/{rule_id}", "update_security_group_rule", MEMBER),
        Route("DELETE", "/v2.0/security-group-rules/{rule_id}", "delete_security_group_rule", MEMBER, 204),
    )

    async def list_security_groups(self, ctx: Context, request: Request) -> Json:
        """List security groups; the caller's project has its default one from now on."""
        if ctx.project_id:
            await self.plugin.store.run(lambda tx: self.plugin.security_groups.ensure_default(tx, ctx.project_id))
        return await self.list_records(ctx, request, GROUPS)

    async def show_security_group(self, ctx: Context, request: Request) -> Json:
        """Show a security group with its rules."""
        plugin, group_id = self.plugin, request.params["group_id"]

        def work(tx: Any) -> Json:
            return plugin.security_groups.view(tx, plugin.security_groups.need(tx, ctx, group_id))

        return {"security_group": self.picked(ctx, request, await plugin.store.run(work))}

    async def create_security_group(self, ctx: Context, request: Request) -> Json:
        """Make one security group or several, each with two rules that let everything out."""
        items, bulk = items_of(nouns.SECURITY_GROUP, request.data)
        wanted = [for_create(nouns.SECURITY_GROUP, item, ctx) for item in items]

        async def change() -> Json:
            return wrapped(nouns.SECURITY_GROUP, await self.plugin.security_groups.create(ctx, wanted), bulk)

        made: Json = await self.changing(ctx, nouns.SECURITY_GROUP, "create", request.data, change)
        return made

    async def update_security_group(self, ctx: Context, request: Request) -> Json:
        """Change a security group."""
        changes = for_update(nouns.SECURITY_GROUP, item_of(nouns.SECURITY_GROUP, request.data), ctx)
        group_id = request.params["group_id"]

        async def change() -> Json:
            return {"security_group": await self.plugin.security_groups.update(ctx, group_id, changes)}

        payload = {"id": group_id, **request.data}
        made: Json = await self.changing(ctx, nouns.SECURITY_GROUP, "update", payload, change)
        return made

    async def delete_security_group(self, ctx: Context, request: Request) -> None:
        """Remove a security group that nothing uses."""
        group_id = request.params["group_id"]
        payload = {"security_group_id": group_id}
        groups = self.plugin.security_groups
        await self.changing(ctx, nouns.SECURITY_GROUP, "delete", payload, lambda: groups.delete(ctx, group_id))

    async def list_security_group_rules(self, ctx: Context, request: Request) -> Json:
        """List rules."""
        return await self.list_records(ctx, request, RULES)

    async def show_security_group_rule(self, ctx: Context, request: Request) -> Json:
        """Show a rule."""
        plugin, rule_id = self.plugin, request.params["rule_id"]

        def work(tx: Any) -> Json:
            return views.security_group_rule(plugin.security_groups.need_rule(tx, ctx, rule_id))

        return {"security_group_rule": self.picked(ctx, request, await plugin.store.run(work))}

    async def create_security_group_rule(self, ctx: Context, request: Request) -> Json:
        """Add one rule or several."""
        items, bulk = items_of(nouns.SECURITY_GROUP_RULE, request.data)
        wanted = [for_create(nouns.SECURITY_GROUP_RULE, item, ctx) for item in items]

        async def change() -> Json:
            rules = await self.plugin.security_groups.create_rules(ctx, wanted)
            return wrapped(nouns.SECURITY_GROUP_RULE, [views.security_group_rule(rule) for rule in rules], bulk)

        made: Json = await self.changing(ctx, nouns.SECURITY_GROUP_RULE, "create", request.data, change)
        return made

    async def update_security_group_rule(self, ctx: Context, request: Request) -> Json:
        """Change a rule's description."""
        changes = for_update(nouns.SECURITY_GROUP_RULE, item_of(nouns.SECURITY_GROUP_RULE, request.data), ctx)
        rule = await self.plugin.security_groups.update_rule(ctx, request.params["rule_id"], changes)
        return {"security_group_rule": views.security_group_rule(rule)}

    async def delete_security_group_rule(self, ctx: Context, request: Request) -> None:
        """Remove a rule."""
        rule_id = request.params["rule_id"]
        payload = {"security_group_rule_id": rule_id}
        groups = self.plugin.security_groups
        await self.changing(ctx, nouns.SECURITY_GROUP_RULE, "delete", payload, lambda: groups.delete_rule(ctx, rule_id))
