"""The state machine of servers, as tables: which vm_state may follow which, when a task may begin, and which command is allowed where.

    vm_state     what the server is:  building active stopped error deleted …
    task_state   what is being done:  scheduling networking spawning powering-off deleting … or None
    power_state  what the hypervisor last said: 0 pending, 1 running, 3 paused, 4 shutdown, 6 crashed, 7 suspended

Every change of a server's state goes through `check_move`; `records.change` is the one writer that calls it.
Sources: nova/compute/{vm_states,task_states,power_state}.py, doc/source/reference/vm-states.rst, and the `check_instance_state`
decorators of nova/compute/api.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.errors import Conflict
from lab.services.compute.model import InvalidMove, Server, UnexpectedDeletingTaskState, UnexpectedTaskState

BUILDING, ACTIVE, STOPPED, ERROR, DELETED = "building", "active", "stopped", "error", "deleted"
PAUSED, SUSPENDED, RESCUED, RESIZED = "paused", "suspended", "rescued", "resized"
SOFT_DELETED, SHELVED, SHELVED_OFFLOADED = "soft-delete", "shelved", "shelved_offloaded"

SCHEDULING, NETWORKING, BLOCK_DEVICE_MAPPING, SPAWNING = "scheduling", "networking", "block_device_mapping", "spawning"
DELETING, POWERING_OFF, POWERING_ON = "deleting", "powering-off", "powering-on"
PAUSING, UNPAUSING = "pausing", "unpausing"
REBOOTING, REBOOT_PENDING, REBOOT_STARTED = "rebooting", "reboot_pending", "reboot_started"
REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD = "rebooting_hard", "reboot_pending_hard", "reboot_started_hard"

NOSTATE, RUNNING, POWER_PAUSED, SHUTDOWN, CRASHED = 0, 1, 3, 4, 6

VM_MOVES: Mapping[str, frozenset[str]] = {
    BUILDING: frozenset({ACTIVE}),
    ACTIVE: frozenset({SOFT_DELETED, SUSPENDED, PAUSED, STOPPED, SHELVED, SHELVED_OFFLOADED, RESCUED, RESIZED}),
    STOPPED: frozenset({ACTIVE, RESIZED, RESCUED, SHELVED, SHELVED_OFFLOADED}),
    PAUSED: frozenset({ACTIVE, STOPPED, SHELVED, SHELVED_OFFLOADED}),
    SUSPENDED: frozenset({ACTIVE, SHELVED, SHELVED_OFFLOADED}),
    SOFT_DELETED: frozenset({ACTIVE}),
    RESIZED: frozenset({ACTIVE}),
    RESCUED: frozenset({ACTIVE}),
    SHELVED: frozenset({ACTIVE, SHELVED_OFFLOADED}),
    SHELVED_OFFLOADED: frozenset({ACTIVE}),
    ERROR: frozenset({ACTIVE, STOPPED}),  # hard reboot, stop and reset-state lead out of ERROR
    DELETED: frozenset(),
}
"""vm_state -> the vm_states that may follow. Beside these all may stay, and may go to ERROR and DELETED.

DELETED to ERROR is a delete that broke between these two steps: guest gone, record not ended; it may be deleted again.
"""

_ANY = frozenset(VM_MOVES)
_BUILD_TASKS = (None, SCHEDULING, NETWORKING, BLOCK_DEVICE_MAPPING, SPAWNING)
_REBOOT_TASKS = (None, REBOOTING, REBOOT_PENDING, REBOOT_STARTED, REBOOTING_HARD)

TASK_MOVES: Mapping[str, tuple[frozenset[str], frozenset[str | None]]] = {
    SCHEDULING: (frozenset({BUILDING}), frozenset(_BUILD_TASKS)),  # again when the build is tried on another host
    NETWORKING: (frozenset({BUILDING}), frozenset({None})),
    BLOCK_DEVICE_MAPPING: (frozenset({BUILDING}), frozenset({NETWORKING})),
    SPAWNING: (frozenset({BUILDING}), frozenset({BLOCK_DEVICE_MAPPING})),
    POWERING_OFF: (frozenset({ACTIVE, ERROR, STOPPED}), frozenset({None})),
    POWERING_ON: (frozenset({STOPPED}), frozenset({None})),
    PAUSING: (frozenset({ACTIVE}), frozenset({None})),
    UNPAUSING: (frozenset({PAUSED}), frozenset({None})),
    REBOOTING: (frozenset({ACTIVE}), frozenset({None})),
    REBOOT_PENDING: (frozenset({ACTIVE}), frozenset({REBOOTING})),
    REBOOT_STARTED: (frozenset({ACTIVE}), frozenset({REBOOT_PENDING})),
    REBOOTING_HARD: (frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR}), frozenset(_REBOOT_TASKS)),
    REBOOT_PENDING_HARD: (frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR}), frozenset({REBOOTING_HARD})),
    REBOOT_STARTED_HARD: (frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR}), frozenset({REBOOT_PENDING_HARD})),
    DELETING: (_ANY, frozenset({
        None, *_BUILD_TASKS, *_REBOOT_TASKS, POWERING_OFF, POWERING_ON, PAUSING, UNPAUSING, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD,
    })),
}
"""task_state -> (vm_states in which it may begin, task_states that it may follow). None, the end of any task, may follow all."""

COMMANDS: Mapping[str, tuple[frozenset[str] | None, frozenset[str | None] | None]] = {
    "stop": (frozenset({ACTIVE, ERROR}), frozenset({None})),
    "start": (frozenset({STOPPED}), frozenset({None})),
    "pause": (frozenset({ACTIVE}), frozenset({None})),
    "unpause": (frozenset({PAUSED}), frozenset({None})),
    "reboot_soft": (frozenset({ACTIVE}), frozenset({None})),
    "reboot_hard": (TASK_MOVES[REBOOTING_HARD][0], frozenset(_REBOOT_TASKS)),
    "attach_volume": (frozenset({ACTIVE, PAUSED, STOPPED, RESIZED, SOFT_DELETED, SHELVED, SHELVED_OFFLOADED}), frozenset({None})),
    "detach_volume": (
        frozenset({ACTIVE, SUSPENDED, PAUSED, STOPPED, RESIZED, SOFT_DELETED, SHELVED, SHELVED_OFFLOADED}),
        frozenset({None}),
    ),
    "attach_interface": (frozenset({ACTIVE, PAUSED, STOPPED}), frozenset({None})),
    "detach_interface": (frozenset({ACTIVE, PAUSED, STOPPED, RESCUED}), frozenset({None})),
    "delete": (None, None),
}
"""Command -> (vm_states, task_states) in which the API takes it; None is any."""

IO_TASKS = frozenset({
    "resize_migrating", "rebuilding", "resize_prep", "image_snapshot", "image_backup", "rescuing", "unshelving", "shelving",
})  # fmt: skip
"""Tasks that move bytes. Source: `num_io_ops` counts of nova/compute/stats.py."""


def check_move(server: Server, vm_state: str, task_state: str | None) -> None:
    """Raise InvalidMove unless the tables let the server go to this state; staying is always allowed."""
    was, task = server.vm_state, server.task_state
    if vm_state != was and vm_state not in (ERROR, DELETED) and vm_state not in VM_MOVES[was]:
        raise InvalidMove(f"Instance {server.id} is {was}; it cannot become {vm_state}")
    if task_state == task or task_state is None:
        return
    states, tasks = TASK_MOVES[task_state]
    if vm_state not in states or task not in tasks:
        raise InvalidMove(f"Instance {server.id} is {was}/{task}; {task_state} cannot begin")


def check_expected(server: Server, expected: list[str | None] | None) -> None:
    """Raise unless the server's task is one of those the caller expected; None expects nothing.

    Source: the messages of nova's UnexpectedTaskStateError and UnexpectedDeletingTaskStateError.
    """
    if expected is None or server.task_state in expected:
        return
    actual = f"{{'task_state': {server.task_state!r}}}"
    text = f"Conflict updating instance {server.id}. Expected: {{'task_state': {expected}}}. Actual: {actual}"
    if server.task_state == DELETING:
        raise UnexpectedDeletingTaskState(text)
    raise UnexpectedTaskState(text)


def check_command(server: Server, command: str, *, is_admin: bool = False) -> None:
    """Raise Conflict with nova's words when the command is not allowed on the server as it is."""
    verb = command.partition("_")[0] if command.startswith("reboot") else command
    if server.locked and not is_admin:
        raise Conflict(f"Instance {server.id} is locked")
    states, tasks = COMMANDS[command]
    if states is not None and server.vm_state not in states:
        raise Conflict(f"Cannot '{verb}' instance {server.id} while it is in vm_state {server.vm_state}")
    if tasks is not None and server.task_state not in tasks:
        raise Conflict(f"Cannot '{verb}' instance {server.id} while it is in task_state {server.task_state}")
    if states is not None and server.launched_at is None and server.vm_state != ERROR:
        raise Conflict(f"Cannot '{verb}' instance {server.id} which has never been active")


def io_load(server: Mapping[str, Any]) -> int:
    """Count 1 for a server that builds or moves bytes on its host, else 0."""
    return int(server["vm_state"] == BUILDING or server["task_state"] in IO_TASKS)
