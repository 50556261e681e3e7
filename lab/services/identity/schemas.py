"""The bodies of identity's requests. Attributes that keystone does not know are kept and given back, as it does."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from lab.rest.body import Body, Schema

# keystone's limits of names: 64 characters for domains, projects and groups, 255 for users, roles and ids.
SHORT_NAME_MAX = 64
LONG_NAME_MAX = 255

ShortName = Annotated[str, StringConstraints(min_length=1, max_length=SHORT_NAME_MAX, pattern=r"\S")]
LongName = Annotated[str, StringConstraints(min_length=1, max_length=LONG_NAME_MAX, pattern=r"\S")]
Tags = list[Annotated[str, StringConstraints(min_length=1, max_length=LONG_NAME_MAX, pattern=r"^[^,/]*$")]]
Url = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+://\S+$")]
Interface = Annotated[str, StringConstraints(pattern=r"^(public|internal|admin)$")]


class Entity(Schema):
    """One thing in a body; what is not named here goes into its extra attributes."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)


class NewDomain(Entity):
    """A domain to be made."""

    name: ShortName
    description: str | None = None
    enabled: bool = True
    tags: Tags = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)
    explicit_domain_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None


class DomainChange(Entity):
    """Changes of a domain."""

    name: ShortName = ""
    description: str | None = None
    enabled: bool = True
    tags: Tags = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)


class NewProject(Entity):
    """A project to be made."""

    name: ShortName
    domain_id: str | None = None
    parent_id: str | None = None
    description: str | None = None
    enabled: bool = True
    is_domain: bool = False
    tags: Tags = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)


class ProjectChange(Entity):
    """Changes of a project."""

    name: ShortName = ""
    domain_id: str = ""
    parent_id: str = ""
    description: str | None = None
    enabled: bool = True
    is_domain: bool = False
    tags: Tags = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)


class NewUser(Entity):
    """A user to be made."""

    name: LongName
    domain_id: str | None = None
    password: str | None = None
    default_project_id: str | None = None
    description: str | None = None
    enabled: bool = True
    options: dict[str, Any] = Field(default_factory=dict)


class UserChange(Entity):
    """Changes of a user by an administrator."""

    name: LongName = ""
    domain_id: str = ""
    password: str | None = None
    default_project_id: str | None = None
    description: str | None = None
    enabled: bool = True
    options: dict[str, Any] = Field(default_factory=dict)


class PasswordChange(Body):
    """A password that users replace themselves."""

    original_password: str
    password: str


class NewGroup(Entity):
    """A group to be made."""

    name: ShortName
    domain_id: str | None = None
    description: str | None = None


class GroupChange(Entity):
    """Changes of a group."""

    name: ShortName = ""
    domain_id: str = ""
    description: str | None = None


class NewRole(Entity):
    """A role to be made."""

    name: LongName
    domain_id: str | None = None
    description: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class RoleChange(Entity):
    """Changes of a role."""

    name: LongName = ""
    description: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class NewRegion(Entity):
    """A region to be made; it may name itself."""

    id: LongName | None = None
    description: str | None = None
    parent_region_id: str | None = None


class RegionChange(Entity):
    """Changes of a region."""

    description: str | None = None
    parent_region_id: str | None = None


class NewService(Entity):
    """A service of the catalog to be made."""

    type: LongName
    name: str | None = None
    description: str | None = None
    enabled: bool = True


class ServiceChange(Entity):
    """Changes of a service of the catalog."""

    type: LongName = ""
    name: str | None = None
    description: str | None = None
    enabled: bool = True


class NewEndpoint(Entity):
    """An endpoint to be made; `region` is the old name of `region_id`."""

    service_id: str
    interface: Interface
    url: Url
    region_id: str | None = None
    region: str | None = None
    enabled: bool = True


class EndpointChange(Entity):
    """Changes of an endpoint."""

    service_id: str = ""
    interface: Interface = "public"
    url: Url = ""
    region_id: str | None = None
    region: str | None = None
    enabled: bool = True


class CreateDomain(Body):
    """POST /v3/domains."""

    domain: NewDomain


class UpdateDomain(Body):
    """PATCH /v3/domains/{domain_id}."""

    domain: DomainChange


class CreateProject(Body):
    """POST /v3/projects."""

    project: NewProject


class ProjectTags(Body):
    """PUT /v3/projects/{project_id}/tags."""

    tags: Tags


class UpdateProject(Body):
    """PATCH /v3/projects/{project_id}."""

    project: ProjectChange


class CreateUser(Body):
    """POST /v3/users."""

    user: NewUser


class UpdateUser(Body):
    """PATCH /v3/users/{user_id}."""

    user: UserChange


class ChangePassword(Body):
    """POST /v3/users/{user_id}/password."""

    user: PasswordChange


class CreateGroup(Body):
    """POST /v3/groups."""

    group: NewGroup


class UpdateGroup(Body):
    """PATCH /v3/groups/{group_id}."""

    group: GroupChange


class CreateRole(Body):
    """POST /v3/roles."""

    role: NewRole


class UpdateRole(Body):
    """PATCH /v3/roles/{role_id}."""

    role: RoleChange


class CreateRegion(Body):
    """POST /v3/regions and PUT /v3/regions/{region_id}."""

    region: NewRegion


class UpdateRegion(Body):
    """PATCH /v3/regions/{region_id}."""

    region: RegionChange


class CreateService(Body):
    """POST /v3/services."""

    service: NewService


class UpdateService(Body):
    """PATCH /v3/services/{service_id}."""

    service: ServiceChange


class CreateEndpoint(Body):
    """POST /v3/endpoints."""

    endpoint: NewEndpoint


class UpdateEndpoint(Body):
    """PATCH /v3/endpoints/{endpoint_id}."""

    endpoint: EndpointChange
