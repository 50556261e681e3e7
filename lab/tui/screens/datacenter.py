"""Datacenter: racks, switches, VLANs, hypervisors with their servers, filers; paths, and pings hop by hop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from lab.reasons import worded
from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.screens.datacenter_words import TEXTS
from lab.tui.screens.ping import Ping
from lab.tui.widgets.plan_lines import PlanPen
from lab.tui.widgets.plan_told import content, told, walked
from lab.tui.widgets.rows import RowList
from lab.tui.words import Texts
from lab.watch.plan import Plan, Row, is_address
from lab.watch.surveyor import Surveyor
from lab.watch.walk import Hop, Walk, Walks, of_ping


class DatacenterRoom(Room):
    """The machines and the cables between them."""

    name_ = "datacenter"
    poll_s = 1.0
    hop_s: ClassVar[float] = 0.5
    """Seconds of the wall for which a hop of a ping is shown; 0 stays at the first one."""
    texts: ClassVar[Texts] = TEXTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "ping", "key.ping"),
        Binding("m", "mark", "key.mark"),
        Binding("w", "walks", "key.walks"),
        Binding("full_stop", "hop(1)", "key.hop"),
        Binding("comma", "hop(-1)", "key.hop_back", show=False),
    ]
    DEFAULT_CSS = """
    DatacenterRoom #summary { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    DatacenterRoom #both { layout: vertical; height: 1fr; }
    DatacenterRoom #detail { height: 7; padding: 0 1; background: $surface; }
    DatacenterRoom.tall #detail { height: 14; }
    DatacenterRoom.wide #both { layout: horizontal; }
    DatacenterRoom.wide #detail { width: 76; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan({})
        self.list: list[Row] = []
        self.opened: frozenset[str] = frozenset()
        self.marked = ""
        """The other end of paths and pings: a server's id or a device; empty: the neighbour."""
        self.walk: Walk | None = None
        self.hop = 0
        self._walk_number = 0
        self._player: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """A summary, the list, and the path or walk."""
        self.surveyor, self.walks = Surveyor(self.desk.film), Walks(self.desk.film)
        self.rows = RowList(self._row, self.palette, id="rows")
        self.pen = self._pen()
        yield Static(id="summary")
        with Container(id="both"):
            yield self.rows
            yield Static(id="detail")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.rows.focus()

    def on_resize(self) -> None:
        """Put paths where there is room for them."""
        self.call_after_refresh(self._tell)

    def _pen(self) -> PlanPen:
        return PlanPen(self.plan, self.palette, self.desk.names.of, self.say, self._reason)

    def _reason(self, reason: str) -> str:
        return worded(reason, self.desk.lang)

    def restyled(self) -> None:
        """Other colours."""
        self.rows.inks = self.palette
        self.show_plan(self.plan)

    # -- what is heard ------------------------------------------------------------------------

    def came(self, start: int) -> None:
        """Learn from new entries; where the cloud cannot be asked they are all there is."""
        whole = self.walks.advance()
        if self.why_not("datacenter"):
            whole = self.surveyor.advance() and whole
            self.show_plan(self.surveyor.plan(self.desk.names.of))
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Time went back."""
        self._end_walk()
        if self._asker is not None:
            self._ask()

    async def poll(self) -> Any:
        """How it is now."""
        return await self.desk.feed.datacenter()

    def polled(self, answer: Any) -> None:
        """Show it."""
        if answer:
            self.show_plan(Plan(answer))

    def show_plan(self, plan: Plan) -> None:
        """Show a datacenter; what was chosen stays chosen."""
        chosen = self.row
        self.plan = plan
        self.pen = self._pen()
        self.list = plan.rows(self.opened)
        at = self.list.index(chosen) if chosen is not None and chosen in self.list else None
        self.rows.show(len(self.list), at if at != self.rows.row else None)
        self._tell()

    # -- what is shown ------------------------------------------------------------------------

    @property
    def row(self) -> Row | None:
        """The chosen row."""
        return self.list[self.rows.row] if self.rows.row < len(self.list) else None

    def _row(self, index: int, width: int) -> Sequence[Segment]:
        row, inks = self.list[index], self.palette
        here = self.walk is not None and self._is_here(row, self.walk.hops[self.hop])
        marked = self.marked and row.name == self.marked
        sign = Segment("◉", inks.wire) if here else Segment("⚑", inks.state) if marked else Segment(" ")
        return [sign, *self.pen.line(row, width - 1)]

    def _is_here(self, row: Row, hop: Hop) -> bool:
        if row.kind == "server":
            return bool(self.plan.servers[row.name][0]["name"] == hop.device)
        return row.kind in ("host", "switch", "filer") and row.name == hop.device.partition("/")[0]

    def _tell(self) -> None:
        plan, answer = self.plan, self.plan.answer
        servers = len(plan.servers)
        parts = [Content.styled(self.say("summary", racks=len(answer.get("racks", ())), hosts=len(plan.hosts), servers=servers), "bold")]
        down = sum(thing["up"] is False for thing in (*plan.hosts.values(), *plan.switches.values()))
        cut = sum(link["up"] is False and not link.get("blocked") for link in answer.get("links", ()))
        for key, n in (("down", down), ("cut", cut), ("armed", len(answer.get("armed", ())))):
            if n:
                parts.append(Content.styled("✗ " + self.say(key, n=n), "$error"))
        if self.why_not("datacenter"):
            parts.append(Content.styled(self.say("not_said"), "$warning"))
        elif not answer:
            parts.append(Content.styled(self.say("asking"), "$text-muted"))
        shown = list(plan.networks.values())[:4]
        parts += [Content.assemble(content(self.pen.vlan(net["segment"], net["type"])), f" {net['name']}") for net in shown]
        self.query_one("#summary", Static).update(Content("  ").join(parts), layout=False)
        self.query_one("#detail", Static).update(self._detail(), layout=False)

    def _detail(self) -> Content:
        if self.walk is not None:
            box = self.query_one("#detail")
            return walked(self.pen, self.walk, self.hop, box.content_size.width or 76, max(4, box.size.height))
        return told(self.pen, self.row, self.marked) if self.row is not None else Content("")

    # -- keys ---------------------------------------------------------------------------------

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self._tell()

    @on(RowList.Opened)
    def _open(self) -> None:
        """A switch shows or hides its ports; a hop opens its entry."""
        row = self.row
        if self.walk is not None and self.walk.hops[self.hop].seq:
            self.post_message(Inspect(self.walk.hops[self.hop].seq))
        elif row is not None and row.kind == "switch":
            self.opened ^= {row.name}
            self.show_plan(self.plan)

    def action_mark(self) -> None:
        """The chosen thing is the other end of paths and pings."""
        row = self.row
        if row is not None and row.kind in ("server", "host", "switch", "filer"):
            self.marked = "" if self.marked == row.name else row.name
            name = self.plan.servers[row.name][0]["name"] if row.kind == "server" else row.name
            self.notify(self.say("marked", name=name if self.marked else "–"))
            self.show_plan(self.plan)

    def action_ping(self) -> None:
        """Ask from where to where."""
        why, plan, row = self.why_not("ping"), self.plan, self.row
        if why or not plan.servers:
            self.notify(why or self.say("no_servers"), severity="warning")
            return
        source = row.name if row is not None and row.kind == "server" else next(iter(plan.servers))
        target = self.marked if self.marked in plan.servers and self.marked != source else plan.neighbour(source)
        names = {key: server["name"] for key, (server, _) in plan.servers.items()}
        self.app.push_screen(Ping(names, names[source], names.get(target, "")), self._ping)

    def _ping(self, asked: tuple[str, str] | None) -> None:
        if asked is not None:
            source, target = asked
            title, address = f"{source} → {target}", self.plan.address(target)
            if not is_address(address):
                self.notify(self.say("no_address", name=target), severity="warning")
                return
            self.notify(self.say("pinging", title=title), timeout=1)
            self.order("ping", self._send(title, source, address))

    async def _send(self, title: str, source: str, target: str) -> None:
        answer = await self.desk.feed.ping(source, target)
        self.call_later(self.show_walk, of_ping(title, answer), True)

    def show_walk(self, walk: Walk, play: bool = False) -> None:
        """Show a walk from its first hop; `play` goes on by itself."""
        self._end_walk()
        if not walk.hops:
            self.notify(self.say("not_reached", reason=self._reason(walk.reason)), severity="warning")
            return
        self.walk = walk
        if play and self.hop_s:
            self._player = self.set_interval(self.hop_s, self._play)
        self._step(0)

    def _play(self) -> None:
        if self.walk is None or self.hop >= len(self.walk.hops) - 1:
            self._stop()
        else:
            self._step(1)

    def _step(self, by: int) -> None:
        assert self.walk is not None
        self.hop = max(0, min(self.hop + by, len(self.walk.hops) - 1))
        here = next((at for at, row in enumerate(self.list) if self._is_here(row, self.walk.hops[self.hop])), None)
        if here is not None:
            self.rows.choose(here)
        self._tell()

    def _stop(self) -> None:
        if self._player is not None:
            self._player.stop()
            self._player = None

    def _end_walk(self) -> None:
        self._stop()
        self.walk, self.hop = None, 0

    def action_hop(self, by: int) -> None:
        """One hop on or back; by hand from now on."""
        if self.walk is not None:
            self._stop()
            self._step(by)

    def action_walks(self) -> None:
        """The walks that are in the journal, the newest first."""
        if not len(self.walks):
            self.notify(self.say("no_walks"))
            return
        self._walk_number = self._walk_number - 1 if self.walk is not None else -1
        walk = self.walks[self._walk_number]
        self.show_walk(replace(walk, title=f"{walk.title} · {self.desk.film.dial.instant(walk.hops[0].t_ns)}"))

    def action_leave(self) -> None:
        """Escape: the walk ends."""
        self._end_walk()
        self._tell()
        self.rows.refresh()
