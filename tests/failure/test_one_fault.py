"""Every message and driver call of a server's whole life fails once in every way; nothing may be lost for ever."""

from __future__ import annotations

from fnmatch import fnmatchcase
from random import Random

import pytest

from tests.failure.flow import STAGES, Passage, recorded
from tests.failure.known import KNOWN, problems
from tests.failure.one_fault import DRIVER_ACTS, MESSAGE_ACTS, Case, acts_of, play

ACTS = (*MESSAGE_ACTS, *(act for act in DRIVER_ACTS if act not in MESSAGE_ACTS))
GRID = [(stage, act) for stage in STAGES for act in ACTS]


def cases(stage: str, act: str) -> list[Case]:
    """All cases of a stage in which the fault can strike."""
    return [Case(passage, act) for passage in recorded() if passage.stage == stage and act in acts_of(passage)]


def failures(chosen: list[Case]) -> dict[str, list[str]]:
    """Run cases, and answer what was wrong with each that was wrong."""
    found: dict[str, list[str]] = {}
    for case in chosen:
        try:
            wrong = problems(case, play(case))
        except Exception as error:  # a bug in a process: the run fails with it
            wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            found[str(case)] = wrong
    return found


@pytest.mark.parametrize(("stage", "act"), GRID)
def test_one_fault_somewhere_in_each_stage(stage: str, act: str) -> None:
    """One of each kind; which one is told by its own dice, so that it is the same one each time."""
    chosen = Random(f"{stage}/{act}").choice(cases(stage, act))
    assert failures([chosen]) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("stage", "act"), GRID)
def test_one_fault_at_each_point_of_the_flow(stage: str, act: str) -> None:
    assert failures(cases(stage, act)) == {}


def test_every_message_of_the_flow_is_struck() -> None:
    """The flow is whole: each service speaks in it, and each fault that there is strikes somewhere."""
    sources = {passage.source.partition("@")[0] for passage in recorded()}
    assert sources >= {
        "client", "nova-api", "nova-conductor", "nova-scheduler", "nova-compute", "neutron-api", "neutron-rpc", "neutron-l2-agent",
        "neutron-dhcp-agent", "placement", "cinder-api", "cinder-volume",
    }  # fmt: skip
    assert all(cases(stage, act) for stage, act in GRID)
    assert sum(len(acts_of(passage)) for passage in recorded()) > 800


def test_no_row_of_what_is_known_speaks_of_nothing() -> None:
    names = [str(Case(passage, act)) for passage in recorded() for act in acts_of(passage)]
    idle = [pattern for row in KNOWN for pattern in row.cases if not any(fnmatchcase(name, pattern) for name in names)]
    assert idle == []


def test_passages_are_told_apart() -> None:
    found: list[Passage] = list(recorded())
    assert len({str(passage) for passage in found}) == len(found)
