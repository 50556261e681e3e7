"""`glasscloud trace list | show | make | read`: the messages of an operation, of a running cloud or of a kept journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lab.journal import Entry

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
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
) -> None:
    """Run an operation in a fresh simulated cloud and show its messages."""
    from lab.cli.operations import record

    recording = record(known(operation), seed)
    if form is Form.mermaid:
        print(mermaid(recording.entries, dict(recording.names)), end="")
    else:
        write(recording.rows(), form, notifications)


@app.command()
def make(
    operations: Annotated[list[str] | None, typer.Argument(help="All when left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for one NAME.jsonl each.")] = Path("build/traces"),
    seed: Seed = None,
) -> None:
    """Write the traces of operations, one JSON Lines file each, notifications included."""
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
    clouds: Annotated[Path, typer.Option(help="The clouds.yaml with its password.")] = Path("clouds.yaml"),
    since: Annotated[int, typer.Option(min=0, help="Only what came after this seq.")] = 0,
    form: As = Form.text,
    notifications: All = False,
) -> None:
    """Show the messages of a running cloud, or of a journal file."""
    from lab.errors import LabError
    from lab.journal.export import trace

    if (journal is None) == (not connect):
        raise LabError("say what to read: a journal file, or --connect URL")
    text = journal.read_text(encoding="utf-8") if journal is not None else fetched(connect, clouds, since)
    entries = [entry for entry in map(entry_of, text.splitlines()) if entry.seq > since]
    if form is Form.mermaid:
        print(mermaid(entries, {}), end="")
    else:
        write(trace(entries), form, notifications)


def known(operation: str) -> str:
    """The operation's name, if it is one."""
    from lab.cli.operations import OPERATIONS
    from lab.errors import LabError

    if operation not in OPERATIONS:
        raise LabError(f"no operation {operation!r}; known: {', '.join(OPERATIONS)}")
    return operation


def line(row: dict[str, Any]) -> str:
    """One row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def mermaid(entries: Iterable[Entry], names: dict[str, str]) -> str:
    """A Mermaid sequence diagram of the messages that a request or an operation caused."""
    from lab.journal.export import mermaid as drawn

    return drawn([entry for entry in entries if entry.request_id], names)


def write(rows: list[dict[str, Any]], form: Form, notifications: bool) -> None:
    """Print rows as lines of JSON, or drawn over lanes."""
    if form is Form.json:
        for row in rows:
            if notifications or row["kind"] != "notify":
                print(line(row), end="")
        return
    from lab.cli.lanes import Sequence
    from lab.cli.screen import console

    sequence = Sequence(console(), quiet=frozenset() if notifications else frozenset({"notify"}))
    sequence.header()
    sequence.rows(rows)


def entry_of(text: str) -> Entry:
    """A journal entry from its line. Raises LabError when it is none."""
    from lab.errors import LabError
    from lab.journal import Entry

    try:
        row = json.loads(text)
        body = row.pop("body")
        return Entry(**row, body=None if body is None else json.dumps(body).encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(f"this is no line of a journal: {text[:60]!r}") from None


def fetched(url: str, clouds: Path, since: int) -> str:
    """The native entries of a running cloud."""
    import asyncio

    from lab.cloud import Cloud
    from lab.errors import LabError

    async def main() -> str:
        async with Cloud.connect(url, password=password_of(clouds)) as cloud:
            return await pages(cloud, url, since)

    try:
        return asyncio.run(main())
    except ValueError as error:
        raise LabError(f"{url} is not the URL of a cloud: {error}") from None


async def pages(cloud: Any, url: str, since: int) -> str:
    """All pages of the journal after `since`."""
    import httpx

    from lab.client.session import ApiError

    text, last = "", since
    async with httpx.AsyncClient(timeout=60.0) as client:
        while True:
            query = {"since": str(last)}
            answer = await client.get(f"{url.rstrip('/')}/glasscloud/journal", params=query, headers={"x-auth-token": cloud.session.token})
            if answer.status_code != 200:
                raise ApiError("journal", answer.status_code, answer.text)
            if not answer.text.strip():
                return text
            text += answer.text if answer.text.endswith("\n") else answer.text + "\n"
            last = json.loads(answer.text.rstrip().rpartition("\n")[2])["seq"]


def password_of(clouds: Path) -> str:
    """The administrator's password from the clouds.yaml that `glasscloud up` wrote."""
    import yaml

    from lab.errors import LabError

    try:
        return str(yaml.safe_load(clouds.read_text(encoding="utf-8"))["clouds"]["glasscloud"]["auth"]["password"])
    except (KeyError, TypeError, yaml.YAMLError):
        raise LabError(f"{clouds} has no cloud named glasscloud; name the file that `glasscloud up` wrote with --clouds") from None
