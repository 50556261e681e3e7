"""REST between programs: the router's face, with callees in other programs reached over HTTP.

Who listens in this program is called directly. All others are in a table of service and URL. Request id, the cause and
the sender travel in headers, so that the journals of both programs tell one story.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.context import Context
from lab.errors import Unreachable
from lab.far import epoch_ns
from lab.journal.masking import harmless
from lab.process import Process
from lab.rest.connections import Connections, place
from lab.rest.message import Request, Response
from lab.rest.router import Exchange, Router

if TYPE_CHECKING:
    from lab.wires import Wires

CAUSE, SENDER, SENT, FAULT = "x-glasscloud-cause", "x-glasscloud-sender", "x-glasscloud-sent", "x-glasscloud-fault"
"""Headers between programs: the entry of the request in the sender's journal, the sending process, when it was sent (ns since
1970), and in an answer that no service gave: why."""
PERIODIC = "x-glasscloud-periodic"
REQUEST_ID = "x-openstack-request-id"


class RemoteRouter(Router):
    """The services of one cloud, in this program and in others."""

    def __init__(self, wires: Wires, urls: Mapping[str, str]) -> None:
        super().__init__(wires)
        self.places = {service: place(url) for service, url in urls.items()}
        self.connections = Connections()
        self.epoch_ns = epoch_ns(wires.runtime.epoch)

    def close(self) -> None:
        """Close the connections."""
        self.connections.close()

    async def call(self, client: Process, ctx: Context, service: str, request: Request) -> Response:
        if self.listeners.get(service) or service not in self.places:
            return await super().call(client, ctx, service, request)
        wires = self.wires
        exchange = Exchange(client, ctx, service, request, wires.runtime.new_future())
        self.begin_call(exchange)
        counted = not ctx.periodic
        wires.runtime.busy += counted
        self._deadlines.add(exchange.future, exchange, exchange.sent_ns)
        try:
            response = await self._over_http(exchange)
        except Unreachable as error:
            self._journal_answer(service, exchange, "unreachable", None)
            text = f"{service} cannot be reached for {request.method} {request.path}: {error}; is its program up?"
            raise Unreachable(text) from error
        finally:
            exchange.future.cancel()
            self._deadlines.done(exchange.future)
            wires.runtime.busy -= counted
        fault = response.headers.pop(FAULT, None)
        if fault is not None:
            raise Unreachable(fault)
        return response

    async def take(self, exchange: Exchange) -> Response:
        """Have a request of another program served here. Raises Unreachable."""
        listener = self._pick(exchange.service)
        if listener is None:
            raise Unreachable(f"no {exchange.service} API listens; its process is down, restart it")
        counted = not exchange.ctx.periodic
        self.wires.runtime.busy += counted
        try:
            self._arrive(listener, exchange, 0)
            response: Response = await exchange.future
        finally:
            self.wires.runtime.busy -= counted
        return response

    def begin_call(self, exchange: Exchange) -> None:
        """Journal a request that goes to another program, or comes from none of ours."""
        request, ctx = exchange.request, exchange.ctx
        now = exchange.sent_ns = self._runtime.now_ns()
        exchange.seq = self._journal.add(
            "rest", exchange.client.name, exchange.service, request.method, request.target, "", 0, ctx.request_id, ctx.cause,
            harmless(request.body) if request.body else None, self._note(request.headers), now,
        )  # fmt: skip

    async def _over_http(self, exchange: Exchange) -> Response:
        """Send it and wait for the answer's head, and for its body unless that is a stream."""
        host, port, path = self.places[exchange.service]
        connection = await self.connections.connection(host, port)
        request, future = exchange.request, exchange.future
        head = self._head(exchange, f"{host}:{port}", path)
        try:
            connection.ask(request.method, head, request.body, future)
            if request.stream is not None:
                sending = asyncio.ensure_future(connection.send(request.stream))
                sending.add_done_callback(partial(_stopped, connection, future))
            response: Response = await future
        except BaseException:
            connection.end()  # what comes on it would be taken for the next one's answer
            raise
        return response

    def _head(self, exchange: Exchange, host: str, path: str) -> bytes:
        request = exchange.request
        lines = [f"{request.method} {path}{_target(request.target)} HTTP/1.1", f"host: {host}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name not in ("content-length", "host")]
        if request.stream is not None:
            lines.append("transfer-encoding: chunked")
            if request.stream.size is not None:
                lines.append(f"x-glasscloud-size: {request.stream.size}")
        elif request.body or request.method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(request.body)}")
        lines += [f"{CAUSE}: {exchange.seq}", f"{SENDER}: {exchange.client.name}", f"{SENT}: {self.epoch_ns + exchange.sent_ns}"]
        if REQUEST_ID not in request.headers:  # who has it from outside has it in the context only
            lines.append(f"{REQUEST_ID}: {exchange.ctx.request_id}")
        if exchange.ctx.periodic:
            lines.append(f"{PERIODIC}: 1")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1:
            raise Unreachable("a header with a line break cannot be sent")
        return (text + "\r\n\r\n").encode("latin-1", "replace")


def _target(target: str) -> str:
    """Path and query as HTTP may carry them: what is no ASCII, and blanks, quoted."""
    return target if target.isascii() and " " not in target else quote(target, safe="/?&=%:;@+,!$'()*~[]|")


def _stopped(connection: Any, future: asyncio.Future[Response], sending: asyncio.Task[None]) -> None:
    """The body of a request was sent, or broke off; its reader must not take it for whole."""
    error = sending.exception() if not sending.cancelled() else None
    if error is not None:
        connection.end()
        if not future.done():
            future.set_exception(error)


def over(urls: Mapping[str, str]) -> Any:
    """A maker of routers for `Wires`."""
    return partial(RemoteRouter, urls=urls)
