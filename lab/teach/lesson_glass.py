"""The port of the glass walls: what a lesson sees and does beyond the REST APIs, in this process or over HTTP.

A cloud made by `Cloud.simulated` is asked directly; one reached by `Cloud.connect` by its /glasscloud endpoints.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from lab.client.session import Session
from lab.errors import LabError
from lab.journal import Entry
from lab.rest.message import Response
from lab.teach.stage import Pinged

if TYPE_CHECKING:
    from lab.cloud import Cloud, SimulatedCloud


class Glass(ABC):
    """What can be seen and broken in one cloud."""

    @abstractmethod
    async def entries(self) -> list[Entry]:
        """The whole journal, as far as it is kept."""

    @abstractmethod
    async def ping(self, server_id: str, target: str) -> Pinged:
        """Send an echo request from a server to an address."""

    @abstractmethod
    async def plant(self, kind: str, what: dict[str, Any]) -> None:
        """Plant a fault as a scenario writes it."""


class Inside(Glass):
    """A simulated cloud of this process."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud

    async def entries(self) -> list[Entry]:
        return list(self._cloud.journal.since())

    async def ping(self, server_id: str, target: str) -> Pinged:
        walk = await self._cloud.ping(server_id, target)
        failed_at = walk.lost.device if walk.lost is not None else ""
        rtt_ms = None if walk.rtt_ns is None else walk.rtt_ns / 1e6
        return Pinged(walk.ok, rtt_ms, tuple(str(hop) for hop in walk.hops), failed_at, walk.reason)

    async def plant(self, kind: str, what: dict[str, Any]) -> None:
        async def plant() -> None:
            self._cloud.plant(kind, **what)

        await self._cloud.within(plant)


class OverWire(Glass):
    """A connected cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._session: Session = cloud.session
        self._kept: list[Entry] = []

    async def entries(self) -> list[Entry]:
        while True:
            last = self._kept[-1].seq if self._kept else 0
            page = (await self._session.send("glasscloud", "GET", f"/journal?since={last}")).content()
            new = [entry_of(line) for line in page.splitlines() if line.strip()]
            if not new:
                return list(self._kept)
            self._kept += new

    async def ping(self, server_id: str, target: str) -> Pinged:
        answer = await self._session.json("glasscloud", "POST", "/ping", {"server": server_id, "target": target})
        hops = tuple(hop if isinstance(hop, str) else hop_of(hop) for hop in answer["hops"])
        return Pinged(answer["reached"], answer["rtt_ms"], hops, answer.get("failed_at") or "", answer.get("reason") or "")

    async def plant(self, kind: str, what: dict[str, Any]) -> None:
        await self._session.send("glasscloud", "POST", "/faults", {"plant": kind, **what})


def hop_of(hop: dict[str, Any]) -> str:
    """A hop as one line, as the simulated world words it."""
    where = f"{hop['device']}:{hop['port']}" if hop.get("port") else hop["device"]
    why = f": {hop['reason']}" if hop.get("reason") else ""
    return f"{where} {hop['action']} [{hop['frame']}]{why}"


def entry_of(line: bytes) -> Entry:
    """A journal entry from its line."""
    try:
        row = json.loads(line)
        body = row.pop("body")
        return Entry(**row, body=None if body is None else json.dumps(body).encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(f"the cloud answered a line that is none of a journal: {line[:60]!r}") from None


class Hurried:
    """A transport to a connected cloud that waits on the cloud's clock, and makes that clock run while it waits.

    An idle cloud keeps the wall's time; nobody wants to sit through a minute of it. So the clock is stepped until the time
    has passed, and then goes on as it did. A cloud whose clock cannot be stepped (a real one) is waited for.
    """

    STEP = 10

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._t_s = 0.0
        self._session: Session | None = None

    def adopt(self, session: Session) -> None:
        """Use this session's token to ask for the clock."""
        self._session = session

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request."""
        response: Response = await self._inner.request(service, method, target, headers, body)
        return response

    def now(self) -> float:
        """Seconds on the cloud's clock, as far as it is known here."""
        return self._t_s

    async def sleep(self, seconds: float) -> None:
        """Let that much of the cloud's time pass."""
        assert self._session is not None
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
        from lab.client.session import ApiError

        assert self._session is not None
        try:
            clock: dict[str, Any] = await self._session.json("glasscloud", method, "/clock", change)
        except ApiError as error:
            if error.status in {404, 409}:
                return None
            raise
        self._t_s = float(clock["t_s"])
        return clock
