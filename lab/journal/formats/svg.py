"""A flow as a sequence diagram in SVG, drawn by hand: one file, no script, readable on light and dark ground.

REST is a thin blue line with a filled head, the message queue a double orange one with an open head, an answer is dashed;
letters say the same to who sees no colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from lab.journal.formats.diagram import Row, hosts, lasted, place, rows, short, state_words
from lab.journal.formats.flow import Flow
from lab.journal.formats.layout import BAND, LANE, LEFT, TOP, Layout, cut, is_answer, width_of
from lab.journal.formats.svg_style import STYLE
from lab.journal.formats.words import say

LETTERS = {"rest": "R", "rpc_call": "C", "rpc_cast": "A", "driver": "D", "notify": "N"}
ROWS_MAX = 2_000
"""Rows of a drawing; viewers refuse pictures that are much taller."""
LABEL = 620
"""Pixels of a label; the whole text is in the element's title."""


def svg(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The drawing, element by element."""
    every = rows(flow, lang)
    found = every[:ROWS_MAX]
    layout = Layout(flow, found)
    width, height = round(layout.width), round(layout.height)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">\n'
    yield f"<title>{escape(flow.title or say('title', lang))}</title>\n<style>{STYLE}</style>\n"
    yield f'<rect class="ground" width="{width}" height="{height}"/>\n'
    yield from heading(flow, found, lang)
    yield from ground(layout, lang)
    for bar in layout.bars():
        x = layout.xs[bar.lane] - 4 + 5 * bar.depth
        yield f'<rect class="bar" x="{x:.1f}" y="{bar.top:.1f}" width="8" height="{bar.end - bar.top:.1f}" rx="2"/>\n'
    yield from states(layout)
    begin = found[0].entry.t if found else 0
    for at, row in enumerate(found):
        yield from times(layout, at, row.entry.t - begin)
        yield f'<g data-seq="{row.entry.seq}"><title>{escape(hint(row))}</title>'
        yield from mark(layout, at, row) if row.is_mark else message(layout, at, row)
        yield "</g>\n"
    if len(every) > len(found):
        yield text(LEFT + 6, layout.end - 12, say("more", lang, count=len(every) - len(found)), "bad label")
    yield "</svg>\n"


def heading(flow: Flow, found: list[Row], lang: str) -> Iterator[str]:
    """Title, counts and legend."""
    seconds = ((found[-1].answer or found[-1].entry).t - found[0].entry.t) / 1e9 if found else 0.0
    rest, rpc = sum(r.kind == "rest" for r in found), sum(r.kind in ("rpc_call", "rpc_cast") for r in found)
    yield text(20, 32, flow.title or say("title", lang), "title")
    yield text(20, 51, say("counts", lang, rest=rest, rpc=rpc, seconds=seconds), "dim")
    x = 20.0
    for kind in ("rest", "rpc_call", "rpc_cast", "driver", "rest_reply", "rpc_reply"):
        yield from arrow(kind, x + 8, x + 46, 76)
        words = say(kind, lang)
        yield text(x + 54, 80, words, "dim")
        x += 76 + width_of(words, 11)


def ground(layout: Layout, lang: str) -> Iterator[str]:
    """Lanes with their heads, at the top, again below, and in between by name."""
    where = hosts(layout.rows)
    for lane, x in layout.xs.items():
        yield f'<line class="life" x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{layout.end:.1f}"/>'
        for y in (TOP - 50, layout.end):
            yield f'<rect class="head" x="{x - LANE / 2 + 4:.1f}" y="{y:.1f}" width="{LANE - 8}" height="40" rx="7"/>'
            names = where.get(lane, [])
            yield text(x, y + (17 if names else 24), cut(lane, 12, LANE - 14), "name")
            if names:
                yield text(x, y + 31, cut(place(names, lang), 10, LANE - 14), "host dim")
        for y in layout.repeated_heads:
            yield text(x, y, cut(lane, 9.5, LANE - 14), "again dim label")
    yield "\n"


def states(layout: Layout) -> Iterator[str]:
    """The bands at the side: each server from state to state."""
    for band in layout.bands():
        x = layout.side + BAND * band.column
        words = state_words(band.state)
        first = words.partition(" ")[0]
        size = f'width="{BAND - 12}" height="{band.end - band.top:.1f}"'
        yield f'<rect class="band {escape(first)}" x="{x}" y="{band.top:.1f}" {size} rx="4"/>'
        if band.end - band.top >= 13:
            style = "on-active" if first == "active" else ""
            yield text(x + 8, band.top + 14, cut(words or "–", 11, BAND - 28), style)
    for column, server in enumerate(layout.servers):
        name = short(layout.flow.called.get(server, server))
        yield text(layout.side + BAND * column + (BAND - 12) / 2, TOP - 24, cut(name, 12, BAND - 12), "name")


def times(layout: Layout, at: int, since: int) -> Iterator[str]:
    """The time of a row, where the row before it has another; and the pause before it."""
    y = layout.ys[at]
    before = layout.rows[at - 1].entry.t if at else -1
    if at in layout.pauses:
        yield f'<line class="pause" x1="{LEFT - 6}" y1="{y - 24:.1f}" x2="{layout.side - 16}" y2="{y - 24:.1f}"/>'
        yield text(LEFT - 10, y - 21, f"⋮ {lasted(layout.pauses[at])}", "time dim")
    if layout.rows[at].entry.t - before >= 1_000_000 or at == 0:
        yield text(LEFT - 10, y + 3, f"{since / 1e9:.3f} s", "time dim")


def message(layout: Layout, at: int, row: Row) -> Iterator[str]:
    """One message: its arrow, its letter, its words."""
    y, start, end = layout.ys[at], layout.xs[row.source], layout.xs[row.target]
    if row.source == row.target:
        yield f'<path class="line {family(row.kind)}" d="M{start:.1f} {y - 5:.1f} h34 v8 h-26"/>'
        yield head(row.kind, start + 8, y + 3, -1)
        left = start + 42.0
    else:
        way = 1 if end > start else -1
        yield from arrow(row.kind, start + 6 * way, end - 6 * way, y)
        left = min(start, end) + 14.0
    letter = LETTERS.get(row.kind)
    if letter is not None:
        yield f'<circle class="f-{family(row.kind)}" cx="{start:.1f}" cy="{y:.1f}" r="5.5"/>' + text(start, y + 3, letter, "badge")
    words = within(row.label, min(LABEL, layout.side - LEFT - 40))
    left = max(LEFT + 6.0, min(left, layout.side - 20 - width_of(words, 11)))
    yield text(left, y - 7, words, "label bad" if row.bad else "label dim" if is_answer(row) else "label")


def within(words: str, room: float) -> str:
    """A label as far as there is room; what came of it, after the last arrow, is kept."""
    told, arrow, outcome = words.rpartition(" → ")
    if not arrow:
        return cut(words, 11, room)
    return cut(told, 11, room - width_of(arrow + outcome, 11)) + arrow + outcome


def mark(layout: Layout, at: int, row: Row) -> Iterator[str]:
    """What stands on one lane: a change of state, a decision, a fault, an error."""
    y, x = layout.ys[at], layout.xs.get(row.source, LEFT)
    words = cut(row.label, 11, layout.side - LEFT - 60)
    width = width_of(words, 11) + 18
    left = max(LEFT + 2.0, min(x - width / 2, layout.side - 20 - width))
    style = {"decision": "decision", "fault": "fault", "error": "fault", "process": "fault"}.get(row.kind, "note")
    yield f'<rect class="{style}" x="{left:.1f}" y="{y - 11:.1f}" width="{width:.1f}" height="18" rx="9"/>'
    yield text(left + 9, y + 2, words, "bad" if row.bad else "")


def arrow(kind: str, start: float, end: float, y: float) -> Iterator[str]:
    """A message's line and head between two xs."""
    style, way = family(kind), 1 if end > start else -1
    reply = kind.endswith("_reply")
    shaft = end - (7 if reply or style != "queue" else 3) * way
    double = style == "queue" and not reply
    classes = f"line {style}{' double' if double else ''}{' answer' if reply else ''}"
    yield f'<path class="{classes}" d="M{start:.1f} {y:.1f} H{shaft:.1f}"/>'
    if double:
        yield f'<path class="inner" d="M{start:.1f} {y:.1f} H{shaft:.1f}"/>'
    yield head(kind, end, y, way)


def head(kind: str, x: float, y: float, way: int) -> str:
    """An arrow's head: filled for REST and drivers, open for the message queue; a cast's has only its upper half."""
    style, back = family(kind), x - 9 * way
    if style == "queue" or style == "notify":
        lower = "" if kind == "rpc_cast" else f"L{back:.1f} {y + 6:.1f}"
        return f'<path class="open {style}" d="M{back:.1f} {y - 6:.1f} L{x:.1f} {y:.1f}{lower}"/>'
    return f'<path class="f-{style}" d="M{x:.1f} {y:.1f} L{back:.1f} {y - 4.5:.1f} V{y + 4.5:.1f} Z"/>'


def family(kind: str) -> str:
    """The style of a kind of message."""
    return {"rpc_call": "queue", "rpc_cast": "queue", "rpc_reply": "queue", "notify": "notify",
            "driver": "driver", "driver_reply": "driver"}.get(kind, "rest")


def text(x: float, y: float, words: str, style: str) -> str:
    """A text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={chr(34)}{style}{chr(34)}" if style else ""}>{escape(words)}</text>'


def hint(row: Row) -> str:
    """What a row says when the mouse rests on it."""
    entry = row.entry
    return f"{row.label}\n{entry.source} → {entry.target}\nseq {entry.seq} · {entry.t / 1e9:.6f} s · {entry.request_id}"
