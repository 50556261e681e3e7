"""The base of every room (screen) of the application, and how to add one.

A room is one file `lab/tui/screens/<name>.py` with one subclass of `Room`, one line in `lab.tui.rooms.ROOMS`, and its texts
(ko and en) in its own `texts`. `lab/tui/screens/flow.py` is the worked example.

*Body.* Override `body()` and yield widgets; the bar of rooms above and the bar of keys below are there already. Keys are ordinary
Textual `BINDINGS`, whose description is the key of a text (`Binding("g", "group", "key.group")`); those with show=True stand in the
bar as far as it has room, all of them in the help (?) and in the palette.

*Entries.* All that came so far is `self.desk.film` (by index, by seq; see lab.watch.film), the clock `self.desk.clock`, names of ids
`self.desk.names`, the feed `self.desk.feed`. While the room is shown, `came(start)` is called at most 20 times a second when
the film has grown, with the index of the first new entry; when it is entered again it is called with all that came meanwhile.
When time was turned back the film was cut: `cut()` is called, then `came(0)`. `clock_changed()` is called when the clock did.
The chosen entry is `self.desk.chosen` (a seq, 0: the newest), common to all rooms: take it over in `entered()`.
Post `Inspect(seq)` to open the Inspector.

*Polling the cloud.* Set `poll_s` and override `async def poll(self)`: it is awaited in a worker every so many seconds while the room is
shown, may only call verbs of `self.desk.feed`, and what it answers is given to `polled(answer)`, which may touch widgets.
An order (arm a fault, create a server) goes through `self.order("faults", coroutine)`, which runs it in a worker and tells
the user when it is refused; `self.desk.feed.unable` says beforehand what cannot be done and why: `self.why_not("faults")`.

*Tests.* `tests/tui/conftest.py` has `recording` (a recorded journal) and `app_of(feed, lang, room)`; `play(app, story)`
opens the application at a size and lets the story press keys and ask the room for what it shows; `snap(app, size, *keys)` compares
an SVG, once for each of FACES (80x24 and 120x40, ko and en): see tests/tui/test_flow.py. For a room that polls give `StubFeed` the
answers of the verbs. New pictures are made by `pytest tests/tui --snapshot-update`; look at them before you keep them.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from lab.errors import LabError
from lab.tui.messages import Polled
from lab.tui.theme import Palette, palette
from lab.tui.widgets.bars import KeyBar, RoomBar
from lab.tui.words import Texts, say

if TYPE_CHECKING:
    from lab.tui.app import GlassApp
    from lab.tui.desk import Desk


TALL_FROM = 36
"""Rows from which a room has the class 'tall'."""


class Room(Screen[None]):
    """One of the screens under a digit key."""

    name_: ClassVar[str] = ""
    """Its name as in ROOMS; 'room.<name>' is its title."""
    texts: ClassVar[Texts] = {}
    wide_from: ClassVar[int] = 150
    """Columns from which the room has the class 'wide': what stands below or above may stand at the side."""
    poll_s: ClassVar[float] = 0.0
    """Seconds between two questions to the cloud; 0 asks nothing."""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "key.close", show=False)]
    desk: Desk
    """The watched cloud; the door gives it."""

    def __init__(self) -> None:
        super().__init__(name=self.name_)
        self._told = 0
        self._version = 0
        self._asker: Timer | None = None
        self._asking = False

    # -- what a room is given -----------------------------------------------------------------

    @property
    def glass(self) -> GlassApp:
        """The application, by its type."""
        return cast("GlassApp", self.app)

    @property
    def palette(self) -> Palette:
        """The styles for lines that are drawn by hand."""
        return palette(self.app.current_theme.dark)

    def say(self, key: str, **values: object) -> str:
        """Word something in the language of the user."""
        return say(self.texts, self.desk.lang, key, **values)

    def why_not(self, ability: str) -> str:
        """Why the watched cloud cannot do something, in words; empty when it can."""
        reason = self.desk.feed.unable.get(ability)
        return self.say(f"unable.{reason}") if reason else ""

    def order(self, ability: str, what: Coroutine[Any, Any, Any]) -> None:
        """Carry out an order to the cloud in a worker; the user is told when it is refused."""
        self.glass.order(ability, what)

    # -- what a room overrides ----------------------------------------------------------------

    def body(self) -> Iterable[Widget]:
        """The widgets between the two bars."""
        return ()

    def came(self, start: int) -> None:
        """The film has grown from this index on."""

    def cut(self) -> None:
        """The film was cut: forget what was gathered from it."""

    def clock_changed(self) -> None:
        """The clock, or the state of the connection, has changed."""

    def entered(self) -> None:
        """Shown, at first or again: take over what was chosen elsewhere."""

    def restyled(self) -> None:
        """The theme has changed: give what is drawn by hand its new colours."""

    def hides(self, seq: int) -> bool:
        """Whether an entry is left out by what the room shows."""
        return False

    async def poll(self) -> Any:
        """Ask the cloud something; runs in a worker and touches no widget."""
        return None

    def polled(self, answer: Any) -> None:
        """Show what `poll` answered."""

    # -- the frame ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The bar of rooms, the body, the bar of keys."""
        self.fit(self.app.size)  # now, so that what is in it is styled once
        yield RoomBar()
        yield from self.body()
        yield KeyBar()

    def on_mount(self) -> None:
        """Hear of other themes; a subclass's own `on_mount` is called before this one."""
        self.watch(self.app, "theme", self.restyled, init=False)

    def on_resize(self) -> None:
        """Another size; a subclass's own `on_resize` is called before this one."""
        self.fit(self.size)

    def fit(self, size: Size) -> None:
        """Say in classes how much room there is."""
        self.set_class(size.width >= self.wide_from, "wide")
        self.set_class(size.height >= TALL_FROM, "tall")

    def catch_up(self) -> None:
        """Tell the room what happened since it was told last; the application calls it for the shown room only."""
        if not self.is_mounted:  # entered this moment: its widgets are still being made
            self.call_after_refresh(self.catch_up)
            return
        if not self.query(RoomBar):  # left this moment, with the application
            return
        film = self.desk.film
        if self._version != film.version:
            self._version, self._told = film.version, 0
            self.cut()
        if len(film) > self._told:
            start, self._told = self._told, len(film)
            self.came(start)
        self.clock_changed()
        self.query_one(RoomBar).refresh()

    def on_screen_resume(self) -> None:
        """Shown again: catch up, and ask the cloud regularly."""
        self.call_after_refresh(self._enter)
        if self.poll_s and self._asker is None:
            self._asker = self.set_interval(self.poll_s, self._ask)
            self._ask()

    def _enter(self) -> None:
        self.catch_up()
        self.entered()

    def on_screen_suspend(self) -> None:
        """Not shown: ask nothing."""
        if self._asker is not None:
            self._asker.stop()
            self._asker = None

    def _ask(self) -> None:
        if not self._asking:  # a slow cloud is not asked twice
            self._asking = True
            # Not the coroutine itself: it would stay unawaited when the application ends before the worker begins.
            self.run_worker(self._poll, group=f"poll-{self.name_}")  # type: ignore[arg-type]

    async def _poll(self) -> None:
        try:
            self.post_message(Polled(await self.poll()))
        except LabError:
            pass  # what cannot be asked is said by `why_not`, a lost connection by the stream itself
        finally:
            self._asking = False

    def on_polled(self, message: Polled) -> None:
        """Give the answer to the room."""
        message.stop()
        self.polled(message.answer)

    def action_leave(self) -> None:
        """Escape: nothing to leave in most rooms."""
