"""The state machine of servers: what the tables allow, and that nothing else changes a server's state."""

from __future__ import annotations

import itertools

import pytest

from lab.errors import Conflict
from lab.services.compute import states
from lab.services.compute.model import InvalidMove, Server, UnexpectedDeletingTaskState, UnexpectedTaskState
from lab.services.compute.states import check_command, check_expected, check_move

GOLDEN = (
    "building/scheduling building/None building/networking building/block_device_mapping building/spawning active/None",
    "building/scheduling error/None",
    "active/None active/deleting deleted/None",
    "active/None active/rebooting active/reboot_pending active/reboot_started active/None",
    "active/None active/powering-off stopped/None stopped/powering-on active/None",
)


def server(vm_state: str = "active", task_state: str | None = None, **values: object) -> Server:
    return Server.make(
        id="s", number=1, project_id="p", user_id="u", name="n", created_at="t",
        vm_state=vm_state, task_state=task_state, launched_at="t", **values,
    )  # fmt: skip


def split(text: str) -> tuple[str, str | None]:
    vm_state, _, task = text.partition("/")
    return vm_state, None if task == "None" else task


@pytest.mark.parametrize("path", GOLDEN)
def test_real_transitions_are_allowed(path: str) -> None:
    for old, new in itertools.pairwise(path.split()):
        check_move(server(*split(old)), *split(new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("building/None", "stopped/None"),
        ("deleted/None", "active/None"),
        ("stopped/None", "stopped/powering-on2"),
        ("active/None", "active/spawning"),
        ("building/networking", "building/spawning"),
        ("active/deleting", "active/rebooting"),
        ("active/deleting", "building/scheduling"),
        ("resized/None", "stopped/None"),
    ],
)
def test_other_moves_are_refused(old: str, new: str) -> None:
    with pytest.raises((InvalidMove, KeyError)):
        check_move(server(*split(old)), *split(new))


def test_every_state_may_fail_and_end() -> None:
    for vm_state in states.VM_MOVES:
        check_move(server(vm_state, "deleting"), "error", None)
        check_move(server(vm_state, "deleting"), "deleted", None)


def test_tables_name_only_known_states() -> None:
    known = set(states.VM_MOVES)
    for targets in states.VM_MOVES.values():
        assert targets <= known
    for vm_states, tasks in states.TASK_MOVES.values():
        assert vm_states <= known
        assert tasks - {None} <= set(states.TASK_MOVES)


def test_expected_task_states() -> None:
    check_expected(server("building", "spawning"), ["spawning"])
    check_expected(server("building", "spawning"), None)
    with pytest.raises(UnexpectedTaskState, match=r"Actual: \{'task_state': 'spawning'\}"):
        check_expected(server("building", "spawning"), [None])
    with pytest.raises(UnexpectedDeletingTaskState):
        check_expected(server("building", "deleting"), ["spawning"])


def test_commands_are_refused_in_nova_s_words() -> None:
    with pytest.raises(Conflict, match="Cannot 'stop' instance s while it is in vm_state stopped"):
        check_command(server("stopped"), "stop")
    with pytest.raises(Conflict, match="Cannot 'start' instance s while it is in task_state powering-on"):
        check_command(server("stopped", "powering-on"), "start")
    with pytest.raises(Conflict, match="Cannot 'reboot' instance s while it is in vm_state building"):
        check_command(server("building"), "reboot_soft")
    with pytest.raises(Conflict, match="Instance s is locked"):
        check_command(server(locked=True), "stop")
    check_command(server(locked=True), "stop", is_admin=True)
    check_command(server("error"), "reboot_hard")
    check_command(server("building", "spawning"), "delete")
