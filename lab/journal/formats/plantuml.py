"""A flow as a PlantUML sequence diagram: REST by solid blue lines, the message queue by dashed orange ones.

Source: https://plantuml.com/sequence-diagram (participants, arrow colours and heads, hnote, `activate`).
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.journal.formats.diagram import Row, hosts, lanes, place, rows
from lab.journal.formats.flow import ANSWERS, REQUESTS, Flow
from lab.journal.formats.mermaid import identifier
from lab.journal.formats.words import say

REST, QUEUE, DRIVER, BAD, QUIET = "#0072B2", "#D55E00", "#666666", "#CC0000", "#999999"
"""Blue and vermillion of Okabe and Ito's palette, which the colour-blind tell apart too."""
ARROWS = {
    "rest": f"-[{REST}]>", "rest_reply": f"-[{REST}]>>", "rpc_call": f"-[{QUEUE},dashed]>", "rpc_reply": f"-[{QUEUE},dashed]>>",
    "rpc_cast": f"-[{QUEUE},dashed]>o", "notify": f"-[{QUIET},dotted]>>", "driver": f"-[{DRIVER}]>", "driver_reply": f"-[{DRIVER}]>>",
}
KINDS = {"client": "actor", "driver": "entity", "notification consumers": "queue"}


def plantuml(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The diagram's text, line by line."""
    found = rows(flow, lang)
    where = hosts(found)
    yield "@startuml\n"
    yield f"title {plain(flow.title or say('title', lang))}\n"
    yield "autoactivate off\nhide footbox\nskinparam responseMessageBelowArrow true\n"
    for lane in lanes(found):
        names = where.get(lane, [])
        below = f"\\n{place(names, lang)}" if names else ""
        yield f'{KINDS.get(lane, "participant")} "{plain(lane)}{below}" as {identifier(lane)}\n'
    yield f"legend top left\n  <color:{REST}>━━▶</color> {say('rest', lang)}\n"
    yield f"  <color:{QUEUE}>╍╍▶</color> {say('rpc_call', lang)}\n  <color:{QUEUE}>╍╍▶o</color> {say('rpc_cast', lang)}\nendlegend\n"
    busy: set[int] = set()
    for row in found:
        yield from lines(row, flow, busy)
    yield "@enduml\n"


def lines(row: Row, flow: Flow, busy: set[int]) -> Iterator[str]:
    """One row as PlantUML writes it, and the bar of who works on it. busy: the seqs of requests whose bar is drawn."""
    source, target = identifier(row.source), identifier(row.target)
    text = f"<color:{BAD}>{plain(row.label)}</color>" if row.bad else plain(row.label)
    if row.is_mark:
        yield f"{'hnote' if row.kind == 'state' else 'note'} over {source} : {text}\n"
        return
    yield f"{source} {ARROWS[row.kind]} {target} : {text}\n"
    if row.kind in REQUESTS and row.answer is None and row.entry.seq in flow.answers:
        busy.add(row.entry.seq)
        yield f"activate {target}\n"
    elif row.kind in ANSWERS and row.entry.parent in busy:
        busy.discard(row.entry.parent)
        yield f"deactivate {source}\n"


def plain(text: str) -> str:
    """The text on one line, without what PlantUML reads as its own."""
    return text.replace("\n", " ").replace('"', "'").replace("\\", "/").replace("<", "‹").replace(">", "›").replace("//", "/ /")
