"""Tells of a chosen thing in a datacenter: what it is, its path to another one, and the hops of a walk."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual.content import Content

from lab.tui.widgets.plan_lines import PlanPen
from lab.watch.chart import fit
from lab.watch.plan import Leg, Row
from lab.watch.walk import Hop, Walk

WIDE = 200
"""Cells for the chosen row, which is wrapped."""
BEFORE_FRAME = 42
"""Cells of a hop's line before its frame."""


def content(line: Sequence[Segment]) -> Content:
    """Segments as content that can be wrapped."""
    return Content.from_rich_text(Text.assemble(*((part.text, part.style or "") for part in line)))


def told(pen: PlanPen, row: Row, marked: str) -> Content:
    """A row's thing, and its path to the marked thing, or to where its frames go."""
    plan, start, vlan, end = pen.plan, row.device, None, marked
    lines = [content(pen.line(row, WIDE if row.kind != "rack" else 40))]
    if row.kind == "server":
        server, start = plan.servers[row.name]
        vlan = plan.segment(row.name)
        end = end if end and end != row.name else plan.neighbour(row.name)
        lines += [Content(f"{port['address'] or '–'}  {port['mac']}  port {port['id']}") for port in server["ports"]]
    elif row.kind == "port":
        port = plan.port(row.name)
        end = port["peer"] or "" if port else ""
    end_device = plan.servers[end][1] if end in plan.servers else end or "border-1"
    if row.kind == "rack" or end_device == start or end_device not in {*plan.hosts, *plan.switches, "client"}:
        return Content("\n").join(lines)
    name = plan.servers[end][0]["name"] if end in plan.servers else end_device
    lines.append(Content.styled(pen.say("path", name=name) + ":", "$text-muted"))
    return Content("\n").join([*lines, *_path(pen, plan.path(start, end_device, vlan), row, end, vlan)])


def _path(pen: PlanPen, legs: list[Leg], row: Row, end: str, vlan: int | None) -> list[Content]:
    plan = pen.plan
    if not legs:
        return [Content.styled(pen.say("no_path" if plan.answer.get("links") else "no_world"), "$warning")]
    parts: list[Content] = []
    if row.kind == "server":
        parts.append(Content(f"{plan.servers[row.name][0]['name']} ─ br-int ─ "))
    parts.append(Content(legs[0].a))
    for leg in legs:
        speed = f"{leg.mbps / 1000:g}G" if leg.mbps else ""
        sign = "✗" if blocked(leg) else "?" if leg.up is None else ""
        parts.append(Content.assemble((f" ═{speed}{sign}═ ", "$error" if blocked(leg) else "$primary"), leg.b))
    if end in plan.servers:
        parts.append(Content(f" ─ br-int ─ {plan.servers[end][0]['name']}"))
    return [Content("").join(parts), _verdict(pen, legs, vlan)]


def blocked(leg: Leg) -> bool:
    """Whether nothing passes a cable, as far as is known."""
    return leg.up is False or leg.carries is False


def _verdict(pen: PlanPen, legs: list[Leg], vlan: int | None) -> Content:
    problem = next((leg for leg in legs if blocked(leg)), None)
    if problem is None and any(leg.up is None for leg in legs):
        return Content.styled(pen.say("recorded"), "$text-muted")
    if problem is None:
        return Content.styled(pen.say("whole", vlan=vlan) if vlan else pen.say("cables"), "$success")
    if problem.up is False:
        return Content.styled(pen.say("broken", a=problem.a, b=problem.b), "$error")
    return Content.styled(pen.say("stops", vlan=vlan, port=problem.port), "$error")


def walked(pen: PlanPen, walk: Walk, at: int, width: int, height: int) -> Content:
    """A walk's title, and as many hops around the present one as there are lines."""
    hops = walk.hops
    head = Content.assemble(
        (walk.title, "bold"), "  ", pen.say("walk", n=at + 1, all=len(hops)), "  ", (pen.say("walk.keys"), "$text-muted")
    ).truncate(width, ellipsis=True)
    end = []
    if walk.reached is not None and at == len(hops) - 1:
        good = walk.reached and walk.rtt_ms is not None
        words = pen.say("reached", rtt=walk.rtt_ms) if good else pen.say("not_reached", reason=pen.reason(walk.reason))
        end.append(Content.styled(words, "$success" if good else "$error").truncate(width, ellipsis=True))
    room = height - 1 - len(end)
    first = max(0, min(at - room // 2, len(hops) - room))
    lines = [_hop(pen, hops, number, at, width) for number in range(first, min(len(hops), first + room))]
    return Content("\n").join([head, *lines, *end])


def _hop(pen: PlanPen, hops: Sequence[Hop], number: int, at: int, width: int) -> Content:
    hop = hops[number]
    micros = (hop.t_ns - hops[0].t_ns) / 1000
    vlan = Content.assemble(content(pen.vlan(hop.vlan)), " ") if hop.vlan else Content("")
    frame = hop.frame.partition(f"802.1Q {hop.vlan} ")[2] or hop.frame
    style = "$error bold" if hop.lost else "bold" if number == at else "$text-muted" if number > at else ""
    mark = "▸" if number == at else " "
    text = f"{mark}{fit(f'+{micros:.0f} µs', 11, True)} {fit(hop.device, 17)} {fit(pen.say(f'action.{hop.action}'), 10)} "
    why = pen.reason(hop.reason)
    # Of a lost frame the reason matters more than what was in it.
    said = f"{why}  ({frame})" if hop.lost and why else frame + (f"  ({why})" if why else "")
    rest = fit(said, max(10, width - BEFORE_FRAME - vlan.cell_length))
    return Content.assemble((text, style), vlan, (rest, style))
