"""Tokens for questions about a cloud alone, which the cloud itself knows nothing of: good whatever its clock or keystone do."""

from __future__ import annotations

import hmac

from lab.context import Context
from lab.runtime import Secrets

PASS_BYTES = 32
PASSES = 1000
"""Tokens that are kept; the oldest go first."""


class Passes:
    """Gives passes to who knows the administrator's password."""

    def __init__(self) -> None:
        self._given: dict[str, Context] = {}
        self._secrets = Secrets()

    def give(self, password: str, wanted: str) -> str | None:
        """A new pass, None when the password is not the wanted one."""
        if not hmac.compare_digest(password.encode(errors="surrogatepass"), wanted.encode(errors="surrogatepass")):
            return None
        token = self._secrets.draw(PASS_BYTES)
        self._given[token] = Context(roles=("admin",))
        if len(self._given) > PASSES:
            del self._given[next(iter(self._given))]
        return token

    def of(self, token: str) -> Context | None:
        """Whose pass this is; None when it is none."""
        return self._given.get(token)
