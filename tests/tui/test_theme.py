"""Colours can be read: every ink on every ground that it is drawn on, dark and light."""

from __future__ import annotations

import pytest
from rich.style import Style

from lab.tui.theme import THEMES, palette

READABLE = 4.5
"""The contrast that texts need. Source: WCAG 2.2, 1.4.3 Contrast (Minimum)."""
GROUNDS = ("background", "surface", "panel")
TEXTS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB, from 0 to 1. Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def hexed(colour: Style | None, ground: bool = False) -> str:
    """A style's colour, or its ground."""
    found = colour and (colour.bgcolor if ground else colour.color)
    assert found
    return found.get_truecolor().hex


@pytest.mark.parametrize("name", ["dark", "light"])
def test_every_text_can_be_read_on_every_ground(name: str) -> None:
    theme, inks = THEMES[name], palette(name == "dark")
    grounds = {ground: getattr(theme, ground) for ground in GROUNDS}
    grounds |= {ground: hexed(getattr(inks, ground), True) for ground in ("chosen", "fresh")}
    texts = {f"${text}": getattr(theme, text) for text in TEXTS} | {key: theme.variables[key] for key in ("text-muted", "text-disabled")}
    inked = ("plain", "muted", "strong", "rest", "mq", "driver", "state", "notify", "wire", "good", "bad", "head")
    texts |= {ink: hexed(getattr(inks, ink)) for ink in inked}
    pale = {
        f"{text} on {ground}": round(contrast(colour, back), 2)
        for text, colour in texts.items() for ground, back in grounds.items() if contrast(colour, back) < READABLE
    }  # fmt: skip
    assert pale == {}


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_lanes_are_seen_and_stay_behind(name: str) -> None:
    inks, theme = palette(name == "dark"), THEMES[name]
    assert theme.background is not None
    assert 1.5 < contrast(hexed(inks.faint), theme.background) < 3
