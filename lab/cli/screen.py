"""The console that commands print on: the terminal's width, or room for all lanes when the output goes to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 180
"""Columns of a page that is no terminal."""


def console(width: int | None = None) -> Console:
    """Make the console."""
    from rich.console import Console

    made = Console(width=width, highlight=False)
    return made if made.is_terminal or width else Console(width=FILE_WIDTH, highlight=False)
