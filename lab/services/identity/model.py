"""The records of identity: who there is (domains, projects, users, groups, roles) and where the services are.

    domain      a name space of users, groups and projects          'default'
    project     what owns servers, volumes, networks                'demo'
    role        a word that policies speak of                       'member'
    assignment  an actor (user, group) has a role on a target       alice is member of demo
    target      a project, a domain, or the whole system            TARGETS
    region, service, endpoint                                       the catalog
    token       a proof of all this that ends at an instant         only its digest is kept

Ids are 32 hexadecimal digits without dashes, as keystone's SQL backends make them; regions name themselves.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lab.errors import Conflict, Forbidden, NotFound, Unauthorized
from lab.store import Field, Record

DEFAULT_DOMAIN = "default"  # keystone: [identity] default_domain_id
SYSTEM = "system"  # the target id of assignments on the whole system

# What implies what among the roles that bootstrap makes (keystone-manage bootstrap).
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))


class Domain(Record):
    """A name space of users, groups and projects."""

    __key__ = "id"
    __unique__ = (("name",),)

    id: str
    name: str = Field(max_length=64)
    description: str = ""
    enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


class Project(Record):
    """What owns resources. A project at the top has its domain as parent."""

    __key__ = "id"
    __unique__ = (("domain_id", "name"),)
    __index__ = ("domain_id", "parent_id", "name")

    id: str
    name: str = Field(max_length=64)
    domain_id: str
    parent_id: str
    description: str = ""
    enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


class User(Record):
    """Someone who can have a token."""

    __key__ = "id"
    __unique__ = (("domain_id", "name"),)
    __index__ = ("domain_id", "name")

    id: str
    name: str = Field(max_length=255)
    domain_id: str
    enabled: bool = True
    description: str | None = None
    default_project_id: str | None = None
    password_hash: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


class Group(Record):
    """Users who get the same roles."""

    __key__ = "id"
    __unique__ = (("domain_id", "name"),)
    __index__ = ("domain_id",)

    id: str
    name: str = Field(max_length=64)
    domain_id: str
    description: str = ""
    extra: dict[str, Any] = Field(default_factory=dict)


class GroupMember(Record):
    """A user is in a group."""

    __key__ = ("group_id", "user_id")
    __index__ = ("group_id", "user_id")

    group_id: str
    user_id: str


class Role(Record):
    """A word that policies speak of. `domain_id` is '' for the roles that all domains share."""

    __key__ = "id"
    __unique__ = (("domain_id", "name"),)
    __index__ = ("domain_id", "name")

    id: str
    name: str = Field(max_length=255)
    domain_id: str = ""
    description: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


class ImpliedRole(Record):
    """Who has the prior role has the implied one too."""

    __key__ = ("prior_role_id", "implied_role_id")
    __index__ = ("prior_role_id", "implied_role_id")

    prior_role_id: str
    implied_role_id: str


class RoleAssignment(Record):
    """An actor has a role on a target; inherited: on the projects below the target, not on the target itself."""

    __key__ = ("target_id", "actor_id", "role_id", "inherited")
    __index__ = (("target_id", "actor_id"), "target_id", "actor_id", "role_id")

    actor: str  # 'user' or 'group'
    actor_id: str
    target: str  # 'project', 'domain' or 'system'
    target_id: str
    role_id: str
    inherited: bool = False


class Region(Record):
    """A place with endpoints of its own."""

    __key__ = "id"
    __index__ = ("parent_region_id",)

    id: str = Field(max_length=255)
    description: str = ""
    parent_region_id: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class CatalogService(Record):
    """A service of the catalog; clients look for its type."""

    __key__ = "id"
    __index__ = ("type",)

    id: str
    type: str = Field(max_length=255)
    name: str = ""
    description: str | None = None
    enabled: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)


class CatalogEndpoint(Record):
    """Where a service is reached. `$(project_id)s` in the URL is filled from the token's scope."""

    __key__ = "id"
    __index__ = ("service_id", "region_id")

    id: str
    service_id: str
    interface: str  # 'public', 'internal' or 'admin'
    url: str
    region_id: str | None = None
    enabled: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)


class Token(Record):
    """A token as the store knows it: the digest of the secret and what it is good for."""

    __key__ = "digest"
    __index__ = ("user_id",)

    digest: str
    user_id: str
    methods: list[str]
    audit_ids: list[str]
    issued_ns: int
    expires_ns: int
    target: str = ""  # '' when unscoped, else one of 'project', 'domain', 'system'
    target_id: str = ""


class Bootstrap(Record):
    """What the configuration said when this cloud's first entities were made, or last followed it. There is one."""

    ID: ClassVar[str] = "bootstrap"

    id: str = "bootstrap"
    public_url: str
    admin_hash: str
    service_hash: str


class AuthenticationFailed(Unauthorized):
    """The request you have made requires authentication."""


class UnsupportedMethod(Unauthorized):
    """Attempted to authenticate with an unsupported method."""


class ActionForbidden(Forbidden):
    """The policy of identity does not allow this action to this caller."""

    def __init__(self, action: str) -> None:
        super().__init__(f"You are not authorized to perform the requested action: {action}.")


class NoSuchEntity(NotFound):
    """There is no such thing in identity."""

    def __init__(self, label: str, id: str) -> None:
        super().__init__(f"Could not find {label}: {id}.")


class NoSuchToken(NotFound):
    """The token is unknown, ended, revoked, or its owner lost what it spoke of. The text never repeats the token."""

    def __init__(self) -> None:
        super().__init__("Failed to validate token")


class NameTaken(Conflict):
    """Another entity has this name in the same domain."""

    def __init__(self, label: str, name: str, domain_id: str = "") -> None:
        place = f" at domain ID {domain_id}" if domain_id else ""
        duplicate = f"Duplicate entry found with name {name}{place}"
        super().__init__(f"Conflict occurred attempting to store {label} - {duplicate}.")
