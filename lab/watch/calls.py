"""Listens to what a façade asks of a cloud, so that a face can show each call and open it in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.client.session import Transport
from lab.rest.message import Response
from lab.watch.film import Film

KEPT = 50
"""How many calls are remembered."""


@dataclass(slots=True)
class Call:
    """One request that was sent."""

    service: str
    method: str
    target: str
    since: int
    """The journal's last known seq when it was sent: it stands after it."""
    status: int = 0
    """The answer's status; 0 while there is none, -1 when none can come any more."""
    request_id: str = ""
    seq: int = 0
    """Its journal entry, 0 until it is found."""

    @property
    def words(self) -> str:
        """Method and path, as the cloud's one URL has them."""
        return f"{self.method} /{self.service}{self.target}"


class Overheard:
    """A transport that notes what passes through it; `heard` is called when something did."""

    def __init__(self, inner: Transport, last_seq: Callable[[], int], heard: Callable[[], None]) -> None:
        self.inner, self._last_seq, self._heard = inner, last_seq, heard
        self.calls: list[Call] = []
        """Oldest first."""

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send one request, and note it and its answer."""
        call = Call(service, method, target, self._last_seq())
        self.calls.append(call)
        del self.calls[:-KEPT]
        self._heard()
        try:
            response = await self.inner.request(service, method, target, headers, body)
        except BaseException:
            call.status = -1
            raise
        else:
            call.status = response.status
            call.request_id = next((v for k, v in response.headers.items() if k.lower() == "x-openstack-request-id"), "")
            return response
        finally:
            self._heard()

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        await self.inner.sleep(seconds)

    def now(self) -> float:
        """Seconds on the cloud's clock."""
        return self.inner.now()


def seq_of(call: Call, film: Film) -> int:
    """The journal entry of a call, 0 while it has not come."""
    if not call.seq:
        for entry in film.slice(film.index(call.since + 1)):
            if entry.kind != "rest" or entry.name != call.method or entry.where != call.target:
                continue
            if entry.source.startswith("client") and (not call.request_id or entry.request_id == call.request_id):
                call.seq = entry.seq
                break
    return call.seq
