"""How Swift writes instants: X-Timestamp, Last-Modified, and the dates of listings."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from lab.runtime import Runtime


def stamp(runtime: Runtime, t_ns: int) -> str:
    """Return an instant as X-Timestamp has it: '1767225612.12345'."""
    return f"{runtime.at(t_ns).timestamp():.5f}"


def http_date(runtime: Runtime, t_ns: int) -> str:
    """Return an instant as Last-Modified has it, rounded up to a second so that it is never before the truth."""
    return format_datetime(whole_second(runtime, t_ns), usegmt=True)


def whole_second(runtime: Runtime, t_ns: int) -> datetime:
    """Return the first whole second that is not before the instant."""
    moment = runtime.at(t_ns)
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)


def parse_date(text: str) -> datetime | None:
    """Return the date of a conditional header, or None when it is none: then the header does not count."""
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None
