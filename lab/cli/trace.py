"""`glasscloud trace …`: the messages of an operation, of a running cloud or of a kept journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli import exports, recorder
from lab.cli.demo import Lang, native

if TYPE_CHECKING:
    from lab.journal import Entry

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
app.command("export")(exports.export)
app.command("requests")(exports.requests)
app.command("record")(recorder.record)
In = Annotated[Lang | None, typer.Option("--lang", help="en or ko; your environment's when left out.")]
Seed = Annotated[int | None, typer.Option(help="Another seed than the default scenario's.")]
All = Annotated[bool, typer.Option("--all", help="Show notifications too.")]


class Form(StrEnum):
    """How messages are shown."""

    text = "text"
    json = "json"
    mermaid = "mermaid"


As = Annotated[Form, typer.Option("--format", help="text, json (JSON Lines in the fields of captured traces) or mermaid.")]


@app.command("list")
def list_() -> None:
    """List the operations that can be traced."""
    from lab.cli.operations import OPERATIONS

    print("\n".join(OPERATIONS))


@app.command()
def show(
    operation: Annotated[str, typer.Argument(help="One of `trace list`.")],
    form: As = Form.text,
    notifications: All = False,
    seed: Seed = None,
    lang: In = None,
) -> None:
    """Run an operation and show its messages."""
    from lab.cli.operations import record

    recording = record(known(operation), seed)
    if form is Form.mermaid:
        print(mermaid(recording.entries, dict(recording.names)), end="")
    else:
        write(recording.rows(), form, notifications, lang)


@app.command()
def make(
    operations: Annotated[list[str] | None, typer.Argument(help="All when left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for one NAME.jsonl each.")] = Path("build/traces"),
    seed: Seed = None,
) -> None:
    """Write one file for each operation.

    They have the fields of captured traces, as JSON Lines, notifications included.
    """
    from lab.cli.operations import OPERATIONS, record

    out.mkdir(parents=True, exist_ok=True)
    for operation in [known(name) for name in operations or OPERATIONS]:
        rows = record(operation, seed).rows()
        (out / f"{operation}.jsonl").write_text("".join(line(row) for row in rows), encoding="utf-8")
        print(f"{out / operation}.jsonl: {len(rows)} messages")


@app.command()
def read(
    journal: Annotated[Path | None, typer.Argument(help="A file of native entries, as /glasscloud/journal answers them.")] = None,
    connect: Annotated[str, typer.Option(help="URL of a running cloud, as in http://127.0.0.1:8774.")] = "",
    clouds: exports.Clouds = Path("clouds.yaml"),
    token: exports.Token = "",
    since: Annotated[int, typer.Option(min=0, help="Only what came after this seq.")] = 0,
    form: As = Form.text,
    notifications: All = False,
    lang: In = None,
) -> None:
    """Show a running cloud's messages, or a file's."""
    from lab.cli.journals import fetched
    from lab.errors import LabError
    from lab.journal.export import trace
    from lab.journal.formats.lines import read as journal_of

    if (journal is None) == (not connect):
        words = "무엇을 읽을지 쓰십시오. 저널 파일이나 --connect URL입니다"
        raise LabError("say what to read: a journal file, or --connect URL", ko=words)
    if journal is not None:
        entries = [entry for entry in journal_of(journal) if entry.seq > since]
    else:
        entries = fetched(connect, clouds, since, token)
    if form is Form.mermaid:
        print(mermaid(entries, {}), end="")
    else:
        write(trace(entries), form, notifications, lang)


def known(operation: str) -> str:
    """The operation's name, if it is one."""
    from lab.cli.operations import OPERATIONS
    from lab.errors import LabError

    if operation not in OPERATIONS:
        every = ", ".join(OPERATIONS)
        raise LabError(f"no operation {operation!r}; known: {every}", ko=f"{operation!r}: 그런 작업이 없습니다. 있는 것: {every}")
    return operation


def line(row: dict[str, Any]) -> str:
    """One row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def mermaid(entries: Iterable[Entry], names: dict[str, str]) -> str:
    """A Mermaid sequence diagram of the messages that a request or an operation caused."""
    from lab.journal.formats import Flow, export

    return "".join(export("mermaid", Flow(entries, names)))


def write(rows: list[dict[str, Any]], form: Form, notifications: bool, lang: Lang | None) -> None:
    """Print rows as lines of JSON, or drawn over lanes."""
    if form is Form.json:
        for row in rows:
            if notifications or row["kind"] != "notify":
                print(line(row), end="")
        return
    from lab.cli.lanes import Sequence
    from lab.cli.screen import console

    sequence = Sequence(console(), (lang or native()).value, quiet=frozenset() if notifications else frozenset({"notify"}))
    sequence.header()
    sequence.rows(rows)
