"""Draws messages as a coloured sequence: a lane for each service when the terminal is wide, a line of words when not.

Works on the rows of `lab.journal.export`: dictionaries with the fields seq, t_ms, kind, source, target, method,
path_or_topic, status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lab.cli.words import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Lane -> (what it is called at its top, its colour).
LANES: Mapping[str, tuple[str, str]] = {
    "client": ("client", "bright_white"),
    "keystone": ("keystone", "bright_magenta"),
    "glance": ("glance", "bright_cyan"),
    "nova-api": ("nova-api", "bright_green"),
    "nova-conductor": ("conductr", "green"),
    "nova-scheduler": ("schedulr", "dark_sea_green4"),
    "placement": ("placemnt", "yellow"),
    "nova-compute": ("compute", "bright_yellow"),
    "neutron-api": ("neutron", "bright_blue"),
    "neutron-l2-agent": ("l2-agent", "blue"),
    "neutron-dhcp-agent": ("dhcp", "steel_blue1"),
    "cinder-api": ("cinder", "bright_red"),
    "cinder-volume": ("volume", "red"),
    "swift-proxy": ("swift", "magenta"),
}
SAME_LANE: Mapping[str, str] = {
    "neutron-rpc": "neutron-api",
    "neutron agents": "neutron-l2-agent",
    "cinder-scheduler": "cinder-api",
}
LANE_WIDTH = 9
TIME_WIDTH = 10
LABEL_MIN = 24

# Kind -> (word, shaft, head): REST is a thin line, the message queue a double one; an answer is dashed.
ARROWS: Mapping[str, tuple[str, str, str]] = {
    "rest": ("REST", "─", "▶"),
    "rpc_call": ("call", "═", "▶"),
    "rpc_cast": ("cast", "═", "▷"),
    "rpc_reply": ("reply", "┄", "▷"),
    "notify": ("notify", "·", "▷"),
}


def lane_of(name: str) -> str:
    """The lane on which a process is drawn."""
    binary = name.partition("@")[0]
    return SAME_LANE.get(binary, binary)


def colour_of(name: str) -> str:
    """The colour of a process."""
    return LANES.get(lane_of(name), ("", "white"))[1]


def is_failure(status: object) -> bool:
    """Whether a status means that it went wrong: HTTP 4xx and 5xx, a failed reply, or a message that was lost."""
    text = str(status or "")
    return text.startswith(("4", "5", "failure", "lost"))


class Sequence:
    """Prints rows one after the other, with a header of lanes when there is room for them."""

    def __init__(self, console: Console, lang: str, *, quiet: frozenset[str] = frozenset({"notify"})) -> None:
        self.console, self.lang = console, lang
        self.quiet = quiet
        self._lanes = [name for name in LANES if name != "swift-proxy"]
        wanted = TIME_WIDTH + LANE_WIDTH * len(self._lanes) + LABEL_MIN
        self.wide = console.width >= wanted

    def header(self) -> None:
        """Print the names of the lanes."""
        from rich.text import Text

        if self.wide:
            line = Text(" " * TIME_WIDTH)
            for name in self._lanes:
                title, colour = LANES[name]
                line.append(title.center(LANE_WIDTH), style=f"bold {colour}")
            self.console.print(line, no_wrap=True)

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Print the rows that are not quiet; answer how many."""
        count = 0
        for row in rows:
            if row["kind"] not in self.quiet:
                self.row(row)
                count += 1
        return count

    def row(self, row: Mapping[str, Any]) -> None:
        """Print one message."""
        lanes = [lane_of(str(row["source"])), lane_of(str(row["target"]))]
        drawn = self.wide and lanes[0] != lanes[1] and all(lane in self._lanes for lane in lanes)
        line = self._drawn(row, *lanes) if drawn else self._worded(row)
        self.console.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def _time(self, row: Mapping[str, Any]) -> Text:
        from rich.text import Text

        return Text(f"{float(row['t_ms']) / 1000:8.3f}s ", style="dim")

    def _drawn(self, row: Mapping[str, Any], source: str, target: str) -> Text:
        _, shaft, head = ARROWS[row["kind"]]
        a, b = self._lanes.index(source), self._lanes.index(target)
        middle = LANE_WIDTH // 2
        cells = ["│" if i % LANE_WIDTH == middle else " " for i in range(LANE_WIDTH * len(self._lanes))]
        first, last = sorted((a * LANE_WIDTH + middle, b * LANE_WIDTH + middle))
        cells[first + 1 : last] = shaft * (last - first - 1)
        if a < b:
            cells[last - 1] = head
        else:
            cells[first + 1] = {"▶": "◀", "▷": "◁"}[head]
        line = self._time(row)
        line.append("".join(cells[:first]), style="bright_black")
        line.append("".join(cells[first : last + 1]), style=colour_of(source))
        line.append("".join(cells[last + 1 :]), style="bright_black")
        return line.append_text(label(row, self.lang))

    def _worded(self, row: Mapping[str, Any]) -> Text:
        _, shaft, head = ARROWS[row["kind"]]
        line = self._time(row)
        line.append(f"{row['source']:>18}", style=colour_of(str(row["source"])))
        line.append(f" {shaft * 2}{head} ", style=colour_of(str(row["source"])))
        line.append(f"{row['target']:<18} ", style=colour_of(str(row["target"])))
        return line.append_text(label(row, self.lang))


def label(row: Mapping[str, Any], lang: str) -> Text:
    """The words of a message: what is asked, where, and how it ended; in the language that it was lost."""
    from rich.text import Text

    word = ARROWS[row["kind"]][0]
    text = Text(" ")
    status = row.get("status")
    if status == "lost":
        text.append(say("lost", lang) + " ", style="bold red")
    if row["kind"] == "rest":
        text.append(f"{row['method']} ", style="bold")
        text.append(str(row.get("path_or_topic", "")))
    else:
        text.append(f"{word} ", style="dim")
        text.append(str(row["method"]), style="bold" if row["kind"] != "rpc_reply" else "")
        where = str(row.get("path_or_topic") or "")
        if row["kind"] == "rpc_cast" and where:
            text.append(f" ⇢ {where}", style="dim")
    if status not in (None, "", "ok", "lost"):
        text.append(f" {status}", style="bold red" if is_failure(status) else "green")
    return text
