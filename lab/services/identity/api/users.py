"""Handlers of users and groups."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.rest import ADMIN, PUBLIC, TOKEN, Request, Route
from lab.services.identity.api.handlers import IdentityHandlers, fields_of
from lab.services.identity.lookups import need_group, need_user
from lab.services.identity.model import DEFAULT_DOMAIN, ActionForbidden, Group, GroupMember, NoSuchEntity, User
from lab.services.identity.policy import check_reader, domain_reader, system_reader
from lab.services.identity.schemas import ChangePassword, CreateGroup, CreateUser, UpdateGroup, UpdateUser
from lab.store import Transaction

MEMBER_PATH = "/v3/groups/{group_id}/users/{user_id}"


class UserHandlers(IdentityHandlers):
    """/v3/users, /v3/groups."""

    user_routes = (
        Route("GET", "/v3/users", "list_users", domain_reader),
        Route("POST", "/v3/users", "create_user", ADMIN, success=201, body=CreateUser),
        Route("GET", "/v3/users/{user_id}", "get_user", TOKEN),
        Route("PATCH", "/v3/users/{user_id}", "update_user", ADMIN, body=UpdateUser),
        Route("DELETE", "/v3/users/{user_id}", "delete_user", ADMIN, success=204),
        # No token: the old password is the proof, and an expired password could not get one.
        Route("POST", "/v3/users/{user_id}/password", "change_password", PUBLIC, success=204, body=ChangePassword),
        Route("GET", "/v3/users/{user_id}/groups", "list_groups_for_user", TOKEN),
        Route("GET", "/v3/groups", "list_groups", domain_reader),
        Route("POST", "/v3/groups", "create_group", ADMIN, success=201, body=CreateGroup),
        Route("GET", "/v3/groups/{group_id}", "get_group", domain_reader),
        Route("PATCH", "/v3/groups/{group_id}", "update_group", ADMIN, body=UpdateGroup),
        Route("DELETE", "/v3/groups/{group_id}", "delete_group", ADMIN, success=204),
        Route("GET", "/v3/groups/{group_id}/users", "list_users_in_group", domain_reader),
        Route("PUT", MEMBER_PATH, "add_user_to_group", ADMIN, success=204),
        Route("GET", MEMBER_PATH, "check_user_in_group", domain_reader, success=204),
        Route("DELETE", MEMBER_PATH, "remove_user_from_group", ADMIN, success=204),
    )

    # ------------------------------------------------------------------ users

    async def list_users(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Users by name, domain or state."""
        equals = {name: request.query[name][0] for name in ("domain_id", "name") if request.query.get(name)}
        if not system_reader(ctx):
            equals["domain_id"] = ctx.scope.domain_id
        users = await self.manager.read(lambda tx: tx.find(User, **equals))
        return self.collect("users", users, request, ("name", "domain_id", "enabled"))

    async def create_user(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a user."""
        values = fields_of(request.data.user, User)
        values["domain_id"] = values.get("domain_id") or ctx.scope.domain_id or DEFAULT_DOMAIN
        return self.show("user", await self.manager.users.create_user({**values, **password_of(request.data.user)}))

    async def get_user(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One user; everybody sees oneself."""
        user_id = request.params["user_id"]
        found = await self.manager.read(lambda tx: tx.get(User, user_id))
        check_reader(ctx, "get_user", found.domain_id if found else "", own=ctx.user_id == user_id)
        if found is None:
            raise NoSuchEntity("user", user_id)
        return self.show("user", found)

    async def update_user(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a user."""
        changes = {**fields_of(request.data.user, User), **password_of(request.data.user)}
        return self.show("user", await self.manager.users.update_user(request.params["user_id"], changes))

    async def delete_user(self, ctx: Context, request: Request) -> None:
        """Remove a user."""
        await self.manager.users.delete_user(request.params["user_id"])

    async def change_password(self, ctx: Context, request: Request) -> None:
        """Replace one's own password."""
        asked = request.data.user
        await self.manager.users.change_password(request.params["user_id"], asked.original_password, asked.password)

    async def list_groups_for_user(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The groups of a user; everybody sees the own ones."""
        user_id = request.params["user_id"]
        if user_id != ctx.user_id and not system_reader(ctx):
            raise ActionForbidden("identity:list_groups_for_user")

        def read(tx: Transaction) -> list[Group]:
            need_user(tx, user_id)
            return [need_group(tx, member.group_id) for member in tx.find(GroupMember, user_id=user_id)]

        return self.collect("groups", await self.manager.read(read), request, ("name",))

    # ------------------------------------------------------------------ groups

    async def list_groups(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Groups by name or domain."""
        equals = {} if system_reader(ctx) else {"domain_id": ctx.scope.domain_id}
        groups = await self.manager.read(lambda tx: tx.find(Group, **equals))
        return self.collect("groups", groups, request, ("name", "domain_id"))

    async def create_group(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a group."""
        values = fields_of(request.data.group, Group)
        values["domain_id"] = values.get("domain_id") or ctx.scope.domain_id or DEFAULT_DOMAIN
        return self.show("group", await self.manager.users.create_group(values))

    async def get_group(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One group."""
        return self.show("group", await self._group(ctx, request, "get_group"))

    async def update_group(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a group."""
        changes = fields_of(request.data.group, Group)
        return self.show("group", await self.manager.users.update_group(request.params["group_id"], changes))

    async def delete_group(self, ctx: Context, request: Request) -> None:
        """Remove a group."""
        await self.manager.users.delete_group(request.params["group_id"])

    async def list_users_in_group(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The users of a group."""
        group = await self._group(ctx, request, "list_users_in_group")

        def read(tx: Transaction) -> list[User]:
            return [need_user(tx, member.user_id) for member in tx.find(GroupMember, group_id=group.id)]

        return self.collect("users", await self.manager.read(read), request, ("name", "enabled"))

    async def add_user_to_group(self, ctx: Context, request: Request) -> None:
        """Put a user into a group."""
        await self.manager.users.add_member(request.params["group_id"], request.params["user_id"])

    async def check_user_in_group(self, ctx: Context, request: Request) -> None:
        """Whether a user is in a group."""
        await self._group(ctx, request, "check_user_in_group")
        await self.manager.users.check_member(request.params["group_id"], request.params["user_id"])

    async def remove_user_from_group(self, ctx: Context, request: Request) -> None:
        """Take a user out of a group."""
        await self.manager.users.remove_member(request.params["group_id"], request.params["user_id"])

    async def _group(self, ctx: Context, request: Request, action: str) -> Group:
        group_id = request.params["group_id"]
        found = await self.manager.read(lambda tx: tx.get(Group, group_id))
        check_reader(ctx, action, found.domain_id if found else "")
        if found is None:
            raise NoSuchEntity("group", group_id)
        return found


def password_of(entity: Any) -> dict[str, str]:
    """The password that a body sets; a null sets none."""
    return {"password": entity.password} if entity.password is not None else {}
