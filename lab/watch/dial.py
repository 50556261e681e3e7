"""How the instants of a cloud are written: seconds since it began, or for a real cloud the world's date and time, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lab.journal import Entry


@dataclass(frozen=True, slots=True)
class Dial:
    """Writes instants, given in ns of the cloud's clock."""

    origin: datetime | None = None
    """The date of instant 0, UTC; None: seconds are counted."""

    @property
    def columns(self) -> int:
        """How wide `short` is."""
        return 9 if self.origin is None else 13

    def short(self, t_ns: int) -> str:
        """For a line of many: '   8.963 ' or '16:45:32.123 '."""
        if self.origin is not None:
            return f"{self._at(t_ns):%H:%M:%S}.{t_ns // 1_000_000 % 1000:03} "
        seconds = t_ns / 1e9
        return f"{seconds:8.3f} " if seconds < 10_000 else f"{seconds:8.1f} "[-self.columns :]

    def instant(self, t_ns: int, digits: int = 3) -> str:
        """With its unit: '8.963 s' or '16:45:32.123'; digits of a second: 1, 3 or 6."""
        if self.origin is None:
            return f"{t_ns / 1e9:.{digits}f} s"
        return f"{self._at(t_ns):%H:%M:%S}.{t_ns % 1_000_000_000:09}"[: 9 + digits]

    def now(self, t_ns: int) -> str:
        """As a clock shows it: '8.963 s' or '2026-11-22 16:45:32 UTC'."""
        return self.instant(t_ns) if self.origin is None else f"{self._at(t_ns):%Y-%m-%d %H:%M:%S} UTC"

    def brief(self, t_ns: int) -> str:
        """The same where there is little room: '8.963 s' or '16:45:32'."""
        return self.instant(t_ns) if self.origin is None else f"{self._at(t_ns):%H:%M:%S}"

    def _at(self, t_ns: int) -> datetime:
        assert self.origin is not None
        return self.origin + timedelta(microseconds=t_ns // 1000)


SECONDS = Dial()


def dial_of(clock: Mapping[str, Any]) -> Dial:
    """The dial of a cloud whose GET clock answers this."""
    if clock.get("world") != "real":
        return SECONDS
    # Clouds count from whole seconds; what a float of many seconds cannot tell is rounded away.
    origin = datetime.fromisoformat(clock["utc"]) - timedelta(seconds=clock["t_s"])
    return Dial((origin + timedelta(milliseconds=500)).replace(microsecond=0))


def dial_in(first: Entry) -> Dial:
    """The dial of a journal whose first entry this is: it introduces the world."""
    real = first.kind == "world" and isinstance(first.body, bytes) and first.json().get("world") == "real"
    return Dial(datetime.fromisoformat(first.where)) if real else SECONDS
