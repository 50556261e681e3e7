"""The control surface of a running cloud, `/glasscloud`, over HTTP: its log-in, and requests that log in again when they must."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import orjson

from lab.client.session import ApiError

TIMEOUT_S = 60.0


class Surface:
    """Asks one cloud. What a request is answered is for the caller to judge; httpx.TransportError says that nothing was."""

    def __init__(
        self, url: str, token: str = "", password: str = "", username: str = "admin", otherwise: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        """token: an administrator's; without a password it is never renewed. otherwise: gets one where the surface gives none."""
        self.url = url.rstrip("/")
        self.http = httpx.AsyncClient(timeout=TIMEOUT_S)
        self.token = token
        self._password, self._username, self._otherwise = password, username, otherwise

    @property
    def renews(self) -> bool:
        """Whether a token that is worth nothing any more can be followed by another one."""
        return bool(self._password)

    async def log_in(self) -> None:
        """Get a token: from the surface itself, which gives one though the cloud's clock stands, else otherwise.

        Raises:
            ApiError: 401 for a refused password; any other status: this is no Glasscloud.
        """
        if self._username == "admin":
            answer = await self._once("POST", "login", {"password": self._password})
            found = _object(answer)
            if answer.status_code == 201 and "token" in found:
                self.token = str(found["token"])
                return
            if answer.status_code == 401 or self._otherwise is None:
                raise ApiError("glasscloud", answer.status_code, message_of(answer))
        assert self._otherwise is not None, "only the administrator can log in to the surface itself"
        self.token = await self._otherwise()

    async def send(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a request to /glasscloud/…; one that is refused for its token is sent again with another one. Raises as `log_in`."""
        answer = await self._once(method, what, body)
        if answer.status_code == 401 and self.renews:
            await self.log_in()
            answer = await self._once(method, what, body)
        return answer

    async def _once(self, method: str, what: str, body: Mapping[str, Any] | None) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        return await self.http.request(method, f"{self.url}/glasscloud/{what}", headers={"x-auth-token": self.token}, content=content)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()


def _object(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object that was answered; empty when it is none."""
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def message_of(answer: httpx.Response) -> str:
    """Why something was refused, in the words of the other side."""
    try:
        return str(_object(answer)["error"]["message"])
    except (KeyError, TypeError):
        return answer.text[:200].strip() or answer.reason_phrase
