"""Neutron's events to nova: a server's port was plugged, unplugged, changed or deleted.

Sent at once, all events of one change in one request. Upstream's notifier also holds further events back
for `send_events_interval` (2 s); left out, since it would make a server wait for its neighbours.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.process import Process
from lab.services.network.model import Json, Port

COMPUTE_OWNER = "compute:"
PATH = "/v2.1/os-server-external-events"


def is_server_port(port: Port) -> bool:
    """Whether a port belongs to a server."""
    return bool(port.device_id) and port.device_owner.startswith(COMPUTE_OWNER)


def event(name: str, port: Port) -> Json:
    """Return an event about a server's port."""
    return {"name": name, "server_uuid": port.device_id, "status": "completed", "tag": port.id}


class NovaNotifier:
    """Sends events to nova-api; a failure is logged and not repeated, as upstream."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def plugged(self, ctx: Context, ports: list[Port]) -> None:
        """Tell that ports came up."""
        self._send(ctx, [event("network-vif-plugged", port) for port in ports if is_server_port(port)])

    def unplugged(self, ctx: Context, ports: list[Port]) -> None:
        """Tell that ports went down."""
        self._send(ctx, [event("network-vif-unplugged", port) for port in ports if is_server_port(port)])

    def changed(self, ctx: Context, port: Port) -> None:
        """Tell that what nova keeps of a port may be old."""
        if is_server_port(port):
            self._send(ctx, [event("network-changed", port)])

    def deleted(self, ctx: Context, port: Port) -> None:
        """Tell that a port is gone."""
        if is_server_port(port):
            self._send(ctx, [event("network-vif-deleted", port)])

    def _send(self, ctx: Context, events: list[Json]) -> None:
        if events:
            self._process.begin(self._post(ctx, events), "notify nova")

    async def _post(self, ctx: Context, events: list[Json]) -> None:
        await self._process.rpc.handed_over(ctx)  # first the agents, as far as they were told before
        try:
            answer = await self._process.rest.call(ctx, "compute", "POST", PATH, body={"events": events}, auth="service")
        except LabError as error:
            self._process.log(ctx, f"Failed to notify nova on events: {events}: {error.message}", "error")
            return
        if answer.status == 404:
            self._process.log(ctx, f"Nova returned NotFound for event: {events}", "warning")
        elif answer.status >= 400:
            self._process.log(ctx, f"Failed to notify nova on events: {events}: status {answer.status}", "error")
