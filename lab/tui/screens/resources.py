"""Resources: servers, volumes, networks, ports and images with their states and history; made, changed and deleted by forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.screens.resources_words import TEXTS
from lab.tui.widgets.bars import clicked
from lab.tui.widgets.form import Form, Menu
from lab.tui.widgets.resource_lines import Lines
from lab.tui.widgets.rows import RowList
from lab.tui.words import Texts
from lab.watch.calls import Call, Overheard, seq_of
from lab.watch.orders import MAKE, Order, orders_for
from lab.watch.resources import KINDS, Event, Resources, Thing, ask

CALLS = 3
"""How many calls are shown."""


class ResourcesRoom(Room):
    """What there is in the cloud."""

    name_ = "resources"
    wide_from = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "make", "key.make"),
        Binding("a", "act", "key.act"),
        Binding("o", "open_call", "key.open_call"),
        Binding("left", "kind(-1)", "key.kind"),
        Binding("right", "kind(1)", "key.kind", show=False),
        Binding("u", "ask", "key.ask"),
        Binding("x", "gone", "key.gone", show=False),
        Binding("tab", "app.focus_next", "key.other_side", show=False),
    ]
    DEFAULT_CSS = """
    ResourcesRoom #kinds { height: 1; padding: 0 1; background: $surface; link-style: not underline; link-style-hover: bold; }
    ResourcesRoom .head { height: 1; padding: 0 1; background: $surface; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    ResourcesRoom #both { height: 1fr; layout: vertical; }
    ResourcesRoom.wide #both { layout: horizontal; }
    ResourcesRoom Vertical { height: 1fr; width: 1fr; }
    ResourcesRoom.wide #left { width: 3fr; }
    ResourcesRoom.wide #right { width: 2fr; }
    ResourcesRoom #calls { height: auto; max-height: 4; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = TEXTS

    def __init__(self) -> None:
        super().__init__()
        self.kind = KINDS[0]
        self.with_gone = False
        self.shown: list[Thing] = []
        self._made = ""
        """The id of what was made here and is not chosen yet."""
        self.calls: list[Call] = []

    def body(self) -> Iterable[Widget]:
        """Kinds, the things of one kind, the history of the chosen one, the calls that were made here."""
        self.known = Resources(self.desk.film)
        self.lines = Lines(self.known, self.palette, self.say)
        self.list = RowList(lambda row, width: self.lines.thing(self.shown[row], width), self.palette, id="things")
        self.story = RowList(lambda row, width: self.lines.event(self.history[row], width), self.palette, id="story")
        yield Static(id="kinds")
        with Container(id="both"):
            with Vertical(id="left"):
                yield Static(id="columns", classes="head")
                yield self.list
            with Vertical(id="right"):
                yield Static(id="about", classes="head")
                yield self.story
        yield Static(id="calls")

    def on_mount(self) -> None:
        """The list has the keys; what the façade asks is heard."""
        self.list.focus()
        cloud = self.desk.feed.cloud
        if cloud is not None:
            heard = Overheard(cloud.session.transport, lambda: self.desk.film.last_seq, self._heard)
            cloud.session.transport = heard
            self.calls = heard.calls

    def restyled(self) -> None:
        """Other colours."""
        self.lines.inks = self.palette
        for rows in (self.list, self.story):
            rows.inks = self.palette
            rows.refresh()

    def on_resize(self) -> None:
        """The history at the side when there is room."""
        self.call_after_refresh(self._tell)

    # -- what is shown ------------------------------------------------------------------------

    @property
    def thing(self) -> Thing | None:
        """The chosen thing."""
        return self.shown[self.list.row] if self.list.row < len(self.shown) else None

    @property
    def history(self) -> list[Event]:
        """What happened to it, oldest first."""
        thing = self.thing
        return sorted(thing.history, key=lambda event: event.seq) if thing is not None else []

    def came(self, start: int) -> None:
        """Look at the new entries, a slice at a time."""
        whole = self.known.advance()
        self._tell()
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Time was turned back: the list is made anew by `came`."""
        self.known.advance()
        self._tell()

    def clock_changed(self) -> None:
        """A call may wait for the clock."""
        self._tell_calls()

    def _tell(self) -> None:
        chosen = self.known.get(self.kind, self._made) or self.thing
        self.shown = self.known.of(self.kind, self.with_gone)
        row = next((i for i, thing in enumerate(self.shown) if thing is chosen), None)
        if row is not None and self.shown[row].id == self._made:
            self._made, self.story.row = "", self.story.count
        self.list.show(len(self.shown), row)
        parts: list[Content] = []
        for kind in KINDS:
            words = f" {self.say(f'kind.{kind}')} {len(self.known.of(kind))} "
            here = kind == self.kind
            parts.append(Content.styled(words, "bold $background on $primary" if here else clicked(f"screen.pick('{kind}')")))
        self.query_one("#kinds", Static).update(Content(" ").join(parts), layout=False)
        heading = self.lines.heading(self.kind, self.list.scrollable_content_region.width - 1)
        self.query_one("#columns", Static).update(heading, layout=False)
        self._tell_story()
        self._tell_calls()

    def _tell_story(self) -> None:
        thing = self.thing
        title = self.say("empty." + self.kind) if thing is None else f"{thing.label}  {thing.id}"
        about = Content.assemble((title, "bold" if thing else ""))
        self.query_one("#about", Static).update(about, layout=False)
        count = len(thing.history) if thing is not None else 0
        at_end = self.story.row >= self.story.count - 1
        self.story.show(count, count - 1 if at_end else None)

    def _tell_calls(self) -> None:
        lines = []
        for call in self.calls[-CALLS:]:
            seq = seq_of(call, self.desk.film)
            answer = str(call.status) if call.status > 0 else self.say("call.none" if call.status else "call.waits")
            style = "$success" if 0 < call.status < 300 else "$warning"
            lines.append(Content.assemble((call.words, "bold"), " → ", (answer, style), (f"  #{seq}" if seq else "", "$text-muted")))
        why = self.why_not("act")
        if self.calls and not self.calls[-1].status and self.desk.clock.get("paused"):
            lines.append(Content.styled(self.say("call.paused"), "$warning"))
        elif not lines:
            lines.append(Content.styled(why or self.say("calls.hint"), "$warning" if why else "$text-muted"))
        self.query_one("#calls", Static).update(Content("\n").join(lines))

    def _heard(self) -> None:
        self.call_later(self._tell_calls)

    # -- choosing -----------------------------------------------------------------------------

    def action_kind(self, by: int) -> None:
        """The kind before or after."""
        self.action_pick(KINDS[(KINDS.index(self.kind) + by) % len(KINDS)])

    def action_pick(self, kind: str) -> None:
        """Show the things of a kind."""
        self.kind = kind
        self.list.row = self.story.row = 0
        self._tell()

    def action_gone(self) -> None:
        """With or without what is deleted."""
        self.with_gone = not self.with_gone
        self._tell()

    @on(RowList.Chosen, "#things")
    def _chosen(self) -> None:
        self.story.row = self.story.count
        self._tell_story()

    @on(RowList.Opened, "#things")
    def _acted(self) -> None:
        self.action_act()

    @on(RowList.Opened, "#story")
    def _opened(self, event: RowList.Opened) -> None:
        self.desk.chosen = self.history[event.row].seq
        self.post_message(Inspect(self.desk.chosen))

    def action_open_call(self) -> None:
        """Look into the last call that was made here; one that changed something rather than one that only looked."""
        newest = self.calls[::-1]
        calls = [call for call in newest if call.method != "GET"] + [call for call in newest if call.method == "GET"]
        seq = next(filter(None, (seq_of(call, self.desk.film) for call in calls)), 0)
        if seq:
            self.desk.chosen = seq
            self.post_message(Inspect(seq))
        else:
            self.notify(self.say("calls.hint"))

    # -- doing --------------------------------------------------------------------------------

    def _may(self) -> bool:
        why = self.why_not("act")
        if why or self.desk.feed.cloud is None:
            self.notify(why or self.say("unable.recorded"), severity="warning")
            return False
        return True

    def action_ask(self) -> None:
        """Ask the cloud for all it has: what was there before the film began is not in it."""
        cloud = self.desk.feed.cloud
        if self._may() and cloud is not None:
            self.order("act", ask(cloud))

    def action_make(self) -> None:
        """Make a thing of this kind."""
        order = MAKE.get(self.kind)
        if order is None:
            self.notify(self.say(f"made.{self.kind}"), severity="warning")
        elif self._may():
            self._fill(order, None)

    def action_act(self) -> None:
        """Ask what shall be done with the chosen thing."""
        thing = self.thing
        if thing is None or thing.gone or not self._may():
            return
        orders = {order.key: order for order in orders_for(thing)}

        def chosen(key: str | None) -> None:
            if key is not None:
                self._fill(orders[key], thing)

        self.app.push_screen(Menu(thing.label, {key: self.say(f"order.{key}") for key in orders}), chosen)

    def _fill(self, order: Order, thing: Thing | None) -> None:
        title = self.say(f"order.{order.key}") + (f": {thing.label}" if thing else "")
        sends = order.sends.replace("{id}", f"{thing.id[:8]}…" if thing else "")

        def given(values: dict[str, str] | None) -> None:
            cloud = self.desk.feed.cloud
            if values is not None and cloud is not None:
                self.order("act", self._do(order, thing.id if thing else "", values))

        form = Form(title, order.asks(self.known, thing), lambda key: self.say(f"field.{key}"), sends)
        self.app.push_screen(form, given)

    async def _do(self, order: Order, id: str, values: dict[str, str]) -> None:
        cloud = self.desk.feed.cloud
        assert cloud is not None
        made = await order.does(cloud, id, values)
        if not id:
            self.call_later(self._choose_made, str(getattr(made, "id", "")))

    def _choose_made(self, id: str) -> None:
        """What was made is what the user wants to watch now."""
        self._made = id
        self._tell()

