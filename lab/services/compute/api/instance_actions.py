"""What users did to a server, and how each step of it ended."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, NotFound
from lab.rest import READER, Request, Route
from lab.services.compute.api import times
from lab.services.compute.api.paging import bad_query, cut, is_full, next_link, page_of
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import InstanceAction, InstanceActionEvent, Server

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

_PATH = "/v2.1/servers/{server_id}/os-instance-actions"

ROUTES = (
    Route("GET", _PATH, "actions_list", READER, summary="Actions on a server"),
    Route("GET", f"{_PATH}/{{request_id}}", "actions_show", READER, summary="One action and its events"),
)


class InstanceActionsPart(ComputePart):
    """The handlers of os-instance-actions."""

    async def actions_list(self, ctx: Context, req: Request) -> Json:
        """Answer the actions, newest first."""
        self.check_query(req, ("limit", "marker", "changes-since", "changes-before"), (2, 66))
        server = await self._acted_on(ctx, req)
        actions = await self.process.store.run(lambda tx: tx.find(InstanceAction, server_id=server.id))
        actions = actions[::-1]
        actions.sort(key=lambda action: action.start_time, reverse=True)
        if req.version < (2, 58):
            return {"instanceActions": [_action(action, req.version) for action in actions]}
        limit, marker = page_of(req)
        page = cut(_changed(req, actions), limit, marker, lambda action: action.request_id)
        answer: Json = {"instanceActions": [_action(action, req.version) for action in page]}
        if is_full(req, len(page)):
            answer["links"] = next_link(req, self.root + req.path, page[-1].request_id)
        return answer

    async def actions_show(self, ctx: Context, req: Request) -> Json:
        """Answer one action with its events, as far as the caller may know them."""
        self.check_query(req)
        server = await self._acted_on(ctx, req)
        request_id = req.params["request_id"]

        def read(tx: Transaction) -> tuple[InstanceAction | None, list[InstanceActionEvent]]:
            events = tx.find(InstanceActionEvent, server_id=server.id, request_id=request_id)
            return tx.get(InstanceAction, (server.id, request_id)), events

        action, events = await self.process.store.run(read)
        if action is None:
            raise NotFound(f"Action {request_id} not found")
        view = _action(action, req.version)
        if ctx.is_admin or req.version >= (2, 51):
            view["events"] = [_event(event, action.project_id, ctx.is_admin, req.version) for event in events]
        return {"instanceAction": view}

    async def _acted_on(self, ctx: Context, req: Request) -> Server:
        return await self.server(ctx, req.params["server_id"], deleted=req.version >= (2, 21))


def _changed(req: Request, actions: list[InstanceAction]) -> list[InstanceAction]:
    since, before = _instant(req, "changes-since"), _instant(req, "changes-before")
    if since is not None and before is not None and before < since:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return [action for action in actions if (since is None or _last(action) >= since) and (before is None or _last(action) <= before)]


def _last(action: InstanceAction) -> str:
    return (action.updated_at or action.start_time)[:19]


def _instant(req: Request, name: str) -> str | None:
    text = req.arg(name)
    if text is None:
        return None
    try:
        return times.stamp(times.parse(text))[:19]
    except ValueError:
        raise bad_query(name, text, f"{text!r} is not a 'date-time'") from None


def _action(action: InstanceAction, version: tuple[int, int]) -> Json:
    view: Json = {
        "action": action.action,
        "instance_uuid": action.server_id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": times.naive(action.start_time),
        "message": action.message,
    }
    if version >= (2, 58):
        view["updated_at"] = times.naive(action.updated_at)
    return view


def _event(event: InstanceActionEvent, project_id: str, admin: bool, version: tuple[int, int]) -> Json:
    view: Json = {
        "event": event.event,
        "start_time": times.naive(event.start_time),
        "finish_time": times.naive(event.finish_time),
        "result": event.result,
    }
    if admin:
        view["traceback"] = event.traceback
    if version >= (2, 62):
        if admin:
            view["host"] = event.host
        view["hostId"] = hashlib.sha224(f"{project_id}{event.host}".encode()).hexdigest() if event.host else ""
    if admin and version >= (2, 84):
        view["details"] = event.details
    return view
