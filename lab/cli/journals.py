"""Where the command line takes entries from: a recorded file, a running cloud, a fresh run of an operation."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.journal import Entry
    from lab.journal.formats import Flow

T = TypeVar("T")


class Running:
    """The journal of a running cloud, read page by page; the cloud itself, whose clock may stand, is asked nothing."""

    def __init__(self, url: str, token: str, password: str) -> None:
        from lab.client.surface import Surface

        self.surface = Surface(url, token, password)
        self.url = self.surface.url
        self._reached = False

    async def log_in(self) -> None:
        """Get a token of `/glasscloud`. Raises LabError when the cloud refuses, does not answer, or is none."""
        await self._told(self.surface.log_in())

    async def page(self, since: int, limit: int | None = None) -> bytes:
        """The next lines after a seq; empty when there are none yet."""
        return await self._get(f"journal?since={since}" + (f"&limit={limit}" if limit is not None else ""))

    async def run(self) -> int:
        """How many times the world was taken back to an earlier moment."""
        return int(json.loads(await self._get("clock")).get("run", 0))

    async def _get(self, what: str) -> bytes:
        """Ask. Raises Unreachable for a cloud that is gone, LabError for a refusal."""
        answer = await self._told(self.surface.send("GET", what))
        if answer.status_code in (401, 403):
            raise LabError(
                f"{self.url} refuses the token ({answer.status_code}); it must be an administrator's and not expired",
                ko=f"{self.url}에서 토큰을 거부했습니다({answer.status_code}). 관리자의 것이고 만료되지 않아야 합니다",
            )
        if answer.status_code != 200:
            raise LabError(
                f"{self.url} has no journal to read ({answer.status_code}); is it a `glasscloud up`?",
                ko=f"{self.url}에는 읽을 저널이 없습니다({answer.status_code}). `glasscloud up`이 맞는지 살펴보십시오",
            )
        return answer.content

    async def _told(self, asking: Awaitable[T]) -> T:
        """Wait for an answer, and say what it means that none came, or that the log-in failed."""
        import httpx

        from lab.client.session import ApiError
        from lab.errors import Unreachable

        try:
            answer = await asking
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            if self._reached:
                raise Unreachable(f"the cloud at {self.url} is gone ({why})", ko=f"{self.url}의 클라우드가 없어졌습니다({why})") from None
            raise Unreachable(
                f"no cloud answers at {self.url}: {why}; start one with `glasscloud up`",
                ko=f"{self.url}에서 응답하는 클라우드가 없습니다({why}). `glasscloud up`으로 시작하십시오",
            ) from None
        except ApiError as error:
            if error.status == 401:
                raise LabError(
                    f"{self.url} refuses the password (401); name its clouds.yaml with --clouds",
                    ko=f"{self.url}에서 비밀번호를 거부했습니다(401). 그 클라우드의 clouds.yaml을 --clouds로 주십시오",
                ) from None
            raise LabError(
                f"{self.url} answers, but not as a cloud does; is it the URL that `glasscloud up` printed?",
                ko=f"{self.url}에서 응답한 것은 클라우드가 아닙니다. `glasscloud up`이 알려 준 URL인지 살펴보십시오",
            ) from None
        self._reached = True
        return answer


def cloud_url(given: str) -> str:
    """The URL of a cloud, which people also write as HOST:PORT. Raises LabError when it is neither."""
    if re.fullmatch(r"https?://[^/\s]+.*", given):
        return given
    if re.fullmatch(r"[\w.-]+:\d+/?", given):
        return f"http://{given}"
    raise LabError(
        f"{given!r} is not the URL of a cloud; it looks like http://127.0.0.1:8774",
        ko=f"{given!r}: 클라우드의 URL이 아닙니다. http://127.0.0.1:8774처럼 쓰십시오",
    )


@asynccontextmanager
async def running(url: str, clouds: Path, token: str = "") -> AsyncIterator[Running]:
    """Reach a running cloud by a token, or log in with the password of its clouds.yaml."""
    journal = Running(cloud_url(url), token, "" if token else password_of(clouds))
    try:
        if not token:
            await journal.log_in()
        yield journal
    finally:
        await journal.surface.close()


def fetched(url: str, clouds: Path, since: int = 0, token: str = "") -> list[Entry]:
    """The native entries of a running cloud after a seq."""
    import asyncio

    from lab.journal.formats.lines import entry_of

    async def main() -> list[Entry]:
        found: list[Entry] = []
        async with running(url, clouds, token) as journal:
            while page := await journal.page(found[-1].seq if found else since):
                found.extend(entry_of(line) for line in page.splitlines())
        return found

    return asyncio.run(main())


def password_of(clouds: Path) -> str:
    """The administrator's password from the clouds.yaml that `glasscloud up` wrote."""
    import yaml

    try:
        return str(yaml.safe_load(clouds.read_text(encoding="utf-8"))["clouds"]["glasscloud"]["auth"]["password"])
    except FileNotFoundError:
        raise LabError(
            f"there is no {clouds}; name the clouds.yaml that `glasscloud up` wrote with --clouds",
            ko=f"{clouds}: 그런 파일이 없습니다. `glasscloud up`이 쓴 clouds.yaml을 --clouds로 주십시오",
        ) from None
    except (KeyError, TypeError, yaml.YAMLError):
        raise LabError(
            f"{clouds} has no cloud named glasscloud; name the file that `glasscloud up` wrote with --clouds",
            ko=f"{clouds}: glasscloud라는 클라우드가 없습니다. `glasscloud up`이 쓴 파일을 --clouds로 주십시오",
        ) from None


def flow_of(what: str, seed: int | None, connect: str, clouds: Path, token: str) -> Flow:
    """The flow of an operation, of a recorded file, or of a running cloud. Raises LabError when it is not clear which."""
    from lab.journal.formats import Flow
    from lab.journal.formats.lines import read

    if bool(what) == bool(connect):
        raise LabError(
            "say which messages: an operation of `trace list`, a recorded file, or --connect URL",
            ko="어느 메시지인지 쓰십시오. `trace list`의 작업, 기록된 파일, --connect URL 가운데 하나입니다",
        )
    if connect:
        return Flow(fetched(connect, clouds, token=token), title=connect.partition("://")[2])
    from lab.cli.operations import OPERATIONS, record

    if what in OPERATIONS:
        recording = record(what, seed)
        return Flow(recording.entries, recording.names, what)
    path = Path(what)
    if not path.exists():
        every = ", ".join(OPERATIONS)
        raise LabError(
            f"{what!r} is neither a file nor an operation; operations: {every}", ko=f"{what!r}: 파일도 작업도 아닙니다. 작업: {every}"
        )
    if seed is not None:
        raise LabError(
            f"--seed is for a fresh run of an operation; {what} is recorded already",
            ko=f"--seed는 작업을 새로 실행할 때 씁니다. {what}: 이미 기록된 것입니다",
        )
    return Flow(read(path), title=path.name)
