"""What a token is worth, worked out from the records of the moment."""

from __future__ import annotations

from typing import Any

from lab.body import encode
from lab.context import Context, Scope
from lab.runtime import Runtime
from lab.services.identity.grants import is_usable, roles_of
from lab.services.identity.model import SYSTEM, Domain, NoSuchToken, Project, Role, Token, User
from lab.services.identity.views import catalog_view, dates_view, token_view
from lab.store import Transaction
from lab.values import value


@value
class Worth:
    """What all tokens of one user for one target are worth alike."""

    view: dict[str, Any]
    catalog: list[dict[str, Any]]
    context: Context


class KnownToken:
    """What is remembered of a token: all that a check needs; and the answer, made once as bytes."""

    __slots__ = ("_bare_body", "_body", "_runtime", "context", "expires_ns", "token", "worth")

    def __init__(self, token: Token, worth: Worth, runtime: Runtime) -> None:
        self.token, self.worth, self.expires_ns, self._runtime = token, worth, token.expires_ns, runtime
        self.context = worth.context.at(0)
        self._body = self._bare_body = b""

    @property
    def body(self) -> bytes:
        """The token as clients see it."""
        if not self._body:
            catalog = {"catalog": self.worth.catalog} if self.token.target else {}
            self._body = self._render(catalog)
        return self._body

    @property
    def bare_body(self) -> bytes:
        """The token without the catalog."""
        if not self._bare_body:
            self._bare_body = self._render({})
        return self._bare_body

    def _render(self, catalog: dict[str, Any]) -> bytes:
        return encode({"token": {**dates_view(self.token, self._runtime), **self.worth.view, **catalog}})


def appraise(tx: Transaction, user_id: str, target: str, target_id: str) -> Worth:
    """Say what the user's tokens for the target are worth. Raises NoSuchToken when it is nothing."""
    user = tx.get(User, user_id)
    if user is None or not is_usable(tx, user):
        raise NoSuchToken
    if not target:
        view = token_view(tx, user, target, target_id, [])
        return Worth(view, [], context_of(view, []))
    roles = roles_of(tx, user_id, target, target_id)
    if not roles or not target_exists(tx, target, target_id):
        raise NoSuchToken
    view = token_view(tx, user, target, target_id, roles)
    catalog = catalog_view(tx, target_id if target == "project" else "", user_id)
    return Worth(view, catalog, context_of(view, roles))


def target_exists(tx: Transaction, target: str, target_id: str) -> bool:
    """Whether the target is there and enabled, its domain included."""
    if target == SYSTEM:
        return True
    if target == "project":
        project = tx.get(Project, target_id)
        domain = tx.get(Domain, project.domain_id) if project is not None and project.enabled else None
    else:
        domain = tx.get(Domain, target_id)
    return domain is not None and domain.enabled


def context_of(view: dict[str, Any], roles: list[Role]) -> Context:
    """The context that a token gives to the requests made with it, without their ids."""
    user, project = view["user"], view.get("project")
    return Context(
        user_id=user["id"],
        project_id=project["id"] if project else "",
        roles=tuple(role.name for role in roles),
        scope=Scope(
            user_name=user["name"],
            user_domain_id=user["domain"]["id"],
            project_name=project["name"] if project else "",
            project_domain_id=project["domain"]["id"] if project else "",
            domain_id=view["domain"]["id"] if "domain" in view else "",
            system=SYSTEM in view,
        ),
    )
