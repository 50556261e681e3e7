"""The two bars of every room: the rooms and the clock above, the keys below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from lab.tui.keys import keys_here

if TYPE_CHECKING:
    from lab.tui.app import GlassApp
    from lab.tui.room import Room

SIGNS = {"space": "␣", "enter": "⏎", "escape": "esc", "question_mark": "?", "slash": "/", "left_square_bracket": "[",
         "right_square_bracket": "]", "left": "←", "right": "→", "backspace": "⌫", "ctrl+p": "^p",
         "full_stop": ".", "comma": ","}
"""Keys as the bar writes them."""


def sign(key: str) -> str:
    """A key as people write it."""
    first = key.partition(",")[0]
    return SIGNS.get(first, first.replace("ctrl+", "^"))


def clicked(action: str) -> Style:
    """The style of a text that does something when it is clicked."""
    return Style.from_meta({"@click": action})


class RoomBar(Widget):
    """One line: the rooms, the present one marked, and the clock at the right."""

    DEFAULT_CSS = """
    RoomBar { height: 1; background: $panel; color: $text-muted; link-color: $text-muted; link-style: not underline;
              link-background-hover: $primary; link-style-hover: bold; }
    """

    def render(self) -> Content:
        """Names as long as there is room for them."""
        from lab.tui.rooms import ROOMS

        room = cast("Room", self.screen)
        for titles, side, clock in _ways(room):
            if sum(cell_len(f"{side}1 {title} ") for title in titles) + cell_len(clock) <= self.size.width:
                break
        parts: list[Any] = []
        for door, title in zip(ROOMS, titles, strict=True):
            here = door.name == room.name_
            text = f"{side}{door.digit} {title} " if title else f" {door.digit} "
            if here:
                parts.append((text, "bold $background on $primary"))
            else:
                parts.append(Content.styled(text, clicked(f"app.room('{door.name}')")))
        line = Content.assemble(*parts)
        gap = max(1, self.size.width - line.cell_length - cell_len(clock))
        color = "$warning" if room.desk.lost else "$text"
        return Content.assemble(line, " " * gap, (clock, color))


def _ways(room: Room) -> Iterator[tuple[list[str], str, str]]:
    """What the rooms are called, what stands before each, and the clock: less and less, the present room's name to the last."""
    from lab.tui.rooms import ROOMS

    desk = room.desk
    clock, brief = clock_line(room, desk.now), clock_line(room, desk.film.dial.brief(desk.now_ns))
    less = brief.rpartition(" · #")[0] + " "
    whole = [room.say(f"room.{door.name}") for door in ROOMS]
    yield whole, " ", clock
    yield whole, " ", brief
    short = [room.say(f"room.{door.name}.short") for door in ROOMS]
    yield short, " ", clock
    yield short, " ", brief
    yield short, "", brief
    yield short, "", less
    only = [room.say(f"room.{door.name}") if door.name == room.name_ else "" for door in ROOMS]
    yield only, " ", brief
    yield only, " ", less


def clock_line(room: Room, now: str) -> str:
    """The clock, which shows `now`, the number of the last entry, and the state of the connection in a few characters."""
    desk = room.desk
    if not desk.feed.live:
        state = room.say("clock.recorded") if desk.whole else room.say("clock.loading")
    elif desk.lost:
        state = "✗"
    elif desk.clock.get("paused"):
        state = "‖ " + room.say("clock.paused")
    else:
        speed = desk.clock.get("speed", 1)
        state = "▶ " + (room.say("clock.max") if speed == "max" else f"×{speed:g}")
    return f"{state} · {now} · #{desk.film.last_seq} "


class KeyBar(Widget):
    """One line of keys that do something here; those that do not fit stand in the help."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $text-muted; dock: bottom; link-color: $text-muted; link-style: not underline;
             link-background-hover: $primary; link-style-hover: bold; }
    """

    def on_mount(self) -> None:
        """Draw again when other keys become active."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer keys fit."""
        self.refresh()

    def render(self) -> Content:
        """As many keys as there is room for."""
        app = cast("GlassApp", self.app)
        parts: list[Content] = []
        width = 0
        for key, label, action in keys_here(app):
            text = f" {sign(key)} {label} "
            width += cell_len(text)
            if width > self.size.width:
                break
            parts.append(Content.assemble(" ", (sign(key), "bold $primary"), f" {label} ").stylize(clicked(action)))
        return Content.assemble(*parts)
