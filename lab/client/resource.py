"""What all nouns share: a resource is what the API last said of it, a collection is where it lives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import urlencode

from lab.client.session import ApiError, Session
from lab.errors import LabError, NotFound

FIRST_S, LAST_S = 0.1, 1.0
"""How long a wait sleeps before it looks again, at first and at last. Source of the last: tempest's build_interval.
A real cloud may need 0.1 s for what would then look like a second.
"""


def pauses(interval: float | None) -> Iterator[float]:
    """Seconds between looks: always `interval`, or from FIRST_S to LAST_S, twice as long each time, when that is None."""
    pause = FIRST_S if interval is None else interval
    while True:
        yield pause
        if interval is None:
            pause = min(2 * pause, LAST_S)


class WaitFailed(LabError):
    """A resource went into a state from which the awaited one cannot be reached, or the time was up."""


class Resource:
    """One thing of the cloud. `data` is the API's own body; `refresh` reads it anew."""

    wrong: ClassVar[tuple[str, ...]] = ("ERROR", "error", "killed")
    """States in which waiting for another one ends with an error."""

    def __init__(self, collection: Collection[Any], data: dict[str, Any]) -> None:
        self.collection, self.data = collection, data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or ''} {self.id} {self.status or ''}>"

    @property
    def id(self) -> str:
        """Its UUID."""
        return str(self.data["id"])

    @property
    def name(self) -> str | None:
        """Its name."""
        return self.data.get("name")

    @property
    def told(self) -> str:
        """What it is and its name, as sentences say it: 'server web'."""
        return f"{type(self).__name__.lower()} {self.name or self.id}"

    @property
    def status(self) -> str | None:
        """Its state as the API shows it."""
        return self.data.get("status")

    async def refresh(self) -> Self:
        """Read it anew. Raises ApiError 404 when it is gone."""
        self.data = (await self.collection.get(self.id)).data
        return self

    async def delete(self) -> None:
        """Ask for its end; `wait_gone` waits for it."""
        await self.collection.delete(self.id)

    async def wait_for(self, *states: str, timeout: float = 300.0, interval: float | None = None) -> Self:
        """Poll until it is in one of the states (tempest's build_timeout, 300 s), every `interval` seconds or as `pauses` says.

        Raises WaitFailed when it went into an error state that was not asked for, or the time is up.
        """
        transport = self.collection.session.transport
        end, pause = transport.now() + timeout, pauses(interval)
        while self.status not in states:
            if self.status in self.wrong:
                raise WaitFailed(f"{self.told} is {self.status}{self.why()}", ko=f"{self.told}: {self.status}입니다{self.why()}")
            if transport.now() >= end:
                raise WaitFailed(
                    f"{self.told} is {self.status} after {timeout:g} s, not {' or '.join(states)}",
                    ko=f"{self.told}: {timeout:g}초 뒤에도 {' 또는 '.join(states)}이(가) 아니라 {self.status}입니다",
                )
            await transport.sleep(next(pause))
            await self.refresh()
        return self

    async def wait_gone(self, timeout: float = 300.0, interval: float | None = None) -> None:
        """Poll until the API does not know it any more, every `interval` seconds or as `pauses` says."""
        transport = self.collection.session.transport
        end, pause = transport.now() + timeout, pauses(interval)
        while True:
            try:
                await self.refresh()
            except ApiError as error:
                if error.status == 404:
                    return
                raise
            if self.status in self.wrong and self.status != "ERROR":
                raise WaitFailed(f"{self.told} is {self.status}{self.why()}", ko=f"{self.told}: {self.status}입니다{self.why()}")
            if transport.now() >= end:
                raise WaitFailed(f"{self.told} is still there after {timeout:g} s", ko=f"{self.told}: {timeout:g}초 뒤에도 아직 있습니다")
            await transport.sleep(next(pause))

    def why(self) -> str:
        """The reason of a bad state, as far as the API tells it."""
        fault = self.data.get("fault")
        return f": {fault['message']}" if fault else ""


R = TypeVar("R", bound=Resource)
NAMES = 20
"""As many names are listed for who asks for one that nothing has."""


class Collection(Generic[R]):
    """All things of one noun."""

    service: ClassVar[str]
    path: ClassVar[str]
    key: ClassVar[str]
    plural: ClassVar[str]
    kind: type[R]
    detail: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        self.session = session

    def make(self, data: dict[str, Any]) -> R:
        """A resource of what the API said."""
        return self.kind(self, data)

    async def _create(self, body: dict[str, Any]) -> R:
        content = {name: value for name, value in body.items() if value is not None}
        answer = await self.session.json(self.service, "POST", self.path, {self.key: content})
        return self.make(answer[self.key])

    async def get(self, resource_id: str) -> R:
        """The one with this id. Raises ApiError 404."""
        answer = await self.session.json(self.service, "GET", f"{self.path}/{resource_id}")
        return self.make(answer[self.key])

    async def list(self, **filters: str | int | bool) -> list[R]:
        """All that the caller may see and the filters let through, however many pages they are; `limit` asks for one page."""
        found: list[R] = []
        asked = dict(filters)
        while True:
            query = f"?{urlencode(asked)}" if asked else ""
            answer = await self.session.json(self.service, "GET", f"{self.path}{self.detail}{query}")
            found += [self.make(data) for data in answer[self.plural]]
            if "limit" in filters or not self._goes_on(answer):
                return found
            asked["marker"] = found[-1].id

    def _goes_on(self, answer: dict[str, Any]) -> bool:
        """Whether a page says that another follows: glance in a field of its own, the others in links."""
        links = answer.get(f"{self.plural}_links") or ()
        return bool(answer[self.plural]) and ("next" in answer or any(link["rel"] == "next" for link in links))

    async def find(self, name: str) -> R:
        """The one with this name. Raises NotFound when there is none or more than one."""
        there = await self.list()
        found = [r for r in there if r.name == name]
        if not found:
            names = ", ".join(sorted({r.name for r in there if r.name})[:NAMES]) or "none"
            raise NotFound(f"none of the {self.plural} is named {name!r}; there are: {names}")
        if len(found) > 1:
            raise NotFound(f"{len(found)} {self.plural} are named {name!r}; give an id instead")
        return found[0]

    async def delete(self, resource_id: str) -> None:
        """Ask for the end of the one with this id."""
        await self.session.send(self.service, "DELETE", f"{self.path}/{resource_id}")
