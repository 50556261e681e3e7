"""What went wrong, in the language of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import LabError, Unreachable
from lab.tui.words import say
from lab.watch.feed import Lost, Unable

if TYPE_CHECKING:
    from lab.tui.desk import Desk


def lost_words(desk: Desk, lost: Lost) -> str:
    """What happened to the connection, or to the file, and the way out."""
    if lost.reason in ("cut", "ended"):
        return say({}, desk.lang, f"lost.{lost.reason}", detail=lost.detail)
    words = say({}, desk.lang, f"unheard.{lost.reason}", url=desk.feed.title, detail=lost.detail)
    return words if lost.retry_in_s is None else f"{words} {say({}, desk.lang, 'lost.again', retry=lost.retry_in_s)}"


def error_words(desk: Desk, error: LabError) -> str:
    """Why something was not done; what the cloud itself says stays in its words."""
    if isinstance(error, Unable):
        return say({}, desk.lang, f"unable.{error.reason}")
    if isinstance(error, Unreachable):
        return say({}, desk.lang, f"unheard.{getattr(error, 'reason', 'nobody')}", url=desk.feed.title, detail=str(error))
    return error.say(desk.lang)
