"""What the real tests measured, told in one table at their end."""

from __future__ import annotations

import pytest

FIGURES = pytest.StashKey[list[tuple[str, str]]]()


def keep(config: pytest.Config, what: str, value: str) -> None:
    """Keep one line of the table."""
    config.stash.setdefault(FIGURES, []).append((what, value))


def tell(config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
    """Write the table."""
    rows = config.stash.get(FIGURES, [])
    if rows:
        reporter.section("a real cloud, as it was seen")
        width = max(len(what) for what, _ in rows)
        for what, value in rows:
            reporter.write_line(f"  {what:{width}}  {value}")
