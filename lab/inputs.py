"""What came into a world from outside, in order: beside its seed and settings all that it takes to repeat its run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

ROOM = 256 * 2**20
"""Bytes of inputs that are kept; a cloud that got more can no longer travel in time."""
OVERHEAD = 700
"""Bytes that an input takes beside its texts, about."""
LONGEST_S = 1e9
"""Seconds that anything may be asked to take or to wait for: thirty years. Instants in nanoseconds must stay whole numbers."""
SLOWEST = 1e6
"""How many times slower something can be made."""
AT_ONCE = frozenset({"fault", "disarm", "lifetime", "seed"})
"""Kinds that are done in the instant in which they come, without a task of their own."""
KINDS = AT_ONCE | {"boot", "rest", "read", "scenario", "ping"}
"""All kinds. `read` asks for the next piece of a streamed answer."""


@dataclass(slots=True)
class Input:
    """One thing that came in: what it is (one of KINDS), and where in the run it came."""

    kind: str
    what: dict[str, Any] = field(default_factory=dict)
    """All that it takes to do it again. It may hold passwords and tokens, which the journal never shows."""
    step: int = 0
    """How many callbacks the world had run."""
    t: int = 0
    """Nanoseconds of the cloud's clock."""
    seq: int = 0
    """Its own journal entry; of one that has none, the last entry before it."""
    number: int = 0
    """Its place among the inputs, from 1."""

    def size(self) -> int:
        """About how many bytes it takes to keep it."""
        texts = (v for value in self.what.values() for v in (value.values() if isinstance(value, dict) else (value,)))
        return OVERHEAD + sum(len(text) for text in texts if isinstance(text, (str, bytes)))


@dataclass(frozen=True, slots=True)
class Shown:
    """How an input stands in the journal."""

    name: str
    body: bytes | None = None
    note: dict[str, Any] = field(default_factory=dict)


class Deeds(Protocol):
    """Knows how each kind of input is done to one cloud."""

    def shown(self, given: Input) -> Shown | None:
        """What the journal says of it; None when it says nothing."""

    def do(self, given: Input) -> Coroutine[Any, Any, Any]:
        """Do one that takes time, inside the world."""

    def ready(self, given: Input) -> Callable[[], Any]:
        """One of AT_ONCE, ready to be done. Raises, and changes nothing, when it cannot be."""


class Inputs:
    """The inputs of one run: those given so far, and those that a repeated run has still to be given."""

    def __init__(self, coming: Iterable[Input] = (), on_another_future: Callable[[], None] | None = None) -> None:
        self.given: list[Input] = []
        self.coming: deque[Input] = deque(replace(each) for each in coming)
        self.count = 0
        """How many were given."""
        self.lost = ""
        """Why the run cannot be repeated; empty while it can."""
        self._room = ROOM
        self._on_another_future = on_another_future

    def note(self, given: Input) -> None:
        """Keep one that is given now."""
        self.count += 1
        given.number = self.count
        if self.lost:
            return
        self._room -= given.size()
        if self._room < 0:
            self.lose(f"more than {ROOM >> 20} MiB of requests came in, which is all that is kept of them")
        else:
            self.given.append(given)

    def lose(self, why: str) -> None:
        """Give up repeating this run."""
        self.lost = self.lost or why
        self.given.clear()

    def another_future(self) -> None:
        """Something new comes in: what was to come in a repeated run does not come any more."""
        tell, self._on_another_future = self._on_another_future, None
        self.coming.clear()
        if tell is not None:
            tell()

    def all(self) -> list[Input]:
        """Those given and those to come."""
        return [*self.given, *self.coming]
