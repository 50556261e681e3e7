"""The application: a watched cloud, eight rooms, one worker that watches. Rooms and widgets do the rest.

Beside the cloud that it was opened on (`home`), others can be watched, each with rooms of its own: a lesson's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.events import Resize
from textual.geometry import Size
from textual.worker import Worker

from lab.errors import LabError
from lab.journal.export import TRACED
from lab.tui.browser.parent import end_with_server, served
from lab.tui.desk import LOADING, Desk
from lab.tui.keys import keys_here
from lab.tui.messages import Branched, Came, Fetched, Inspect, Looks, Refused
from lab.tui.palette import Commands
from lab.tui.room import Room
from lab.tui.rooms import ROOMS, Door, prepare
from lab.tui.theme import THEMES
from lab.tui.trouble import error_words, lost_words
from lab.tui.words import say
from lab.watch.feed import ClockNow, Entries, Feed, Lost, Missed

if TYPE_CHECKING:
    from lab.tui.screens.branch import Choice

TOLD_S = 0.05
"""How often the shown room is told what came."""
READING_TICKS = 20
"""Of so many of these moments only one counts while a file is read, after the first."""


class GlassApp(App[None]):
    """Watches one cloud."""

    CSS_PATH = "glass.tcss"
    TITLE = "Glasscloud"
    COMMANDS: ClassVar = {Commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause_or_go", "key.pause"),
        Binding("n", "step", "key.step"),
        Binding("N", "step_event", "key.step_event"),
        Binding("b", "turn_back", "key.back"),
        *(Binding(door.digit, f"room('{door.name}')", f"room.{door.name}", show=False) for door in ROOMS),
        Binding("t", "toggle_theme", "key.theme", show=False),
        Binding("question_mark", "help", "key.help"),
        Binding("ctrl+p", "command_palette", "key.palette"),
        Binding("q", "quit", "key.quit"),
    ]

    def __init__(self, feed: Feed, lang: str = "en", theme: str = "dark", room: str = "flow", *, keeps: bool = False) -> None:
        """`keeps`: the places in lessons are kept in the user's state directory."""
        super().__init__()
        self.keeps = keeps
        self.home = self.desk = Desk(feed, lang)
        """What it was opened on, and what is shown now."""
        self.watched: dict[Desk, Worker[None]] = {}
        """All that is watched, each by its worker."""
        for each in THEMES.values():
            self.register_theme(each)
        self.theme = THEMES[theme].name
        self._first = room
        self._changed = False
        self._prepared = False
        self._ticks = 0
        self._stepped_from = -1
        """The last seq when a message was stepped to, until it has come; -1: none is awaited."""

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say({}, self.desk.lang, key, **values)

    def on_mount(self) -> None:
        """Enter the first room and begin to watch."""
        self.open_cloud(self.home, self._first)
        self.call_after_refresh(lambda: self.cover(self.size))
        self._teller = self.set_interval(TOLD_S, self.tell)
        if served():
            end_with_server(self)

    def on_resize(self, event: Resize) -> None:
        """Cover what does not fit, and show it again when it does."""
        self.cover(event.size)

    def cover(self, size: Size) -> None:
        """Lay one plain message over a screen that would be drawn cut; take it away where there is room."""
        from lab.tui.screens.too_small import TooSmall, fits

        covered = isinstance(self.screen, TooSmall)
        if fits(size) and covered:
            self.pop_screen()
        elif not fits(size) and not covered:
            self.push_screen(TooSmall())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Under the cover no key does anything but to end."""
        from lab.tui.screens.too_small import fits

        return action == "quit" or fits(self.size)

    # -- watching -----------------------------------------------------------------------------

    @work(group="watch", exit_on_error=True)
    async def watch_feed(self, desk: Desk) -> None:
        """Post what comes from the feed, until no more can come."""
        async for seen in desk.feed.watch(desk.film.last_seq):
            self.post_message(Came(desk, seen))
        self.post_message(Came(desk, ClockNow({})))

    def on_came(self, message: Came) -> None:
        """Put down what came; the room is told a little later, once for many."""
        seen, desk = message.seen, message.desk
        if isinstance(seen, ClockNow) and not seen.clock:
            desk.whole = True
        else:
            known = desk.lost
            desk.take(seen)
            if isinstance(seen, Entries):
                self._tell_hidden_step(desk)
            if isinstance(seen, Lost) and (known is None or known.reason != seen.reason):
                self.notify(lost_words(desk, seen), severity="warning", timeout=8)
            elif isinstance(seen, Missed):
                self.notify(self.say("missed", a=seen.a, b=seen.b), severity="warning")
        self._changed = True

    async def action_quit(self) -> None:
        """End; nobody is told any more, for the widgets go one by one."""
        self._teller.stop()
        await super().action_quit()

    def tell(self) -> None:
        """Tell the shown room what came, if anything did."""
        room = self.screen_stack[-1] if self.screen_stack else None  # there is none any more while it closes
        # While a file is read, drawing what will be scrolled away at once would take longer than reading it.
        if self._changed and isinstance(room, Room):
            if not self.desk.feed.live and not self.desk.whole:
                self._ticks += 1
                if self._ticks % READING_TICKS != 1:
                    return
            self._changed = False
            room.catch_up()
            if not self._prepared and (self.desk.feed.live or self.desk.whole):
                self._prepared = True
                self.run_worker(prepare, group="prepare", thread=True)

    # -- ordering -----------------------------------------------------------------------------

    @work(group="order")
    async def order(self, ability: str, what: Coroutine[Any, Any, Any]) -> None:
        """Carry out an order to the cloud; an answer that is a clock is taken at once."""
        desk = self.desk
        try:
            answer = await what
        except LabError as error:
            self.post_message(Refused(ability, error_words(desk, error)))
        else:
            if isinstance(answer, dict) and "t_s" in answer and "paused" in answer:
                self.post_message(Came(desk, ClockNow(answer)))

    def on_refused(self, message: Refused) -> None:
        """Say why it was not done."""
        self.notify(message.words, severity="warning")

    # -- whole bodies -------------------------------------------------------------------------

    def fetch(self, desk: Desk, seq: int) -> None:
        """Get the long list that was left out of an entry; the shown screen hears of it by `fetched`."""
        if desk.asked.get(seq) != LOADING:
            desk.asked[seq] = LOADING
            self._fetch(desk, seq)

    @work(group="fetch")
    async def _fetch(self, desk: Desk, seq: int) -> None:
        try:
            self.post_message(Fetched(desk, seq, await desk.feed.entry(seq)))
        except LabError as error:
            self.post_message(Fetched(desk, seq, None, error_words(desk, error)))

    def on_fetched(self, message: Fetched) -> None:
        """Put the whole entry where the other one was."""
        desk, screen = message.desk, self.screen
        desk.fill(message.seq, message.entry, message.why)
        if isinstance(screen, Looks):
            screen.fetched(message.seq)

    def action_pause_or_go(self) -> None:
        """Space."""
        self.order("pause", self.desk.feed.clock(paused=not self.desk.clock.get("paused")))

    def action_step(self) -> None:
        """Let one message happen."""
        self._stepped_from = self.desk.film.last_seq
        self.order("step", self.desk.feed.clock(step=1))

    def _tell_hidden_step(self, desk: Desk) -> None:
        """Say what a step has done when the shown room leaves it out: else it looks as if nothing had happened."""
        if self._stepped_from < 0 or desk is not self.desk:
            return
        hides = self.screen.hides if isinstance(self.screen, Room) else None
        if self.step_came(desk, self._stepped_from, hides):
            self._stepped_from = -1

    def step_came(self, desk: Desk, since: int, hides: Callable[[int], bool] | None) -> bool:
        """Whether a message has come after `since`; when all that came is hidden where the user looks, say what it was."""
        film = desk.film
        came = [entry for entry in film.slice(film.index(since + 1)) if entry.kind in TRACED]
        if came and hides is not None and all(hides(entry.seq) for entry in came):
            self.clear_notifications()  # a row of steps would cover the room
            self.notify(self.say("step.hidden", seq=came[0].seq, what=f"{came[0].kind} {came[0].name}"), timeout=3)
        return bool(came)

    def action_step_event(self) -> None:
        """Let one event of the loop happen."""
        self.order("step", self.desk.feed.clock(step_events=1))

    def action_turn_back(self) -> None:
        """Go back by one message."""
        self.order("back", self.desk.feed.travel(self.desk.film.before_message()))

    @work(group="order")
    async def branch(self, choice: Choice) -> None:
        """Let another future begin in a child process, as fast as possible."""
        from lab.watch.child import start

        feed = None
        try:
            history = await self.desk.feed.history()
            feed = await start("--speed", "1")  # a paused cloud could not let anybody in
            await feed.travel(choice.to, history=history, then=choice.then)
            await feed.clock(paused=False, speed="max")
        except LabError as error:
            if feed is not None:
                await feed.close()
            self.post_message(Refused("branch", error_words(self.desk, error)))
        else:
            self.post_message(Branched(feed, choice))

    def on_branched(self, message: Branched) -> None:
        """Compare the two futures."""
        from lab.tui.screens.compare import Compare

        self.push_screen(Compare(Desk(message.feed, self.desk.lang), message.choice))
        self.cover(self.size)

    # -- clouds and rooms ---------------------------------------------------------------------

    def open_cloud(self, desk: Desk, room: str) -> None:
        """Watch a cloud, in rooms of its own, and enter one of them."""
        for door in ROOMS:
            self.add_mode(desk.name + door.name, partial(self._new_room, door, desk))
        self.watched[desk] = self.watch_feed(desk)
        self.show_cloud(desk, room)

    def _new_room(self, door: Door, desk: Desk) -> Room:
        room = door.open(desk)
        # Nothing of it is out of date. Textual would read all styles anew, twice, and the key wait 50 ms for it.
        room._css_update_count = self._css_update_count
        return room

    def show_cloud(self, desk: Desk, room: str) -> None:
        """Enter a room of one of the watched clouds."""
        self.desk = desk
        self.action_room(room)

    @work(group="close")
    async def close_cloud(self, desk: Desk) -> None:
        """Watch a cloud no more that is not shown now, and end its feed."""
        self.watched.pop(desk).cancel()
        for door in ROOMS:
            await self.remove_mode(desk.name + door.name)
        await desk.feed.close()

    async def on_unmount(self) -> None:
        """End the feeds that the application itself has opened, however it ends."""
        for desk in self.watched:
            if desk is not self.home:
                await desk.feed.close()

    def action_room(self, name: str) -> None:
        """Enter a room of the shown cloud."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.switch_mode(self.desk.name + name)

    def action_toggle_theme(self) -> None:
        """Dark or light."""
        self.theme = THEMES["light" if self.current_theme.dark else "dark"].name

    def action_command_palette(self) -> None:
        """Rooms and keys by name."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=self.say("palette.hint"), id="--command-palette"))

    def action_help(self) -> None:
        """All keys of this place."""
        from lab.tui.widgets.help import Help

        self.push_screen(Help(list(keys_here(self, hidden=True))))

    def on_inspect(self, message: Inspect) -> None:
        """Look into an entry."""
        from lab.tui.screens.inspector import Inspector

        self.push_screen(Inspector(message.seq))
