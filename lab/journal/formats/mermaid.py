"""A flow as a Mermaid sequence diagram: REST by solid lines, the message queue by dotted ones.

Source: the arrows of https://mermaid.js.org/syntax/sequenceDiagram.html. A request has a filled head, a cast and a REST
answer an open one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.journal.formats.diagram import Row, lanes, rows
from lab.journal.formats.flow import Flow
from lab.journal.formats.words import say

ROWS_MAX = 400
"""Mermaid draws no text of more than 50,000 characters (its maxTextSize)."""
ARROWS = {
    "rest": "->>", "rest_reply": "-)", "rpc_call": "-->>", "rpc_reply": "-->>", "rpc_cast": "--)", "notify": "--)",
    "driver": "->>", "driver_reply": "-)",
}
WORDS = {"rpc_call": "call ", "rpc_cast": "cast ", "rpc_reply": "reply ", "notify": "notify "}


def mermaid(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The diagram's text, line by line."""
    found = rows(flow, lang)
    yield "sequenceDiagram\n"
    shown = found[:ROWS_MAX]
    for lane in lanes(shown):
        yield f"    participant {identifier(lane)} as {lane}\n"
    for row in shown:
        yield f"    {line(row)}\n"
    if len(found) > ROWS_MAX:
        yield f"    Note over {identifier(shown[-1].source)}: {plain(say('more', lang, count=len(found) - ROWS_MAX))}\n"


def line(row: Row) -> str:
    """One row as Mermaid writes it."""
    source, target = identifier(row.source), identifier(row.target)
    if row.is_mark:
        return f"Note over {source}: {plain(row.label)}"
    return f"{source}{ARROWS[row.kind]}{target}: {WORDS.get(row.kind, '')}{plain(row.label)}"


def identifier(lane: str) -> str:
    """A lane's name that Mermaid reads as one word."""
    return re.sub(r"\W", "_", lane) or "nobody"


def plain(text: str) -> str:
    """The text without what Mermaid reads as its own: a comment, an entity, the end of a statement."""
    return text.replace(";", ",").replace("#", "").replace("\n", " ")
