"""`glasscloud trace export | requests`: a journal as drawings, pages and files for other tools."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.demo import Lang, native

if TYPE_CHECKING:
    from lab.journal import Entry

What = Annotated[str, typer.Argument(metavar="OPERATION|FILE", help="One of `trace list`, or a recorded journal.", show_default=False)]
Connect = Annotated[str, typer.Option(help="URL of a running cloud, as in http://127.0.0.1:8774.", show_default=False)]
Clouds = Annotated[Path, typer.Option(help="The clouds.yaml with its password.")]
Token = Annotated[str, typer.Option(help="An administrator's token instead.", envvar="OS_TOKEN", show_default=False)]
Several = list[str] | None
Seed = Annotated[int | None, typer.Option(help="Another seed for the run of an operation.")]


def export(
    what: What = "",
    connect: Connect = "",
    clouds: Clouds = Path("clouds.yaml"),
    token: Token = "",
    form: Annotated[str, typer.Option("--format", "-f", help="mermaid, plantuml, svg, html, perfetto, otlp or jsonl; what -o's "
                                      "ending says when left out.", show_default=False)] = "",
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="The screen when left out.")] = None,
    request: Annotated[Several, typer.Option(metavar="ID", help="Only this request id, or how it begins; may be repeated.")] = None,
    kind: Annotated[Several, typer.Option(metavar="KIND", help="Only rest, rpc, notify, state, driver, …; may be repeated.")] = None,
    service: Annotated[Several, typer.Option(metavar="NAME", help="Only messages of nova, neutron-api, …; may be repeated.")] = None,
    begin: Annotated[float, typer.Option("--from", metavar="SECONDS", help="Only what came this long after the first of them.")] = 0.0,
    until: Annotated[float | None, typer.Option(metavar="SECONDS", help="Only what came before this.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Notifications, polls and periodic work too, in drawings.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)] = None,
    seed: Seed = None,
) -> None:
    """Export messages as a drawing, a page or a trace.

    They are those of a fresh run of an operation, of a recorded journal, or of a running cloud.
    """
    from lab.cli.journals import flow_of
    from lab.errors import LabError
    from lab.journal import formats

    if not form and out is None:
        every = ", ".join(formats.FORMATS)
        words = f"--format으로 형식({every})을 고르거나 -o FILE로 어디에 쓸지 정하십시오"
        raise LabError(f"say which format with --format ({every}), or where to with -o FILE", ko=words)
    name = form or formats.format_of(out or Path())
    formats.named(name)
    choice = formats.Choice(request or (), kind or (), service or (), begin, until)
    choice.known_kinds()
    flow = flow_of(what, seed, connect, clouds, token)
    chosen = formats.Flow(choice.of(flow.entries), flow.names, flow.title)
    if all(entry.kind == "world" for entry in chosen.entries):
        count = len(flow.entries)
        words = f"{flow.title}의 항목 {count}개 가운데 고른 것이 없습니다. 더 넓게 고르십시오"
        raise LabError(f"none of the {count} entries of {flow.title} is chosen; choose more", ko=words)
    spoken = (lang or native()).value
    write(formats.export(name, chosen, spoken, choice.kinds, everything), out, spoken)


def write(pieces: Iterable[str], out: Path | None, lang: str) -> None:
    """Write pieces of text to a file, or print them; what was written is said beside it."""
    if out is None:
        for piece in pieces:
            sys.stdout.write(piece)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        size = sum(file.write(piece) for piece in pieces)
    print(f"{out}: {size:,}자" if lang == "ko" else f"{out}: {size:,} characters", file=sys.stderr)


def requests(
    what: What = "",
    connect: Connect = "",
    clouds: Clouds = Path("clouds.yaml"),
    token: Token = "",
    seed: Seed = None,
    last: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the N newest.")] = None,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)] = None,
) -> None:
    """List requests, to choose one with --request."""
    from lab.cli.journals import flow_of
    from lab.journal.formats.flow import MESSAGES

    flow = flow_of(what, seed, connect, clouds, token)
    counts: dict[str, int] = {}
    for entry in flow.entries:
        if entry.request_id:
            counts[entry.request_id] = counts.get(entry.request_id, 0) + (entry.kind in MESSAGES)
    firsts: dict[str, Entry] = {}
    for entry in flow.entries:
        if entry.kind in MESSAGES and entry.request_id:
            firsts.setdefault(entry.request_id, entry)
    count, second = ("{:5} messages", "s") if (lang or native()) is Lang.en else ("메시지 {:5}개", "초")
    for request, entry in [*firsts.items()][-(last or 0) :]:
        answer = flow.answers.get(entry.seq)
        outcome = f" {answer.status}" if answer is not None else ""
        seconds = (entry.t - flow.begin) / 1e9
        print(f"{request}  {seconds:10.3f} {second}  {count.format(counts[request])}  {entry.name} {entry.where}{outcome}")
