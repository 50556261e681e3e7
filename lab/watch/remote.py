"""A running cloud as a feed, over HTTP: the journal's event stream, and the control surface beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import orjson

from lab.client.session import ApiError
from lab.client.surface import Surface, message_of
from lab.client.transports import OverHttp
from lab.cloud import Cloud
from lab.config import Config
from lab.journal import Entry
from lab.serve.access import environment
from lab.watch.dial import dial_of
from lab.watch.feed import ABILITIES, ClockNow, Entries, Feed, Lost, Missed, Seen, Travelled, Unable, Unheard
from lab.watch.line import ForeignLine, entry_of

RETRIES_S = (0.5, 1.0, 2.0, 5.0)
"""How long to wait before the connection is tried again; the last one for ever."""
STREAM_TIMEOUT = httpx.Timeout(10.0, read=40.0)
"""Seconds; a stream is never silent for long: the clock comes every second, a comment every 15."""
EVENTS = "text/event-stream"


class RemoteFeed(Feed):
    """A cloud at a URL, by a token or by a user's name and password; the user must be an administrator."""

    live = True

    def __init__(self, url: str, username: str = "admin", password: str = "", project: str = "admin", token: str = "") -> None:
        super().__init__()
        self.url = url.rstrip("/")
        self.title = self.url.partition("://")[2]
        self._transport = OverHttp(self.url)
        self.cloud = Cloud(self._transport, Config(), username, password, project)
        self.cloud.session.token = token
        self._surface = Surface(self.url, token, password, username, self.cloud.session.authenticate)
        """Its token may be another one than the façade's: a stopped cloud still gives it."""
        self._username, self._password, self._project = username, password, project
        self._run: int | None = None
        """The future that is watched; None until the cloud has said so."""

    async def connect(self) -> None:
        """Get a token if none was given, and find out what this cloud can do.

        Raises:
            Unheard: nothing answers at the URL, the token or the password is refused, or it is no Glasscloud.
        """
        if not self._surface.token:
            await self._log_in()
        answer = await self._send("GET", "clock")
        if answer.status_code == 404 or answer.status_code >= 500:
            self.unable = dict.fromkeys(ABILITIES, "real") | {}
            self.unable.pop("act", None)
        elif answer.status_code in (401, 403):
            raise Unheard("refused", self.url, message_of(answer))
        elif answer.status_code != 200 or not _is_json(answer):
            raise Unheard("foreign", self.url, f"{answer.status_code}")
        elif (clock := orjson.loads(answer.content)).get("world") == "real":
            self.dial = dial_of(clock)
            self.unable = dict.fromkeys(("pause", "step", "back", "branch", "faults", "ping"), "real")

    async def _log_in(self) -> None:
        """Get a token: from /glasscloud itself, whose clock may stand, else from keystone."""
        try:
            await self._surface.log_in()
        except httpx.TransportError as error:
            raise Unheard(reason_of(error), self.url, str(error)) from None
        except ApiError as error:
            raise Unheard("refused" if error.status in (401, 403) else "foreign", self.url, error.text) from None
        except (KeyError, ValueError):
            raise Unheard("foreign", self.url) from None

    # -- asking -------------------------------------------------------------------------------

    async def ask(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request to /glasscloud/… and answer its JSON, or None. Raises ApiError for a fault, Unheard."""
        answer = await self._send(method, what, body)
        if answer.status_code >= 400:
            raise ApiError("glasscloud", answer.status_code, message_of(answer))
        return orjson.loads(answer.content) if answer.content else None

    async def entry(self, seq: int) -> Entry:
        """An entry with its whole body, from the journal itself."""
        answer = await self._send("GET", f"journal?since={seq - 1}&limit=1")
        if answer.status_code >= 400:
            raise ApiError("glasscloud", answer.status_code, message_of(answer))
        found = entry_of(answer.content.rstrip(b"\n")) if answer.content else None
        if found is None or found.seq != seq:
            raise Unable("entry", "moved")
        return found

    async def _send(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            return await self._surface.send(method, what, body)
        except httpx.TransportError as error:
            raise Unheard(reason_of(error), self.url, str(error)) from None

    # -- watching -----------------------------------------------------------------------------

    async def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """Everything after `since`, for ever; a lost connection is tried again and goes on where it ended."""
        last, tries = since, 0
        while True:
            try:
                async for seen in self._stream(last):
                    tries = 0
                    if isinstance(seen, Entries) and seen.entries:
                        last = seen.entries[-1].seq
                    elif isinstance(seen, Missed):
                        last = max(last, seen.b)
                    elif isinstance(seen, Travelled):
                        last = seen.to
                    yield seen
                lost = Lost("closed", "")
            except httpx.TransportError as error:
                lost = Lost(reason_of(error), str(error))
            except Unheard as error:
                lost = Lost(error.reason, error.detail)
            except ApiError as error:
                lost = Lost({401: "refused", 403: "refused", 404: "foreign"}.get(error.status, "failing"), error.text)
            except (ForeignLine, ValueError, KeyError) as error:
                lost = Lost("foreign", str(error))
            if lost.reason == "refused":
                yield lost
                return
            wait = RETRIES_S[min(tries, len(RETRIES_S) - 1)]
            tries += 1
            yield replace(lost, retry_in_s=wait)
            await asyncio.sleep(wait)

    async def _stream(self, since: int) -> AsyncIterator[Seen]:
        """One connection to the event stream, as long as it lasts."""
        url = f"{self.url}/glasscloud/events?since={since}" + (f"&run={self._run}" if self._run is not None else "")
        headers = {"x-auth-token": self._surface.token, "accept": EVENTS}
        async with self._surface.http.stream("GET", url, headers=headers, timeout=STREAM_TIMEOUT) as answer:
            if answer.status_code == 401 and self._surface.renews:
                await self._log_in()
                return
            if answer.status_code != 200:
                await answer.aread()
                raise ApiError("glasscloud", answer.status_code, message_of(answer))
            kind = answer.headers.get("content-type", EVENTS)
            if not kind.startswith(EVENTS):
                raise Unheard("foreign", self.url, kind)
            async for name, data in events(answer.aiter_bytes()):
                seen = self._seen(name, data)
                if seen is not None:
                    yield seen

    def _seen(self, name: bytes, data: list[bytes]) -> Seen | None:
        if name == b"entries":
            return Entries([entry_of(line) for line in data])
        what = orjson.loads(b"".join(data))
        if name == b"clock":
            self._run = what.get("run", self._run)
            return ClockNow(what)
        if name == b"travel":
            self._run = what["run"]
            return Travelled(what["to"], what["run"])
        return Missed(what["from"], what["to"]) if name == b"missed" else None

    def login(self) -> dict[str, str]:
        """As `openrc` has it for this URL and this user."""
        if self._password:
            secret = {"OS_USERNAME": self._username, "OS_PASSWORD": self._password}
        else:
            secret = {"OS_AUTH_TYPE": "token", "OS_TOKEN": self._surface.token}
        return environment(self.url, secret, self._project)

    async def close(self) -> None:
        """Close the connections."""
        await self._surface.close()
        await self._transport.close()


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, list[bytes]]]:
    """Read server-sent events from bytes as they come: names and lines of data. Ids and comments are left out.

    As bytes, because a busy cloud sends megabytes of lines that are JSON for us and never text.
    """
    rest, name, data = b"", b"message", list[bytes]()
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data: "):
                data.append(line[6:])
            elif line.startswith(b"event: "):
                name = line[7:]
            elif not line:
                if data:
                    yield name, data
                name, data = b"message", []


def reason_of(error: httpx.TransportError) -> str:
    """What happened, as a reason of Lost."""
    if isinstance(error, httpx.ConnectError):
        return "nobody"
    if isinstance(error, httpx.TimeoutException):
        return "silent"
    return "foreign" if isinstance(error, httpx.UnsupportedProtocol) else "closed"


def _is_json(answer: httpx.Response) -> bool:
    try:
        return isinstance(orjson.loads(answer.content), dict)
    except orjson.JSONDecodeError:
        return False
