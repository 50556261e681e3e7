"""The command `glasscloud`: one file a noun, each imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from itertools import pairwise
from typing import Any

# Command -> module of lab.cli with a Typer app or a function of that name, and its line in the overview.
COMMANDS = {
    "demo": "Watch a server being created through all services.",
    "up": "Serve a cloud to OpenStack clients on one loopback port.",
    "service": "Run some processes of a real cloud on their own.",
    "tui": "Watch a cloud, stop it, look inside, break it, go back.",
    "trace": "Show, record and export messages.",
    "lesson": "Learn by doing: list, start, check, and get hints.",
    "scenario": "List, check and play scenarios of work and faults.",
    "capabilities": "Print which driver can do what, then and now.",
    "image": "Build a tiny guest for a real cloud, without the internet.",
    "doctor": "Say what this machine can do, and what is missing.",
    "db": "Show and upgrade the layout of a database of records.",
    "sweep": "Remove what a crashed real cloud left here.",
    "version": "Print the version.",
}
OURS = {"lab", "sim", "drivers", "lessons", "scenarios"}
"""Our own packages: what lacks of them is a bug, what lacks of others was not installed."""


def app_for(command: str) -> Any:
    """Build the Typer app of one command, or of all of them for the overview."""
    import typer
    from typer.core import TyperGroup

    class InOrder(TyperGroup):
        """Lists commands in the order of the table, the first thing to try first."""

        def list_commands(self, ctx: Any) -> list[str]:
            return sorted(super().list_commands(ctx), key=[*COMMANDS].index)

    app = typer.Typer(
        name="glasscloud",
        cls=InOrder,
        help="A cloud with glass walls.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, line in COMMANDS.items():
        if command not in {name, ""}:
            continue
        module = importlib.import_module(f"lab.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=line)
        else:
            app.command(name, help=line)(getattr(module, name))
    if command:
        # With a single command Typer would drop its name.
        app.callback()(lambda: None)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code: 1 for an error, 2 for a wrong call."""
    given = sys.argv[1:] if arguments is None else arguments
    given = ["version"] if given == ["--version"] else given
    command = next((word for word in given if not word.startswith("-")), "")
    # Importing one command only keeps `glasscloud demo` under its budget of start-up time.
    guarded(lambda: called(app_for(command if command in COMMANDS else ""), given, language(given)), lambda: language(given))


def called(app: Any, given: list[str], lang: str) -> None:
    """Run the application of a command, and leave with its exit code; a wrong call is refused in the caller's language."""
    from typer import BadParameter

    wrong_call: type[Exception] = BadParameter.__mro__[1]  # of every kind; Typer does not name the class
    try:
        code = app(given, prog_name="glasscloud", standalone_mode=False)
    except wrong_call as error:
        from lab.cli.usage import refuse

        sys.exit(refuse(error, lang))
    sys.exit(code or 0)


def language(given: list[str]) -> str:
    """The language of a call: what its --lang says, else the environment's."""
    from lab.cli.demo import native

    after = [word for before, word in pairwise(given) if before == "--lang"]
    inline = [word.partition("=")[2] for word in given if word.startswith("--lang=")]
    return next(iter(after + inline), native().value)


def speak_all() -> None:
    """Let arrows and Korean pass whatever the locale is: a pipe on Windows, for one, has an encoding without either."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower() not in {"utf-8", "utf8"}:
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8")


def guarded(work: Callable[[], Any], lang: Callable[[], str]) -> None:
    """Do what a command is for, and leave with an exit code and a line in words when that fails."""
    try:
        speak_all()
        work()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the outermost frame: `explain` raises what it does not know
        sys.exit(explain(error, lang()))


def explain(error: Exception, lang: str = "en") -> str:
    """Turn an error of the user or of the cloud into one line; an error of ours keeps its traceback."""
    from lab.errors import LabError, system_words

    if isinstance(error, OSError) and error.filename:
        return f"glasscloud: {error.filename}: {system_words(error, lang)}"
    if isinstance(error, LabError):
        return f"glasscloud: {error.say(lang)}"
    if isinstance(error, OSError):
        return f"glasscloud: {system_words(error, lang)}"
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] not in OURS:
        if lang == "ko":
            return f"glasscloud: {error.name}: 이 명령에 필요한 패키지가 없습니다. glasscloud[real]을 설치하십시오"
        return f"glasscloud: this needs the package {error.name}; install glasscloud[real]"
    raise error


if __name__ == "__main__":
    main()
