"""docs/tui.md has every room with its keys and its picture, and no key that is none: what this test asks for can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.screen import Screen

from lab.tui.app import GlassApp
from lab.tui.rooms import ROOMS
from lab.tui.screens.compare import Compare
from lab.tui.screens.inspector import Inspector
from lab.tui.widgets.bars import sign
from lab.tui.words import Texts, say

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "tui.md").read_text(encoding="utf-8")
ELSEWHERE: dict[str, type[Screen[object]]] = {"inspector": Inspector, "compare": Compare}
PLACES = ["everywhere", *(door.name for door in ROOMS), *ELSEWHERE]


def keys(owner: type, texts: Texts) -> str:
    """The keys of a place on one line, as the guide has them."""
    found = [
        f"`{sign(binding.key)}` {say(texts, 'en', binding.description)}"
        for binding in owner.__dict__["BINDINGS"]
        if isinstance(binding, Binding) and binding.description and not binding.description.startswith("room.")
    ]
    return "Keys: " + ", ".join(found) + "."


def of(place: str) -> str:
    if place == "everywhere":
        return keys(GlassApp, {})
    if place in ELSEWHERE:
        return keys(ELSEWHERE[place], ELSEWHERE[place].texts)  # type: ignore[attr-defined]
    room = next(door for door in ROOMS if door.name == place).room
    return keys(room, room.texts)


@pytest.mark.parametrize("place", PLACES)
def test_the_keys_of_each_place_are_those_that_it_has(place: str) -> None:
    assert of(place) in GUIDE.splitlines()


def test_it_has_no_other_keys_and_all_pictures() -> None:
    written = {line for line in GUIDE.splitlines() if line.startswith("Keys: ")}
    assert written == {of(place) for place in PLACES}
    for door in ROOMS:
        assert f"## {door.digit} {say({}, 'en', f'room.{door.name}')}" in GUIDE
        assert f"screens/{door.name}-en-dark.svg" in GUIDE
    for name in re.findall(r"\((screens/\S+?)\)", GUIDE):
        assert (DOCS / name).exists(), name
