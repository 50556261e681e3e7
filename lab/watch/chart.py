"""Numbers as characters: a sparkline, a load bar, a text that fits into so many cells of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

STEPS = " ▁▂▃▄▅▆▇█"
PARTS = "░▏▎▍▌▋▊▉█"
"""An eighth of a cell each, for bars that lie."""


def spark(values: Sequence[float | None]) -> str:
    """One character for each value, relative to the greatest of them; None is blank, and what is not zero is seen."""
    top = max((value for value in values if value is not None), default=0) or 1
    return "".join(" " if value is None else STEPS[max(1, round(8 * value / top))] if value > 0 else "·" for value in values)


def bar(used: float, total: float, width: int) -> str:
    """A load bar of so many cells; what is used at all is seen, and only what is full looks full."""
    if total <= 0:
        return "░" * width
    eighths = int(max(0.0, min(1.0, used / total)) * width * 8)
    if used > 0:
        eighths = max(1, eighths)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (PARTS[part] if part else "") + "░" * width)[:width]


def fit(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many cells, cut with an ellipsis or filled with blanks. A Korean character takes two."""
    if width <= 0:
        return ""
    if cell_len(text) > width:
        return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)
