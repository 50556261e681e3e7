"""The keys that do something now: for the bar below, the help and the palette."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.tui.words import say

if TYPE_CHECKING:
    from lab.tui.app import GlassApp


def keys_here(app: GlassApp, hidden: bool = False) -> Iterator[tuple[str, str, str]]:
    """Key, what it does in words, action; with those that bars leave out when `hidden`."""
    screen = app.screen
    texts = getattr(screen, "texts", {})
    for active in screen.active_bindings.values():
        binding = active.binding
        if (binding.show or hidden) and binding.description and active.enabled:
            namespace = "app" if active.node is app else "screen" if active.node is screen else "focused"
            try:
                label = say(texts, app.desk.lang, binding.description)
            except KeyError:
                continue  # a widget of Textual's own
            yield binding.key, label, f"{namespace}.{binding.action}"
