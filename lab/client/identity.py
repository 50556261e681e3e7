"""cloud.identity and cloud.placement: projects, users, roles; resource providers and allocations."""

from __future__ import annotations

from typing import Any

from lab.client.resource import Collection, Resource
from lab.client.session import Session


class Project(Resource):
    """A project."""


class Projects(Collection[Project]):
    """cloud.identity.projects"""

    service, path, key, plural, kind = "identity", "/v3/projects", "project", "projects", Project

    async def create(self, name: str, *, domain_id: str = "default", **more: Any) -> Project:
        """Make a project."""
        return await self._create({"name": name, "domain_id": domain_id, **more})


class User(Resource):
    """A user."""


class Users(Collection[User]):
    """cloud.identity.users"""

    service, path, key, plural, kind = "identity", "/v3/users", "user", "users", User

    async def create(self, name: str, password: str, *, domain_id: str = "default", **more: Any) -> User:
        """Make a user."""
        return await self._create({"name": name, "password": password, "domain_id": domain_id, **more})


class Role(Resource):
    """A role."""


class Roles(Collection[Role]):
    """cloud.identity.roles"""

    service, path, key, plural, kind = "identity", "/v3/roles", "role", "roles", Role

    async def create(self, name: str) -> Role:
        """Make a role."""
        return await self._create({"name": name})

    async def assign(self, role_id: str, user_id: str, project_id: str) -> None:
        """Give the user the role in the project."""
        await self.session.send("identity", "PUT", f"/v3/projects/{project_id}/users/{user_id}/roles/{role_id}")


class Identity:
    """cloud.identity"""

    def __init__(self, session: Session) -> None:
        self.projects = Projects(session)
        self.users = Users(session)
        self.roles = Roles(session)


class Placement:
    """cloud.placement"""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def resource_providers(self) -> list[dict[str, Any]]:
        """All resource providers."""
        answer = await self._session.json("placement", "GET", "/resource_providers")
        return answer["resource_providers"]  # type: ignore[no-any-return]

    async def inventories(self, provider_id: str) -> dict[str, Any]:
        """A provider's inventories by resource class."""
        answer = await self._session.json("placement", "GET", f"/resource_providers/{provider_id}/inventories")
        return answer["inventories"]  # type: ignore[no-any-return]

    async def usages(self, provider_id: str) -> dict[str, int]:
        """What is used of a provider by resource class."""
        answer = await self._session.json("placement", "GET", f"/resource_providers/{provider_id}/usages")
        return answer["usages"]  # type: ignore[no-any-return]

    async def allocations(self, consumer_id: str) -> dict[str, Any]:
        """What a consumer (a server) holds, by provider."""
        answer = await self._session.json("placement", "GET", f"/allocations/{consumer_id}")
        return answer["allocations"]  # type: ignore[no-any-return]
