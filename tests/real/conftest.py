"""The table at the end of `make real`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real import figures


@pytest.fixture(scope="session")
def figure(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Keeps a line of the table: what, and what was seen."""
    return lambda what, value: figures.keep(pytestconfig, what, value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures.tell(config, terminalreporter)
