"""The clock of a lesson in a connected cloud: nobody sits through what the cloud has to wait for."""

from __future__ import annotations

from typing import Any

from lab.client.session import ApiError, Session, Transport
from lab.cloud import Cloud
from lab.rest.message import Response

NO_CLOCK = (404, 409)
"""How a cloud answers whose clock nobody can change: a real one."""


def hurried(cloud: Cloud, transport: Transport) -> Cloud:
    """The same cloud and user over a transport, waiting on the cloud's clock and making it run."""
    clock = Hurried(transport)
    own = cloud.over(clock)
    clock.session = own.session
    return own


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
