"""Users and groups: the use cases."""

from __future__ import annotations

from typing import Any

from lab.errors import Forbidden
from lab.process import Process
from lab.services.identity.lookups import need_domain, need_group, need_user
from lab.services.identity.model import (
    AuthenticationFailed,
    Group,
    GroupMember,
    NameTaken,
    NoSuchEntity,
    Token,
    User,
)
from lab.services.identity.passwords import MAX_LENGTH, Passwords
from lab.services.identity.resources import erase_group, erase_user, merge
from lab.services.identity.tokens import TokenManager
from lab.store import Transaction


class UserManager:
    """Users and groups. A change of password, and every end of a user, ends the user's tokens."""

    def __init__(self, process: Process, tokens: TokenManager, passwords: Passwords) -> None:
        self._process, self._tokens, self._passwords = process, tokens, passwords

    # ------------------------------------------------------------------ users

    async def create_user(self, values: dict[str, Any]) -> User:
        """Make a user in a domain; without a password it cannot log in."""
        values = self._hashed(values)
        new_id = self._tokens.new_id()

        def create(tx: Transaction) -> User:
            need_domain(tx, values["domain_id"])
            self._refuse_taken(tx, values["name"], values["domain_id"], new_id)
            return tx.insert(User.make(**{"id": new_id, **values}))

        return await self._process.store.run(create)

    async def update_user(self, id: str, changes: dict[str, Any]) -> User:
        """Change a user; a new password or disabling ends its tokens."""
        changes = self._hashed(changes)

        def update(tx: Transaction) -> tuple[User, str | None]:
            user = need_user(tx, id)
            if changes.get("domain_id", user.domain_id) != user.domain_id:
                raise Forbidden("Cannot change user's domain.")
            self._refuse_taken(tx, changes.get("name", user.name), user.domain_id, id)
            if "password_hash" in changes or changes.get("enabled") is False:
                end_tokens(tx, id)
            return tx.update(user, **merge(user.extra, changes)), user.password_hash

        updated, old_hash = await self._tokens.changed(update)
        if updated.password_hash != old_hash:
            self._passwords.forget(old_hash)
        return updated

    async def change_password(self, id: str, original: str, password: str) -> None:
        """Let users replace their own password by proving the old one; all tokens of theirs end.

        Raises:
            AuthenticationFailed: no such user, or the original password is wrong.
        """
        user = await self._process.store.run(lambda tx: tx.get(User, id))
        if user is None or not user.enabled or not self._passwords.verify(original, user.password_hash):
            raise AuthenticationFailed
        await self.update_user(id, {"password": password})

    async def delete_user(self, id: str) -> None:
        """Remove a user with its tokens, memberships and role assignments."""

        def delete(tx: Transaction) -> str | None:
            user = need_user(tx, id)
            erase_user(tx, user)
            return user.password_hash

        self._passwords.forget(await self._tokens.changed(delete))

    def _hashed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Replace a password by its hash."""
        password = values.get("password")
        kept = {name: value for name, value in values.items() if name != "password"}
        if password is None:
            return kept
        if len(password) > MAX_LENGTH:
            raise Forbidden(
                f"The password length must be less than or equal to {MAX_LENGTH}. "
                "The server could not comply with the request because the password is invalid."
            )
        return {**kept, "password_hash": self._passwords.hash(password)}

    @staticmethod
    def _refuse_taken(tx: Transaction, name: str, domain_id: str, id: str) -> None:
        if any(other.id != id for other in tx.find(User, domain_id=domain_id, name=name)):
            raise NameTaken("user", name, domain_id)

    # ------------------------------------------------------------------ groups

    async def create_group(self, values: dict[str, Any]) -> Group:
        """Make a group in a domain."""
        new_id = self._tokens.new_id()

        def create(tx: Transaction) -> Group:
            need_domain(tx, values["domain_id"])
            self._refuse_taken_group(tx, values["name"], values["domain_id"], new_id)
            return tx.insert(Group.make(**{"id": new_id, **values}))

        return await self._process.store.run(create)

    async def update_group(self, id: str, changes: dict[str, Any]) -> Group:
        """Change a group."""

        def update(tx: Transaction) -> Group:
            group = need_group(tx, id)
            if changes.get("domain_id", group.domain_id) != group.domain_id:
                raise Forbidden("Cannot change group's domain.")
            self._refuse_taken_group(tx, changes.get("name", group.name), group.domain_id, id)
            return tx.update(group, **merge(group.extra, changes))

        return await self._tokens.changed(update)

    async def delete_group(self, id: str) -> None:
        """Remove a group; its users lose the roles that they had by it."""
        await self._tokens.changed(lambda tx: erase_group(tx, need_group(tx, id)))

    async def add_member(self, group_id: str, user_id: str) -> None:
        """Put a user into a group; a second time changes nothing."""

        def add(tx: Transaction) -> None:
            need_group(tx, group_id)
            need_user(tx, user_id)
            if tx.get(GroupMember, (group_id, user_id)) is None:
                tx.insert(GroupMember.make(group_id=group_id, user_id=user_id))

        await self._tokens.changed(add)

    async def remove_member(self, group_id: str, user_id: str) -> None:
        """Take a user out of a group."""

        def remove(tx: Transaction) -> None:
            tx.delete(self._membership(tx, group_id, user_id))
            end_tokens(tx, user_id)

        await self._tokens.changed(remove)

    async def check_member(self, group_id: str, user_id: str) -> None:
        """Raise NoSuchEntity unless the user is in the group."""
        await self._process.store.run(lambda tx: self._membership(tx, group_id, user_id))

    @staticmethod
    def _membership(tx: Transaction, group_id: str, user_id: str) -> GroupMember:
        need_group(tx, group_id)
        need_user(tx, user_id)
        member = tx.get(GroupMember, (group_id, user_id))
        if member is None:
            raise NoSuchEntity(f"user in group {group_id}", user_id)
        return member

    @staticmethod
    def _refuse_taken_group(tx: Transaction, name: str, domain_id: str, id: str) -> None:
        if any(other.id != id for other in tx.find(Group, domain_id=domain_id, name=name)):
            raise NameTaken("group", name, domain_id)


def end_tokens(tx: Transaction, user_id: str) -> None:
    """Remove all tokens of a user."""
    for token in tx.find(Token, user_id=user_id):
        tx.delete(token)
