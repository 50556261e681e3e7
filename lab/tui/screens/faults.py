"""Faults: a palette of what can be broken, filled in from the chosen message, and what is armed, broken or has happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.errors import LabError
from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.screens.faults_words import TEXTS
from lab.tui.widgets.cells import fit
from lab.tui.widgets.form import Form
from lab.tui.widgets.rows import RowList
from lab.tui.words import WORDS, Texts
from lab.watch.asking import Field
from lab.watch.breakage import Ground, Standing, Ware, asked, before, fields, happened, order, standing, wares

SIGNS = {"armed": "⚑", "process": "✖", "link": "✖", "nas": "✖", "happened": "↯"}


class FaultsRoom(Room):
    """The palette of faults."""

    name_ = "faults"
    poll_s = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "disarm", "key.disarm"),
        Binding("tab", "app.focus_next", "key.other_side"),
        Binding("i", "inspect", "key.message"),
    ]
    DEFAULT_CSS = """
    FaultsRoom #chosen { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    FaultsRoom .head { height: 1; padding: 0 1; background: $surface; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    FaultsRoom #left { width: 34; }
    FaultsRoom #right { width: 1fr; border-left: solid $border; }
    FaultsRoom #told { height: auto; max-height: 3; padding: 0 1; background: $surface; color: $text-muted; }
    """
    texts: ClassVar[Texts] = TEXTS

    def __init__(self) -> None:
        super().__init__()
        self.answer: Mapping[str, Any] = {}
        self.datacenter: Mapping[str, Any] = {}
        self.offered: list[Ware] = []
        self.standing: list[Standing] = []

    def body(self) -> Iterable[Widget]:
        """The chosen message, the palette, and what is armed."""
        self.wares = RowList(self._draw_ware, self.palette, id="wares")
        self.list = RowList(self._draw_standing, self.palette, id="standing")
        yield Static(id="chosen")
        with Horizontal():
            with Vertical(id="left"):
                yield Static(self.say("palette"), classes="head", markup=False)
                yield self.wares
            with Vertical(id="right"):
                yield Static(self.say("standing"), classes="head", markup=False)
                yield self.list
        yield Static(id="told", markup=False)

    def on_mount(self) -> None:
        """The palette has the keys."""
        self.wares.focus()

    def restyled(self) -> None:
        """Other colours."""
        for rows in (self.wares, self.list):
            rows.inks = self.palette
            rows.refresh()

    # -- what is shown ------------------------------------------------------------------------

    @property
    def ground(self) -> Ground:
        """The chosen entry and the datacenter."""
        back = "back" not in self.desk.feed.unable
        return Ground(asked(self.desk.film, self.desk.chosen), self.datacenter, may_go_back=back)

    async def poll(self) -> Any:
        """What is armed, what can be, and what there is to break."""
        answer = await self.desk.feed.faults()
        try:
            return answer, await self.desk.feed.datacenter()
        except LabError:
            return answer, {}

    def polled(self, answer: Any) -> None:
        """Show it."""
        self.answer, self.datacenter = answer
        self.offered = wares((self.answer or {}).get("known", {}))
        self.wares.show(len(self.offered))
        self._tell()

    def came(self, start: int) -> None:
        """Faults may have happened."""
        self._tell()

    def clock_changed(self) -> None:
        """Another message may have been chosen elsewhere."""
        self._tell()

    def _tell(self) -> None:
        self.standing = [*standing(self.answer or {}, self.datacenter or {}), *happened(self.desk.film)]
        self.list.show(len(self.standing))
        entry = self.ground.entry
        if entry is None:
            words = Content.styled(self.say("chosen.none"), "$text-muted")
        else:
            way = f"{entry.source} → {entry.target}" if entry.target else entry.source
            name = self.desk.names.short(f"{entry.name} {entry.where}").strip()
            words = Content.assemble((self.say("chosen", seq=entry.seq) + " ", "$text-muted"), (name, "bold"), f"  {way}")
        self.query_one("#chosen", Static).update(words, layout=False)
        why = self.why_not("faults")
        self.query_one("#told", Static).update(why or self._about())

    def _about(self) -> str:
        if self.list.has_focus:
            return self.say("told.standing" if self.standing else "told.nothing")
        ware = self.ware
        return self._word(f"about.{ware.kind}.{ware.act}", "") if ware else ""

    @property
    def ware(self) -> Ware | None:
        """The fault at the cursor."""
        return self.offered[self.wares.row] if self.wares.row < len(self.offered) else None

    def _word(self, key: str, otherwise: str) -> str:
        """A text, or what stands for it when the cloud knows more than we have words for."""
        return self.say(key) if key in self.texts or key in WORDS else otherwise

    def _draw_ware(self, row: int, width: int) -> list[Segment]:
        ware, inks = self.offered[row], self.palette
        first = not row or self.offered[row - 1].kind != ware.kind
        kind = self._word(f"kind.{ware.kind}", ware.kind) if first else ""
        act = self._word(f"act.{ware.kind}.{ware.act}", ware.act)
        return [Segment(fit(kind, 10), inks.head), Segment(fit(act, max(1, width - 10)), inks.plain)]

    def _draw_standing(self, row: int, width: int) -> list[Segment]:
        one, inks = self.standing[row], self.palette
        ink = inks.state if one.kind == "armed" else inks.muted if one.kind == "happened" else inks.bad
        sign = f"{SIGNS[one.kind]} "
        if one.kind == "armed":
            tail = " " + self.say("counts", seen=one.seen, done=one.done)
            words = f"{one.number} {self._word(f'short.{one.state}', one.state)} {one.name}"
        elif one.kind == "happened":
            tail = f" #{one.seq}"
            words = f"{one.state} {one.name}".strip()
        else:
            tail = ""
            words = f"{one.name} {self._word(f'state.{one.state}', one.state)}"
        room = max(4, width - 2 - cell_len(tail))
        body = inks.plain if one.kind == "happened" else ink
        return [Segment(sign, ink), Segment(fit(words, room).rstrip(), body), Segment(tail, inks.muted)]

    # -- breaking -----------------------------------------------------------------------------

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self._tell()

    @on(RowList.Opened, "#wares")
    def _opened(self) -> None:
        ware, why = self.ware, self.why_not("faults")
        if ware is None or why:
            self.notify(why or self.say("wait"), severity="warning")
            return
        ground = self.ground
        asks = [self._worded(field) for field in fields(ware, ground)]
        kind, act = self._word(f"kind.{ware.kind}", ware.kind), self._word(f"act.{ware.kind}.{ware.act}", ware.act)
        form = Form(f"{kind}: {act}", asks, lambda key: self.say(f"field.{key}"), "POST /glasscloud/faults")
        self.app.push_screen(form, lambda given: self._arm(ware, given, ground))

    def _worded(self, field: Field) -> Field:
        """A field whose choices are keys of texts, in words."""
        if field.key != "when" or field.choices is None:
            return field
        seq = self.ground.entry.seq if self.ground.entry else 0
        return replace(field, choices=tuple((self.say(label, seq=seq), value) for label, value in field.choices))

    def _arm(self, ware: Ware, given: dict[str, str] | None, ground: Ground) -> None:
        if given is not None:
            self.order("faults", self._armed(order(ware, given, ground), before(given, ground)))

    async def _armed(self, fault: Mapping[str, Any], back_to: int) -> None:
        feed = self.desk.feed
        if back_to:
            await feed.travel(back_to)
        await feed.arm(fault)
        self.call_later(self._ask)

    def action_disarm(self) -> None:
        """Take an armed fault back, or make whole what is broken."""
        row = self.list.row
        if row >= len(self.standing):
            return
        one, feed = self.standing[row], self.desk.feed
        if one.kind == "armed":
            self.order("faults", self._after(feed.disarm(one.number)))
        elif one.mend is not None:
            self.order("faults", self._after(feed.arm(one.mend)))
        else:
            self.notify(self.say("past"))

    async def _after(self, what: Any) -> None:
        await what
        self.call_later(self._ask)

    @on(RowList.Opened, "#standing")
    def _looked(self, event: RowList.Opened) -> None:
        one = self.standing[event.row]
        if one.seq:
            self.post_message(Inspect(one.seq))
        else:
            self.notify(self.say("told.standing"))

    def action_inspect(self) -> None:
        """Look into the chosen message."""
        if self.ground.entry is not None:
            self.post_message(Inspect(self.ground.entry.seq))
