"""Where the command line takes entries from: a recorded file, a running cloud, a fresh run of an operation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.cloud import Cloud
    from lab.journal import Entry
    from lab.journal.formats import Flow


class Running:
    """The journal of a running cloud, read page by page."""

    def __init__(self, url: str, cloud: Cloud) -> None:
        import httpx

        self.url, self.cloud = url.rstrip("/"), cloud
        self.client = httpx.AsyncClient(timeout=60.0)

    async def page(self, since: int) -> bytes:
        """The next lines after a seq; empty when there are none yet. A token that expired is renewed.

        Raises Unreachable when the cloud is gone, ApiError for what it refuses.
        """
        import httpx

        from lab.client.session import ApiError
        from lab.errors import Unreachable

        for attempt in (1, 2):
            headers = {"x-auth-token": self.cloud.session.token}
            try:
                answer = await self.client.get(f"{self.url}/glasscloud/journal", params={"since": str(since)}, headers=headers)
            except httpx.TransportError as error:
                raise Unreachable(f"the cloud at {self.url} is gone: {str(error) or type(error).__name__}") from None
            if answer.status_code == 401 and attempt == 1:
                await self.cloud.session.authenticate()
                continue
            break
        if answer.status_code != 200:
            raise ApiError("journal", answer.status_code, answer.text)
        return answer.content


@asynccontextmanager
async def running(url: str, clouds: Path) -> AsyncIterator[Running]:
    """Log in to a running cloud with the password of its clouds.yaml."""
    from lab.cloud import Cloud

    if not url.startswith(("http://", "https://")):
        raise LabError(f"{url!r} is not the URL of a cloud; it looks like http://127.0.0.1:8774")
    async with Cloud.connect(url, password=password_of(clouds)) as cloud:
        journal = Running(url, cloud)
        try:
            yield journal
        finally:
            await journal.client.aclose()


def fetched(url: str, clouds: Path, since: int = 0) -> list[Entry]:
    """The native entries of a running cloud after a seq."""
    import asyncio

    from lab.journal.formats.lines import entry_of

    async def main() -> list[Entry]:
        found: list[Entry] = []
        async with running(url, clouds) as journal:
            while page := await journal.page(found[-1].seq if found else since):
                found.extend(entry_of(line) for line in page.splitlines())
        return found

    return asyncio.run(main())


def password_of(clouds: Path) -> str:
    """The administrator's password from the clouds.yaml that `glasscloud up` wrote."""
    import yaml

    try:
        return str(yaml.safe_load(clouds.read_text(encoding="utf-8"))["clouds"]["glasscloud"]["auth"]["password"])
    except (KeyError, TypeError, yaml.YAMLError):
        raise LabError(f"{clouds} has no cloud named glasscloud; name the file that `glasscloud up` wrote with --clouds") from None


def flow_of(what: str, connect: str, clouds: Path, seed: int | None) -> Flow:
    """The flow of an operation, of a recorded file, or of a running cloud. Raises LabError when it is not clear which."""
    from lab.journal.formats import Flow
    from lab.journal.formats.lines import read

    if bool(what) == bool(connect):
        raise LabError("say what to export: an operation of `trace list`, a recorded file, or --connect URL")
    if connect:
        return Flow(fetched(connect, clouds), title=connect)
    from lab.cli.operations import OPERATIONS, record

    if what in OPERATIONS:
        recording = record(what, seed)
        return Flow(recording.entries, recording.names, what)
    path = Path(what)
    if not path.exists():
        raise LabError(f"{what!r} is neither a file nor an operation; operations: {', '.join(OPERATIONS)}")
    if seed is not None:
        raise LabError(f"--seed is for a fresh run of an operation; {what} is recorded already")
    return Flow(read(path), title=path.name)
