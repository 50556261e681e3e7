"""A lesson in the terminal: shows each step, reads what the student types, and says what came of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lab.cli.lanes import Sequence
from lab.cli.lesson_words import say
from lab.errors import LabError

if TYPE_CHECKING:
    from rich.console import Console

    from lab.teach.lesson import Lesson
    from lab.teach.lesson_session import View
    from lab.watch.lecture import Lecture, Said

COMMANDS = {"again": "again", "다시": "again", "quit": "quit", "q": "quit", "그만": "quit", "help": "help", "?": "help", "도움말": "help"}
"""What can be typed at every step of the terminal, beside what a lecture takes."""
PROMPTS = {"text": "enter", "act": "go", "predict": "answer", "find": "answer", "do": "check"}
SIGNS = {"good": ("✔", "bold green"), "bad": ("✘", "bold yellow"), "hint": ("☞", "bold cyan")}


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
    """A file of answers: each step's id with what is typed there, one line or a list of lines; then Enter, once."""

    def __init__(self, path: Path, lesson: Lesson, lang: str, console: Console) -> None:
        import yaml

        self._path, self._lang, self._console = path, lang, console
        try:
            given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            why = str(error).partition("\n")[0]
            raise LabError(f"{path} is not YAML: {why}", ko=f"{path}: YAML이 아닙니다: {why}") from None
        if not isinstance(given, dict):
            raise LabError(f"{path} must be a mapping of steps to what is typed there", ko=f"{path}: 단계마다 입력할 것을 적어야 합니다")
        for step in given:
            lesson.index(str(step))
        self._lines = {step: [str(line) for line in (lines if isinstance(lines, list) else [lines])] for step, lines in given.items()}
        self._entered = ""

    async def line(self, step: str, prompt: str) -> str:
        lines = self._lines.get(step, [])
        if lines:
            line = lines.pop(0)
        elif self._entered != step:
            line, self._entered = "", step
        else:
            unanswered = {lang: say("unanswered", lang, file=self._path, step=step) for lang in ("en", "ko")}
            raise LabError(unanswered["en"], ko=unanswered["ko"])
        self._console.print(f"[bold cyan]{prompt} ▸[/] {line}", highlight=False)
        return line


class Classroom:
    """One lesson between a lecture and a student's lines."""

    def __init__(self, lecture: Lecture, source: Source, console: Console, keep: Callable[[dict[str, Any]], None]) -> None:
        """`keep` is called after every line with all that is needed to go on from there."""
        self.lecture, self.source, self.console = lecture, source, console
        self._keep = keep
        self.lang = lecture.session.lang

    def say(self, key: str, style: str = "", **values: object) -> None:
        """Print something that the command itself says."""
        self.console.print(say(key, self.lang, **values), style=style, highlight=False, markup=False)

    async def teach(self) -> None:
        """Go on to the end of the lesson. Raises Left when the student leaves before."""
        lecture = self.lecture
        await lecture.go_on()
        while lecture.view is not None:
            self._keep(lecture.guide.memo())
            self.heading(lecture.view)
            await self.step(lecture.view.id)
        self.say("end", "bold green")

    async def step(self, step: str) -> None:
        """Take lines until another step is shown."""
        lecture = self.lecture
        while lecture.view is not None and lecture.view.id == step:
            line = await self.source.line(step, self.prompt(lecture.view))
            if line in COMMANDS:
                self.command(COMMANDS[line], lecture.view)
                continue
            told = len(lecture.said)
            await lecture.typed(line, self.console.width)
            for said in lecture.said[told:]:
                await self.told(said)
            if lecture.passed:
                await lecture.next()
            self._keep(lecture.guide.memo())

    def prompt(self, view: View) -> str:
        """What is asked at this step."""
        return f"1-{len(view.choices)}" if view.choices else say(PROMPTS[view.kind], self.lang)

    def heading(self, view: View) -> None:
        """Show the step."""
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

    def command(self, name: str, view: View) -> None:
        """One of the words that can be typed at every step. Raises Left."""
        if name == "quit":
            raise Left
        if name == "again":
            self.heading(view)
            return
        self.say("help", "dim")
        if view.kind == "do":
            self.say("do-help", "dim")
        for each in dict.fromkeys(self.lecture.guide.hands.usage().values()):
            self.console.print(f"    {each}", style="dim", highlight=False, markup=False)

    async def told(self, said: Said) -> None:
        """Show something that was said; the messages of a request are drawn over lanes."""
        if said.kind in SIGNS:
            sign, style = SIGNS[said.kind]
            self.console.print(sign, style=style, end=" ")
            self.words(said.text)
            return
        if said.text:
            self.console.print(said.text, style="yellow" if said.kind == "refused" else "", highlight=False, markup=False)
        if said.request:
            await self.drawn(said.request)
            return
        for line in said.lines:
            self.console.print(f"    {line}", style="dim", highlight=False, markup=False, no_wrap=True, overflow="ellipsis")

    async def drawn(self, request: str) -> None:
        """Draw the messages of a request over lanes."""
        from lab.journal.export import trace

        rows = trace(await self.lecture.guide.trace(request))
        start = rows[0]["t_ms"] if rows else 0.0
        sequence = Sequence(self.console, self.lang)
        sequence.header()
        sequence.rows({**row, "t_ms": row["t_ms"] - start} for row in rows)
