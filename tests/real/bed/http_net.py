"""A client and an API over HTTP on loopback, each with wires of its own, for the bodies of the REST contract."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import lab.rest.connections  # noqa: F401  else the first request waits for its import, longer than it may take
from lab.journal import Entry
from lab.realtime import RealRuntime
from lab.rest.door import Door, serve
from lab.rest.remote import RemoteRouter, over
from lab.wires import Wires
from tests.contracts.rest import CONFIG, Net, ThingApi


class OverHttp(Net):
    """Client and API as if they were two programs."""

    def __init__(self, port: int) -> None:
        super().__init__()
        urls = {"compute": f"http://127.0.0.1:{port}/compute"}
        self.callers: set[Any] = set()
        """Address and port of the other end of each connection that a request came on."""
        self._wires = [Wires(RealRuntime(), CONFIG, make_router=over(urls)) for _ in range(2)]
        for number, wires in enumerate(self._wires):
            wires.journal.number(number << 40)
        self.client = self._wires[0].start("client", "out", lambda process: None)
        self.server = self._wires[1].start("nova-api", "c1", lambda process: ThingApi(process, self).start())

    def router(self, number: int) -> RemoteRouter:
        """The router of the client (0) or of the API (1)."""
        router = self._wires[number].router
        assert isinstance(router, RemoteRouter)
        return router

    def entries(self) -> list[Entry]:
        return [entry for wires in self._wires for entry in wires.journal.since()]

    def server_wires(self) -> Wires:
        return self._wires[1]


class Watched(Door):
    """Notes where requests come from."""

    def __init__(self, net: OverHttp) -> None:
        super().__init__(net.router(1))
        self.net = net

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.net.callers.add(scope["client"])
        await super().__call__(scope, receive, send)


def run(main: Callable[[OverHttp], Coroutine[Any, Any, Any]]) -> Any:
    async def whole() -> Any:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            net = OverHttp(listening.getsockname()[1])
            async with serve(Watched(net), listening), asyncio.timeout(30):
                try:
                    result = await main(net)
                finally:
                    await net.router(0).close()
        assert not [error for wires in net._wires for error in wires.runtime.errors]
        return result

    return asyncio.run(whole())
