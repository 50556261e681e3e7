"""Colours that the colour-blind can tell apart (Okabe and Ito's palette), on dark and on light ground.

Widgets with styles sheets use Textual's variables ($primary, $surface, $text-muted, …); widgets that draw lines of their own
take the styles of `Palette`. Colour never stands alone: shape and letter say the same.

Source: M. Okabe, K. Ito, Color Universal Design (2002), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from textual.theme import Theme

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)
DEEP_BLUE, DEEP_ORANGE, DEEP_VERMILLION = "#00609A", "#8F4D00", "#A03F00"
"""Darker for light ground, on which their own are too pale to read: 4.5:1 is needed (WCAG 2.2, 1.4.3)."""

DARK = Theme(
    name="glass-dark",
    primary=SKY,
    secondary=ORANGE,
    accent=YELLOW,
    success="#2EC49A",
    warning=ORANGE,
    error="#FF7A33",
    foreground="#D6DAE0",
    background="#12151A",
    surface="#181C22",
    panel="#20262E",
    dark=True,
    variables={
        # Textual's own are made white or black where a text names them.
        "text-muted": "#98A2AE", "text-disabled": "#929CA7", "footer-key-foreground": SKY, "border": "#39424D",
        "border-blurred": "#2A313A", "input-cursor-foreground": "#12151A",
    },
)
LIGHT = Theme(
    name="glass-light",
    primary=DEEP_BLUE,
    secondary=DEEP_ORANGE,
    accent="#7A5200",
    success="#00704F",
    warning=DEEP_ORANGE,
    error=DEEP_VERMILLION,
    foreground="#20262E",
    background="#FBFBF9",
    surface="#F3F3EF",
    panel="#E8E8E2",
    dark=False,
    variables={
        "text-muted": "#565D65", "text-disabled": "#5F666E", "footer-key-foreground": DEEP_BLUE, "border": "#C4C7C3",
        "border-blurred": "#D8DAD6",
    },
)
THEMES = {"dark": DARK, "light": LIGHT}


@dataclass(frozen=True, slots=True)
class Palette:
    """Styles for lines that are drawn by hand. No background: the row's own shines through."""

    plain: Style
    muted: Style
    """Times, ids, what is only sometimes read."""
    faint: Style
    """Lanes and rules."""
    strong: Style
    rest: Style
    mq: Style
    driver: Style
    state: Style
    notify: Style
    wire: Style
    good: Style
    bad: Style
    chosen: Style
    """Background of the chosen row."""
    fresh: Style
    """Background of what has just come."""
    head: Style
    """Headings of columns."""

    def of(self, kind: str) -> Style:
        """The style of a kind of entry."""
        return getattr(self, PARTS.get(kind, "plain"))  # type: ignore[no-any-return]


PARTS = {
    "rest": "rest", "rest_reply": "rest", "rpc_call": "mq", "rpc_cast": "mq", "rpc_reply": "mq", "notify": "notify",
    "driver": "driver", "driver_reply": "driver", "state": "state", "decision": "state", "frame": "wire",
    "fault": "bad", "error": "bad", "input": "strong", "process": "muted", "log": "muted", "world": "muted",
}


def palette(dark: bool) -> Palette:
    """The styles for a dark or a light ground."""
    def style(color: str, bold: bool = False) -> Style:
        return Style(color=color, bold=bold or None)

    if dark:
        return Palette(
            plain=style("#D6DAE0"), muted=style("#98A2AE"), faint=style("#434D59"), strong=style("#FFFFFF", bold=True),
            rest=style(SKY), mq=style(ORANGE), driver=style("#2EC49A"), state=style(YELLOW), notify=style("#929CA7"),
            wire=style("#D68BB3"), good=style("#2EC49A"), bad=style("#FF7A33", bold=True), chosen=Style(bgcolor="#263442"),
            fresh=Style(bgcolor="#1B222A"), head=style("#AEB8C4", bold=True),
        )
    return Palette(
        plain=style("#20262E"), muted=style("#565D65"), faint=style("#B4B8B3"), strong=style("#000000", bold=True),
        rest=style(DEEP_BLUE), mq=style(DEEP_ORANGE), driver=style("#00704F"), state=style("#7A5200"), notify=style("#5F666E"),
        wire=style("#94406E"), good=style("#00704F"), bad=style(DEEP_VERMILLION, bold=True), chosen=Style(bgcolor="#DCE9F4"),
        fresh=Style(bgcolor="#F0F0E8"), head=style("#454D55", bold=True),
    )
