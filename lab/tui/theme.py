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
        "text-muted": "#8A94A0", "text-disabled": "#6C7682", "footer-key-foreground": SKY, "border": "#39424D",
        "border-blurred": "#2A313A", "input-cursor-foreground": "#12151A",
    },
)
LIGHT = Theme(
    name="glass-light",
    primary=BLUE,
    secondary="#A85B00",
    accent="#8A5A00",
    success="#00704F",
    warning="#A85B00",
    error="#B84A00",
    foreground="#20262E",
    background="#FBFBF9",
    surface="#F3F3EF",
    panel="#E8E8E2",
    dark=False,
    variables={
        "text-muted": "#666E76", "text-disabled": "#8C9298", "footer-key-foreground": BLUE, "border": "#C4C7C3",
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
            plain=style("#D6DAE0"), muted=style("#8A94A0"), faint=style("#39424D"), strong=style("#FFFFFF", bold=True),
            rest=style(SKY), mq=style(ORANGE), driver=style("#2EC49A"), state=style(YELLOW), notify=style("#6C7682"),
            wire=style(PURPLE), good=style("#2EC49A"), bad=style("#FF7A33", bold=True), chosen=Style(bgcolor="#2B3947"),
            fresh=Style(bgcolor="#1B222A"), head=style("#AEB8C4", bold=True),
        )
    return Palette(
        plain=style("#20262E"), muted=style("#666E76"), faint=style("#C9CCC8"), strong=style("#000000", bold=True),
        rest=style(BLUE), mq=style("#A85B00"), driver=style("#00704F"), state=style("#7A5200"), notify=style("#8C9298"),
        wire=style("#94406E"), good=style("#00704F"), bad=style("#B84A00", bold=True), chosen=Style(bgcolor="#D3E3F0"),
        fresh=Style(bgcolor="#F0F0E8"), head=style("#454D55", bold=True),
    )
