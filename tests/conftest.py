"""Profiles of Hypothesis for all tests: `dev` looks at new examples each time, `ci` is repeatable. The record of drivers' promises, and the
table of real tests."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings

from tests.contracts import record
from tests.real.figures import Figures

# Virtual time has no wall deadline; the building of a whole cloud inside an example is what these tests are about.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "deep", deadline=None, max_examples=2000, stateful_step_count=100, verbosity=Verbosity.normal,
    suppress_health_check=[HealthCheck.too_slow],
)
# Planted bugs: the same examples each time, and the first that fails is enough.
settings.register_profile(
    "mutants", deadline=None, max_examples=500, derandomize=True, database=None, phases=(Phase.generate,), report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
# What commands say is in the language of the environment; tests read English unless they ask for something else.
os.environ["LC_ALL"] = "C.UTF-8"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    record.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    record.record(config)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a background job, and so of what tests start and end by Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Figures(), "figures")


def pytest_collection_finish() -> None:
    """Each program in virtual time ends with a full collection; it need not walk through what all tests were made of."""
    gc.collect()
    gc.freeze()
