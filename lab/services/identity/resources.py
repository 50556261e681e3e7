"""Domains and projects: the use cases."""

from __future__ import annotations

from typing import Any

from lab.errors import Forbidden
from lab.process import Process
from lab.services.identity.lookups import need_domain, need_project
from lab.services.identity.model import (
    DEFAULT_DOMAIN,
    ActionForbidden,
    Domain,
    Group,
    GroupMember,
    NameTaken,
    NoSuchEntity,
    Project,
    Role,
    RoleAssignment,
    Token,
    User,
)
from lab.services.identity.tokens import TokenManager
from lab.store import Transaction


class ResourceManager:
    """Domains and projects. Every write makes the token manager look again at what tokens are worth."""

    def __init__(self, process: Process, tokens: TokenManager) -> None:
        self._process, self._tokens = process, tokens

    # ------------------------------------------------------------------ domains

    async def create_domain(self, values: dict[str, Any]) -> Domain:
        """Make a domain; its name must be free."""
        domain = Domain.make(**{"id": self._tokens.new_id(), **values})

        def create(tx: Transaction) -> Domain:
            if tx.find(Domain, name=domain.name) or tx.get(Domain, domain.id) is not None:
                raise NameTaken("domain", domain.name)
            return tx.insert(domain)

        return await self._process.store.run(create)

    async def update_domain(self, id: str, changes: dict[str, Any]) -> Domain:
        """Change a domain. Disabling it ends the worth of all its tokens."""

        def update(tx: Transaction) -> Domain:
            domain = need_domain(tx, id)
            name = changes.get("name", domain.name)
            if any(other.id != id for other in tx.find(Domain, name=name)):
                raise NameTaken("domain", name)
            return tx.update(domain, **merge(domain.extra, changes))

        return await self._tokens.changed(update)

    async def delete_domain(self, id: str) -> None:
        """Remove a disabled domain with everything in it."""

        def delete(tx: Transaction) -> None:
            domain = need_domain(tx, id)
            if id == DEFAULT_DOMAIN:
                raise ActionForbidden("delete the default domain")
            if domain.enabled:
                raise Forbidden("Cannot delete a domain that is enabled, please disable it first.")
            for user in tx.find(User, domain_id=id):
                erase_user(tx, user)
            for group in tx.find(Group, domain_id=id):
                erase_group(tx, group)
            for project in tx.find(Project, domain_id=id):
                erase_project(tx, project)
            for role in tx.find(Role, domain_id=id):
                for assignment in tx.find(RoleAssignment, role_id=role.id):
                    tx.delete(assignment)
                tx.delete(role)
            for assignment in tx.find(RoleAssignment, target_id=id):
                tx.delete(assignment)
            tx.delete(domain)

        await self._tokens.changed(delete)

    # ------------------------------------------------------------------ projects

    async def create_project(self, values: dict[str, Any]) -> Project:
        """Make a project in a domain, below the domain or below another project of it."""
        project_id = self._tokens.new_id()

        def create(tx: Transaction) -> Project:
            parent_id = values.get("parent_id") or values["domain_id"]
            parent = tx.get(Project, parent_id)
            domain = need_domain(tx, parent.domain_id if parent is not None else values["domain_id"])
            if parent is None and parent_id != domain.id:
                raise NoSuchEntity("project", parent_id)
            if not domain.enabled:
                raise Forbidden(f"Domain is disabled: {domain.id}.")
            self._refuse_taken(tx, values["name"], domain.id, project_id)
            place = {"id": project_id, "domain_id": domain.id, "parent_id": parent_id}
            return tx.insert(Project.make(**{**values, **place}))

        return await self._process.store.run(create)

    async def update_project(self, id: str, changes: dict[str, Any]) -> Project:
        """Change a project; it stays in its domain and below its parent."""

        def update(tx: Transaction) -> Project:
            project = need_project(tx, id)
            for fixed in ("domain_id", "parent_id"):
                if changes.get(fixed, getattr(project, fixed)) != getattr(project, fixed):
                    raise Forbidden(f"Update of `{fixed}` is not allowed.")
            self._refuse_taken(tx, changes.get("name", project.name), project.domain_id, id)
            return tx.update(project, **merge(project.extra, changes))

        return await self._tokens.changed(update)

    async def delete_project(self, id: str) -> None:
        """Remove a project that has no projects below it, with its role assignments."""

        def delete(tx: Transaction) -> None:
            project = need_project(tx, id)
            if tx.find(Project, parent_id=id):
                raise Forbidden(
                    f"Cannot delete the project {id} since it is not a leaf in the hierarchy. "
                    "Use the cascade option if you want to delete a whole subtree."
                )
            erase_project(tx, project)

        await self._tokens.changed(delete)

    @staticmethod
    def _refuse_taken(tx: Transaction, name: str, domain_id: str, id: str) -> None:
        if any(other.id != id for other in tx.find(Project, domain_id=domain_id, name=name)):
            raise NameTaken("project", name, domain_id)


def merge(extra: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Turn the changes of a PATCH into changes of a record: unknown attributes live in `extra`."""
    if "extra" not in changes:
        return changes
    return {**changes, "extra": {**extra, **changes["extra"]}}


def erase_project(tx: Transaction, project: Project) -> None:
    """Remove a project and what points at it."""
    for assignment in tx.find(RoleAssignment, target_id=project.id):
        tx.delete(assignment)
    tx.delete(project)


def erase_user(tx: Transaction, user: User) -> None:
    """Remove a user and what points at it, tokens included."""
    for assignment in tx.find(RoleAssignment, actor_id=user.id):
        tx.delete(assignment)
    for member in tx.find(GroupMember, user_id=user.id):
        tx.delete(member)
    for token in tx.find(Token, user_id=user.id):
        tx.delete(token)
    tx.delete(user)


def erase_group(tx: Transaction, group: Group) -> None:
    """Remove a group and what points at it."""
    for assignment in tx.find(RoleAssignment, actor_id=group.id):
        tx.delete(assignment)
    for member in tx.find(GroupMember, group_id=group.id):
        tx.delete(member)
    tx.delete(group)
