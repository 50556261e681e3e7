"""Events that other services tell compute: a port is plugged, a network changed, a volume grew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from lab.rest import SERVICE, Request, Response, Route, per_version
from lab.rest.body import Body
from lab.services.compute.api.fields import Text, Uuid
from lab.services.compute.api.part import ComputePart

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

# Source: TAG_REQUIRED of nova's server_external_events.py.
_NEEDS_TAG = frozenset(("volume-extended", "power-update", "accelerator-request-bound", "volume-reimaged"))
_ACCEPTED = 200
_MISSING_TAG = 400


class Event21(Body):
    """What happened to which server; the tag names the port or volume."""

    name: Literal["network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"]
    server_uuid: Uuid
    status: Literal["failed", "completed", "in-progress"] = "completed"
    tag: Text | None = None


class Event251(Event21):
    """Volumes that grew."""

    name: Literal[  # type: ignore[assignment]
        "network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted", "volume-extended"
    ]


class Event276(Event21):
    """Everything since 2.76."""

    name: Literal[  # type: ignore[assignment]
        "network-changed",
        "network-vif-plugged",
        "network-vif-unplugged",
        "network-vif-deleted",
        "volume-extended",
        "power-update",
        "accelerator-request-bound",
        "volume-reimaged",
    ]


class Events21(Body):
    """POST."""

    events: Annotated[tuple[Event21, ...], Field(min_length=1)]


class Events251(Body):
    """POST since 2.51."""

    events: Annotated[tuple[Event251, ...], Field(min_length=1)]


class Events276(Body):
    """POST since 2.76."""

    events: Annotated[tuple[Event276, ...], Field(min_length=1)]


ROUTES = (
    Route(
        "POST",
        "/v2.1/os-server-external-events",
        "events_create",
        SERVICE,
        200,
        per_version(((2, 1), Events21), ((2, 51), Events251), ((2, 76), Events276)),
        summary="Tell compute what happened to servers",
    ),
)


class ExternalEventsPart(ComputePart):
    """The handler of os-server-external-events."""

    async def events_create(self, ctx: Context, req: Request) -> Response:
        """Pass the events on to the hosts of their servers; the answer is 207 unless all were taken."""
        events: list[Event21] = req.data.events
        passed = [
            {"name": event.name, "server_uuid": event.server_uuid, "status": event.status, "tag": event.tag}
            for event in events
            if not _lacks_tag(event)
        ]
        codes = iter(await self.manager.external_events(ctx, passed) if passed else ())
        shown = [_shown(event, _MISSING_TAG if _lacks_tag(event) else next(codes)) for event in events]
        return Response(200 if all(view["code"] == _ACCEPTED for view in shown) else 207, {"events": shown})


def _lacks_tag(event: Event21) -> bool:
    return event.tag is None and event.name in _NEEDS_TAG


def _shown(event: Event21, code: int) -> Json:
    view: Json = {"name": event.name, "server_uuid": event.server_uuid}
    view["status"] = "completed" if code == _ACCEPTED else "failed"
    if event.tag is not None:
        view["tag"] = event.tag
    view["code"] = code
    return view
