"""How each kind of input is done to a simulated cloud, when it comes and whenever its run is repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.body import encode
from lab.client.transports import enter, takes_stream
from lab.errors import BadRequest
from lab.inputs import Input, Shown
from lab.journal.masking import harmless
from lab.rest.message import Request, Response, Stream

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud

Play = Callable[["SimulatedCloud", str], Awaitable[Any]]
"""Plays a scenario in a cloud, by its name or file."""


class CloudDeeds:
    """The deeds done to one cloud, and the streams that its clients are reading."""

    def __init__(self, cloud: SimulatedCloud, play: Play | None = None) -> None:
        self.cloud, self.play = cloud, play
        self.streams: dict[int, AsyncIterator[bytes]] = {}
        """Answers that are being read, by the number of the request."""

    def shown(self, given: Input) -> Shown | None:
        """What the journal says of it."""
        what = given.what
        match given.kind:
            case "rest":
                body = what["body"]
                if body and takes_stream(self.cloud.world.client, what["service"], self._request(what)):
                    return Shown(_named(what), None, {"bytes": len(body)})
                return Shown(_named(what), harmless(body) if body else None)
            case "scenario":
                return Shown(f"scenario {what['name']}")
            case "boot" | "read":
                return None
        return Shown(label_of(given.kind, what), encode(what))

    def do(self, given: Input) -> Coroutine[Any, Any, Any]:
        """Do it, inside the world."""
        what = given.what
        match given.kind:
            case "boot":
                return self.cloud.ready()
            case "rest":
                return self._ask(given.number, what)
            case "read":
                return self._read(what["of"])
            case "scenario":
                return self._play(what["name"])
            case "ping":
                return self._echo(what["server"], what["target"])
        raise BadRequest(f"no input is called {given.kind!r}")

    def ready(self, given: Input) -> Callable[[], Any]:
        """Something that is done at once."""
        runtime, what = self.cloud.wires.runtime, given.what
        match given.kind:
            case "seed":
                return partial(runtime.reseed, what["seed"])
            case "lifetime":
                return partial(runtime.stretch, what["factor"])
        return self.cloud.world.deed(given.kind, what)

    async def _ask(self, number: int, what: Mapping[str, Any]) -> Response:
        response = await enter(self.cloud.world.client, what["service"], self._request(what), keep_stream=True)
        if isinstance(response.body, Stream):
            self.streams[number] = response.body.open()
        return response

    def _request(self, what: Mapping[str, Any]) -> Request:
        return Request(what["method"], what["target"], dict(what["headers"]), what["body"], self.cloud.world.client.name)

    async def _read(self, number: int) -> bytes | None:
        """The next piece of an answer, None at its end."""
        stream = self.streams.get(number)
        piece = await anext(stream, None) if stream is not None else None
        if piece is None:
            self.streams.pop(number, None)
        return piece

    async def _play(self, name: str) -> Any:
        if self.play is None:
            raise BadRequest(f"scenario {name!r} cannot be played here")
        return await self.play(self.cloud, name)

    async def _echo(self, server: str, target: str) -> dict[str, Any]:
        world = self.cloud.world
        return await world.echo(world.server_of(server), target)


def _named(what: Mapping[str, Any]) -> str:
    return f"{what['method']} /{what['service']}{what['target']}"


def label_of(kind: str, what: Mapping[str, Any]) -> str:
    """How an input is called in the journal: 'fault drop build_and_run_instance', 'ping web 10.0.0.4'."""
    if kind == "fault" and "plant" in what:
        words = [what["do"], what["plant"], what[what["plant"]]]
    elif kind == "fault":
        words = [what["act"], what.get("match", {}).get("name", "*")]
    else:
        words = [str(word) for word in what.values()]
    return " ".join([kind, *words])
