"""The table at the end of `make real`."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from tests.real.figures import BOUND_MIN, Figures


def told(table: Figures, file: str, outcome: str, when: str = "call", took_s: float = 1.0, **more: Any) -> None:
    """Give the table a report; `reason` of a skip, `figures` of a test that ended."""
    properties: list[Any] = [("real", f"What {file} shows"), *(("figure", each) for each in more.get("figures", ()))]
    longrepr = ("file", 1, f"Skipped: {more['reason']}") if "reason" in more else None
    nodeid = f"tests/real/{file}.py::{more.get('name', 'test_it')}"
    about: Any = {"nodeid": nodeid, "outcome": outcome, "when": when, "duration": took_s}
    table.pytest_runtest_logreport(SimpleNamespace(**about, user_properties=properties, longrepr=longrepr))  # type: ignore[arg-type]


def whole(table: Figures) -> str:
    """What the last line says of all of it."""
    [row] = [row for row in lines(table) if row[:3] == ["all", "of", "it"]]
    return row[-1]


def lines(table: Figures) -> list[list[str]]:
    """The rows as printed, each as its words."""
    out = io.StringIO()
    table.write(Console(file=out, width=160))
    return [line.split() for line in out.getvalue().splitlines()]


def test_a_file_is_a_line_with_its_tests_their_time_and_what_they_saw() -> None:
    table = Figures()
    for when in ("setup", "call"):
        told(table, "a", "passed", when, 4.0)
    told(table, "a", "passed", "teardown", 0.0, figures=[("memory", "500 MiB", "at most 600", True)])
    rows = lines(table)
    assert ["What", "a", "shows", "1", "test,", "8", "s", "passed"] in rows
    assert ["memory", "500", "MiB", "at", "most", "600", "held"] in rows
    assert ["all", "of", "it", "1", "passed", "in", "0.1", "min", "passed"] in rows


def test_a_figure_of_several_tests_is_one_line_and_missed_when_one_missed_it() -> None:
    table = Figures()
    for value, held in (("a to b", True), ("b to c", False)):
        told(table, "a", "passed", figures=[])
        told(table, "a", "passed", "teardown", figures=[("ping", value, "", held)])
    rows = lines(table)
    assert ["ping", "a", "to", "b,", "b", "to", "c", "MISSED"] in rows
    assert whole(table) == "MISSED"


def test_what_failed_is_named_with_when_and_fails_the_whole() -> None:
    table = Figures()
    told(table, "a", "passed")
    told(table, "b", "failed", "setup", name="test_bad[x]")
    rows = lines(table)
    assert ["What", "b", "shows", "1", "test,", "1", "s", "FAILED"] in rows
    assert ["test_bad[x]", "(setup)", "FAILED"] in rows
    assert whole(table) == "FAILED"


def test_each_reason_is_told_once_with_what_it_kept_from_being_asked() -> None:
    table = Figures()
    for file in ("a", "b"):
        told(table, file, "skipped", "setup", reason="needs root")
    told(table, "b", "passed")
    rows = lines(table)
    assert ["not", "asked:", "needs", "root", "2", "tests", "skipped"] in rows
    assert ["What", "a", "shows", "1", "test,", "1", "s", "skipped"] in rows
    assert ["What", "b", "shows", "2", "tests,", "1", "skipped,", "2", "s", "passed"] in rows


def test_the_whole_has_a_bound_where_the_long_ones_are_left_out() -> None:
    table = Figures()
    told(table, "a", "passed", took_s=BOUND_MIN * 60 + 1)
    assert whole(table) == "passed"
    table.left_out["What c shows"] = 3
    assert whole(table) == "MISSED"
    assert any(row[-4:] == ["3", "tests", "left", "out"] for row in lines(table))


def test_tests_that_are_not_real_are_no_lines() -> None:
    table = Figures()
    told(table, "a", "passed", name="test_it")
    plain = SimpleNamespace(nodeid="tests/unit/x.py::test_it", outcome="failed", when="call", duration=1.0, user_properties=[])
    table.pytest_runtest_logreport(plain)  # type: ignore[arg-type]
    assert [*table.files] == ["tests/real/a.py"]
