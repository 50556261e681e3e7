"""The ways to a cloud: inside its world, through a runner from a foreign event loop, over HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

from lab.context import Context
from lab.errors import Unreachable
from lab.process import Process
from lab.rest.message import Request, Response, Stream

T = TypeVar("T")
TIMEOUT_S = 300.0


REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What a client may give a request as its id; anything else is not repeated. Source: oslo.middleware's request_id."""


class InWorld:
    """A client process in the cloud's own world and time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request through the in-process transport."""
        process = self._process
        return await enter(process, service, Request(method, target, dict(headers), body, process.name))

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        await asyncio.sleep(seconds)

    def now(self) -> float:
        """Seconds on the cloud's clock."""
        return self._process.runtime.now()


async def enter(process: Process, service: str, request: Request, keep_stream: bool = False) -> Response:
    """Send a client's request into the cloud, as a stream where the route takes one.

    The answer's body is bytes, unless a stream may be kept by one who reads it inside the world.
    """
    request_id = request.headers.pop("x-openstack-request-id", "")  # from here on the context has it
    if not REQUEST_ID.fullmatch(request_id):
        request_id = f"req-{process.uuid()}"
    ctx = Context(request_id=request_id)
    if request.body and takes_stream(process, service, request):
        body = request.body
        request.stream, request.body = Stream(lambda: _once(body), len(body)), b""
    response = await process.wires.router.call(process, ctx, service, request)
    if isinstance(response.body, Stream) and not keep_stream:
        response.body = await gather(response.body)
    return response


def takes_stream(process: Process, service: str, request: Request) -> bool:
    """Whether the request's route reads its body as a stream."""
    if not process.wires.router.listeners.get(service):
        return False  # the request itself will find that nobody listens
    found = process.wires.router.api(service).trie.match(request.path)
    return bool(found and any(route.streaming for route in found[0].get(request.method, ())))


async def gather(stream: Stream) -> bytes:
    """All bytes of a stream."""
    return b"".join([chunk async for chunk in stream.open()])


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Drives(Protocol):
    """A runner: runs a coroutine function inside the world."""

    async def call(self, work: Callable[[], Awaitable[Any]], label: str = "") -> Any:
        """Run it and answer its result."""
        ...


class ThroughRunner:
    """A client on a foreign event loop; its requests and its waiting are done inside the world."""

    def __init__(self, runner: Drives, process: Process) -> None:
        self._runner, self._inner, self._process = runner, InWorld(process), process

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request into the world."""
        label = f"{method} /{service}{target}"
        response: Response = await self._runner.call(
            lambda: self._inner.request(service, method, target, headers, body), label
        )
        return response

    async def within(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function inside the world and answer its result."""
        result: T = await self._runner.call(work)
        return result

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        await self._runner.call(lambda: asyncio.sleep(seconds))

    def now(self) -> float:
        """Seconds on the cloud's clock."""
        return self._process.runtime.now()


class OverHttp:
    """A client of a running cloud at a URL."""

    def __init__(self, url: str) -> None:
        import httpx

        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S)

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request over HTTP. Raises Unreachable when nothing answers there."""
        import httpx

        try:
            answer = await self._client.request(method, f"{self._url}/{service}{target}", headers=headers, content=body)
        except httpx.ReadTimeout as error:
            raise Unreachable(
                f"the cloud at {self._url} did not answer within {TIMEOUT_S:g} s; does its clock stand?",
                ko=f"{self._url}의 클라우드가 {TIMEOUT_S:g}초 안에 응답하지 않았습니다. 시계가 멈춰 있지 않은지 살펴보십시오",
            ) from error
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(
                f"no cloud answers at {self._url}: {why}; start one with `glasscloud up`",
                ko=f"{self._url}에서 응답하는 클라우드가 없습니다({why}). `glasscloud up`으로 시작하십시오",
            ) from error
        return Response(answer.status_code, answer.content, dict(answer.headers))

    async def sleep(self, seconds: float) -> None:
        """Wait on this machine's clock."""
        await asyncio.sleep(seconds)

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
