"""Where requests of other programs come in: an ASGI application that carries bytes to the dispatcher of the services here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from lab.context import Context
from lab.errors import LabError, ProcessKilled
from lab.far import Far
from lab.rest.api import Api
from lab.rest.message import BODY_LIMIT, STREAMED, Request, Response, Stream, headers_of, whole
from lab.rest.remote import CAUSE, FAULT, PERIODIC, SENDER, SENT, RemoteRouter
from lab.rest.router import Exchange

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from lab.process import Process

KEEP_ALIVE_S = 75
"""How long a connection may lie still: longer than those who connect use it again."""
READING = frozenset({"GET", "HEAD"})
"""Requests after which nobody is told anything; who is answered to others may rely on it that all were told."""
OUTSIDE = "client@outside"
"""The sender of a request that does not say whose it is: no program of the cloud sent it."""


class Door:
    """The services of this program over HTTP, each under `/<service>`."""

    def __init__(self, router: RemoteRouter) -> None:
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        service, _, rest = raw.decode("latin-1")[1:].partition("/")
        query = scope["query_string"].decode("latin-1")
        headers = headers_of(scope["headers"])
        target = f"/{rest}?{query}" if query else f"/{rest}"
        try:
            exchange = await self._exchange(service, Request(scope["method"], target, headers), receive)
            response = await self.router.take(exchange)
            if exchange.request.method not in READING:
                await self.router.wires.broker.handed_over(exchange.ctx.request_id)
        except LabError as error:  # what a service itself refuses is an answer of its own
            response = Response(503, None, {FAULT: str(error).replace("\n", " ")})
        except ProcessKilled as end:
            response = Response(503, None, {FAULT: f"{end} ended while it was asked"})
        await answer(response, scope["method"], send)

    async def _exchange(self, service: str, request: Request, receive: Receive) -> Exchange:
        """The request as the router knows it, with its body or with the stream of it."""
        router, headers = self.router, request.headers
        if streaming(router.api(service), request):
            size = headers.pop("x-glasscloud-size", "") or headers.get("content-length", "")
            request.stream = Stream(lambda: pieces(receive), int(size) if size.isdecimal() else None)
        else:
            request.body = await whole(pieces(receive), BODY_LIMIT)
        sender = request.source = headers.pop(SENDER, OUTSIDE)
        ctx = Context(request_id=headers.get("x-openstack-request-id", ""), periodic=bool(headers.pop(PERIODIC, "")))
        client = cast("Process", Far(sender))
        exchange = Exchange(client, ctx, service, request, asyncio.get_running_loop().create_future())
        cause = headers.pop(CAUSE, "")
        if cause.isdecimal():
            exchange.seq, exchange.sent_ns = int(cause), int(headers.pop(SENT, "0")) - router.epoch_ns
        else:
            router.begin_call(exchange)
        return exchange


def streaming(api: Api, request: Request) -> bool:
    """Whether the request's route reads its body as a stream."""
    found = api.trie.match(request.path)
    return bool(found and any(route.streaming for route in found[0].get(request.method, ())))


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. Raises LabError when its sender goes before its end."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise LabError("the sender went before the end of what it sent")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def answer(response: Response, method: str, send: Send) -> None:
    """Send an answer, a stream piece by piece."""
    body: Any = response.body
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers.items()]
    streamed = isinstance(body, Stream)
    data = b"" if streamed else response.content()
    known = {name.lower() for name in response.headers}
    if streamed:
        headers.append((STREAMED.encode(), b"1"))
    elif "content-length" not in known and method != "HEAD" and response.status not in (204, 304):
        headers.append((b"Content-Length", b"%d" % len(data)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(body, Stream):
        async for piece in body.open():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": data})


@asynccontextmanager
async def serve(door: Door, listening: socket.socket) -> AsyncIterator[None]:
    """Serve the door on a bound socket, by uvicorn without its logs and its own handling of signals."""
    import uvicorn

    from lab.rest.answers import Answers

    config = uvicorn.Config(
        door, http=Answers, log_config=None, access_log=False, lifespan="off", server_header=False, date_header=False, proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )  # fmt: skip
    # Not every socket has it, and without it an answer of several pieces waits 40 ms for the other side's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        yield  # the socket listens already: who comes before the server is up waits in its line
    finally:
        server.should_exit = server.force_exit = True
        await serving
