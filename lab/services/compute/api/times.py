"""Times in requests and answers: nova has several ways to write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def naive(text: str | None) -> str | None:
    """Return a time as nova's older views write it: microseconds and no zone."""
    if text is None:
        return None
    text = text.removesuffix("Z")
    return text if "." in text else f"{text}.000000"


def parse(text: str) -> datetime:
    """Read an ISO time, aware; a plus sign that the client did not escape arrives as a space. Raises ValueError."""
    when = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def stamp(when: datetime) -> str:
    """Write a time as the records do, to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
