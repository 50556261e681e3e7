"""Timeline: a scrubber over virtual time; stop, step, change the speed, go back to any entry, and branch off from there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.screens.branch import Branch, Choice
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.widgets.scrubber import Scrubber
from lab.tui.words import Texts
from lab.watch.breakage import asked
from lab.watch.film import Filter, View

SPEEDS: tuple[float | str, ...] = (0.1, 0.25, 0.5, 1, 2, 5, 10, 100, "max")


class TimelineRoom(Room):
    """Time, and how to move in it."""

    name_ = "timeline"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go_back", "key.go_back"),
        Binding("x", "branch", "key.branch"),
        Binding("left_square_bracket", "speed(-1)", "key.slower"),
        Binding("right_square_bracket", "speed(1)", "key.faster"),
        Binding("tab", "app.focus_next", "key.other_side", show=False),
    ]
    DEFAULT_CSS = """
    TimelineRoom #clock { height: 1; padding: 0 1; background: $surface; }
    TimelineRoom #told { height: 1; padding: 0 1; background: $surface; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = {
        "key.earlier": {"en": "earlier", "ko": "이전"},
        "key.later": {"en": "later", "ko": "이후"},
        "key.go_back": {"en": "go back here", "ko": "이때로 돌아가기"},
        "key.branch": {"en": "branch here", "ko": "여기서 갈라지기"},
        "key.slower": {"en": "slower", "ko": "느리게"},
        "key.faster": {"en": "faster", "ko": "빠르게"},
        "key.other_side": {"en": "scrubber/list", "ko": "시간/목록"},
        "run": {"en": "run {n}", "ko": "{n}번째 실행"},
        "hint": {
            "en": "g repeats the world up to the marked entry; x lets another future begin there",
            "ko": "g는 표시한 곳까지 세계를 되풀이하고, x는 거기서 다른 미래를 시작합니다",
        },
        "back.done": {
            "en": "Back at #{seq}: {same}. The clock stands still; space lets it go on.",
            "ko": "#{seq} 시점으로 돌아왔습니다. {same}. 시계는 멈춰 있고 스페이스로 다시 갑니다.",
        },
        "same": {"en": "the repeated run is the same up to here", "ko": "되풀이한 실행이 여기까지 똑같습니다"},
        "differs": {"en": "the repeated run differs at #{at}", "ko": "되풀이한 실행이 #{at}에서 다릅니다"},
        "branching": {"en": "Another world is built and taken to #{seq} …", "ko": "다른 세계를 만들어 #{seq}까지 데려갑니다 …"},
    }

    def body(self) -> Iterable[Widget]:
        """The clock, the scrubber, and the entries around the cursor."""
        self.lanes = LaneView(View(self.desk.film, Filter(quiet=True)), self.desk.names, self.palette, id="near")
        self.scrubber = Scrubber(self.desk.film, self.palette)
        yield Static(id="clock")
        yield self.scrubber
        yield Static(id="told")
        yield LaneHead(self.lanes)
        yield self.lanes

    def on_mount(self) -> None:
        """The scrubber has the keys."""
        self.scrubber.focus()

    def restyled(self) -> None:
        """Other colours."""
        self.scrubber.inks = self.palette
        self.lanes.restyle(self.palette, self.desk.names)

    # -- what is shown ------------------------------------------------------------------------

    def came(self, start: int) -> None:
        """The film has grown."""
        whole = self.lanes.view.advance()
        self.lanes.grown()
        self.scrubber.refresh()
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """What was chosen may be gone."""
        self.scrubber.seq = 0
        self.restyled()

    def hides(self, seq: int) -> bool:
        """Whether the filter leaves an entry out."""
        return not self.lanes.view.shows(seq)

    def entered(self) -> None:
        """Stand where another room stood."""
        self.scrubber.seq = self.desk.chosen
        self.scrubber.refresh()
        self.lanes.stand_at(self.desk.chosen)

    def clock_changed(self) -> None:
        """Say where the clock stands and what can be done."""
        desk = self.desk
        speed = desk.clock.get("speed", 1)
        parts = [desk.now]
        if desk.feed.live:
            parts.append(self.say("clock.paused") if desk.clock.get("paused") else "▶")
            parts.append(self.say("clock.max") if speed == "max" else f"×{speed:g}")
        parts.append(self.say("run", n=desk.run + 1))
        line = Content.assemble((" · ".join(parts), "bold"), "  ", (str(desk.clock.get("utc", "")), "$text-muted"))
        self.query_one("#clock", Static).update(line, layout=False)
        why = self.why_not("back")
        self.query_one("#told", Static).update(Content.styled(why or self.say("hint"), "$warning" if why else ""), layout=False)

    @on(Scrubber.Moved)
    def _moved(self, event: Scrubber.Moved) -> None:
        self.lanes.follow = event.seq >= self.desk.film.last_seq
        self.lanes.choose(self.lanes.view.nearest(event.seq))
        self.desk.chosen = 0 if self.lanes.follow else event.seq

    @on(LaneView.Chosen)
    def _chosen(self, event: LaneView.Chosen) -> None:
        if self.lanes.has_focus:
            self.desk.chosen = self.scrubber.seq = event.seq
            self.scrubber.refresh()

    @on(LaneView.Opened)
    def _opened(self, event: LaneView.Opened) -> None:
        self.post_message(Inspect(event.seq))

    # -- orders -------------------------------------------------------------------------------

    @property
    def here(self) -> int:
        """The seq at the cursor."""
        return self.scrubber.seq or self.desk.film.last_seq

    def action_speed(self, by: int) -> None:
        """Slower or faster, by one step."""
        now = self.desk.clock.get("speed", 1)
        at = SPEEDS.index(now) if now in SPEEDS else 3
        wanted = SPEEDS[max(0, min(at + by, len(SPEEDS) - 1))]
        self.order("pause", self.desk.feed.clock(speed=wanted))

    def action_go_back(self) -> None:
        """Repeat the world up to the cursor."""
        self.order("back", self._back(self.here))

    async def _back(self, to: int) -> None:
        answer = await self.desk.feed.travel(to)
        self.call_later(self._told_back, answer)

    def _told_back(self, answer: dict[str, Any]) -> None:
        same = self.say("same") if answer.get("same", True) else self.say("differs", at=answer.get("differs_at"))
        self.notify(self.say("back.done", seq=answer.get("seq"), same=same))

    def action_branch(self) -> None:
        """Ask how the other future shall differ, and let it begin."""
        why = self.why_not("branch")
        entry = asked(self.desk.film, self.here)
        if why or entry is None:
            self.notify(why, severity="warning")
            return
        self.app.push_screen(Branch(entry), self._branched)

    def _branched(self, choice: Choice | None) -> None:
        if choice is not None:
            self.notify(self.say("branching", seq=choice.to))
            self.glass.branch(choice)
