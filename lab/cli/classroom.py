"""A lesson in the terminal: shows each step, reads what the student types, and says what came of it."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lab.cli.lanes import Sequence
from lab.cli.lesson_words import say
from lab.errors import LabError
from lab.teach.lesson_hands import CLOUD_USAGE, Outcome
from lab.teach.lesson_table import Table
from lab.teach.lesson_terms import Slip
from lab.teach.schema import known

if TYPE_CHECKING:
    from rich.console import Console

    from lab.teach.lesson import Lesson
    from lab.teach.lesson_guide import Guide
    from lab.teach.lesson_session import Reply

COMMANDS: Mapping[str, str] = {
    "hint": "hint", "힌트": "hint", "show": "show", "보기": "show", "again": "again", "다시": "again", "quit": "quit", "q": "quit",
    "그만": "quit", "help": "help", "?": "help", "도움말": "help",
}
PROMPTS = {"text": "enter", "act": "go", "predict": "answer", "find": "answer", "do": "check"}


class Left(Exception):
    """The student leaves."""


class Source(Protocol):
    """Where the student's lines come from."""

    async def line(self, step: str, prompt: str) -> str:
        """The next line. Raises Left when there is none."""
        ...


class Keyboard:
    """Lines of standard input; the event loop, and with it the cloud's connection, goes on while it waits."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest = b""

    async def line(self, step: str, prompt: str) -> str:
        self._console.print(f"[bold cyan]{prompt} ▸[/] ", end="")
        while b"\n" not in self._rest:
            data = await self._read()
            if not data:
                if self._rest:
                    break
                self._console.print()
                raise Left
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\n")
        return text.decode("utf-8", "replace").strip()

    async def _read(self) -> bytes:
        loop, number = asyncio.get_running_loop(), sys.stdin.fileno()
        ready = asyncio.Event()
        try:
            loop.add_reader(number, ready.set)
        except (OSError, NotImplementedError):
            return os.read(number, 65536)  # a file: there is nothing to wait for
        try:
            await ready.wait()
        finally:
            loop.remove_reader(number)
        return os.read(number, 65536)


class Answers:
    """A file of answers: each step's id with what is typed there, one line or a list of lines. What only is read goes on by itself."""

    def __init__(self, path: Path, lesson: Lesson, lang: str, console: Console) -> None:
        import yaml

        self._path, self._lang, self._console = path, lang, console
        try:
            given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise LabError(f"{path} is not YAML: {str(error).partition(chr(10))[0]}") from None
        if not isinstance(given, dict):
            raise LabError(f"{path} must be a mapping of steps to what is typed there")
        ids = [step.id for step in lesson.steps]
        for step in given:
            if step not in ids:
                raise LabError(f"{path}: lesson {lesson.name} has no step {step!r}; {known(str(step), ids)}")
        self._lines = {step: [str(line) for line in (lines if isinstance(lines, list) else [lines])] for step, lines in given.items()}
        self._read_only = {step.id for step in lesson.steps if step.kind in {"text", "act"}}
        self._checked = ""

    async def line(self, step: str, prompt: str) -> str:
        lines = self._lines.get(step, [])
        if lines:
            line = lines.pop(0)
        elif step in self._read_only or self._checked != step:
            line = ""
            self._checked = step
        else:
            raise LabError(say("unanswered", self._lang, file=self._path, step=step))
        self._console.print(f"[bold cyan]{prompt} ▸[/] {line}", highlight=False)
        return line


class Classroom:
    """One lesson between a guide and a student's lines."""

    def __init__(self, guide: Guide, source: Source, console: Console, keep: Callable[[dict[str, Any]], None], clouds: Path | None) -> None:
        self.guide, self.session, self.source, self.console = guide, guide.session, source, console
        self._keep, self._clouds = keep, clouds
        self.lang = guide.session.lang

    def say(self, key: str, style: str = "", **values: object) -> None:
        """Print something that the command itself says."""
        self.console.print(say(key, self.lang, **values), style=style, highlight=False, markup=False)

    async def teach(self) -> None:
        """Go on to the end of the lesson. Raises Left when the student leaves before."""
        while not self.session.finished:
            await self.guide.begin()
            self._keep(self.guide.memo())
            self.heading()
            at = self.session.at
            while self.session.at == at:
                line = await self.source.line(self.session.step.id, self.prompt())
                try:
                    await self.heard(line)
                except Slip as slip:
                    self.console.print(slip.say(self.lang), style="yellow", highlight=False, markup=False)
                self._keep(self.guide.memo())
        self.say("end", "bold green")

    def prompt(self) -> str:
        """What is asked at this step."""
        choices = len(self.session.step.choices)
        return f"1-{choices}" if choices else say(PROMPTS[self.session.step.kind], self.lang)

    def heading(self) -> None:
        """Show the step."""
        view = self.session.view()
        self.console.print()
        self.console.rule(f"[bold]{view.title}[/]  [dim]{say('step', self.lang, number=view.number, of=view.of)}[/]", align="left")
        self.words(view.text)
        for number, (_, label) in enumerate(view.choices, 1):
            self.words(f"**{number}** {label}")

    def words(self, text: str) -> None:
        """Print Markdown."""
        from rich.markdown import Markdown

        if text:
            self.console.print(Markdown(text, code_theme="ansi_dark"))

    # -- what is typed ------------------------------------------------------------------------

    async def heard(self, line: str) -> None:
        """Do what a line says. Raises Slip when it cannot be done."""
        kind, verb = self.session.step.kind, line.partition(" ")[0]
        if line in COMMANDS:
            await self.command(COMMANDS[line])
        elif verb == "openstack":
            await self.client(line)
        elif line in self.session.step.choices or (kind in {"predict", "find"} and verb not in {**CLOUD_USAGE, **Table.USAGE}):
            self.told(await self.guide.answer(line))
        elif line:
            for outcome in await self.guide.typed(line):
                await self.drawn(outcome)
        elif kind == "do":
            self.told(await self.guide.check())
        else:
            await self.told_by(self.guide.show())

    async def command(self, name: str) -> None:
        """One of the words that can be typed at every step."""
        if name == "quit":
            raise Left
        if name == "again":
            self.heading()
        elif name == "show":
            await self.told_by(self.guide.show())
        elif name == "hint":
            self.words(f"*{say('hint', self.lang)}*: {self.session.hint()}")
        else:
            self.say("help", "dim")
            if self.session.step.kind == "do":
                self.say("do-help", "dim")
                usage = {**({} if self.guide.hands.table.bare else Table.USAGE), **CLOUD_USAGE}
                for each in dict.fromkeys(usage.values()):
                    self.console.print(f"    {each}", style="dim", highlight=False, markup=False)

    async def client(self, line: str) -> None:
        """Run the openstack client against the lesson's cloud."""
        beside = Path(sys.executable).with_name("openstack")
        program = str(beside) if beside.exists() else shutil.which("openstack")
        if program is None or self._clouds is None:
            self.say("no-client", "yellow")
            return
        try:
            words = shlex.split(line)[1:]
        except ValueError as error:
            self.console.print(f"openstack: {error}", style="yellow", highlight=False, markup=False)
            return
        env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        env |= {"OS_CLIENT_CONFIG_FILE": str(self._clouds.resolve()), "OS_CLOUD": "glasscloud"}
        process = await asyncio.create_subprocess_exec(program, *words, env=env, stdin=asyncio.subprocess.DEVNULL)
        await process.wait()

    # -- what is answered ---------------------------------------------------------------------

    async def told_by(self, work: Awaitable[tuple[list[Outcome], Reply]]) -> None:
        """Show what was done, and then what the lesson says to it."""
        outcomes, reply = await work
        for outcome in outcomes:
            await self.drawn(outcome)
        self.told(reply)

    def told(self, reply: Reply) -> None:
        """Show what the lesson says."""
        if reply.text:
            self.console.print("✔" if reply.accepted else "✘", style="bold green" if reply.accepted else "bold yellow", end=" ")
            self.words(reply.text)

    async def drawn(self, outcome: Outcome) -> None:
        """Show what came of one piece of work; the messages of a request are drawn over lanes."""
        from lab.journal.export import trace

        if outcome.text:
            self.console.print(outcome.text, style="" if outcome.ok else "yellow", highlight=False, markup=False)
        for line in outcome.lines:
            self.console.print(f"    {line}", style="dim", highlight=False, markup=False, no_wrap=True, overflow="ellipsis")
        if outcome.request:
            rows = trace(await self.guide.trace(outcome.request))
            start = rows[0]["t_ms"] if rows else 0.0
            sequence = Sequence(self.console)
            sequence.header()
            sequence.rows({**row, "t_ms": row["t_ms"] - start} for row in rows)
