"""Scheduler: for each request a table of hosts by filters and weighers, the winner and the alternates, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.reasons import worded
from lab.tui.desk import LOADING
from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.screens.scheduler_words import TEXTS
from lab.tui.widgets.rows import RowHead, RowList
from lab.tui.words import Texts
from lab.watch.chart import fit
from lab.watch.decision import REFUSED, Decision, Decisions, Host
from lab.watch.line import left_out

SIGNS = {"passed": "✓", "refused": "✗", "unasked": "·"}
VERDICTS = {"chosen": "★", "alternate": "◇", "passed": " ", "refused": "✗"}
SHARE = 11
"""Cells of a weigher's column."""


class SchedulerRoom(Room):
    """The scheduler's decisions."""

    name_ = "scheduler"
    texts: ClassVar[Texts] = TEXTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "other(-1)", "key.previous"),
        Binding("right_square_bracket", "other(1)", "key.next"),
        Binding("o", "order", "key.order"),
        Binding("v", "raw", "key.raw"),
        Binding("left", "sideways(-1)", "key.left", show=False),
        Binding("right", "sideways(1)", "key.right", show=False),
        Binding("tab", "app.focus_next", "key.other_list", show=False),
    ]
    DEFAULT_CSS = """
    SchedulerRoom #decisions { height: 3; background: $surface; }
    SchedulerRoom #stages { height: 3; padding: 0 1; }
    SchedulerRoom #both { layout: vertical; height: 1fr; }
    SchedulerRoom #detail { height: 7; padding: 0 1; background: $surface; }
    SchedulerRoom.wide #both { layout: horizontal; }
    SchedulerRoom.wide #detail { width: 60; height: 1fr; }
    SchedulerRoom.tall #decisions { height: 6; }
    SchedulerRoom.tall #detail { height: 12; }
    SchedulerRoom.wide.tall #detail { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.decision: Decision | None = None
        self.hosts: list[Host] = []
        self.by_name = False
        self.raw = False
        self._shift = 0

    def body(self) -> Iterable[Widget]:
        """The decisions, the filters, the hosts, and the chosen host."""
        self.decisions = Decisions(self.desk.film)
        self.list = RowList(self._decision_row, self.palette, id="decisions")
        self.rows = RowList(self._row, self.palette, id="rows")
        yield self.list
        yield Static(id="stages")
        with Container(id="both"):
            with Vertical():
                yield RowHead(self._head)
                yield self.rows
            yield Static(id="detail")

    def on_mount(self) -> None:
        """The hosts have the keys."""
        self.rows.focus()

    def on_resize(self) -> None:
        """Put the chosen host where there is room for it."""
        self.call_after_refresh(self._tell)

    def restyled(self) -> None:
        """Other colours."""
        self.rows.inks = self.list.inks = self.palette
        self._tell()

    # -- what came ----------------------------------------------------------------------------

    def entered(self) -> None:
        """Show the decision of the request that was chosen elsewhere."""
        entry = self.desk.film.get(self.desk.chosen)
        number = self.decisions.of_request(entry.request_id) if entry is not None else None
        if number is not None:
            self.show_decision(number)

    def came(self, start: int) -> None:
        """Look for new decisions; who looks at the newest one goes on to the next."""
        newest = self.list.row >= self.list.count - 1
        whole = self.decisions.advance()
        count = len(self.decisions)
        if count != self.list.count or self.decision is None:
            self.list.show(count)
            self.show_decision(count - 1 if newest else self.list.row)
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Time went back."""
        self.decisions.forget(0)
        self.decision = None

    def show_decision(self, number: int) -> None:
        """Show a decision by its number."""
        self.decision = self.decisions[number] if 0 <= number < len(self.decisions) else None
        self._shift = 0
        if self.decision is not None and left_out(self.decisions.entry(number)):
            self.glass.fetch(self.desk, self.decision.seq)
        self.list.show(len(self.decisions), number)
        self._arrange(0)

    def fetched(self, seq: int) -> None:
        """The hosts of a decision have come, or will not."""
        self.decisions.forget(seq)
        if self.decision is not None and self.decision.seq == seq:
            self.decision = self.decisions[self.list.row]
            self._arrange(0)

    def _arrange(self, row: int) -> None:
        self.hosts = list(self.decision.hosts) if self.decision is not None else []
        if self.by_name:
            self.hosts.sort(key=lambda host: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", host.name)])
        self.rows.show(len(self.hosts), row)
        self._tell()

    # -- what is shown ------------------------------------------------------------------------

    def _tell(self) -> None:
        self.query_one("#stages", Static).update(self._stages(), layout=False)
        self.query_one("#detail", Static).update(self._detail(), layout=False)
        self.query_one(RowHead).refresh()

    def _decision_row(self, index: int, width: int) -> Sequence[Segment]:
        entry, inks = self.decisions.entry(index), self.palette
        note = entry.note or {}
        refused = entry.status == REFUSED
        name = self.desk.names.of.get(entry.where, entry.where[:8])
        sign, ink = ("✗ " + self.say("none_valid"), inks.bad) if refused else ("★ " + entry.status, inks.good)
        passed = self.say("of", n=note.get("passed", "?"), all=note.get("candidates", "?"))
        return [
            Segment(fit(f"#{entry.seq}", 8), inks.muted), Segment(fit(self.desk.film.dial.instant(entry.t), 13), inks.muted),
            Segment(fit(name, 14) + " ", inks.strong), Segment(fit(sign, 20), ink), Segment(fit(passed, 21) + " ", inks.plain),
            Segment(fit(entry.request_id, width - 78 if width > 100 else 0), inks.muted),
        ]

    def _stages(self) -> Content:
        decision = self.decision
        if decision is None:
            return Content.styled(self.say("nothing"), "$text-muted")
        asked = ", ".join(f"{key} {_plain(value)}" for key, value in decision.request.items())
        parts = [Content.assemble((self.say("asked"), "$text-muted"), " ", asked, "\n"), Content(f"placement {decision.candidates}")]
        for number, stage in enumerate(decision.stages, 1):
            style = "" if stage.start == stage.end else "$warning" if stage.end else "$error"
            sign = "" if stage.start == stage.end else f"−{stage.start - stage.end} "
            parts.append(Content.assemble((" ▸ ", "$text-muted"), (f"{number} ", "bold"), (f"{stage.short} {sign}→{stage.end}", style)))
        rows = left_out(self.decisions.entry(self.list.row))
        why = self.desk.asked.get(decision.seq, LOADING)
        if rows and why == LOADING:
            parts.append(Content.styled("  " + self.say("left.loading", n=rows), "$accent"))
        elif rows:
            parts.append(Content.styled("  " + self.say("left.failed", n=rows, why=why), "$error"))
        elif not decision.stages:
            parts.append(Content.styled("  " + self.say("lost" if decision.lost else "forced"), "$warning"))
        return Content("").join(parts)

    def _columns(self, width: int) -> tuple[int, int, list[str]]:
        """Cells of a host's name and of the filters, and the weighers for which there is room."""
        decision = self.decision
        if decision is None:
            return 14, 0, []
        filters = 2 * len(decision.stages) + 1
        name = max(14, min(24, width - filters - 60))
        room = max(1, (width - name - 6 - filters - 10) // SHARE)
        return name, filters, list(decision.weighers[self._shift : self._shift + room])

    def _head(self, width: int) -> Sequence[Segment]:
        name, filters, weighers = self._columns(width)
        numbers = "".join(f" {number % 10}" for number in range(1, filters // 2 + 1))
        text = fit(self.say("host"), name) + fit(self.say("rank"), 6) + fit(numbers, filters) + fit(self.say("total"), 10, True)
        text += "".join(" " + fit(weigher.removesuffix("Weigher"), SHARE - 1, True) for weigher in weighers)
        if self.decision is not None and self._shift + len(weighers) < len(self.decision.weighers):
            text += " ▸"
        return [Segment(text, self.palette.head)]

    def _row(self, index: int, width: int) -> Sequence[Segment]:
        host, inks, decision = self.hosts[index], self.palette, self.decision
        name, _, weighers = self._columns(width)
        stages = range(len(decision.stages)) if decision is not None else ()
        ink = {"chosen": inks.good, "alternate": inks.state, "refused": inks.bad}.get(host.verdict, inks.plain)
        rank = f"{VERDICTS[host.verdict]} {host.rank or ''}"
        line = [Segment(fit(host.name, name - 1) + " ", ink), Segment(fit(rank, 6), ink)]
        for stage in stages:
            mark = host.mark(stage)
            line += [Segment(" "), Segment(SIGNS[mark], {"passed": inks.good, "refused": inks.bad}.get(mark, inks.muted))]
        line.append(Segment(" "))
        if host.verdict == "refused":
            return [*line, Segment(" " + worded(host.reason, self.desk.lang), inks.plain)]
        line.append(Segment(fit(f"{host.total:.4f}", 10, True), inks.strong))
        for weigher in weighers:
            share = host.shares.get(weigher)
            text = "" if share is None else f"{share.raw:,.6g}" if self.raw else f"{share.score:+.4f}"
            line.append(Segment(" " + fit(text, SHARE - 1, True), inks.plain if share is not None and share.score else inks.muted))
        return line

    def _detail(self) -> Content:
        decision = self.decision
        if decision is None or self.rows.row >= len(self.hosts):
            return Content.styled(decision.lost if decision is not None else "", "$warning")
        host = self.hosts[self.rows.row]
        passed = sum(each.verdict != "refused" for each in self.hosts)
        told = self.say(f"verdict.{host.verdict}", rank=host.rank, of=passed)
        lines = [Content.assemble((host.name, "bold"), "  ", (f"{VERDICTS[host.verdict]} {told}".strip(), "$accent"))]
        width = self.query_one("#detail").content_size.width or self.size.width - 2
        if host.verdict == "refused":
            stage = decision.stages[host.refused_by].name if host.refused_by >= 0 else ""
            lines.append(Content.assemble(("✗ " + stage, "$error"), "  ", worded(host.reason, self.desk.lang)))
        else:
            asked = "  ".join(f"{number} {stage.short} ✓" for number, stage in enumerate(decision.stages, 1))
            if asked:
                lines.append(Content.styled(asked, "$success"))
            shares = [self._share(weigher, host) for weigher in decision.weighers]
            half = (width - 2) // 2 if width >= 72 and not self.has_class("tall") else width
            per = 2 if half < width else 1
            lines += [Content("".join(fit(text, half) for text in shares[at : at + per])) for at in range(0, len(shares), per)]
            if self.has_class("tall") or not asked:
                lines.append(Content.assemble((self.say("sum", total=f"{host.total:.4f}"), "bold")))
        return Content("\n").join(lines)

    def _share(self, weigher: str, host: Host) -> str:
        share = host.shares.get(weigher)
        if share is None:
            return ""
        name, raw = weigher.removesuffix("Weigher"), f"{share.raw:,.10g}"
        if self.has_class("tall"):
            return f"{fit(name, 18)} {raw:>12} → {share.normalised:.2f} × {share.multiplier:g} = {share.score:+.4f}"
        return f"{fit(name, 12)} {raw}→{share.normalised:.2f}×{share.multiplier:g}={share.score:+.3f}"

    # -- keys ---------------------------------------------------------------------------------

    @on(RowList.Chosen, "#decisions")
    def _other(self, event: RowList.Chosen) -> None:
        self.desk.chosen = self.decisions.entry(event.row).seq
        self.show_decision(event.row)

    @on(RowList.Chosen, "#rows")
    def _chosen(self) -> None:
        self._tell()

    @on(RowList.Opened)
    def _opened(self) -> None:
        if self.decision is not None:
            self.post_message(Inspect(self.decision.seq))

    def action_other(self, by: int) -> None:
        """The decision before or after this one."""
        self.list.choose(self.list.row + by)

    def action_order(self) -> None:
        """Hosts by rank or by name."""
        chosen = self.hosts[self.rows.row].name if self.rows.row < len(self.hosts) else ""
        self.by_name = not self.by_name
        self._arrange(0)
        self.rows.choose(next((row for row, host in enumerate(self.hosts) if host.name == chosen), 0))

    def action_raw(self) -> None:
        """Scores, or the numbers that were weighed."""
        self.raw = not self.raw
        self.rows.refresh()

    def action_sideways(self, by: int) -> None:
        """Other weighers."""
        if self.decision is not None:
            self._shift = max(0, min(self._shift + by, len(self.decision.weighers) - 1))
            self.rows.refresh()
            self.query_one(RowHead).refresh()


def _plain(value: object) -> str:
    """What was asked for, without the marks of JSON."""
    if isinstance(value, dict):
        return " ".join(f"{key}={_plain(each)}" for key, each in value.items())
    return " ".join(map(_plain, value)) if isinstance(value, list) else str(value)
