"""The status that users see, derived from the vm state and the task state of a server.

Source: `_STATE_MAP` in nova/api/openstack/common.py.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "default"

_REBUILD = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")
_RESIZE = dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE")

STATUS: Mapping[str, Mapping[str, str]] = {
    "active": {
        DEFAULT: "ACTIVE",
        "rebooting": "REBOOT",
        "reboot_pending": "REBOOT",
        "reboot_started": "REBOOT",
        "rebooting_hard": "HARD_REBOOT",
        "reboot_pending_hard": "HARD_REBOOT",
        "reboot_started_hard": "HARD_REBOOT",
        "updating_password": "PASSWORD",
        "migrating": "MIGRATING",
        **_REBUILD,
        **_RESIZE,
    },
    "building": {DEFAULT: "BUILD"},
    "stopped": {DEFAULT: "SHUTOFF", **_RESIZE, **_REBUILD},
    "resized": {DEFAULT: "VERIFY_RESIZE", "resize_reverting": "REVERT_RESIZE"},
    "paused": {DEFAULT: "PAUSED", "migrating": "MIGRATING"},
    "suspended": {DEFAULT: "SUSPENDED"},
    "rescued": {DEFAULT: "RESCUE"},
    "error": {DEFAULT: "ERROR", **_REBUILD},
    "deleted": {DEFAULT: "DELETED"},
    "soft-delete": {DEFAULT: "SOFT_DELETED"},
    "shelved": {DEFAULT: "SHELVED"},
    "shelved_offloaded": {DEFAULT: "SHELVED_OFFLOADED"},
}


def status_of(vm_state: str, task_state: str | None) -> str:
    """Return the status of a server in these states."""
    tasks = STATUS.get(vm_state)
    if tasks is None:
        return "UNKNOWN"
    return tasks.get(task_state or DEFAULT) or tasks[DEFAULT]


def states_of(statuses: list[str]) -> tuple[list[str], list[str]]:
    """Return the vm states and the task states (`default` for any) that show as one of these statuses, in any case."""
    wanted = [status.lower() for status in statuses]
    pairs = [(vm, task) for vm, tasks in STATUS.items() for task, status in tasks.items() if status.lower() in wanted]
    return sorted({vm for vm, _ in pairs}), sorted({task for _, task in pairs})
