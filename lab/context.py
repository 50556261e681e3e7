"""Who asks, in whose project, within which request, and because of which message."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from lab.values import value

_new = object.__new__
_GIVEN_BY = {
    "manager": frozenset({"manager", "admin"}),
    "member": frozenset({"member", "manager", "admin"}),
    "reader": frozenset({"reader", "member", "manager", "admin"}),
}
"""Roles that imply each. Source: keystone's bootstrap (admin implies manager implies member implies reader)."""


@value
class Scope:
    """Names and domains behind a token, which few ask for."""

    user_name: str = ""
    user_domain_id: str = ""
    project_name: str = ""
    project_domain_id: str = ""
    domain_id: str = ""
    """Of a token scoped to a domain."""
    system: bool = False
    """Whether the token is scoped to the whole system."""


UNSCOPED = Scope()


@dataclass(slots=True)
class Context:
    """Travels with every request and message; treat it as frozen and derive others by `at`."""

    request_id: str = ""
    user_id: str = ""
    project_id: str = ""
    roles: tuple[str, ...] = ()
    token: str = ""
    cause: int = 0
    periodic: bool = False
    scope: Scope = UNSCOPED

    def at(self, cause: int) -> Context:
        """The same context, caused by the journal entry `cause`."""
        return self.within(self, cause)

    def within(self, sender: Context, cause: int) -> Context:
        """The same caller in the sender's request, caused by the journal entry `cause`."""
        new = _new(Context)
        new.request_id = sender.request_id
        new.user_id = self.user_id
        new.project_id = self.project_id
        new.roles = self.roles
        new.token = self.token
        new.cause = cause
        new.periodic = sender.periodic
        new.scope = self.scope
        return new

    def elevated(self) -> Context:
        """The same request with the administrator's role, for what a service does on its own account."""
        new = self.at(self.cause)
        new.roles = ("admin", "manager", "member", "reader")
        return new

    def has(self, role: str) -> bool:
        """Whether the roles hold this one, directly or implied."""
        given_by = _GIVEN_BY.get(role)
        return role in self.roles if given_by is None else not given_by.isdisjoint(self.roles)

    @property
    def is_admin(self) -> bool:
        """Whether the caller is an administrator."""
        return "admin" in self.roles


CURRENT: ContextVar[Context] = ContextVar("glasscloud_context")
"""The context of the message being handled in this task: what a driver call was caused by."""
set_current = CURRENT.set
