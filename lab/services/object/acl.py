"""Who may use an account or a container: its project, operators, and whom the access lists name.

Source: swift/common/middleware/acl.py and keystoneauth.py.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import RequestError
from lab.services.object.model import NoToken, NotYours

RESELLER_PREFIX = "AUTH_"


def owns(ctx: Context, account: str, writing: bool) -> bool:
    """Say whether the caller acts in the account's own project, with a role that suffices, or is an operator."""
    if not ctx.token:
        return False
    if ctx.is_admin:
        return True
    return account == f"{RESELLER_PREFIX}{ctx.project_id}" and ctx.has("member" if writing else "reader")


def listed(ctx: Context, acl: str) -> bool:
    """Say whether an access list names the caller: project:user, project:*, *:user, *:*."""
    if not ctx.token:
        return False
    projects = ("*", ctx.project_id, ctx.scope.project_name)
    users = ("*", ctx.user_id, ctx.scope.user_name)
    for item in acl.split(","):
        project, colon, user = item.strip().partition(":")
        if colon and project in projects and user in users:
            return True
    return False


def public(acl: str, listing: bool) -> bool:
    """Say whether anybody may read (`.r:*`), listings only where `.rlistings` is there too."""
    items = [item.strip() for item in acl.split(",")]
    return ".r:*" in items and (not listing or ".rlistings" in items)


def refusal(ctx: Context) -> RequestError:
    """Return what the caller gets who may not: 401 without a token, 403 with one."""
    return NotYours() if ctx.token else NoToken()
