"""The promises of the ports: which driver keeps which, written down by the tests that ask for them.

One file a port holds the promises: a class whose methods take a fixture `bench` and know no driver.

    class VolumeContract:
        port = "volume"

        @promise("create", "a repeat converges")
        def test_create_twice(self, bench): ...

`test_<port>.py` beside it runs the same class on each driver: a subclass says its name, and gives the bench.

    class TestDirectory(VolumeContract):
        driver = "directory"
        versions = staticmethod(lambda: "qemu-img 7.2")   # optional: what it was made with

        @pytest.fixture
        def bench(self, tmp_path): ...

A driver that needs rights, daemons or namespaces is marked `real` (`pytestmark` on the class). A promise that a driver
cannot be asked for here is skipped with its reason (`pytest.skip("simulated volumes hold no bytes")`); the reason is shown.

A test that has the promises asked on another kernel hands over what was written there, by the fixture `brought`.

Every run writes what came out to build/contracts.json. `pytest tests/contracts --keep-contracts` (as root, for all drivers)
also keeps it in the package, where `glasscloud capabilities --tested` reads it. A run replaces the drivers that were in it,
but one that could not be asked anything leaves what an earlier run wrote.
"""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

promise = pytest.mark.promise
"""Marks a test: `@promise(verb, what)`."""

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "contracts.json"
KEPT = ROOT / "lab" / "capabilities" / "data" / "tested.json"
WORST_LAST = ("skipped", "passed", "failed")
"""Where a promise is asked for more than once, what is told: a failure before a success before a skip."""


class Recorder:
    """The plugin: it notes the outcome of each promise on each driver, and writes all of them at the end."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.seen: dict[tuple[str, str], dict[str, Any]] = {}
        self.brought: list[dict[str, Any]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report what it is about; in a worker process too, from where it travels with the report."""
        report = yield
        mark, asked = item.get_closest_marker("promise"), getattr(item, "cls", None)
        if mark is not None and asked is not None and hasattr(asked, "driver"):
            versions = getattr(asked, "versions", str)() if report.when == "call" else ""
            about = {"port": asked.port, "driver": asked.driver, "verb": mark.args[0], "promise": mark.args[1], "versions": versions}
            report.user_properties.append(("promise", about))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome."""
        if report.when == "teardown":
            self.brought += (record for name, record in report.user_properties if name == "brought")
        about = dict(report.user_properties).get("promise")
        if not isinstance(about, dict) or (report.when != "call" and report.outcome == "passed"):
            return
        record = self.seen.setdefault((about["port"], about["driver"]), {"versions": "", "rows": {}})
        record["versions"] = about["versions"] or record["versions"]
        row, place = (about["verb"], about["promise"]), WORST_LAST.index(report.outcome)
        if place >= WORST_LAST.index(record["rows"].get(row, ("skipped",))[0]):
            reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
            record["rows"][row] = (report.outcome, reason)

    def pytest_sessionfinish(self) -> None:
        """Write what came out."""
        if self.seen or self.brought:
            for path in (BUILT, KEPT) if self.keep else (BUILT,):
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(self._merged(path), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _merged(self, path: Path) -> list[dict[str, Any]]:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        records = {(record["port"], record["driver"]): record for record in kept}
        for (port, driver), seen in self.seen.items():
            if (port, driver) in records and all(outcome == "skipped" for outcome, _ in seen["rows"].values()):
                continue
            records[port, driver] = {
                "port": port, "driver": driver, "when": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
                "made_with": ", ".join(filter(None, (f"{platform.system()} {platform.release()}", seen["versions"]))),
                "promises": [
                    {"verb": verb, "promise": what, "outcome": outcome, "reason": reason}
                    for (verb, what), (outcome, reason) in seen["rows"].items()
                ],
            }  # fmt: skip
        records |= {(record["port"], record["driver"]): record for record in self.brought}
        return [records[key] for key in sorted(records)]


@pytest.fixture
def brought(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], None]:
    """Takes the record of a driver that was asked elsewhere."""
    return lambda record: request.node.user_properties.append(("brought", record))


def add_option(parser: pytest.Parser) -> None:
    """Add the option that keeps the outcome in the package."""
    text = "keep which driver holds which promise for `glasscloud capabilities --tested`"
    parser.addoption("--keep-contracts", action="store_true", help=text)


def record(config: pytest.Config) -> None:
    """Begin to record."""
    config.pluginmanager.register(Recorder(config.getoption("--keep-contracts") and not hasattr(config, "workerinput")), "contracts")
