"""REST between programs: the router's face, with callees in other programs reached over HTTP.

Who listens in this program is called directly. All others are in a table of service and URL. Request id, the cause and
the sender travel in headers, so that the journals of both programs tell one story.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from lab.context import Context
from lab.errors import LabError, Unreachable
from lab.far import epoch_ns
from lab.journal.masking import harmless
from lab.process import Process
from lab.rest.message import Request, Response
from lab.rest.router import Exchange, Router

if TYPE_CHECKING:
    from lab.rest.connections import Connections
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
        self.connections: Connections | None = None
        self.epoch_ns = epoch_ns(wires.runtime.epoch)

    async def close(self) -> None:
        """Close the connections."""
        if self.connections is not None:
            await self.connections.close()

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
        if self.connections is None:
            from lab.rest.connections import Connections  # a program that asks nobody needs no client

            self.connections = Connections()
        host, port, path = self.places[exchange.service]
        request, future = exchange.request, exchange.future
        url = f"http://{host}:{port}{path}{_target(request.target)}"
        asking = asyncio.ensure_future(self.connections.ask(request.method, url, self._headers(exchange), request.body, request.stream))
        asking.add_done_callback(partial(_answered, future))
        try:
            response: Response = await future
        finally:
            asking.cancel()  # when it took too long, or its asker is gone
        return response

    def _headers(self, exchange: Exchange) -> dict[str, str]:
        request = exchange.request
        headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
        if request.stream is not None and request.stream.size is not None:
            headers["x-glasscloud-size"] = str(request.stream.size)
        headers[CAUSE], headers[SENDER] = str(exchange.seq), exchange.client.name
        headers[SENT] = str(self.epoch_ns + exchange.sent_ns)
        headers.setdefault(REQUEST_ID, exchange.ctx.request_id)  # who has it from outside has it in the context only
        if exchange.ctx.periodic:
            headers[PERIODIC] = "1"
        return headers


def place(url: str) -> tuple[str, int, str]:
    """Host, port and path of a service's URL. Raises LabError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise LabError(
            f"{url!r} is no URL of a service; use http://HOST:PORT/PATH",
            ko=f"{url!r}: 서비스의 URL이 아닙니다. http://HOST:PORT/PATH처럼 쓰십시오",
        )
    return parts.hostname, parts.port or 80, parts.path.rstrip("/")


def _target(target: str) -> str:
    """Path and query as HTTP may carry them: what is no ASCII, blanks and what a URL would take for a fragment, quoted."""
    return target if target.isascii() and " " not in target and "#" not in target else quote(target, safe="/?&=%:;@+,!$'()*~[]|")


def _answered(future: asyncio.Future[Response], asking: asyncio.Future[Response]) -> None:
    """Hand the answer, or why there is none, to who waits for it; unless that one does not any more."""
    error = None if asking.cancelled() else asking.exception()
    if future.done():
        return
    if asking.cancelled():
        future.cancel()
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(asking.result())


def over(urls: Mapping[str, str]) -> Any:
    """A maker of routers for `Wires`."""
    return partial(RemoteRouter, urls=urls)
