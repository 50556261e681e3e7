"""The store of those who have none: agents ask by message, and hold no credentials of a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lab.errors import ContractViolation
from lab.store.port import Changed, Store
from lab.store.record import Record

T = TypeVar("T")


class NoStore(Store):
    """Refuses everything; whoever asks it is a bug."""

    async def run(self, work: Callable[[Any], T]) -> T:
        raise ContractViolation("an agent has no database; it asks its server by message")

    def follow(self, model: type[Record], told: Changed) -> None:
        raise ContractViolation("an agent has no database; it asks its server by message")
