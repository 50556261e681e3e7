"""Limits and usage of a project's volumes, snapshots and gigabytes.

What is used is counted from the records inside the transaction that adds one, so a reservation cannot
be lost or leak: the record itself is the reservation.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.services.volume.model import (
    OverLimit,
    Volume,
    VolumeQuota,
    VolumeQuotaClass,
    VolumeSnapshot,
    VolumeType,
)
from lab.store import Transaction

UNLIMITED = -1
DEFAULT_CLASS = "default"
PER_TYPE = ("volumes", "snapshots", "gigabytes")  # cinder keeps these for each volume type as well


def default_limits(tx: Transaction, configured: Mapping[str, int]) -> dict[str, int]:
    """Return the limits of a project without own ones, those of each volume type included."""
    limits = dict(configured)
    for volume_type in tx.all(VolumeType):
        limits.update({f"{resource}_{volume_type.name}": UNLIMITED for resource in PER_TYPE})
    return limits | {q.resource: q.hard_limit for q in tx.find(VolumeQuotaClass, class_name=DEFAULT_CLASS)}


def limits_of(tx: Transaction, configured: Mapping[str, int], project_id: str) -> dict[str, int]:
    """Return the project's limits by resource; -1 is no limit."""
    own = {q.resource: q.hard_limit for q in tx.find(VolumeQuota, project_id=project_id)}
    return default_limits(tx, configured) | own


def usage_of(tx: Transaction, project_id: str) -> dict[str, int]:
    """Return what the project uses by resource; snapshots count as gigabytes too, as in cinder's default."""
    names = {volume_type.id: volume_type.name for volume_type in tx.all(VolumeType)}
    used = {"volumes": 0, "snapshots": 0, "gigabytes": 0, "groups": 0, "backups": 0, "backup_gigabytes": 0}
    rows = [("volumes", v.quota_size, v.volume_type_id) for v in tx.find(Volume, project_id=project_id)]
    rows += [("snapshots", s.volume_size, s.volume_type_id) for s in tx.find(VolumeSnapshot, project_id=project_id)]
    for resource, size, type_id in rows:
        suffix = names.get(type_id or "", "")
        for name, amount in ((resource, 1), ("gigabytes", size)):
            used[name] += amount
            if suffix:
                used[f"{name}_{suffix}"] = used.get(f"{name}_{suffix}", 0) + amount
    return used


def reserve(tx: Transaction, configured: Mapping[str, int], project_id: str, wanted: Mapping[str, int], volume_type: str | None) -> None:
    """Check that the project may take `wanted` ({'volumes': 1, 'gigabytes': 10}) more; raise OverLimit when not.

    Source of the texts: cinder/exception.py (VolumeLimitExceeded and its kin).
    """
    limits, used = limits_of(tx, configured, project_id), usage_of(tx, project_id)
    for resource, amount in wanted.items():
        for name in (resource, f"{resource}_{volume_type}"):
            limit = limits.get(name, UNLIMITED)
            if limit == UNLIMITED or used.get(name, 0) + amount <= limit:
                continue
            if resource == "gigabytes":
                raise OverLimit(
                    f"VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed {name} quota. "
                    f"Requested {amount}G, quota is {limit}G and {used.get(name, 0)}G has been consumed."
                )
            kind = "Snapshot" if resource == "snapshots" else "Volume"
            raise OverLimit(
                f"{kind}LimitExceeded: Maximum number of {resource} allowed ({limit}) exceeded for quota '{name}'."
                if kind == "Volume"
                else f"SnapshotLimitExceeded: Maximum number of snapshots allowed ({limit}) exceeded"
            )


def check_size(limits: Mapping[str, int], size: int) -> None:
    """Check the limit of a single volume's size."""
    limit = limits.get("per_volume_gigabytes", UNLIMITED)
    if limit != UNLIMITED and size > limit:
        raise OverLimit(f"VolumeSizeExceedsLimit: Requested volume size {size}G is larger than maximum allowed limit {limit}G.")


def set_limits(tx: Transaction, project_id: str, changes: Mapping[str, int]) -> None:
    """Give a project its own limits."""
    for resource, limit in changes.items():
        row = tx.get(VolumeQuota, (project_id, resource))
        if row is None:
            tx.insert(VolumeQuota.make(project_id=project_id, resource=resource, hard_limit=limit))
        else:
            tx.update(row, hard_limit=limit)


def set_class_limits(tx: Transaction, class_name: str, changes: Mapping[str, int]) -> None:
    """Change the limits of all projects without own ones (class 'default')."""
    for resource, limit in changes.items():
        row = tx.get(VolumeQuotaClass, (class_name, resource))
        if row is None:
            tx.insert(VolumeQuotaClass.make(class_name=class_name, resource=resource, hard_limit=limit))
        else:
            tx.update(row, hard_limit=limit)


def drop_limits(tx: Transaction, project_id: str) -> None:
    """Let the defaults hold for a project again."""
    for row in tx.find(VolumeQuota, project_id=project_id):
        tx.delete(row)
