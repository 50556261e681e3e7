"""The one table at the end of `make real`: what was shown, the figure seen, its bound, whether it held, and what was not asked and why.

A line for each file of real tests, named by what its docstring says; below it the figures that its tests kept, and those that
failed. At the end the reasons of what was skipped. All of it travels with the reports of the tests, worker processes or not.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Figure = Callable[..., None]
"""(what was seen, figure, its bound, whether that holds) -> None."""
WIDTH = 120
"""Columns at most, and of a file; a narrow terminal has fewer."""
BOUND_MIN = 10
"""What the quick ones may take."""


class Line(NamedTuple):
    """One line of the table."""

    what: str
    figure: str
    bound: str
    outcome: str


@dataclass
class Shown:
    """What came of the real tests of one file."""

    title: str
    took_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    figures: dict[tuple[str, str], list[tuple[str, bool]]] = field(default_factory=dict)
    """(What was seen, bound) -> the figures of all tests that told it, and whether each held."""
    reasons: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def take(self, report: pytest.TestReport) -> None:
        """Count one report of a test: of its setup, its call or its end."""
        self.took_s += report.duration
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
        if report.outcome == "failed":
            self.broken.append(f"{report.nodeid.rpartition('::')[2]} ({report.when})")
        if report.when == "teardown":
            for what, value, bound, held in (value for name, value in report.user_properties if name == "figure"):
                self.figures.setdefault((what, bound), []).append((value, held))

    def lines(self) -> Iterator[Line]:
        """The file's line, and those below it."""
        left = f", {self.outcomes['skipped']} skipped" if self.outcomes["passed"] and self.outcomes["skipped"] else ""
        yield Line(self.title, f"{count(self.outcomes.total())}{left}, {self.took_s:.0f} s", "", self.outcome())
        for (what, bound), seen in self.figures.items():
            values = ", ".join(dict.fromkeys(value for value, _ in seen))
            yield Line(f"  {what}", values, bound, "held" if all(held for _, held in seen) else "MISSED")
        for name in self.broken:
            yield Line(f"  {name}", "", "", "FAILED")

    def outcome(self) -> str:
        """In one word."""
        return "FAILED" if self.outcomes["failed"] else "passed" if self.outcomes["passed"] else "skipped"


class Figures:
    """The plugin: it listens to the reports of real tests, and writes the table."""

    def __init__(self) -> None:
        self.files: dict[str, Shown] = {}
        self.left_out: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report of a real test its file's title; in a worker process too."""
        report = yield
        if item.get_closest_marker("real"):
            report.user_properties.append(("real", title_of(item)))
        return report

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count the real tests that this run leaves out."""
        self.left_out.update(title_of(item) for item in items if item.get_closest_marker("real") and item.get_closest_marker("slow"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one report."""
        title = dict(report.user_properties).get("real")
        if isinstance(title, str):
            self.files.setdefault(report.nodeid.partition("::")[0], Shown(title)).take(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the table."""
        if self.files:
            terminalreporter.section("a real cloud, as it was seen")
            out = terminalreporter._tw
            width = min(out.fullwidth, WIDTH) if terminalreporter.isatty else WIDTH
            self.write(Console(file=out._file, width=width, highlight=False))

    def write(self, console: Console) -> None:
        """Write it to a console."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        for head, widest in (("what was shown", None), ("figure", console.width * 3 // 10), ("bound", console.width // 6), ("", 8)):
            table.add_column(head, max_width=widest)
        for shown in self.files.values():
            for line in shown.lines():
                table.add_row(*map(plain, line))
        table.add_section()
        for line in self.not_asked():
            table.add_row(*map(plain, line))
        table.add_section()
        table.add_row(*map(plain, self.whole()))
        console.print(table)

    def not_asked(self) -> Iterator[Line]:
        """Why tests were skipped or left out, each reason once."""
        for reason, times in sum((shown.reasons for shown in self.files.values()), Counter[str]()).most_common():
            yield Line(f"not asked: {reason}", count(times), "", "skipped")
        if self.left_out:
            yield Line("not asked here: what takes long; `pytest -m real` asks it", count(self.left_out.total()), "", "left out")

    def whole(self) -> Line:
        """The last line: of all files."""
        files = self.files.values()
        outcomes = sum((shown.outcomes for shown in files), Counter[str]())
        figure = ", ".join(f"{times} {outcome}" for outcome, times in sorted(outcomes.items()))
        took_min = sum(shown.took_s for shown in files) / 60
        bound = BOUND_MIN if self.left_out else float("inf")
        missed = took_min > bound or any(not held for shown in files for seen in shown.figures.values() for _, held in seen)
        result = "FAILED" if outcomes["failed"] else "MISSED" if missed else "passed" if outcomes["passed"] else "skipped"
        return Line("all of it", f"{figure} in {took_min:.1f} min", f"{BOUND_MIN} min" if self.left_out else "", result)


def title_of(item: pytest.Item) -> str:
    """What the file of a test says that it shows: the first sentence of its docstring."""
    return (inspect.getdoc(getattr(item, "module", None)) or item.nodeid).partition("\n")[0].rstrip(".")


def count(tests: int) -> str:
    """A number of tests."""
    return f"{tests} test{'s' * (tests != 1)}"


def plain(text: str) -> Any:
    """A cell that keeps its brackets and its indent."""
    indent = len(text) - len(text.lstrip())
    return Padding(Text(text.lstrip()), (0, 0, 0, indent)) if indent else Text(text)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Keeps a line of the table: what was seen, the figure, its bound where it has one, and whether that holds."""

    def keep(what: str, value: str, bound: str = "", held: bool = True) -> None:
        request.node.user_properties.append(("figure", (what, value, bound, held)))

    return keep
