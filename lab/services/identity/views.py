"""How identity's records look in its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lab.runtime import Runtime
from lab.services.identity.model import (
    CatalogEndpoint,
    CatalogService,
    Domain,
    Group,
    ImpliedRole,
    Project,
    Region,
    Role,
    Token,
    User,
)
from lab.store import Transaction

# Both spellings of a placeholder that keystone fills; `tenant_id` is the old name of `project_id`.
PLACEHOLDER = re.compile(r"[%$]\((project_id|tenant_id|user_id)\)s")

# The collection in which an entity's own link lies.
COLLECTIONS: dict[type[Any], str] = {
    Domain: "domains",
    Project: "projects",
    User: "users",
    Group: "groups",
    Role: "roles",
    Region: "regions",
    CatalogService: "services",
    CatalogEndpoint: "endpoints",
}

# What is not for the eyes of clients, by record.
HIDDEN = frozenset({"extra", "password_hash"})


def entity_view(record: Any, root: str) -> dict[str, Any]:
    """The record as clients see it: its fields, its extra attributes, and a link to itself.

    Args:
        record: one of `COLLECTIONS`.
        root: the public URL of the API, with its version: `http://cloud/identity/v3`.
    """
    view = {**record.extra, **{name: value for name, value in record.__dict__.items() if name not in HIDDEN}}
    view["links"] = {"self": f"{root}/{COLLECTIONS[type(record)]}/{record.id}"}
    if isinstance(record, Project):
        view["is_domain"] = False
    elif isinstance(record, User):
        view["password_expires_at"] = None
        for absent in ("default_project_id", "description"):
            if view[absent] is None:
                del view[absent]
    elif isinstance(record, Role):
        view["domain_id"] = record.domain_id or None
    elif isinstance(record, CatalogEndpoint):
        view["region"] = record.region_id
    return view


def implication_view(tx: Transaction, prior: Role, rules: Sequence[ImpliedRole], root: str) -> dict[str, Any]:
    """A role with the roles that it implies, as `implies` and `role_inferences` answer it."""
    implied = [tx.get(Role, rule.implied_role_id) for rule in rules]
    return {
        "prior_role": role_reference(prior, root),
        "implies": [role_reference(role, root) for role in implied if role is not None],
    }


def role_reference(role: Role, root: str) -> dict[str, Any]:
    """A role as other entities mention it."""
    return {"id": role.id, "name": role.name, "links": {"self": f"{root}/roles/{role.id}"}}


def endpoint_url(url: str, project_id: str, user_id: str) -> str | None:
    """Fill the placeholders of an endpoint; None when the token has no project and the URL wants one."""
    if "(" not in url:
        return url
    if not project_id and ("project_id" in url or "tenant_id" in url):
        return None
    return PLACEHOLDER.sub(lambda found: user_id if found[1] == "user_id" else project_id, url)


def catalog_view(tx: Transaction, project_id: str, user_id: str) -> list[dict[str, Any]]:
    """The catalog as it stands in a token: enabled services with their enabled endpoints."""
    catalog = []
    for service in tx.all(CatalogService):
        if not service.enabled:
            continue
        endpoints = []
        for endpoint in tx.find(CatalogEndpoint, service_id=service.id):
            url = endpoint_url(endpoint.url, project_id, user_id) if endpoint.enabled else None
            if url is not None:
                place = {"region_id": endpoint.region_id, "url": url, "region": endpoint.region_id}
                endpoints.append({"id": endpoint.id, "interface": endpoint.interface, **place})
        catalog.append({"endpoints": endpoints, "id": service.id, "type": service.type, "name": service.name})
    return catalog


def named(record: Any) -> dict[str, str]:
    """A domain as users and projects mention it."""
    return {"id": record.id, "name": record.name}


def dates_view(token: Token, runtime: Runtime) -> dict[str, Any]:
    """What is one token's own: how it was got, and from when to when it holds."""
    return {
        "methods": token.methods,
        "audit_ids": token.audit_ids,
        "expires_at": f"{runtime.iso_us(token.expires_ns)}Z",
        "issued_at": f"{runtime.iso_us(token.issued_ns)}Z",
    }


def token_view(tx: Transaction, user: User, target: str, target_id: str, roles: Sequence[Role]) -> dict[str, Any]:
    """What a user's tokens for one target say alike, without the catalog.

    The caller has made sure that domain and target exist.
    """
    view: dict[str, Any] = {
        "user": {
            "domain": named(tx.need(Domain, user.domain_id)),
            "id": user.id,
            "name": user.name,
            "password_expires_at": None,
        }
    }
    if target == "project":
        project = tx.need(Project, target_id)
        view["project"] = {"domain": named(tx.need(Domain, project.domain_id)), "id": project.id, "name": project.name}
        view["is_domain"] = False
    elif target == "domain":
        view["domain"] = named(tx.need(Domain, target_id))
    elif target:
        view["system"] = {"all": True}
    if target:
        view["roles"] = [named(role) for role in roles]
    return view
