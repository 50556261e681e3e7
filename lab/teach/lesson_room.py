"""The room of a lesson that is taught in a running cloud: connected over HTTP, and waiting on that cloud's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.client.session import ApiError, Session, Transport
from lab.client.transports import OverHttp
from lab.cloud import Cloud
from lab.config import Config
from lab.rest.message import Response
from lab.teach.lesson_glass import Glass, OverWire

NO_CLOCK = (404, 409)
"""How a cloud answers whose clock nobody can change: a real one."""


@asynccontextmanager
async def connected(url: str, password: str, username: str = "admin") -> AsyncIterator[tuple[Cloud, Glass]]:
    """A running cloud, and its glass walls. Raises Unreachable, or ApiError when the password is refused."""
    http = OverHttp(url)
    try:
        transport = Hurried(http)
        cloud = Cloud(transport, Config(), username, password)
        transport.session = cloud.session
        await cloud.session.authenticate()
        yield cloud, OverWire(cloud)
    finally:
        await http.close()


class Hurried:
    """A transport to a connected cloud that waits on the cloud's clock, and makes that clock run while it waits.

    An idle cloud keeps the wall's time; nobody wants to sit through a minute of it. So the clock is stepped until the time
    has passed, and then goes on as it did. A cloud whose clock cannot be stepped (a real one) is waited for.
    """

    STEP = 5
    """Messages at a time: an idle cloud of four hosts sends some five in three seconds."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._t_s = 0.0
        self.session: Session | None = None
        """Whose token is shown when the clock is asked for."""

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request."""
        return await self._inner.request(service, method, target, headers, body)

    def now(self) -> float:
        """Seconds on the cloud's clock, as far as it is known here."""
        return self._t_s

    async def sleep(self, seconds: float) -> None:
        """Let that much of the cloud's time pass."""
        before = await self._clock("GET")
        if before is None:
            await self._inner.sleep(seconds)
            self._t_s += seconds
            return
        end = self._t_s + seconds
        try:
            while self._t_s < end:
                await self._clock("PUT", {"step": self.STEP})
        finally:
            await self._clock("PUT", {"paused": before["paused"]})

    async def _clock(self, method: str, change: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The clock after a change; None for a cloud that has none to change."""
        assert self.session is not None
        try:
            clock: dict[str, Any] = await self.session.json("glasscloud", method, "/clock", change)
        except ApiError as error:
            if error.status in NO_CLOCK:
                return None
            raise
        self._t_s = float(clock["t_s"])
        return clock
