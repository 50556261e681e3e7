"""What an administrator orders over `/glasscloud`: the clock's pace and steps, faults, pings.

Whatever is refused is raised, as BadRequest when it is not what is asked for; `control` words it.
"""

from __future__ import annotations

import math
from ipaddress import AddressValueError, IPv4Address
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.errors import BadRequest
from lab.rest.numbers import number
from lab.rest.watched import Watched, fault, reply

CLOCK_USAGE = (
    'send {"paused": true or false, "speed": a number above 0 or "max", "step": a number of messages, '
    '"step_events": a number of events}'
)
LOGIN_USAGE = 'send {"password": the administrator\'s}'
FAULT_USAGE = 'send {"act", "match": {…}, "delay_s"}, or {"plant": kind, …} as in a scenario; GET /glasscloud/faults tells what is known'
PING_USAGE = 'send {"server": id or name, "target": address}'


async def login(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST login: a token for `/glasscloud`, also of a cloud whose clock stands and so issues none."""
    given = await read(request, LOGIN_USAGE)
    password = given["password"] if isinstance(given, dict) and set(given) == {"password"} else None
    if not isinstance(password, str):
        raise BadRequest(f"this is no login; {LOGIN_USAGE}")
    token = world.login(password)
    return reply(201, {"token": token}) if token is not None else fault(401, "this is not the password that the cloud was started with")


async def clock(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET or PUT clock; a step is answered when it is made, and what comes during a travel in time is for where it ends."""
    if request.method == "GET":
        return reply(200, world.clock({}))
    change = parse_clock(await read(request, CLOCK_USAGE))
    await world.arrived()
    state = world.clock(change)
    if "step" in change or "step_events" in change:
        await world.stepped()
        state = world.clock({})
    return reply(200, state)


def parse_clock(given: object) -> dict[str, Any]:
    """A change of the clock as a client sends it. Raises BadRequest for what is none."""
    if not isinstance(given, dict) or set(given) - {"paused", "speed", "step", "step_events"}:
        raise BadRequest(f"this is no change of the clock; {CLOCK_USAGE}")
    change = {key: value for key, value in given.items() if value is not None}
    speed = change.get("speed")
    if speed == "max":
        change["speed"] = math.inf
    elif speed is not None and (isinstance(speed, bool) or not isinstance(speed, (int, float)) or not speed > 0):
        raise BadRequest(f"{speed!r} is no speed; {CLOCK_USAGE}")
    for key, what in (("step", "messages"), ("step_events", "events")):
        step = change.get(key)
        if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 1):
            raise BadRequest(f"{step!r} is no number of {what}; {CLOCK_USAGE}")
    if not isinstance(change.get("paused", False), bool):
        raise BadRequest(f"paused is true or false; {CLOCK_USAGE}")
    return change


async def faults(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET faults: what is armed, and what can be."""
    return reply(200, world.faults())


async def break_it(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST faults: arm one on messages or driver calls, or plant one as a scenario does."""
    what = await read(request, FAULT_USAGE)
    if not isinstance(what, dict) or ("act" in what) == ("plant" in what):
        raise BadRequest(f"this is no fault; {FAULT_USAGE}")
    return reply(201, await world.enter("fault", what))


async def mend(world: Watched, request: HttpRequest) -> HttpResponse:
    """DELETE faults/N: take an armed one back."""
    text = request.path_params["what"].partition("/")[2]
    which = number(text)
    if which is None:
        raise BadRequest(f"{text!r} is no number of a fault; DELETE /glasscloud/faults/N, with N from GET /glasscloud/faults")
    await world.enter("disarm", {"number": which})
    return HttpResponse(status_code=204)


async def ping(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST ping: an echo request from a server to an address, and the walk of its frames."""
    what = await read(request, PING_USAGE)
    texts = [what.get("server"), what.get("target")] if isinstance(what, dict) and set(what) <= {"server", "target"} else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise BadRequest(f"this is no ping; {PING_USAGE}")
    try:
        IPv4Address(what["target"])
    except AddressValueError:
        raise BadRequest(f"{what['target']!r} is no IPv4 address, and frames need one; {PING_USAGE}") from None
    return reply(200, await world.enter("ping", what))


async def read(request: HttpRequest, usage: str) -> Any:
    """The request's JSON. Raises BadRequest for what is none."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise BadRequest(f"the body is no JSON; {usage}") from None
