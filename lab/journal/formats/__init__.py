"""What a journal is exported as: one file a format, and the list of them.

    pieces = formats.export("svg", Flow(entries), lang="ko")
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lab.errors import LabError
from lab.journal.formats.choice import Choice, for_a_drawing
from lab.journal.formats.flow import Flow


@dataclass(frozen=True, slots=True)
class Format:
    """One form of export: the module and its function, how its files end, and whether it is a drawing."""

    module: str
    suffix: str
    drawing: bool
    about: str


FORMATS: Mapping[str, Format] = MappingProxyType({
    "mermaid": Format("mermaid", ".mmd", True, "a sequence diagram for Markdown"),
    "plantuml": Format("plantuml", ".puml", True, "a sequence diagram for PlantUML"),
    "svg": Format("svg", ".svg", True, "a drawn sequence diagram"),
    "html": Format("html", ".html", False, "a page to look around in, one file, no network"),
    "perfetto": Format("perfetto", ".perfetto.json", False, "a trace for ui.perfetto.dev and chrome://tracing"),
    "otlp": Format("otlp", ".otlp.json", False, "OpenTelemetry spans for a collector or Jaeger"),
    "jsonl": Format("lines", ".jsonl", False, "the journal's own entries, to be replayed"),
})


def named(name: str) -> Format:
    """The format of that name. Raises LabError naming the known ones."""
    if name not in FORMATS:
        every = ", ".join(FORMATS)
        raise LabError(f"no format {name!r}; known: {every}", ko=f"{name!r}: 그런 형식이 없습니다. 있는 것: {every}")
    return FORMATS[name]


def format_of(path: Path) -> str:
    """The format that a file's name asks for. Raises LabError when its ending says nothing."""
    for name, form in FORMATS.items():
        if path.name.endswith(form.suffix):
            return name
    every = ", ".join(FORMATS)
    raise LabError(
        f"{path.name} does not say which format it is; choose one with --format: {every}",
        ko=f"{path.name}: 이름만으로는 어떤 형식인지 알 수 없습니다. --format으로 고르십시오: {every}",
    )


def export(name: str, flow: Flow, lang: str = "en", kinds: Sequence[str] = (), everything: bool = False) -> Iterator[str]:
    """The flow in a format, in pieces of text; no secret is in them.

    kinds: kinds of entries that a drawing keeps though it would leave them out. everything: a drawing leaves nothing out.
    """
    form = named(name)
    if form.drawing and not everything:
        flow = Flow(for_a_drawing(flow.entries, kinds), flow.names, flow.title)
    pieces: Iterator[str] = getattr(importlib.import_module(f"lab.journal.formats.{form.module}"), name)(flow, lang)
    return pieces


__all__ = ["FORMATS", "Choice", "Flow", "Format", "export", "format_of", "named"]
