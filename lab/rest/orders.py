"""What an administrator orders over `/glasscloud`: the clock's pace and steps, faults, pings."""

from __future__ import annotations

import math
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from lab.errors import Conflict, LabError, NotFound
from lab.rest.watched import Watched, fault, reply

CLOCK_USAGE = (
    'send {"paused": true or false, "speed": a number above 0 or "max", "step": a number of messages, '
    '"step_events": a number of events}'
)
FAULT_USAGE = 'send {"act", "match": {…}, "delay_s"}, or {"plant": kind, …} as in a scenario; GET /glasscloud/faults tells what is known'
PING_USAGE = 'send {"server": id or name, "target": address}'


async def login(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST login: a token for `/glasscloud`, also of a cloud whose clock stands and so issues none."""
    try:
        given = await read(request)
        password = given["password"] if isinstance(given, dict) and set(given) == {"password"} else None
        if not isinstance(password, str):
            raise ValueError("this is no login")
    except ValueError as error:
        return fault(400, f'{error}; send {{"password": the administrator\'s}}')
    token = world.login(password)
    return reply(201, {"token": token}) if token is not None else fault(401, "this is not the password that the cloud was started with")


async def clock(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET or PUT clock; a step is answered when it is made."""
    if request.method == "GET":
        return reply(200, world.clock({}))
    try:
        change = parse_clock(await read(request))
    except ValueError as error:
        return fault(400, f"{error}; {CLOCK_USAGE}")
    try:
        state = world.clock(change)
    except Conflict as error:
        return fault(409, str(error))
    if "step" in change or "step_events" in change:
        try:
            await world.stepped()
        except RuntimeError as error:
            return fault(500, str(error))
        state = world.clock({})
    return reply(200, state)


def parse_clock(given: object) -> dict[str, Any]:
    """A change of the clock as a client sends it. Raises ValueError for what is none."""
    if not isinstance(given, dict) or set(given) - {"paused", "speed", "step", "step_events"}:
        raise ValueError("this is no change of the clock")
    change = {key: value for key, value in given.items() if value is not None}
    speed = change.get("speed")
    if speed == "max":
        change["speed"] = math.inf
    elif speed is not None and (isinstance(speed, bool) or not isinstance(speed, (int, float)) or not speed > 0):
        raise ValueError(f"{speed!r} is no speed")
    for key, what in (("step", "messages"), ("step_events", "events")):
        step = change.get(key)
        if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 1):
            raise ValueError(f"{step!r} is no number of {what}")
    if not isinstance(change.get("paused", False), bool):
        raise ValueError("paused is true or false")
    return change


async def faults(world: Watched, request: HttpRequest) -> HttpResponse:
    """GET faults: what is armed, and what can be."""
    return reply(200, world.faults())


async def break_it(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST faults: arm one on messages or driver calls, or plant one as a scenario does."""
    try:
        what = await read(request)
        if not isinstance(what, dict) or ("act" in what) == ("plant" in what):
            raise ValueError("this is no fault")
    except ValueError as error:
        return fault(400, f"{error}; {FAULT_USAGE}")
    return await enter(world, "fault", what, 201)


async def mend(world: Watched, request: HttpRequest) -> HttpResponse:
    """DELETE faults/N: take an armed one back."""
    number = request.path_params["what"].partition("/")[2]
    if not (number.isascii() and number.isdecimal()):
        return fault(400, f"{number!r} is no number of a fault; DELETE /glasscloud/faults/N, with N from GET /glasscloud/faults")
    return await enter(world, "disarm", {"number": int(number)}, 204)


async def ping(world: Watched, request: HttpRequest) -> HttpResponse:
    """POST ping: an echo request from a server to an address, and the walk of its frames."""
    try:
        what = await read(request)
        texts = [what.get("server"), what.get("target")] if isinstance(what, dict) and set(what) <= {"server", "target"} else []
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise ValueError("this is no ping")
    except ValueError as error:
        return fault(400, f"{error}; {PING_USAGE}")
    return await enter(world, "ping", what, 200)


async def enter(world: Watched, kind: str, what: dict[str, Any], status: int) -> HttpResponse:
    """Hand an order to the world, and word its answer or refusal."""
    try:
        answer = await world.enter(kind, what)
    except NotFound as error:
        return fault(404, str(error))
    except Conflict as error:
        return fault(409, str(error))
    except LabError as error:
        return fault(400, str(error))
    except RuntimeError as error:
        return fault(500, str(error))
    return HttpResponse(status_code=204) if status == 204 else reply(status, answer)


async def read(request: HttpRequest) -> Any:
    """The request's JSON. Raises ValueError for what is none."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise ValueError("the body is no JSON") from None
