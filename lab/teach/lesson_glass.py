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
        hops = tuple(hop_of(hop) for hop in answer["hops"])
        lost = answer.get("lost") or {}
        return Pinged(answer["reached"], answer["rtt_ms"], hops, lost.get("device", ""), answer["reason"])

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
