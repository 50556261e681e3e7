"""Finding and removing what a crashed cloud left on a machine. Nothing without the cloud's tag is ever touched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing on the machine that carries the cloud's tag.

    kind: what it is ('domain', 'tap', 'bridge', 'namespace', 'file').
    name: by what name the machine knows it.
    detail: whose it was, as far as it can be told.
    """

    kind: str
    name: str
    detail: str = ""


class Sweepable(ABC):
    """A driver that finds and removes what was made by its kind for its cloud on its host."""

    @abstractmethod
    async def found(self) -> list[Trace]:
        """List all things with the cloud's tag, in the order in which they can be removed."""

    @abstractmethod
    async def remove(self, trace: Trace) -> None:
        """Remove one of them; gone is no error. Raises DriverError when it cannot be removed, or is not ours."""
