"""Who has which role where: the rules, as functions of one transaction.

A user's roles on a target are those assigned to the user and to the groups the user is in, those inherited from
the domain and the projects above, and all that these roles imply.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.services.identity.model import SYSTEM, Domain, GroupMember, ImpliedRole, Project, Role, RoleAssignment, User
from lab.store import Transaction


def actors_of(tx: Transaction, user_id: str) -> list[str]:
    """The user and its groups: everyone whose assignments count for the user."""
    return [user_id, *(member.group_id for member in tx.find(GroupMember, user_id=user_id))]


def above(tx: Transaction, project: Project) -> list[str]:
    """The ids of the projects above a project and of its domain, nearest first."""
    ids = []
    parent = tx.get(Project, project.parent_id)
    while parent is not None:
        ids.append(parent.id)
        parent = tx.get(Project, parent.parent_id)
    return [*ids, project.domain_id]


def with_implied(tx: Transaction, role_ids: Iterable[str]) -> list[Role]:
    """The roles and all that they imply, each once, the given ones first."""
    found: dict[str, Role] = {}
    waiting = list(role_ids)
    for role_id in waiting:  # grows while it is walked
        role = tx.get(Role, role_id)
        if role is None or role_id in found:
            continue
        found[role_id] = role
        waiting += [rule.implied_role_id for rule in tx.find(ImpliedRole, prior_role_id=role_id)]
    # Roles of one domain only exist to imply the shared ones; tokens and policies never see them.
    return [role for role in found.values() if not role.domain_id]


def direct_roles(tx: Transaction, user_id: str, target: str, target_id: str) -> list[str]:
    """The ids of the roles that the user has on the target by assignment or inheritance, without the implied ones."""
    sources = [(target_id, False)]
    if target == "project":
        project = tx.get(Project, target_id)
        if project is not None:
            sources += [(higher_id, True) for higher_id in above(tx, project)]
    return [
        assignment.role_id
        for actor_id in actors_of(tx, user_id)
        for source_id, inherited in sources
        for assignment in tx.find(RoleAssignment, target_id=source_id, actor_id=actor_id)
        if assignment.inherited is inherited
    ]


def roles_of(tx: Transaction, user_id: str, target: str, target_id: str) -> list[Role]:
    """All roles of the user on the target; empty when it has nothing to do there."""
    return with_implied(tx, direct_roles(tx, user_id, target, target_id))


def projects_of(tx: Transaction, user_id: str) -> list[Project]:
    """The enabled projects on which the user has a role."""
    found: dict[str, Project] = {}
    for actor_id in actors_of(tx, user_id):
        for assignment in tx.find(RoleAssignment, actor_id=actor_id):
            if assignment.inherited:
                for project in below(tx, assignment.target, assignment.target_id):
                    found[project.id] = project
            elif assignment.target == "project":
                project_here = tx.get(Project, assignment.target_id)
                if project_here is not None:
                    found[project_here.id] = project_here
    return [project for project in found.values() if project.enabled]


def below(tx: Transaction, target: str, target_id: str) -> list[Project]:
    """The projects to which an inherited assignment on the target reaches."""
    if target == "domain":
        return tx.find(Project, domain_id=target_id)
    found = tx.find(Project, parent_id=target_id)
    for project in found:  # grows while it is walked
        found += tx.find(Project, parent_id=project.id)
    return found


def domains_of(tx: Transaction, user_id: str) -> list[Domain]:
    """The enabled domains on which the user has a role."""
    found: dict[str, Domain] = {}
    for actor_id in actors_of(tx, user_id):
        for assignment in tx.find(RoleAssignment, actor_id=actor_id):
            domain = tx.get(Domain, assignment.target_id) if assignment.target == "domain" else None
            if domain is not None and domain.enabled and not assignment.inherited:
                found[domain.id] = domain
    return list(found.values())


def has_system(tx: Transaction, user_id: str) -> bool:
    """Whether the user has a role on the whole system."""
    return bool(direct_roles(tx, user_id, SYSTEM, SYSTEM))


def is_usable(tx: Transaction, user: User | None) -> bool:
    """Whether the user may have tokens: enabled, in an enabled domain."""
    if user is None or not user.enabled:
        return False
    domain = tx.get(Domain, user.domain_id)
    return domain is not None and domain.enabled
