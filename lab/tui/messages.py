"""What workers tell the application. They post these and never touch a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual.message import Message

from lab.watch.feed import Feed, Seen

if TYPE_CHECKING:
    from lab.journal import Entry
    from lab.tui.desk import Desk
    from lab.tui.screens.branch import Choice


class Came(Message):
    """Something came from the feed of a watched cloud."""

    def __init__(self, desk: Desk, seen: Seen) -> None:
        self.desk, self.seen = desk, seen
        super().__init__()


class Refused(Message):
    """An order to the cloud could not be carried out; `words` say why, in the language of the user."""

    def __init__(self, ability: str, words: str) -> None:
        self.ability, self.words = ability, words
        super().__init__()


class Fetched(Message):
    """An entry of a desk came whole, or `why` says in words why not."""

    def __init__(self, desk: Desk, seq: int, entry: Entry | None, why: str = "") -> None:
        self.desk, self.seq, self.entry, self.why = desk, seq, entry, why
        super().__init__()


@runtime_checkable
class Looks(Protocol):
    """A screen that looks into entries."""

    def fetched(self, seq: int) -> None:
        """An entry is whole now, or it is known why it cannot be: `desk.asked`."""


class Branched(Message):
    """Another future has begun in a cloud of its own."""

    def __init__(self, feed: Feed, choice: Choice) -> None:
        self.feed, self.choice = feed, choice
        super().__init__()


class Polled(Message):
    """What the cloud answered to a room's regular question."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        super().__init__()


class Inspect(Message):
    """Somebody wants to look into an entry."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        super().__init__()
