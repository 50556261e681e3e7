"""Whose token goes with a request of nova's to another service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.context import Context


def auth_of(ctx: Context) -> str:
    """The user's token with the service's beside it, so that it may expire meanwhile; the service's alone when no user asked."""
    return "both" if ctx.token else "service"
