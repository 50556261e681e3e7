"""What a single fault may leave standing, as it does in real OpenStack, with the reason; whatever is not here is a bug.

These are states at rest, before anybody repairs anything. After repair and delete nothing may be left in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.failure.one_fault import Case, Outcome

ORDINARY = {
    "create": ("ACTIVE, available", "ERROR, available"),
    "attach": ("ACTIVE, in-use", "ACTIVE, available"),
    "detach": ("ACTIVE, available", "ACTIVE, in-use"),
    "delete": ("-, available", "ERROR, available"),
}
"""How a stage may end without a further word: done, failed, or undone."""
REFUSED = {"create": "-, available", "attach": "ACTIVE, available", "detach": "ACTIVE, in-use", "delete": "ACTIVE, available"}
"""How it may end when the client was told that its request failed: as if it had not been sent."""


@dataclass(frozen=True, slots=True)
class Known:
    """One way in which things stand still, or in which a server in ERROR still holds something."""

    cases: tuple[str, ...]
    """Patterns of cases, 'act:passage'."""
    states: tuple[str, ...]
    why: str
    held: bool = False
    """A server in ERROR holds allocations, ports, attachments or a guest."""
    odd: bool = False
    """Services say different things of the server, and what they say gets in the way of its further life."""

    def fits(self, case: Case, outcome: Outcome) -> bool:
        """Whether it speaks of this."""
        return outcome.state in self.states and any(fnmatchcase(str(case), pattern) for pattern in self.cases)


KNOWN = (
    # -- create: nobody works on it any more ------------------------------------------------------
    Known(
        ("drop:create-nova-api-schedule_and_build_instances-*", "kill_before:create-nova-api-schedule_and_build_instances-*"),
        ("BUILD/scheduling, available",),
        "A cast has no reply: nobody knows that it was lost, so nobody sets ERROR, and nova.conf's instance_build_timeout is 0. "
        "Reported as 'stuck in BUILD/scheduling' whenever a conductor is not there.",
    ),
    Known(
        ("drop:create-nova-conductor-build_and_run_instance-*", "kill_*:create-nova-conductor-build_and_run_instance-*"),
        ("BUILD/scheduling, available",),
        "As above, on the way to the host. The record names no host yet, so init_host of that nova-compute does not find it.",
    ),
    Known(
        ("hang:create-nova-compute-hypervisor.*",),
        ("BUILD/spawning, available",),
        "A libvirt call that never comes back; only _check_instance_build_time would end it, and instance_build_timeout is 0.",
    ),
    Known(
        ("duplicate:create-client-POST_/v2.1/servers-1",),
        ("ACTIVE + ACTIVE, available",),
        "POST /servers is not idempotent: sent twice it makes two servers.",
    ),
    # -- create: ERROR, with things in hand -------------------------------------------------------
    Known(
        ("kill_*:create-nova-compute-hypervisor.*", "kill_*:create-nova-api-external_instance_event-*"),
        ("ERROR, available",),
        "nova-compute lost its power in the build. When it is back, init_host sets what was BUILDING to ERROR and gives nothing back; "
        "the server's delete does. Source: _init_instance of nova/compute/manager.py.",
        held=True,
    ),
    Known(
        (
            "kill_*:create-nova-compute-GET_/allocations/*",
            "kill_*:create-nova-compute-GET_/resource_providers/*",
            "kill_*:create-nova-scheduler-PUT_/allocations/*",
        ),
        ("ERROR, available",),
        "Placement was down when the build was undone: the allocation stays until the server is deleted.",
        held=True,
    ),
    Known(
        ("kill_*:create-nova-compute-*_/v2.0/*", "kill_*:create-neutron-api-GET_/v3/auth/tokens-*"),
        ("ERROR, available",),
        "Neutron, or the keystone behind it, was down for longer than the three tries of _try_deallocate_network take (some 6 s): the port "
        "stays until the server is deleted.",
        held=True,
    ),
    Known(
        ("delay:create-nova-conductor-select_destinations-*", "d*:create-nova-scheduler-PUT_/allocations/*"),
        ("ERROR, available",),
        "The claim came, or came again, after its caller had given up: an allocation of a server in ERROR, given back with its delete. "
        "Source: claim_resources of nova/scheduler/client/report.py raises on a changed consumer; nova's doc on orphaned allocations.",
        held=True,
    ),
    Known(
        ("delay:create-nova-compute-POST_/v2.0/ports-1",),
        ("ACTIVE, available",),
        "Neutron made the port when nova-compute had long given up, and nova never heard of it. It carries the server's id, so the delete "
        "finds it (deallocate_for_instance lists by device_id).",
        odd=True,
    ),
    # -- attach and detach: cinder and nova disagree ----------------------------------------------
    Known(
        ("*:attach-*",),
        ("ACTIVE, reserved", "ACTIVE, attaching"),
        "A volume stuck in attaching: who was to go on, or to undo it, died, hung, or could not reach cinder. Source: cinder-spec "
        "'Implement force_detach for safe cleanup' ('it is not uncommon'), nova-spec 'cleanup dangling volume attachments'.",
        odd=True,
    ),
    Known(
        ("kill_after:attach-nova-compute-POST_/v3/attachments/*/action-*", "lie:detach-nova-compute-hypervisor.detach_disk-*"),
        ("ACTIVE, in-use",),
        "The disk is out of the guest, and cinder could not be told, or was told that it is still there. A second detach finds no disk "
        "and is content.",
        odd=True,
    ),
    Known(
        (
            "delay:attach-nova-conductor-reserve_block_device_name-*",
            "delay:attach-nova-compute-object_action(BlockDeviceMapping.create)-*",
            "kill_after:attach-nova-compute-object_action(BlockDeviceMapping.create)-*",
        ),
        ("ACTIVE, available",),
        "The device was recorded when the conductor had given up, or died with it in hand: nova holds the volume for attached, cinder for "
        "available. Source: nova-spec 'cleanup dangling volume attachments'.",
        odd=True,
    ),
    Known(
        ("*:detach-*",),
        ("ACTIVE, detaching",),
        "A volume stuck in detaching: begin_detaching was done, and who was to go on died, hung, or got no answer; only a failure of the "
        "hypervisor is rolled back. Source: detach of nova/virt/block_device.py, roll_detaching.",
        odd=True,
    ),
    Known(
        (
            "*:detach-nova-compute-DELETE_/v3/attachments/*",
            "*:detach-cinder-api-attachment_delete-*",
            "*:detach-nova-compute-object_action(BlockDeviceMapping.destroy)-*",
        ),
        ("ACTIVE, available",),
        "Cinder ended the attachment and nova did not hear of it, or could not write it down: the device is still in nova's records. "
        "Source: nova-spec 'cleanup dangling volume attachments'.",
        odd=True,
    ),
    # -- delete -----------------------------------------------------------------------------------
    Known(
        ("drop:delete-nova-api-terminate_instance-*", "hang:delete-nova-compute-hypervisor.destroy-*"),
        ("ACTIVE/deleting, available",),
        "A cast that was lost, or a libvirt call that never comes back. The delete is begun again by the next delete, or by init_host "
        "when nova-compute starts.",
    ),
    Known(
        ("*:delete-*",),
        ("ERROR, available",),
        "A delete that broke sets ERROR and stops where it was; the next delete goes on. Source: terminate_instance of "
        "nova/compute/manager.py.",
        held=True,
    ),
    Known(
        ("delay:delete-nova-compute-object_action(Instance.save)-*",),
        ("DELETED, available",),
        "The save that says 'deleted' came after the delete had failed for want of its answer: the record says DELETED and is still "
        "there, until it is deleted again.",
    ),
)


def problems(case: Case, outcome: Outcome) -> list[str]:
    """What is wrong with a case's outcome; empty is what should be."""
    stage, told = case.passage.stage, outcome.answer != "ok"
    rows = [row for row in KNOWN if row.fits(case, outcome)]
    ordinary = outcome.state in ORDINARY[stage] or (told and outcome.state == REFUSED[stage])
    found = [] if ordinary or rows else [f"it stands at {outcome.state!r}, answer {outcome.answer}"]
    if outcome.held and not any(row.held for row in rows):
        found.append(f"in ERROR ({'; '.join(outcome.faults)}) it holds {', '.join(outcome.held)}")
    if not any(row.odd for row in rows):
        found += [*outcome.wrong, *outcome.work]
    found += [f"left: {line}" for line in outcome.left] + [f"by hand: {line}" for line in outcome.manual]
    return found if outcome.struck == 1 else [*found, f"the fault struck {outcome.struck} times"]
