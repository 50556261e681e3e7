"""Identity's use cases, gathered: the only writers of its records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lab.process import Process
from lab.services.identity.assignments import AssignmentManager
from lab.services.identity.catalog import CatalogManager
from lab.services.identity.passwords import Passwords
from lab.services.identity.resources import ResourceManager
from lab.services.identity.tokens import TokenManager
from lab.services.identity.users import UserManager
from lab.store import Transaction

T = TypeVar("T")


class IdentityManager:
    """One process's identity: each area has a manager of its own, and all share the memory of tokens."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.is_ready = asyncio.Event()
        """Set when `bootstrap` is done: nobody is turned away because the first entities are not there yet."""
        self.passwords = Passwords(process.config.password_cost, process.secret())
        self.tokens = TokenManager(process, self.passwords)
        self.resources = ResourceManager(process, self.tokens)
        self.users = UserManager(process, self.tokens, self.passwords)
        self.assignments = AssignmentManager(process, self.tokens)
        self.catalog = CatalogManager(process, self.tokens)

    async def read(self, look: Callable[[Transaction], T]) -> T:
        """Look something up in one transaction."""
        return await self.process.store.run(look)
