"""How things and their events stand in a line: columns by kind, the state with a sign of its own, wide letters lined up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.segment import Segment
from rich.style import Style

from lab.tui.theme import Palette
from lab.tui.widgets.cells import fit
from lab.watch.resources import Event, Resources, Thing

COLUMNS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "server": (("name", 4), ("state", 5), ("host", 3), ("address", 3)),
    "volume": (("name", 4), ("state", 4), ("size", 2), ("held", 4)),
    "network": (("name", 4), ("state", 3), ("type", 3), ("range", 4)),
    "port": (("address", 3), ("state", 2), ("device", 4), ("host", 3)),
    "image": (("name", 4), ("state", 3), ("size", 3), ("format", 2)),
}
"""The columns of each kind and their shares of the width."""
SIGN = 2


class Lines:
    """Draws lines for one room."""

    def __init__(self, known: Resources, inks: Palette, say: Callable[..., str]) -> None:
        self.known, self.inks, self._say = known, inks, say

    def heading(self, kind: str, width: int) -> str:
        """The names of the columns over the lines of a kind."""
        return " " * SIGN + "".join(fit(self._say(f"col.{name}"), cells) for name, cells in widths(kind, width)).rstrip()

    def thing(self, thing: Thing, width: int) -> list[Segment]:
        """A line of the list."""
        sign, ink = self._sign(thing)
        line = [Segment(f"{sign} ", ink)]
        for name, cells in widths(thing.kind, width):
            style = ink if name == "state" else self.inks.muted if thing.gone else self.inks.strong if name == "name" else self.inks.plain
            line.append(Segment(fit(fit(self._value(name, thing), cells - 1), cells), style))
        return line

    def event(self, event: Event, width: int) -> list[Segment]:
        """A line of the history."""
        moment = f"{self.known.film.dial.instant(event.t):>11} "
        line = [Segment(moment, self.inks.muted)]
        if event.state:
            return [*line, Segment(f"◆ {event.words.replace('/None', '')}", self.inks.state)]
        status = f" {event.status}" if event.status else ""
        words = fit(event.words, max(1, width - len(moment) - SIGN - len(status))).rstrip()
        good = self.inks.good if event.status.startswith("2") else self.inks.bad
        return [*line, Segment("R ", self.inks.rest), Segment(words, self.inks.plain), Segment(status, good)]

    def _sign(self, thing: Thing) -> tuple[str, Style]:
        state = thing.state.lower()
        if thing.gone:
            return "✝", self.inks.muted
        if state.startswith("error"):
            return "✖", self.inks.bad
        if thing.busy:
            return "◐", self.inks.state
        if state.partition("/")[0] in ("stopped", "down", "suspended", "paused", "shelved", "shelved_offloaded"):
            return "○", self.inks.muted
        return "●", self.inks.good

    def _value(self, column: str, thing: Thing) -> str:
        known, data = self.known, thing.data
        match column:
            case "name":
                return thing.label
            case "state":
                return thing.state.replace("/None", "") or ("deleted" if thing.gone else "")
            case "host":
                return known.host_of(thing) if thing.kind == "server" else str(data.get("binding:host_id") or "")
            case "address":
                return ", ".join(known.addresses_of(thing)) or ("" if thing.kind == "server" else thing.label)
            case "size":
                size = data.get("size")
                return "" if not size else f"{size} GiB" if thing.kind == "volume" else f"{size / 2**20:.0f} MiB"
            case "held":
                holder = known.holder_of(thing)
                return holder.label if holder else ""
            case "type":
                kind, segment = data.get("provider:network_type"), data.get("provider:segmentation_id")
                return f"{kind or ''} {segment or ''}".strip()
            case "range":
                return ", ".join(str(s.data.get("cidr")) for s in known.of("subnet") if s.data.get("network_id") == thing.id)
            case "device":
                server = known.get("server", str(data.get("device_id")))
                return server.label if server else str(data.get("device_owner") or "")
        return str(data.get("disk_format") or "")


def widths(kind: str, width: int) -> list[tuple[str, int]]:
    """The columns of a kind with the cells that each gets of a width."""
    columns = COLUMNS[kind]
    room, whole = max(20, width - SIGN), sum(share for _, share in columns)
    found = [(name, room * share // whole) for name, share in columns]
    name, last = found[-1]
    return [*found[:-1], (name, last + room - sum(cells for _, cells in found))]
