"""The in-process transport.

A request travels, takes a worker, is handled in a task of the callee, and its answer travels back.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.deadlines import Deadlines
from lab.errors import RestTimeout, Unreachable
from lab.journal import LazyBody
from lab.journal.masking import harmless, shown
from lab.medium import Verdict
from lab.process import Process
from lab.rest.api import Api
from lab.rest.message import Request, Response, Stream
from lab.strand import give

if TYPE_CHECKING:
    from lab.wires import Wires

WRITES = ("POST", "PUT", "PATCH")


class Listener:
    """One API process and its workers."""

    __slots__ = ("api", "busy", "handle", "limit", "plan", "process", "waiting")

    def __init__(self, process: Process, api: Api, limit: int) -> None:
        self.process, self.api, self.limit = process, api, limit or sys.maxsize
        self.plan, self.handle = api.plan, api.handle  # bound once: each service's API is a class of its own, and slow to look into
        self.busy = 0
        self.waiting: deque[Exchange] = deque()

    def free(self) -> bool:
        """Whether a worker is idle."""
        return self.busy < self.limit and not self.process.hung


class Exchange:
    """One request under way."""

    __slots__ = ("client", "ctx", "future", "listener", "request", "sent_ns", "seq", "service", "verdict")

    def __init__(
        self, client: Process, ctx: Context, service: str, request: Request, future: asyncio.Future[Response]
    ) -> None:
        self.client, self.ctx, self.service, self.request, self.future = client, ctx, service, request, future
        self.listener: Listener | None = None
        """Who serves it, once it has a worker."""
        self.seq = self.sent_ns = 0
        self.verdict: Verdict | None = None


class Router:
    """All API processes of one cloud by service."""

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self._runtime, self._journal = wires.runtime, wires.journal
        self._hop, self._distances = wires.runtime.hop, wires.medium.distances
        self.listeners: dict[str, list[Listener]] = {}
        self._turns: dict[str, int] = {}
        self._deadlines = Deadlines(wires.runtime, wires.config.rest_timeout_s, _timed_out)
        self._notes: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._tokens: dict[str, str] = {}
        # Methods that each request hands on, bound once.
        self._new_waiter, self._beginning, self._finishing = wires.runtime.new_waiter, self._begin, self._finish

    def listen(self, process: Process, api: Api) -> None:
        """Take requests for the API's service until the process ends."""
        listener = Listener(process, api, self.wires.medium.workers(process.binary, "rest"))
        listeners = self.listeners.setdefault(api.service, [])
        listeners.append(listener)
        process.memory["listener"] = listener
        process.at_end(partial(self._close, api.service, listener))

    def _close(self, service: str, listener: Listener) -> None:
        self.listeners[service].remove(listener)
        while listener.waiting:
            self._reset(listener, listener.waiting.popleft())

    def retry(self, process: Process) -> None:
        """A hung process goes on: its waiting requests get workers."""
        listener = process.memory.get("listener")
        if listener is not None:
            self._feed(listener)

    def api(self, service: str) -> Api:
        """The service's API, for routes and OpenAPI. Raises Unreachable when it is down."""
        listeners = self.listeners.get(service)
        if not listeners:
            raise Unreachable(f"no {service} API listens; its process is down, restart it")
        return listeners[0].api

    def _pick(self, service: str) -> Listener | None:
        """The listener whose turn it is; None when the service is down."""
        listeners = self.listeners.get(service)
        if not listeners:
            return None
        if len(listeners) == 1:
            return listeners[0]
        turn = self._turns[service] = (self._turns.get(service, -1) + 1) % len(listeners)
        return listeners[turn]

    async def call(self, client: Process, ctx: Context, service: str, request: Request) -> Response:
        """Send a request and wait for its answer. Raises RestTimeout or Unreachable."""
        runtime, new_waiter = self._runtime, self._new_waiter
        future = new_waiter()
        exchange = Exchange(client, ctx, service, request, future)
        listener = self._send(exchange)
        counted = 0 if ctx.periodic else 1
        runtime.busy += counted
        self._deadlines.add(future, exchange, exchange.sent_ns)
        try:
            if request.stream is not None and request.stream.size:
                future.add_done_callback(_ignore)
                await self.wires.medium.transfer(client.host, listener.process.host, request.stream.size)
            response: Response = await future
            if type(response.body) is Stream and response.body.size:
                await self.wires.medium.transfer(listener.process.host, client.host, response.body.size)
        except BaseException:
            # When the body's path broke nobody waits for the answer, and its error must not count as one that was lost.
            future.cancel()
            raise
        finally:
            self._deadlines.done(future)
            runtime.busy -= counted
        return response

    def _send(self, exchange: Exchange) -> Listener:
        request, client, ctx = exchange.request, exchange.client, exchange.ctx
        listener = self._pick(exchange.service)
        target = listener.process.name if listener is not None else exchange.service
        exchange.sent_ns = now = self._runtime.now_ns()
        exchange.seq = self._journal.add(
            "rest",
            client.name,
            target,
            request.method,
            request.target,
            "",
            0,
            ctx.request_id,
            ctx.cause,
            harmless(request.body) if request.body else None,
            self._note(request.headers),
            now,
        )
        distance = self._distances[client.host, listener.process.host] if listener is not None else None
        if listener is None or distance is None:
            self._journal_answer(target, exchange, "unreachable", None)
            raise Unreachable(
                f"no path from {client.host} to {listener.process.host}; a link or switch between them is down"
                if listener is not None
                else f"no {exchange.service} API listens; its process is down, restart it"
            )
        if self.wires.interference is None:
            self._arrive(listener, exchange, distance)
        else:
            self._send_disturbed(listener, exchange, distance)
        return listener

    def _send_disturbed(self, listener: Listener, exchange: Exchange, distance: int) -> None:
        """Send a request through interference, which may drop, delay or double it."""
        request, target = exchange.request, listener.process.name
        name = f"{request.method} {request.path}"
        verdict = exchange.verdict = self.wires.judge("rest", exchange.client.name, target, name, request.target, exchange.seq)
        if verdict is None:
            self._arrive(listener, exchange, distance)
        elif not verdict.drop:
            for _ in range(verdict.copies):
                copy = Exchange(exchange.client, exchange.ctx, exchange.service, request, self._runtime.new_future())
                copy.seq, copy.sent_ns = exchange.seq, exchange.sent_ns
                copy.future.add_done_callback(_ignore)
                self._hop(verdict.delay_ns, self._arrive, listener, copy, distance)
            self._hop(verdict.delay_ns, self._arrive, listener, exchange, distance)

    def _note(self, headers: dict[str, str]) -> dict[str, Any] | None:
        """The part of the headers that the journal keeps: version asked, and which token, by number."""
        token, version = headers.get("x-auth-token", ""), headers.get("openstack-api-version", "")
        key = (token, version)
        try:
            return self._notes[key]
        except KeyError:
            if len(self._notes) > 20_000:
                self._notes.clear()
            note: dict[str, Any] = {}
            if version:
                note["version"] = version
            if token:
                note["token"] = self._tokens.setdefault(token, f"token#{len(self._tokens) + 1}")
            self._notes[key] = note or None
            return self._notes[key]

    # -- at the callee ------------------------------------------------------------------------

    def _arrive(self, listener: Listener, exchange: Exchange, distance: int) -> None:
        """Take a worker for the request, or put it in line for one."""
        if not listener.process.alive:
            self._reset(listener, exchange)
        elif listener.busy < listener.limit and not listener.waiting and not listener.process.hung:
            self._hand(listener, exchange, distance)
        else:
            listener.waiting.append(exchange)

    def _hand(self, listener: Listener, exchange: Exchange, distance: int) -> None:
        listener.busy += 1
        exchange.listener = listener
        plan, hop = listener.plan, self._hop
        served = plan(exchange.request)
        pace = served.pace
        hop(distance + pace(), self._beginning, listener, exchange, served.label)

    def _begin(self, listener: Listener, exchange: Exchange, label: str) -> None:
        process, verdict = listener.process, exchange.verdict
        if process.hung:
            process.waking.append(partial(self._begin, listener, exchange, label))
            return
        # The worker takes the next request while this one's handler waits for others, as with green threads.
        listener.busy -= 1
        if verdict is not None and verdict.before is not None and process.alive:
            verdict.before(process.name)
        if not process.alive:
            self._reset(listener, exchange)
            return
        handle = listener.handle
        process.handle(handle(exchange.request, exchange.ctx, exchange.seq), label, self._finishing, exchange)
        if listener.waiting:
            self._feed(listener)

    def _finish(self, exchange: Exchange, response: Response, error: BaseException | None) -> None:
        """Send the answer back, when there is one and somebody to send it."""
        verdict, listener = exchange.verdict, exchange.listener
        assert listener is not None
        process = listener.process
        if verdict is not None and error is None and verdict.after is not None:
            verdict.after(process.name)
        if error is not None or not process.alive:
            self._reset(listener, exchange)
            if isinstance(error, Exception):  # what a handler raises was answered: this is a bug of ours
                self._runtime.errors.append(error)
            return
        body = response.body
        kept: bytes | LazyBody | None
        if type(body) is bytes:
            kept = (harmless(body) if exchange.request.method in WRITES else shown(body)) if body else None
        else:
            kept = None if isinstance(body, Stream) else body
        seq = self._journal_answer(process.name, exchange, str(response.status), kept)
        delay = self._distances[process.host, exchange.client.host]
        if delay is None or (verdict is not None and verdict.lose_reply):
            return
        if self.wires.interference is not None:
            late = self._reply_delay(process, exchange, seq)
            if late is None:
                return
            delay += late
        hop = self._hop
        hop(delay, give, exchange.future, response)

    def _reply_delay(self, process: Process, exchange: Exchange, seq: int) -> int | None:
        """How much later interference lets an answer arrive; None is never."""
        request = exchange.request
        name = f"{request.method} {request.path}"
        verdict = self.wires.judge("rest_reply", process.name, exchange.client.name, name, request.target, seq)
        if verdict is None:
            return 0
        return None if verdict.drop else verdict.delay_ns

    def _journal_answer(self, source: str, exchange: Exchange, status: str, body: bytes | LazyBody | None) -> int:
        request, now = exchange.request, self._runtime.now_ns()
        return self._journal.add(
            "rest_reply",
            source,
            exchange.client.name,
            request.method,
            request.target,
            status,
            now - exchange.sent_ns,
            exchange.ctx.request_id,
            exchange.seq,
            body,
            None,
            now,
        )

    def _feed(self, listener: Listener) -> None:
        while listener.waiting and listener.free() and listener.process.alive:
            self._hand(listener, listener.waiting.popleft(), 0)

    def _reset(self, listener: Listener, exchange: Exchange) -> None:
        """The callee died with the request in its hands: the connection is reset."""
        self._journal_answer(listener.process.name, exchange, "reset", None)
        delay = self._distances[listener.process.host, exchange.client.host]
        if delay is not None:
            error = Unreachable(
                f"{listener.process.name} closed the connection of {exchange.request.method} {exchange.request.path} without an answer"
            )
            self._hop(delay, give, exchange.future, None, error)


def _ignore(future: asyncio.Future[Response]) -> None:
    if not future.cancelled():
        future.exception()


def _timed_out(exchange: Exchange) -> RestTimeout:
    return RestTimeout(f"{exchange.service} did not answer {exchange.request.method} {exchange.request.path} in time")
