"""The actions of servers: POST /servers/{id}/action with one key that names what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictStr

from lab.errors import BadRequest, Conflict
from lab.rest import MEMBER, Request, Response, Route
from lab.rest.body import Body
from lab.services.compute.api.fields import Integer, Name
from lab.services.compute.api.part import only_admin
from lab.services.compute.api.security_groups import SecurityGroupsPart
from lab.services.compute.model import LOCKED_BY, Server

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

ROUTES = (Route("POST", "/v2.1/servers/{server_id}/action", "servers_action", MEMBER, 202, summary="Act on a server"),)

# What a console may contain for JSON's sake. Source: nova/api/openstack/compute/console_output.py.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")
# Actions that end a state which no server here can be in, by the words that nova refuses them with.
_AFTER_ANOTHER: Mapping[str, str] = {
    "confirmResize": "confirmResize",
    "revertResize": "revertResize",
    "resume": "resume",
    "unrescue": "unrescue",
    "unshelve": "unshelve",
    "shelveOffload": "shelve_offload",
    "restore": "restore",
}


class Reboot(Body):
    """Soft by the guest's own system, or hard by its power."""

    type: Literal["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]


class Console(Body):
    """How many lines from the end; all without a number, and -1 is all too."""

    length: Annotated[Integer, Field(ge=-1)] | None = None


class State(Body):
    """The state that an administrator declares."""

    state: Literal["active", "error"]


class Group(Body):
    """A security group by name or id."""

    name: Name


class Lock(Body):
    """Why the server is locked."""

    locked_reason: Annotated[StrictStr, Field(min_length=1, max_length=255)] | None = None


class ActionsPart(SecurityGroupsPart):
    """The dispatcher of actions and the actions themselves."""

    async def servers_action(self, ctx: Context, req: Request) -> Response:
        """Do the one thing that the body names."""
        body = req.data
        if not isinstance(body, dict) or not body:
            raise BadRequest("Malformed request body")
        name = next(iter(body))
        act = _ACTIONS.get(name)
        if act is None and name not in _AFTER_ANOTHER:
            raise BadRequest(f"There is no such action: {name}")
        if len(body) > 1:
            raise BadRequest(f"Invalid input for field/attribute {name}. Value: {body}. Additional properties are not allowed")
        server = await self.server(ctx, req.params["server_id"])
        if act is None:
            raise Conflict(f"Cannot '{_AFTER_ANOTHER[name]}' instance {server.id} while it is in vm_state {server.vm_state}")
        answer = await getattr(self, act)(ctx, req, server)
        return Response(202) if answer is None else Response(200, answer)

    async def act_start(self, ctx: Context, req: Request, server: Server) -> None:
        """Power the server on."""
        await self.manager.start_server(ctx, server)

    async def act_stop(self, ctx: Context, req: Request, server: Server) -> None:
        """Shut the server down."""
        await self.manager.stop_server(ctx, server)

    async def act_pause(self, ctx: Context, req: Request, server: Server) -> None:
        """Hold the server still."""
        await self.manager.pause_server(ctx, server)

    async def act_unpause(self, ctx: Context, req: Request, server: Server) -> None:
        """Let the server go on."""
        await self.manager.unpause_server(ctx, server)

    async def act_reboot(self, ctx: Context, req: Request, server: Server) -> None:
        """Restart the server."""
        kind = _arguments(req, "reboot", Reboot).type.upper()
        await self.manager.reboot_server(ctx, server, kind)

    async def act_console(self, ctx: Context, req: Request, server: Server) -> Json:
        """Answer the end of the console log."""
        length = _arguments(req, "os-getConsoleOutput", Console).length
        text = await self.manager.console_output(ctx, server, None if length == -1 else length)
        return {"output": _CONTROL.sub("", text)}

    async def act_reset_state(self, ctx: Context, req: Request, server: Server) -> None:
        """Declare the server active or in error."""
        only_admin(ctx, "os_compute_api:os-admin-actions:reset_state")
        await self.manager.reset_state(ctx, server, _arguments(req, "os-resetState", State).state)

    async def act_add_group(self, ctx: Context, req: Request, server: Server) -> None:
        """Put the server's ports into a security group."""
        await self.add_security_group(ctx, server, _arguments(req, "addSecurityGroup", Group).name)

    async def act_remove_group(self, ctx: Context, req: Request, server: Server) -> None:
        """Take the server's ports out of a security group."""
        await self.remove_security_group(ctx, server, _arguments(req, "removeSecurityGroup", Group).name)

    async def act_lock(self, ctx: Context, req: Request, server: Server) -> None:
        """Refuse further actions of everybody but administrators."""
        reason = None
        if req.version >= (2, 73) and req.data["lock"] is not None:
            reason = _arguments(req, "lock", Lock).locked_reason
        await self.manager.lock_server(ctx, server, reason)

    async def act_unlock(self, ctx: Context, req: Request, server: Server) -> None:
        """Allow actions again; what was locked by an administrator of another project, only one may unlock."""
        if server.system_metadata.get(LOCKED_BY) == "admin":
            only_admin(ctx, "os_compute_api:os-lock-server:unlock:unlock_override")
        await self.manager.unlock_server(ctx, server)

    async def act_force_delete(self, ctx: Context, req: Request, server: Server) -> None:
        """Delete the server whatever it does."""
        await self.manager.delete_server(ctx, server, force=True)


_ACTIONS: Mapping[str, str] = {
    "os-start": "act_start",
    "os-stop": "act_stop",
    "pause": "act_pause",
    "unpause": "act_unpause",
    "reboot": "act_reboot",
    "os-getConsoleOutput": "act_console",
    "os-resetState": "act_reset_state",
    "addSecurityGroup": "act_add_group",
    "removeSecurityGroup": "act_remove_group",
    "lock": "act_lock",
    "unlock": "act_unlock",
    "forceDelete": "act_force_delete",
}


def _arguments(req: Request, name: str, model: type[Body]) -> Any:
    value = req.data[name]
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid input for field/attribute {name}. Value: {value}. {value!r} is not of type 'object'")
    return model.read(value)
