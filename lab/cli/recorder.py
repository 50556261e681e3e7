"""`glasscloud trace record`: a running cloud's journal as it grows, written to a file that can be gone on with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from lab.cli.demo import Lang, native
from lab.cli.exports import Clouds, Connect, Token

if TYPE_CHECKING:
    from lab.cli.journals import Running

POLL_S = 0.5
"""How often a cloud is asked whether there is more."""
TAIL_BYTES = 1 << 16
"""How far back the last line of a recording is looked for at first."""
WORDS = {
    "begins": {
        "en": "recording {url} to {path} from entry {seq:,} on; Ctrl-C ends it",
        "ko": "{url}의 {seq:,}번 항목부터 {path}에 기록합니다. Ctrl-C를 누르면 끝납니다",
    },
    "told": {
        "en": "{path} has {count:,} new entries, up to entry {seq:,}",
        "ko": "{path}에 새 항목 {count:,}개를 {seq:,}번까지 기록했습니다",
    },
    "goes-on": {"en": "{told}; the same command goes on there", "ko": "{told}. 같은 명령을 다시 쓰면 거기서 이어집니다"},
}


def record(
    connect: Connect = "",
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="JSON Lines; one that exists is gone on with.")] = None,
    clouds: Clouds = Path("clouds.yaml"),
    token: Token = "",
    once: Annotated[bool, typer.Option("--once", help="Write what there is, and end.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)] = None,
) -> None:
    """Keep a running cloud's journal in a file.

    It goes on until Ctrl-C; `glasscloud tui --replay FILE` shows it again. When it was ended, or the cloud was, the same
    command goes on where the file ends.
    """
    import asyncio

    from lab.errors import LabError

    if not connect or out is None:
        call = "glasscloud trace record --connect http://127.0.0.1:8774 -o journal.jsonl"
        raise LabError(f"say which cloud and which file: {call}", ko=f"어느 클라우드를 어느 파일에 기록할지 쓰십시오: {call}")
    spoken = (lang or native()).value
    recorder = Recorder(out, spoken)
    try:
        asyncio.run(recorder.run(connect, clouds, token, once))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        if not recorder.seq:
            raise typer.Exit(130) from None  # nothing is there yet to go on with
    except LabError as error:
        if not recorder.count:
            raise
        raise LabError(f"{error}; {recorder.told('en')}", ko=f"{error.say('ko')}. {recorder.told('ko')}") from None
    print(WORDS["goes-on"][spoken].format(told=recorder.told(spoken)), file=sys.stderr)


class Recorder:
    """One recording: the file, how far it is, and how much came in now."""

    def __init__(self, path: Path, lang: str) -> None:
        self.path, self.lang = path, lang
        self.seq, self.count = 0, 0

    def told(self, lang: str) -> str:
        """What was written."""
        return WORDS["told"][lang].format(path=self.path, count=self.count, seq=self.seq)

    async def run(self, url: str, clouds: Path, token: str, once: bool) -> None:
        """Record until there is no more (once), or for ever.

        Raises LabError when the file is no journal or one of another run, and when the world is taken back to an earlier moment.
        """
        import asyncio

        from lab.cli.journals import running
        from lab.errors import LabError

        async with running(url, clouds, token) as journal:
            run = await journal.run()  # who may not look makes no file
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                last = whole_end(file, self.path)
                await self.same_run(journal, last)
                print(WORDS["begins"][self.lang].format(url=journal.url, path=self.path, seq=self.seq + 1), file=sys.stderr)
                while True:
                    page = await journal.page(self.seq)
                    if await journal.run() != run:
                        raise LabError(
                            "the cloud was taken back to an earlier moment; record its new future to another file",
                            ko="클라우드를 앞선 시점으로 되돌렸습니다. 새 미래는 다른 파일에 기록하십시오",
                        )
                    if page:
                        self.write(file, page)
                    elif once:
                        return
                    else:
                        await asyncio.sleep(POLL_S)

    async def same_run(self, journal: Running, last: bytes) -> None:
        """Go on after the file's last line, if the cloud has the same one."""
        from lab.errors import LabError
        from lab.journal.formats.lines import entry_of

        if not last:
            return
        seq = entry_of(last).seq
        if (await journal.page(seq - 1, 1)).rstrip(b"\n") != last:
            raise LabError(
                f"{self.path} is a recording of another cloud, or of another run of this one; choose another file",
                ko=f"{self.path}: 다른 클라우드나 다른 실행의 기록입니다. 다른 파일을 고르십시오",
            )
        self.seq = seq

    def write(self, file: BinaryIO, page: bytes) -> None:
        """Append whole lines."""
        from lab.journal.formats.lines import entry_of

        file.write(page)
        file.flush()
        self.count += page.count(b"\n")
        self.seq = entry_of(page.rstrip(b"\n").rpartition(b"\n")[2]).seq


def whole_end(file: BinaryIO, path: Path) -> bytes:
    """Cut off a last line that was not written whole, and answer the last whole one. Raises LabError when it is no journal's."""
    from lab.errors import LabError
    from lab.journal.formats.lines import entry_of, shown

    size = file.seek(0, os.SEEK_END)
    room = TAIL_BYTES
    while True:
        file.seek(max(0, size - room))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        last = whole.rstrip(b"\n").rpartition(b"\n")
        if last[1] or room >= size:  # its beginning is in sight, or the file's
            break
        room *= 4
    if last[2]:
        try:
            entry_of(last[2])
        except ValueError:
            raise LabError(
                f"{path} is no recorded journal: it ends with {shown(last[2])!r}; choose another file",
                ko=f"{path}: 기록된 저널이 아닙니다({shown(last[2])!r}로 끝납니다). 다른 파일을 고르십시오",
            ) from None
    elif size:
        raise LabError(
            f"{path} is no recorded journal: it has no whole line; choose another file",
            ko=f"{path}: 기록된 저널이 아닙니다(온전한 줄이 없습니다). 다른 파일을 고르십시오",
        )
    file.truncate(size - len(tail) + len(whole))
    return last[2]
