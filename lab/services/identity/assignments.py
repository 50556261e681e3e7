"""Roles and who has them where: the use cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.errors import Forbidden
from lab.process import Process
from lab.services.identity.grants import below, with_implied
from lab.services.identity.lookups import need_domain, need_group, need_project, need_role, need_user
from lab.services.identity.model import (
    GroupMember,
    ImpliedRole,
    NameTaken,
    NoSuchEntity,
    Role,
    RoleAssignment,
)
from lab.services.identity.resources import merge
from lab.services.identity.tokens import TokenManager
from lab.store import Transaction
from lab.values import value


@value
class Place:
    """Where a role is or may be assigned: an actor ('user' or 'group') on a target ('project', 'domain', 'system')."""

    actor: str
    actor_id: str
    target: str
    target_id: str
    inherited: bool = False


def check_place(tx: Transaction, place: Place) -> None:
    """Raise NoSuchEntity unless actor and target exist."""
    if place.actor == "user":
        need_user(tx, place.actor_id)
    else:
        need_group(tx, place.actor_id)
    if place.target == "project":
        need_project(tx, place.target_id)
    elif place.target == "domain":
        need_domain(tx, place.target_id)


class AssignmentManager:
    """Roles, implied roles and role assignments."""

    def __init__(self, process: Process, tokens: TokenManager) -> None:
        self._process, self._tokens = process, tokens

    # ------------------------------------------------------------------ roles

    async def create_role(self, values: dict[str, Any]) -> Role:
        """Make a role of all domains, or of one."""
        role = Role.make(**{"id": self._tokens.new_id(), **values})

        def create(tx: Transaction) -> Role:
            if role.domain_id:
                need_domain(tx, role.domain_id)
            self._refuse_taken(tx, role.name, role.domain_id, role.id)
            return tx.insert(role)

        return await self._tokens.changed(create)

    async def update_role(self, id: str, changes: dict[str, Any]) -> Role:
        """Change a role; it stays in its domain."""

        def update(tx: Transaction) -> Role:
            role = need_role(tx, id)
            self._refuse_taken(tx, changes.get("name", role.name), role.domain_id, id)
            return tx.update(role, **merge(role.extra, changes))

        return await self._tokens.changed(update)

    async def delete_role(self, id: str) -> None:
        """Remove a role from everybody who has it."""

        def delete(tx: Transaction) -> None:
            role = need_role(tx, id)
            for assignment in tx.find(RoleAssignment, role_id=id):
                tx.delete(assignment)
            for rule in (*tx.find(ImpliedRole, prior_role_id=id), *tx.find(ImpliedRole, implied_role_id=id)):
                tx.delete(rule)
            tx.delete(role)

        await self._tokens.changed(delete)

    @staticmethod
    def _refuse_taken(tx: Transaction, name: str, domain_id: str, id: str) -> None:
        if any(other.id != id for other in tx.find(Role, domain_id=domain_id, name=name)):
            raise NameTaken("role", name, domain_id)

    async def imply(self, prior_id: str, implied_id: str) -> None:
        """Let everybody who has one role have another one too; a second time changes nothing."""

        def imply(tx: Transaction) -> None:
            need_role(tx, prior_id)
            if need_role(tx, implied_id).name == "admin":  # keystone: [assignment] prohibited_implied_role
                raise Forbidden(f"{implied_id} cannot be an implied roles.")
            if tx.get(ImpliedRole, (prior_id, implied_id)) is None:
                tx.insert(ImpliedRole.make(prior_role_id=prior_id, implied_role_id=implied_id))

        await self._tokens.changed(imply)

    async def imply_no_more(self, prior_id: str, implied_id: str) -> None:
        """Take an implication back."""
        await self._tokens.changed(lambda tx: tx.delete(self.implication(tx, prior_id, implied_id)))

    @staticmethod
    def implication(tx: Transaction, prior_id: str, implied_id: str) -> ImpliedRole:
        """Return the rule that one role implies another, or say that it does not."""
        need_role(tx, prior_id)
        need_role(tx, implied_id)
        rule = tx.get(ImpliedRole, (prior_id, implied_id))
        if rule is None:
            raise NoSuchEntity(f"role that {prior_id} implies", implied_id)
        return rule

    # ------------------------------------------------------------------ assignments

    async def assign(self, place: Place, role_id: str) -> None:
        """Give a role; a second time changes nothing."""

        def assign(tx: Transaction) -> None:
            role = need_role(tx, role_id)
            check_place(tx, place)
            self._check_domain(tx, place, role)
            if tx.get(RoleAssignment, assignment_key(place, role_id)) is None:
                tx.insert(
                    RoleAssignment.make(
                        actor=place.actor,
                        actor_id=place.actor_id,
                        target=place.target,
                        target_id=place.target_id,
                        role_id=role_id,
                        inherited=place.inherited,
                    )
                )

        await self._tokens.changed(assign)

    @staticmethod
    def _check_domain(tx: Transaction, place: Place, role: Role) -> None:
        """A role of one domain is given on the projects of that domain only."""
        if not role.domain_id or place.target != "project":
            return
        if need_project(tx, place.target_id).domain_id != role.domain_id:
            raise Forbidden(f"Project {place.target_id} must be in the same domain as the role {role.id} being assigned.")

    async def check(self, place: Place, role_id: str) -> None:
        """Raise NoSuchEntity unless the actor was given the role there."""
        await self._process.store.run(lambda tx: self._assignment(tx, place, role_id))

    async def unassign(self, place: Place, role_id: str) -> None:
        """Take a role away."""
        await self._tokens.changed(lambda tx: tx.delete(self._assignment(tx, place, role_id)))

    async def roles_at(self, place: Place) -> list[Role]:
        """List the roles that the actor was given there."""

        def read(tx: Transaction) -> list[Role]:
            check_place(tx, place)
            return [
                need_role(tx, assignment.role_id)
                for assignment in tx.find(RoleAssignment, target_id=place.target_id, actor_id=place.actor_id)
                if assignment.inherited is place.inherited
            ]

        return await self._process.store.run(read)

    @staticmethod
    def _assignment(tx: Transaction, place: Place, role_id: str) -> RoleAssignment:
        need_role(tx, role_id)
        check_place(tx, place)
        assignment = tx.get(RoleAssignment, assignment_key(place, role_id))
        if assignment is None:
            raise NoSuchAssignment(place, role_id)
        return assignment


def assignment_key(place: Place, role_id: str) -> tuple[str, str, str, bool]:
    """The key of a `RoleAssignment`."""
    return place.target_id, place.actor_id, role_id, place.inherited


class NoSuchAssignment(NoSuchEntity):
    """The actor does not have this role there."""

    def __init__(self, place: Place, role_id: str) -> None:
        super().__init__(
            "role assignment with role",
            f"{role_id}, user or group: {place.actor_id}, project, domain, or system: {place.target_id}",
        )


def effective(tx: Transaction, assignments: list[RoleAssignment]) -> Iterator[tuple[RoleAssignment, RoleAssignment]]:
    """Spell assignments out: groups as their users, inherited ones as the projects that they reach, implied roles.

    Yields:
        Each effective assignment with the stored one that it follows from.
    """
    for stored in assignments:
        users = [stored.actor_id]
        if stored.actor == "group":
            users = [member.user_id for member in tx.find(GroupMember, group_id=stored.actor_id)]
        places = [(stored.target, stored.target_id)]
        if stored.inherited:
            places = [("project", project.id) for project in below(tx, stored.target, stored.target_id)]
        for user_id in users:
            for target, target_id in places:
                there = {"target": target, "target_id": target_id, "inherited": False}
                whole = stored.evolve(actor="user", actor_id=user_id, **there)
                for role in with_implied(tx, [stored.role_id]):
                    yield whole.evolve(role_id=role.id), stored
