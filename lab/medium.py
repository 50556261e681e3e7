"""The port of what lies between processes: distance, working time, worker pools, and interference.

The wires ask the medium how long a message travels and how long a worker is held by it. In the real
world these take the time they take, and the medium is `Instant`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, partial

from lab.values import value


class Distances(dict[tuple[str, str], int | None]):
    """The latencies of a medium by the two hosts: each is asked for once. Who has the medium clears it when ways open or close."""

    def __init__(self, ask: Callable[[str, str], int | None]) -> None:
        super().__init__()
        self.ask = ask

    def __missing__(self, way: tuple[str, str]) -> int | None:
        found = self[way] = self.ask(*way)
        return found


class Medium(ABC):
    """What carries messages and bytes between hosts."""

    @abstractmethod
    def latency(self, a: str, b: str) -> int | None:
        """One-way delay between two hosts in ns, or None when no path is up."""

    @cached_property
    def distances(self) -> Distances:
        """What `latency` says, for the wires: they look several times a message."""
        return Distances(self.latency)

    @abstractmethod
    def work(self, binary: str, name: str) -> int:
        """How long a worker of `binary` is held by one 'POST /v2.1/servers' or RPC method, in ns.

        What the handler awaits comes on top.
        """

    def pace(self, binary: str, name: str) -> Callable[[], int]:
        """What says `work` of one route or method again and again."""
        return partial(self.work, binary, name)

    @abstractmethod
    def workers(self, binary: str, kind: str) -> int:
        """How many workers of `kind` ('rest', 'rpc') such a process has; 0 is no limit."""

    @abstractmethod
    async def transfer(self, a: str, b: str, nbytes: int) -> None:
        """Move bytes from host a to host b; raises Unreachable when the path breaks."""

    def on_change(self, callback: Callable[[], None]) -> None:  # noqa: B027 (most media never change)
        """Call back whenever reachability may have changed."""


class Instant(Medium):
    """No distance, no working time, no limits: unit tests and the real world."""

    def latency(self, a: str, b: str) -> int | None:
        return 0

    def work(self, binary: str, name: str) -> int:
        return 0

    def workers(self, binary: str, kind: str) -> int:
        return 0

    async def transfer(self, a: str, b: str, nbytes: int) -> None:
        return None


@value
class Passing:
    """A message or driver call that is about to happen, as a fault rule sees it."""

    kind: str
    """'rest', 'rpc_call', 'rpc_cast', 'driver', or 'rest_reply', 'rpc_reply' for the way back."""
    source: str
    target: str
    name: str
    where: str
    seq: int


@value
class Verdict:
    """What interference does to a passing message or driver call; several may hold at once."""

    drop: bool = False
    delay_ns: int = 0
    copies: int = 0
    lose_reply: bool = False
    fail: str = ""
    """Driver calls: 'raise' before the effect, 'hang' for ever, 'lie' (take effect, then raise)."""
    before: Callable[[str], None] | None = None
    """Done in the instant before it is handled, and told the process that would handle it (kill the receiver…)."""
    after: Callable[[str], None] | None = None
    """Done in the instant after it was handled, and told by whom."""


class Interference(ABC):
    """Whoever may disturb what passes: the faults that a tester armed."""

    @abstractmethod
    def judge(self, passing: Passing) -> Verdict | None:
        """Say what happens to it; None lets it pass."""
