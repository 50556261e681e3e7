"""A flow as one page that needs nothing else: no network, no library; opened as a file, it is searched, zoomed and looked into.

The page is `page.html` beside this file, with the flow and the words put in as JSON. Its content security policy forbids
the browser to load anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

import orjson

from lab.journal.entry import Entry
from lab.journal.export import is_under
from lab.journal.formats.choice import is_first_start, is_periodic
from lab.journal.formats.diagram import Row, hosts, lanes, place, rows, state_words
from lab.journal.formats.flow import Flow, service_of
from lab.journal.formats.page_words import page_words
from lab.journal.formats.words import say

BODY_MAX = 40_000
"""Characters of a body that the page holds; of a longer one it says how long it is."""


def html(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The page, in three pieces and a line for each row."""
    page = files("lab.journal.formats").joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("{lang}", lang).replace("{title}", escape(flow.title or say("title", lang)))
    before, _, after = page.partition("{flow}")
    found = rows(flow, lang)
    yield before
    yield from data(flow, found, lang)
    yield after


def data(flow: Flow, found: list[Row], lang: str) -> Iterator[str]:
    """The flow as a JSON object inside a script element, where `<` would end it."""
    where = hosts(found)
    order = lanes(found)
    number = {lane: at for at, lane in enumerate(order)}
    head = {
        "title": flow.title or say("title", lang),
        "epoch": flow.epoch.timestamp() * 1000,
        "begin": flow.begin / 1e6,
        "lanes": [{"name": lane, "host": place(where[lane], lang) if lane in where else ""} for lane in order],
        "words": page_words(lang),
    }
    yield inside(head)[:-1] + ',"rows":[\n'
    roots = {entry.seq for entry in flow.entries if is_periodic(entry)}
    for at, row in enumerate(found):
        shown = told(flow, row, number)
        if is_first_start(row.entry):
            shown["boot"] = True
        if is_under(row.entry, roots, flow.by_seq):
            shown["periodic"] = True
        yield (",\n" if at else "") + inside(shown)
    yield "\n]}\n"


def told(flow: Flow, row: Row, number: dict[str, int]) -> dict[str, Any]:
    """One row: what is drawn, and what is shown when it is chosen."""
    entry = row.entry
    shown: dict[str, Any] = {
        **fields(flow, entry), "lane": number.get(row.source, 0), "to_lane": number.get(row.target, 0), "label": row.label,
        "bad": row.bad, "services": services(entry),
    }
    if row.answer is not None:
        shown["answer"] = fields(flow, row.answer)
    elif entry.seq in flow.answers:
        shown["answered"] = flow.answers[entry.seq].seq
    if entry.kind == "state":
        shown["thing"] = [entry.target, flow.called.get(entry.where, entry.where[:8]), state_words(entry.status)]
    return shown


def services(entry: Entry) -> list[str]:
    """The projects that take part; what a driver does belongs to who asked it."""
    names = {"driver": (entry.source,), "driver_reply": (entry.target,)}.get(entry.kind, (entry.source, entry.target))
    return sorted({service_of(name).partition(" ")[0] for name in names if "@" in name})


def fields(flow: Flow, entry: Entry) -> dict[str, Any]:
    """An entry for the page; times in milliseconds of the cloud's clock."""
    found = {
        "seq": entry.seq, "t": entry.t / 1e6, "kind": entry.kind, "source": entry.source, "target": entry.target, "name": entry.name,
        "where": entry.where, "status": entry.status, "ms": entry.duration / 1e6, "request": entry.request_id, "parent": entry.parent,
        "note": entry.note, "body": flow.body(entry),
    }
    text = orjson.dumps(found["body"])
    if len(text) > BODY_MAX:
        found["body"] = f"{text[:BODY_MAX].decode('utf-8', 'ignore')} … ({len(text):,} bytes)"
    return {name: value for name, value in found.items() if value not in ("", None)}


def inside(value: dict[str, Any]) -> str:
    """JSON that may stand in a script element."""
    return orjson.dumps(value).decode().replace("<", "\\u003c")
