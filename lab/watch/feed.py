"""Where what is watched comes from: one interface for a cloud that runs, here or elsewhere, and for a recorded journal.

    async for what in feed.watch(since):      # Entries, Missed, ClockNow, Travelled, Lost
        ...
    await feed.clock(paused=True)             # and the other verbs; one that is not possible raises Unable
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, Unreachable
from lab.journal import Entry
from lab.watch.dial import SECONDS

if TYPE_CHECKING:
    from lab.cloud import Cloud

ABILITIES = ("pause", "step", "back", "branch", "faults", "act", "datacenter", "queues", "ping")
"""What can be done with a watched cloud beside watching it."""


class Unheard(Unreachable):
    """Nothing can be heard of a cloud: `reason` is one of those of Lost, `detail` what the other side said."""

    def __init__(self, reason: str, url: str, detail: str = "") -> None:
        super().__init__(f"nothing can be heard of {url}: {reason} {detail}".strip())
        self.reason, self.url, self.detail = reason, url, detail


class Unable(LabError):
    """This cloud cannot do what is asked; `reason` is a key of the texts that faces have."""

    def __init__(self, ability: str, reason: str) -> None:
        super().__init__(f"{ability} is not available: {reason}")
        self.ability, self.reason = ability, reason


@dataclass(frozen=True, slots=True)
class Entries:
    """New entries, oldest first."""

    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Missed:
    """The entries from a to b, both included, are gone."""

    a: int
    b: int


@dataclass(frozen=True, slots=True)
class ClockNow:
    """The clock as GET clock answers it: t_s, utc, steps, speed, paused, busy."""

    clock: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Travelled:
    """The world was repeated to `to`; what comes after it is a new future, the run with that number."""

    to: int
    run: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing comes any more.

    reason: 'nobody' (no process listens there), 'silent' (no answer in time), 'closed' (the connection), 'foreign' (it is no
    Glasscloud that answers), 'failing' (it answers with failures), 'refused' (the token or password), 'cut' (the file), 'ended'
    (the child process). detail: what the other side said, a line's number, an exit code. retry_in_s: None when it is not tried again.
    """

    reason: str
    detail: str
    retry_in_s: float | None = None


Seen = Entries | Missed | ClockNow | Travelled | Lost


class Feed(ABC):
    """A watched cloud."""

    title = ""
    live = False
    own = False
    """Whether the cloud is a child process of ours, beside which others can be started."""
    cloud: Cloud | None = None
    """The façade to act by, or None."""
    dial = SECONDS
    """How its instants are written."""

    def __init__(self) -> None:
        self.unable: dict[str, str] = {}
        """Ability -> the reason why this cloud does not have it, a key of the faces' texts."""

    @abstractmethod
    def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """All that happens after entry `since`; ends only when no more can come."""

    def need(self, ability: str) -> None:
        """Raise Unable if the cloud does not have this ability."""
        if ability in self.unable:
            raise Unable(ability, self.unable[ability])

    async def ask(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request to the control surface and answer its JSON. Raises Unable when there is none."""
        raise Unable(what, self.unable.get(what, "recorded"))

    async def clock(self, **change: Any) -> dict[str, Any]:
        """Read the clock, or change it: paused, speed (a number or 'max'), step (messages), step_events."""
        if change:
            self.need("step" if "step" in change or "step_events" in change else "pause")
        answer: dict[str, Any] = await self.ask("PUT" if change else "GET", "clock", change or None)
        return answer

    async def travel(self, to: int, **options: Any) -> dict[str, Any]:
        """Go back to an entry; options are `then` and `history`. The clock is paused there."""
        self.need("back")
        answer: dict[str, Any] = await self.ask("POST", "travel", {"to": to, **options})
        return answer

    async def history(self) -> dict[str, Any]:
        """What it takes to repeat this run."""
        self.need("branch")
        answer: dict[str, Any] = await self.ask("GET", "history")
        return answer

    async def entry(self, seq: int) -> Entry:
        """An entry with its whole body, of which the stream left out a long list. Raises Unable when it is not to be had."""
        raise Unable("entry", "recorded")

    async def faults(self) -> dict[str, Any]:
        """What is armed, and what can be."""
        self.need("faults")
        answer: dict[str, Any] = await self.ask("GET", "faults")
        return answer

    async def arm(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Arm a fault for messages, or plant one as scenarios do."""
        self.need("faults")
        answer: dict[str, Any] = await self.ask("POST", "faults", fault)
        return answer

    async def disarm(self, number: int) -> None:
        """Take a fault back."""
        self.need("faults")
        await self.ask("DELETE", f"faults/{number}")

    async def datacenter(self) -> dict[str, Any]:
        """Racks, switches, links, hosts, filers, networks, processes."""
        self.need("datacenter")
        answer: dict[str, Any] = await self.ask("GET", "datacenter")
        return answer

    async def queues(self) -> dict[str, Any]:
        """The broker's queues."""
        self.need("queues")
        answer: dict[str, Any] = await self.ask("GET", "queues")
        return answer

    async def ping(self, server: str, target: str) -> dict[str, Any]:
        """Send an echo request from a server to an address."""
        self.need("ping")
        answer: dict[str, Any] = await self.ask("POST", "ping", {"server": server, "target": target})
        return answer

    def login(self) -> dict[str, str]:
        """What the openstack client needs in its environment to work in this cloud."""
        raise Unable("act", self.unable.get("act", "recorded"))

    async def close(self) -> None:  # noqa: B027 - most have nothing to close
        """End connections and child processes."""
