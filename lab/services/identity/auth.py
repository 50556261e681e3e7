"""What a client sends to get a token, taken apart: who it is, how it proves it, and for what scope."""

from __future__ import annotations

from typing import Any

from lab.errors import BadRequest
from lab.services.identity.model import SYSTEM, AuthenticationFailed, UnsupportedMethod
from lab.values import value

# The methods that this identity service has.
METHODS = ("password", "token")


@value
class Reference:
    """An entity named by id, or by name within a domain that is named by id or by name."""

    id: str = ""
    name: str = ""
    domain_id: str = ""
    domain_name: str = ""


@value
class Scope:
    """For what a token is asked: a target of `model`, or '' for none at all."""

    target: str
    reference: Reference


@value
class Login:
    """One request for a token. `scope` None leaves the choice to the user's default project."""

    methods: tuple[str, ...]
    user: Reference | None
    password: str
    token: str
    scope: Scope | None


def read_login(body: Any) -> Login:
    """Take the body of POST /v3/auth/tokens apart.

    Raises:
        BadRequest: the body has not the shape that keystone's schema asks for.
        UnsupportedMethod: a method that this service does not have.
    """
    auth = _object(_object(body, "the request body"), "auth")
    identity = _object(auth, "identity")
    methods = identity.get("methods")
    if not isinstance(methods, list) or not all(isinstance(method, str) for method in methods):
        raise BadRequest("'methods' is a required property of 'identity'; it must be a list of names.")
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        raise UnsupportedMethod
    user, password, token = None, "", ""
    if "password" in methods:
        credentials = _object(_object(identity, "password"), "user")
        user, password = _reference(credentials, "user"), _text(credentials, "password")
    if "token" in methods:
        token = _text(_object(identity, "token"), "id")
    return Login(tuple(dict.fromkeys(methods)), user, password, token, _scope(auth))


def _scope(auth: dict[str, Any]) -> Scope | None:
    if auth.get("scope") is None:
        return None
    if auth["scope"] == "unscoped":
        return Scope("", Reference())
    scope = _object(auth, "scope")
    asked = [kind for kind in ("project", "domain", SYSTEM, "unscoped", "OS-TRUST:trust") if kind in scope]
    if len(asked) != 1:
        raise BadRequest("'scope' must name exactly one target.")
    kind = asked[0]
    if kind == "unscoped":
        return Scope("", Reference())
    if kind == SYSTEM:
        if _object(scope, SYSTEM).get("all") is not True:
            raise BadRequest("'all' must be true: a token is for the whole system or not for it.")
        return Scope(SYSTEM, Reference(id=SYSTEM))
    if kind == "project":
        return Scope(kind, _reference(_object(scope, kind), kind))
    if kind == "domain":
        return Scope(kind, _plain_reference(_object(scope, kind), kind))
    raise AuthenticationFailed


def _plain_reference(content: dict[str, Any], label: str) -> Reference:
    plain = Reference(_text(content, "id", ""), _text(content, "name", ""))
    if not plain.id and not plain.name:
        raise BadRequest(f"'{label}' must have 'id' or 'name'.")
    return plain


def _reference(content: dict[str, Any], label: str) -> Reference:
    plain = _plain_reference(content, label)
    if plain.id:
        return plain
    domain = _plain_reference(_object(content, "domain"), "domain")
    return Reference("", plain.name, domain.id, domain.name)


def _object(parent: Any, name: str) -> dict[str, Any]:
    """The object under this name; or the parent itself, when it is the parent that must be an object."""
    value = parent.get(name) if isinstance(parent, dict) and not name.startswith("the ") else parent
    if not isinstance(value, dict):
        problem = "is a required property" if value is None else "must be an object"
        raise BadRequest(f"'{name}' {problem}.")
    return value


def _text(parent: dict[str, Any], name: str, default: str | None = None) -> str:
    value = parent.get(name, default)
    if not isinstance(value, str):
        problem = "is a required property" if value is None else "must be a string"
        raise BadRequest(f"'{name}' {problem}.")
    return value
