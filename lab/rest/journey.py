"""Travel in time over `/glasscloud`: a run's history, and going to another point of it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.errors import BadRequest
from lab.rest.orders import read
from lab.rest.watched import Watched, reply

USAGE = 'send {"to": a sequence number, "history": what another cloud\'s GET history answered, "then": {"seed": …} or {"fault": {…}}}'


async def history(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET history: all that it takes to repeat the run. It holds what clients sent, other users' passwords too."""
    return reply(200, world.history())


async def travel(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST travel: repeat the world up to an entry and stop there; then, if wanted, make another future."""
    return reply(200, await world.travel(**parse_travel(await read(request, USAGE))))


def parse_travel(given: object) -> dict[str, Any]:
    """Where to go, as a client sends it. Raises BadRequest for what is none."""
    if not isinstance(given, dict) or set(given) - {"to", "history", "then"} or "to" not in given:
        raise BadRequest(f"this is no travel; {USAGE}")
    order = {key: value for key, value in given.items() if value is not None}
    to, then = order.get("to"), order.get("then", {})
    if isinstance(to, bool) or not isinstance(to, int) or to < 1:
        raise BadRequest(f"{to!r} is no sequence number; {USAGE}")
    if not isinstance(order.get("history", {}), dict):
        raise BadRequest(f"history is no object; {USAGE}")
    if not isinstance(then, dict) or set(then) - {"seed", "fault"} or not isinstance(then.get("fault", {}), dict):
        raise BadRequest(f"then has a seed or a fault; {USAGE}")
    if isinstance(then.get("seed", 0), bool) or not isinstance(then.get("seed", 0), (int, str)):
        raise BadRequest(f"{then['seed']!r} is no seed; {USAGE}")
    return order
