"""The command palette: every room, and every key that does something here, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lab.tui.keys import keys_here
from lab.tui.rooms import ROOMS

if TYPE_CHECKING:
    from lab.tui.app import GlassApp


class Commands(Provider):
    """Rooms and keys."""

    def _all(self) -> list[tuple[str, Callable[[], object]]]:
        app = cast("GlassApp", self.app)
        found: list[tuple[str, Callable[[], object]]] = [
            (app.say("palette.room", name=app.say(f"room.{door.name}")), partial(app.action_room, door.name)) for door in ROOMS
        ]
        for key, label, action in keys_here(app, hidden=True):
            if not action.startswith("app.room"):
                found.append((f"{label}  ({key})", partial(app.run_action, action, self.screen)))
        return found

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for words, what in self._all():
            yield DiscoveryHit(words, what)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher, found = self.matcher(query), False
        for words, what in self._all():
            score = matcher.match(words)
            if score > 0:
                found = True
                yield Hit(score, matcher.highlight(words), what)
        if not found:  # Textual would say so in English
            yield Hit(0.0, cast("GlassApp", self.app).say("palette.none"), lambda: None)
