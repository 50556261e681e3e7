"""What is named must be there: the look-ups with which use cases begin."""

from __future__ import annotations

from typing import TypeVar

from lab.services.identity.model import Domain, Group, NoSuchEntity, Project, Role, User
from lab.store import Record, Transaction

R = TypeVar("R", bound=Record)


def need(tx: Transaction, kind: type[R], label: str, id: str) -> R:
    """Return the record or say that it does not exist."""
    record = tx.get(kind, id)
    if record is None:
        raise NoSuchEntity(label, id)
    return record


def need_domain(tx: Transaction, id: str) -> Domain:
    """Return the domain or say that it does not exist."""
    return need(tx, Domain, "domain", id)


def need_project(tx: Transaction, id: str) -> Project:
    """Return the project or say that it does not exist."""
    return need(tx, Project, "project", id)


def need_user(tx: Transaction, id: str) -> User:
    """Return the user or say that it does not exist."""
    return need(tx, User, "user", id)


def need_group(tx: Transaction, id: str) -> Group:
    """Return the group or say that it does not exist."""
    return need(tx, Group, "group", id)


def need_role(tx: Transaction, id: str) -> Role:
    """Return the role or say that it does not exist."""
    return need(tx, Role, "role", id)
