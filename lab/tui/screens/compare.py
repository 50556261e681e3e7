"""Two futures side by side: the one that was, and the one that branched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from lab.errors import LabError
from lab.tui.desk import Desk
from lab.tui.messages import Came, Refused
from lab.tui.screens.branch import Choice
from lab.tui.screens.inspector import Inspector
from lab.tui.theme import palette
from lab.tui.trouble import error_words
from lab.tui.widgets.bars import KeyBar
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.words import Texts, say
from lab.watch.compare import first_difference, outcome
from lab.watch.feed import ClockNow
from lab.watch.film import Filter, View

if TYPE_CHECKING:
    from lab.tui.app import GlassApp

WIDE = 140
"""Columns from which they stand side by side instead of one over the other."""
TOLD_S = 0.1


class Compare(Screen[None]):
    """The left (upper) one is the watched cloud, the right (lower) one the branch; the keys of time move the branch."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "key.close"),
        Binding("tab", "app.focus_next", "key.other_side"),
        Binding("space", "pause_or_go", "key.pause"),
        Binding("n", "step(False)", "key.step"),
        Binding("N", "step(True)", "key.step_event", show=False),
        Binding("b", "back", "key.back", show=False),
        Binding("d", "difference", "key.difference"),
    ]
    DEFAULT_CSS = """
    Compare #both { layout: vertical; height: 1fr; }
    Compare.wide #both { layout: horizontal; }
    Compare Vertical { height: 1fr; width: 1fr; }
    Compare LaneView { height: 1fr; }
    Compare .ending { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    Compare #told { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = {
        "key.other_side": {"en": "other side", "ko": "다른 쪽"},
        "key.difference": {"en": "first difference", "ko": "첫 차이"},
        "was": {"en": "As it was", "ko": "있었던 일"},
        "ending": {
            "en": "{title}: {servers}  {clock}{s:.1f} s  R {rest}  MQ {mq}  failures {bad}",
            "ko": "{title}: {servers}  {clock}{s:.1f}초  R {rest}  MQ {mq}  실패 {bad}",
        },
        "no_server": {"en": "no server", "ko": "서버 없음"},
        "parted": {"en": "They part at #{seq}, {t:.3f} s.", "ko": "#{seq}, {t:.3f}초에서 갈라집니다."},
        "together": {"en": "No difference so far.", "ko": "아직 차이가 없습니다."},
    }

    def __init__(self, branch: Desk, choice: Choice) -> None:
        super().__init__()
        self.branch, self.choice = branch, choice
        self.parted: tuple[int, int] | None = None
        self._stepped_from = -1
        """The branch's last seq when it was stepped, until a message has come."""

    @property
    def desks(self) -> tuple[Desk, Desk]:
        """What was, and the branch."""
        return cast("GlassApp", self.app).desk, self.branch

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, self.branch.lang, key, **values)

    def compose(self) -> ComposeResult:
        """Two flows with their endings."""
        inks = palette(self.app.current_theme.dark)
        yield Static(id="told")
        with Container(id="both"):
            for side, desk in zip(("was", "branch"), self.desks, strict=True):
                lanes = LaneView(View(desk.film, Filter(quiet=True)), desk.names, inks, id=side)
                with Vertical():
                    yield Static(id=f"{side}-ending", classes="ending")
                    yield LaneHead(lanes)
                    yield lanes
        yield KeyBar()

    def on_mount(self) -> None:
        """Watch the branch; the side that was begins where they part."""
        self.query_one("#branch", LaneView).focus()
        was = self.query_one("#was", LaneView)
        was.follow = False
        self.watch_branch()
        self.set_interval(TOLD_S, self.tell)
        self.call_after_refresh(self.tell)

    def on_resize(self) -> None:
        """Side by side when there is room."""
        self.set_class(self.size.width >= WIDE, "wide")

    @work(group="branch")
    async def watch_branch(self) -> None:
        """Post what comes from the branch."""
        async for seen in self.branch.feed.watch(self.branch.film.last_seq):
            self.post_message(Came(self.branch, seen))

    @on(Came)
    def _came(self, message: Came) -> None:
        message.stop()
        message.desk.take(message.seen)
        if self._stepped_from >= 0:
            lanes = self.query_one("#branch", LaneView)
            if cast("GlassApp", self.app).step_came(self.branch, self._stepped_from, lambda seq: not lanes.view.shows(seq)):
                self._stepped_from = -1

    def tell(self) -> None:
        """Show what both are now."""
        one, other = self.desks
        for side, desk in zip(("was", "branch"), self.desks, strict=True):
            lanes = self.query_one(f"#{side}", LaneView)
            before = len(lanes.view)
            lanes.view.advance()
            if len(lanes.view) != before:
                lanes.grown()
            self.query_one(f"#{side}-ending", Static).update(self._ending(side, desk), layout=False)
        if self.parted is None:
            self.parted = first_difference(one.film, other.film, self.choice.to)
            self.action_difference()
        if self.parted is None:
            words = self.say("together")
        else:
            entry = other.film.get(self.parted[1])
            words = self.say("parted", seq=self.parted[1], t=entry.t / 1e9 if entry else 0.0)
        self.query_one("#told", Static).update(Content.assemble((words, "bold"), "  ", (self.choice.words, "$warning")), layout=False)

    def _ending(self, side: str, desk: Desk) -> Content:
        ended = outcome(desk.film, desk.names, self.choice.to)
        servers = "  ".join(f"◆ {name} {state}" for name, state in ended.servers.items()) or self.say("no_server")
        title = self.say("was") if side == "was" else self.choice.words
        numbers = {"s": ended.seconds, "rest": ended.rest, "mq": ended.mq, "bad": ended.failures}
        return Content(self.say("ending", title=title, servers=servers, clock=self._clock(desk), **numbers))

    def _clock(self, desk: Desk) -> str:
        """Whether its time goes on, and how fast: the branch runs as fast as it can while anything is awaited."""
        if not desk.clock:
            return ""
        if desk.clock.get("paused"):
            return f"‖ {self.say('clock.paused')} "
        speed = desk.clock.get("speed", 1)
        return "▶ " + (self.say("clock.max") if speed == "max" else f"×{speed:g}") + " "

    # -- keys ---------------------------------------------------------------------------------

    def action_difference(self) -> None:
        """Show on both sides where they part."""
        if self.parted is None:
            return
        for side, seq in zip(("was", "branch"), self.parted, strict=True):
            lanes = self.query_one(f"#{side}", LaneView)
            lanes.marked = seq
            lanes.follow = False
            lanes.choose(lanes.view.nearest(seq))
            # What came of it is worth more rows than what led to it.
            lanes.scroll_to(y=max(0, lanes.row - lanes.size.height // 4), animate=False, force=True, immediate=True)

    @work(group="order")
    async def _order(self, **change: object) -> None:
        try:
            self.post_message(Came(self.branch, ClockNow(await self.branch.feed.clock(**change))))
        except LabError as error:
            self.app.post_message(Refused("pause", error_words(self.branch, error)))

    def action_pause_or_go(self) -> None:
        """The branch stops or goes."""
        self._order(paused=not self.branch.clock.get("paused"))

    def action_step(self, event: bool) -> None:
        """One message of the branch, or one event: at its end, which is shown."""
        self._stepped_from = -1 if event else self.branch.film.last_seq
        lanes = self.query_one("#branch", LaneView)
        lanes.follow = True
        lanes.grown()
        self._order(**({"step_events": 1} if event else {"step": 1}))

    def action_back(self) -> None:
        """The branch goes back by one message."""
        cast("GlassApp", self.app).order("back", self.branch.feed.travel(self.branch.film.before_message()))

    def action_leave(self) -> None:
        """Back to what was."""
        self.dismiss()

    async def on_unmount(self) -> None:
        """The branch's cloud ends, however the comparison was left."""
        await self.branch.feed.close()

    @on(LaneView.Opened)
    def _opened(self, event: LaneView.Opened) -> None:
        side = self.focused.id if self.focused is not None else ""
        self.app.push_screen(Inspector(event.seq, self.branch if side == "branch" else None))
