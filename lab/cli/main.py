"""The command `glasscloud`: one file a noun, each imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from itertools import pairwise
from typing import Any

# Command -> module of lab.cli with a Typer app or a function of that name, and its lines in the overview.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("Watch a server being created through all services.", "서버 하나가 모든 서비스를 거쳐 만들어지는 것을 봅니다."),
    "up": (
        "Serve a cloud to OpenStack clients on one loopback port.",
        "OpenStack 클라이언트가 쓸 클라우드를 loopback 포트 하나에 띄웁니다.",
    ),
    "service": ("Run some processes of a real cloud on their own.", "실제 클라우드의 프로세스 일부를 따로 실행합니다."),
    "tui": (
        "Watch a cloud, stop it, look inside, break it, go back.",
        "클라우드를 보고, 멈추고, 들여다보고, 고장 내고, 되돌립니다.",
    ),
    "trace": ("Show, record and export messages.", "메시지를 보여 주고, 기록하고, 내보냅니다."),
    "lesson": ("Learn by doing: list, start, check, and get hints.", "해 보면서 배우는 수업: 목록, 시작, 확인, 힌트."),
    "scenario": ("List, check and play scenarios of work and faults.", "할 일과 고장의 시나리오: 목록, 검사, 실행."),
    "capabilities": ("Print which driver can do what, then and now.", "어느 드라이버가 무엇을 할 수 있는지, 그때와 지금."),
    "image": (
        "Build a tiny guest for a real cloud, without the internet.",
        "실제 클라우드에 쓸 작은 게스트를 인터넷 없이 만듭니다.",
    ),
    "doctor": ("Say what this machine can do, and what is missing.", "이 기계로 무엇을 할 수 있고 무엇이 빠졌는지 알려 줍니다."),
    "db": ("Show and upgrade the layout of a database of records.", "데이터베이스의 레이아웃을 보여 주고 맞춥니다."),
    "sweep": ("Remove what a crashed real cloud left here.", "비정상 종료된 실제 클라우드가 여기 남긴 것을 지웁니다."),
    "version": ("Print the version.", "버전을 출력합니다."),
}
OURS = {"lab", "sim", "drivers", "lessons", "scenarios"}
"""Our own packages: what lacks of them is a bug, what lacks of others was not installed."""


def app_for(command: str, lang: str = "en") -> Any:
    """Build the Typer app of one command, or of all of them for the overview in a language."""
    import typer
    from typer.core import TyperGroup

    class InOrder(TyperGroup):
        """Lists commands in the order of the table, the first thing to try first."""

        def list_commands(self, ctx: Any) -> list[str]:
            return sorted(super().list_commands(ctx), key=[*COMMANDS].index)

    app = typer.Typer(
        name="glasscloud",
        cls=InOrder,
        help="속이 들여다보이는 클라우드." if lang == "ko" else "A cloud with glass walls.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, lines in COMMANDS.items():
        if command not in {name, ""}:
            continue
        line = lines[lang == "ko"]
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
    guarded(lambda: called(command if command in COMMANDS else "", given, language(given)), lambda: language(given))


def called(command: str, given: list[str], lang: str) -> None:
    """Run a command, and leave with its exit code; a wrong call is refused in the caller's language."""
    from typer import BadParameter

    wrong_call: type[Exception] = BadParameter.__mro__[1]  # of every kind; Typer does not name the class
    try:
        code = app_for(command, lang)(given, prog_name="glasscloud", standalone_mode=False)
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
