"""A user's session: who, in which project, over which transport; requests that raise what the service answered."""

from __future__ import annotations

from typing import Any, Protocol

from lab.body import encode
from lab.errors import LabError
from lab.rest.client import VERSION_KINDS, fault_of
from lab.rest.message import Response

VERSIONS: dict[str, tuple[int, int]] = {"compute": (2, 96), "volume": (3, 70), "placement": (1, 39)}
"""The microversions that the façade speaks."""


class ApiError(LabError):
    """A service answered with a fault; `status` and the service's own message are kept."""

    def __init__(self, service: str, status: int, message: str) -> None:
        super().__init__(f"{service} answered {status}: {message}")
        self.service, self.status, self.text = service, status, message


class Transport(Protocol):
    """How requests reach the cloud, and whose clock is waited on."""

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request; faults are answers."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        ...

    def now(self) -> float:
        """Seconds on the cloud's clock."""
        ...


class Session:
    """One user in one project."""

    def __init__(
        self, transport: Transport, username: str, password: str, project: str, domain: str = "default"
    ) -> None:
        self.transport = transport
        self.username, self.project, self.domain = username, project, domain
        self._password = password
        self.token = ""
        self.project_id = ""
        self.user_id = ""

    def become(self, other: Session) -> None:
        """Be the user of another session, with its token."""
        self.username, self.project, self.domain, self._password = other.username, other.project, other.domain, other._password
        self.token, self.project_id, self.user_id = other.token, other.project_id, other.user_id

    async def authenticate(self) -> str:
        """Get a token for the project; kept until a request is refused for it."""
        domain = {"id": self.domain}
        user = {"name": self.username, "domain": domain, "password": self._password}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": self.project, "domain": domain}},
            }
        }
        headers = {"content-type": "application/json"}
        response = await self.transport.request("identity", "POST", "/v3/auth/tokens", headers, encode(body))
        if response.status != 201:
            raise ApiError("identity", response.status, fault_of("identity", response).message)
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.token = headers["x-subject-token"]
        token = response.json()["token"]
        self.project_id, self.user_id = token["project"]["id"], token["user"]["id"]
        return self.token

    async def send(
        self, service: str, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        """Send a request with the token; one refused for its token is sent once more with a new one.

        Raises ApiError for a status of 400 or more.
        """
        if not self.token:
            await self.authenticate()
        if service == "volume":  # the catalog's address of block storage names the project
            target = f"/v3/{self.project_id}{target.removeprefix('/v3')}"
        for attempt in (1, 2):
            sent = {"x-auth-token": self.token, **(headers or {})}
            version = VERSIONS.get(service)
            if version is not None:
                sent.setdefault("openstack-api-version", f"{VERSION_KINDS[service]} {version[0]}.{version[1]}")
            data = b""
            if body is not None:
                data = body if isinstance(body, bytes) else encode(body)
                sent.setdefault("content-type", "application/json")
            response = await self.transport.request(service, method, target, sent, data)
            if response.status == 401 and attempt == 1:
                await self.authenticate()
                continue
            break
        if response.status >= 400:
            raise ApiError(service, response.status, fault_of(service, response).message)
        return response

    async def json(
        self, service: str, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The answer's JSON, or None."""
        return (await self.send(service, method, target, body, headers)).json()
