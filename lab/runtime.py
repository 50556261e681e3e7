"""The runtime of one cloud: its clock, its named random streams, its tasks and its notion of being busy.

Everything in the core that needs time, chance or a new task asks the runtime. It hangs on the running
event loop, so two clouds in one process share nothing. `sim.runtime` and `lab.realtime` have the two
implementations.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from lab.strand import Strand

NANOSECOND = 1_000_000_000
SCENARIO_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The fixed date at which scenarios and tests begin."""

_UUID_MASK = ~((0xF << 76) | (0x3 << 62)) & ((1 << 128) - 1)
_UUID_V4 = (0x4 << 76) | (0x2 << 62)


class Handle(Protocol):
    """Something scheduled that can be called off."""

    def cancel(self) -> None:
        """Call it off; done or cancelled before is no error."""


def uuid_from(stream: Random) -> str:
    """Draw a version-4 UUID from a named stream, in its usual text form."""
    text = f"{(stream.getrandbits(128) & _UUID_MASK) | _UUID_V4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Secrets:
    """Unguessable texts from the system's randomness, in the order in which the cloud asks for them.

    A run that is repeated gets those of the first time, so that its clients' tokens are good in it too.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many were asked for."""
        self.kept: list[str] | None = None
        """All of them, when the run is to be repeated; never part of the journal."""
        self.prepared: list[str] = []
        """What the first ones will be."""

    def draw(self, nbytes: int) -> str:
        """The next one, of that many bytes."""
        number, self.count = self.count, self.count + 1
        secret = self.prepared[number] if number < len(self.prepared) else secrets.token_urlsafe(nbytes)
        if self.kept is not None:
            self.kept.append(secret)
        return secret


class Runtime(ABC):
    """Clock, chance and tasks of one cloud."""

    loop: asyncio.AbstractEventLoop
    """The event loop that it hangs on."""
    eager = True
    """Whether handlers run outside of tasks: cheap, but what they call must not ask for the task that it runs in."""

    def __init__(self, seed: int | str = 0, boot: int = 0, epoch: datetime = SCENARIO_EPOCH) -> None:
        self.seed = seed
        self.boot = boot
        self.epoch = epoch
        self._iso = (-1, "")
        """The second that was last written out, and how: many records are written in one second."""
        self.busy = 0
        """How many requests, messages and operations are in flight that are not periodic work."""
        self.stretched = (1.0, 0)
        """How much longer than its own lifetime a client in wall time is given, and since when (ns)."""
        self.secrets = Secrets()
        self._streams: WeakKeyDictionary[Random, str] = WeakKeyDictionary()
        self.strands: dict[Strand, None] = {}
        """Handlers that wait, oldest first."""
        self.errors: list[BaseException] = []
        """Unexpected exceptions of tasks: bugs; `lab.run` fails with the first."""

    def stretch(self, factor: float) -> None:
        """Give clients in wall time that much longer from now on; never less than before."""
        if factor > self.stretched[0]:
            self.stretched = (factor, self.now_ns())

    @abstractmethod
    def now_ns(self) -> int:
        """Nanoseconds since the epoch of this cloud."""

    @abstractmethod
    def after(self, delay_ns: int, callback: Callable[..., object], *args: object) -> Handle:
        """Call back after a delay; zero means in this instant, after what is ready now."""

    @abstractmethod
    def hop(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        """The same for good: what cannot be called off costs less."""

    @abstractmethod
    def spawn(self, coro: Coroutine[Any, Any, Any], name: str, owner: object) -> asyncio.Task[Any]:
        """Start a task that belongs to `owner` (a process), so that it can be hung and dropped with it."""

    def new_future(self) -> asyncio.Future[Any]:
        """A future on the running loop."""
        return asyncio.get_running_loop().create_future()

    def new_waiter(self) -> asyncio.Future[Any]:
        """Where a caller waits for an answer of the wires."""
        return self.new_future()

    @abstractmethod
    def freeze(self, owner: object) -> None:
        """Stop resuming the tasks of `owner`."""

    @abstractmethod
    def thaw(self, owner: object) -> None:
        """Resume the tasks of `owner` where they stood."""

    def now(self) -> float:
        """Seconds since the epoch of this cloud."""
        return self.now_ns() / NANOSECOND

    def utc(self) -> datetime:
        """The cloud's date and time, aware, to the microsecond."""
        return self.epoch + timedelta(microseconds=self.now_ns() // 1000)

    def at(self, t_ns: int) -> datetime:
        """The date of an instant given in nanoseconds since the epoch."""
        return self.epoch + timedelta(microseconds=t_ns // 1000)

    def iso(self, t_ns: int | None = None) -> str:
        """An instant (default now) as '2026-01-01T00:00:12Z'."""
        second = (self.now_ns() if t_ns is None else t_ns) // NANOSECOND
        if second != self._iso[0]:
            self._iso = (second, (self.epoch + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return self._iso[1]

    def iso_us(self, t_ns: int | None = None) -> str:
        """An instant (default now) as '2026-01-01T00:00:12.123456', without a zone."""
        moment = self.utc() if t_ns is None else self.at(t_ns)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")

    def random(self, process: str, purpose: str) -> Random:
        """A new random stream by name; the same name gives the same draws in every run with this seed and boot."""
        name = f"{self.boot}/{process}/{purpose}"
        stream = Random(f"{self.seed}/{name}")
        self._streams[stream] = name
        return stream

    def reseed(self, seed: int | str) -> None:
        """Let all streams, old and new, draw by another seed from now on: another future of the same past."""
        self.seed = seed
        for stream, name in list(self._streams.items()):
            stream.seed(f"{seed}/{name}")

    async def sleep(self, seconds: float) -> None:
        """Wait on this cloud's clock."""
        await asyncio.sleep(seconds)


def current() -> Runtime:
    """The runtime of the running loop."""
    runtime = getattr(asyncio.get_running_loop(), "runtime", None)
    if not isinstance(runtime, Runtime):
        raise RuntimeError("no cloud runs on this event loop; start one with lab.run(main) or Cloud.simulated()")
    return runtime
