"""Who may do what in identity: policies of routes, and the questions that depend on the target.

Source: keystone's default policies (2026.1). An administrator of anything may do everything; readers of the whole
system may see everything; readers of a domain see what is in it; everybody sees what is one's own.
"""

from __future__ import annotations

from lab.context import Context
from lab.services.identity.model import ActionForbidden


def system_reader(ctx: Context) -> bool:
    """Administrators, and readers of the whole system."""
    return ctx.is_admin or (ctx.scope.system and ctx.has("reader"))


def domain_reader(ctx: Context) -> bool:
    """Those, and readers of a domain, who see only what is in it."""
    return system_reader(ctx) or bool(ctx.scope.domain_id and ctx.has("reader"))


def domain_manager(ctx: Context) -> bool:
    """Readers of the whole system, and managers of a domain."""
    return system_reader(ctx) or bool(ctx.scope.domain_id and ctx.has("manager"))


def check_reader(ctx: Context, action: str, domain_id: str, own: bool = False) -> None:
    """Raise ActionForbidden unless the caller may see something in this domain, or something of its own.

    Args:
        ctx: who asks.
        action: keystone's name of what is asked, without `identity:`.
        domain_id: where the thing is; '' when there is no such thing, which only readers of everything may learn.
        own: whether it is the caller's own.
    """
    if own or system_reader(ctx):
        return
    if domain_id and ctx.scope.domain_id == domain_id and ctx.has("reader"):
        return
    raise ActionForbidden(f"identity:{action}")
