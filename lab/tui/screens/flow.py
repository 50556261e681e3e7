"""Flow: every message as an arrow between lanes, as it passes, with the state of the servers beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.widgets.lane_view import LaneHead, LaneView
from lab.tui.words import Texts
from lab.watch.film import Filter, View
from lab.watch.query import UnknownWord, parse


class FlowRoom(Room):
    """The flow of messages."""

    name_ = "flow"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "key.follow"),
        Binding("slash", "filter", "key.filter"),
        Binding("r", "request", "key.request"),
        Binding("g", "group", "key.group"),
        Binding("p", "quiet", "key.quiet", show=False),
    ]
    DEFAULT_CSS = """
    FlowRoom #servers { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    FlowRoom #beside { width: 26; height: 1fr; padding: 0 1; background: $surface; display: none; }
    FlowRoom.wide #beside { display: block; }
    FlowRoom.wide #servers { display: none; }
    FlowRoom #filter { height: 1; border: none; padding: 0 1; display: none; }
    FlowRoom #told { height: 1; padding: 0 1; color: $text-muted; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = {
        "key.follow": {"en": "follow", "ko": "따라가기"},
        "key.filter": {"en": "filter", "ko": "거르기"},
        "key.request": {"en": "this request", "ko": "이 요청만"},
        "key.group": {"en": "lanes", "ko": "레인"},
        "key.quiet": {"en": "show or hide periodic work", "ko": "주기 작업 보이기/숨기기"},
        "servers": {"en": "Servers", "ko": "서버"},
        "no_servers": {"en": "no server yet", "ko": "아직 서버가 없습니다"},
        "filter.hint": {
            "en": "service:nova kind:rest|mq|driver|state req:req-… any text   Enter: apply, Esc: all",
            "ko": "service:nova kind:rest|mq|driver|state req:req-… 찾을 글   Enter: 적용, Esc: 모두",
        },
        "filter.unknown": {"en": "{word!r} is not known; known: {known}", "ko": "{word!r}: 모르는 말입니다. 쓸 수 있는 것: {known}"},
        "shown": {"en": "{n} of {all}", "ko": "{all}개 중 {n}개"},
        "following": {"en": "following", "ko": "따라가는 중"},
        "quiet": {"en": "without periodic work", "ko": "주기 작업 제외"},
        "legend": {
            "en": "R─▶ REST  C═▶ call  A═▷ cast  D┄▶ driver  small letter: answer  ◆ state",
            "ko": "R─▶ REST  C═▶ call  A═▷ cast  D┄▶ 드라이버  소문자: 응답  ◆ 상태",
        },
    }

    def __init__(self) -> None:
        super().__init__()
        self.quiet = True
        self.text = ""
        self._followed = True

    def body(self) -> Iterable[Widget]:
        """Servers, lanes, the list, and a line that says what is shown."""
        self.lanes = LaneView(View(self.desk.film, Filter(quiet=True)), self.desk.names, self.palette, id="lanes")
        yield Static(id="servers")
        yield LaneHead(self.lanes)
        with Horizontal():
            yield self.lanes
            yield Static(id="beside")
        yield Input(id="filter", placeholder=self.say("filter.hint"), compact=True)
        yield Static(id="told")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.lanes.focus()

    def restyled(self) -> None:
        """Other colours."""
        self.lanes.restyle(self.palette, self.desk.names)

    def on_resize(self) -> None:
        """Other lanes may fit."""
        self.query_one(LaneHead).refresh()

    # -- entries ------------------------------------------------------------------------------

    def came(self, start: int) -> None:
        """Look at the new entries, a slice at a time, so that keys are answered in between."""
        whole = self.lanes.view.advance()
        self.lanes.grown()
        self._tell()
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Names may have changed."""
        self.restyled()

    def hides(self, seq: int) -> bool:
        """Whether the filter leaves an entry out."""
        return not self.lanes.view.shows(seq)

    def entered(self) -> None:
        """Stand where another room stood."""
        self.lanes.stand_at(self.desk.chosen)

    def _tell(self) -> None:
        desk, lanes = self.desk, self.lanes
        self._followed = lanes.follow
        states = [(desk.names.of.get(key, key[:8]), state.replace("/None", "")) for key, state in desk.names.servers.items()]
        self.query_one("#servers", Static).update(self._states(states, "  "), layout=False)
        beside = Content.assemble((self.say("servers"), "bold"), "\n", self._states(states, "\n"))
        self.query_one("#beside", Static).update(beside, layout=False)
        parts = [self.say("shown", n=len(lanes.view), all=len(desk.film))]
        if lanes.follow:
            parts.append(self.say("following"))
        if self.text:
            parts.append(self.text)
        elif self.quiet:
            parts.append(self.say("quiet"))
        told = Content(" · ".join(parts))
        self.query_one("#told", Static).update(Content.assemble(told, ("   " + self.say("legend"), "$text-disabled")), layout=False)

    def _states(self, states: list[tuple[str, str]], between: str) -> Content:
        if not states:
            return Content.styled(self.say("no_servers"), "$text-disabled")
        parts = []
        for name, state in states[-40:]:
            style = "$success" if state.startswith("active") else "$error" if "error" in state else "$accent"
            parts.append(Content.assemble(("◆ ", style), (name, "bold"), " ", (state, style)))
        return Content(between).join(parts)

    # -- filters ------------------------------------------------------------------------------

    def show_filter(self, text: str) -> None:
        """Show only what passes. An unknown word is named, and nothing changes."""
        try:
            wanted = parse(text, self.quiet)
        except UnknownWord as error:
            self.notify(self.say("filter.unknown", word=error.word, known=", ".join(error.known)), severity="warning")
            return
        chosen = self.lanes.entry
        self.text = text
        view = View(self.desk.film, wanted)
        view.advance()
        self.lanes.show_view(view, chosen.seq if chosen else 0)
        self.came(0)

    def action_filter(self) -> None:
        """Write a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.value = self.text
        field.focus()

    @on(Input.Submitted, "#filter")
    def _filtered(self, event: Input.Submitted) -> None:
        event.input.display = False
        self.lanes.focus()
        self.show_filter(event.value)

    def action_leave(self) -> None:
        """Escape: everything again."""
        self.query_one("#filter", Input).display = False
        self.lanes.focus()
        if self.text:
            self.show_filter("")

    def action_request(self) -> None:
        """Only what belongs to the chosen entry's request."""
        entry = self.lanes.entry
        if entry is not None and entry.request_id:
            self.lanes.follow = False
            self.show_filter(f"req:{entry.request_id}")

    def action_quiet(self) -> None:
        """With or without notifications and periodic work."""
        self.quiet = not self.quiet
        self.show_filter(self.text)

    def action_follow(self) -> None:
        """Go with the newest, or stay."""
        self.lanes.follow = not self.lanes.follow
        self.came(0)

    def action_group(self) -> None:
        """Lanes in another detail."""
        self.lanes.cycle_level()
        self.query_one(LaneHead).refresh()

    @on(LaneView.Chosen)
    def _chosen(self, event: LaneView.Chosen) -> None:
        self.desk.chosen = 0 if self.lanes.follow else event.seq
        if self._followed != self.lanes.follow:
            self._tell()

    @on(LaneView.Shifted)
    def _shifted(self) -> None:
        self.query_one(LaneHead).refresh()

    @on(LaneView.Opened)
    def _opened(self, event: LaneView.Opened) -> None:
        self.post_message(Inspect(event.seq))
