"""Quotas of compute: limits by project and class, what is used of them, and the check before servers are made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Forbidden, QuotaExceeded
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.config import Config
    from lab.process import Process
    from lab.services.compute.flavors import Flavor
    from lab.store import Transaction

# Quotas of the networks that nova once had; unlimited here, since neutron owns them. Source: nova/quota.py.
NETWORK_RESOURCES = ("fixed_ips", "floating_ips", "security_group_rules", "security_groups")
# Everything with a limit, in the order in which nova names it. Source: nova/quota.py, QuotaEngine.resources.
RESOURCES = (
    "cores",
    "fixed_ips",
    "floating_ips",
    "injected_file_content_bytes",
    "injected_file_path_bytes",
    "injected_files",
    "instances",
    "key_pairs",
    "metadata_items",
    "ram",
    "security_group_rules",
    "security_groups",
    "server_group_members",
    "server_groups",
)
COUNTED = ("cores", "instances", "ram")
UNLIMITED = -1
_NO_LIMITS = MappingProxyType(dict.fromkeys(NETWORK_RESOURCES, UNLIMITED))
# Source: nova/db/constants.py, MAX_INT: what the column of a limit can hold.
LIMIT_MAX = 0x7FFFFFFF


class ComputeQuota(Record):
    """The limits that differ from the defaults for one project (`scope` is its id) or one class (`class:<name>`)."""

    __key__ = "scope"

    scope: str
    limits: dict[str, int] = Field(default_factory=dict)


class ComputeUsage(Record):
    """What the servers of a project take; kept with them in the same transaction, since counting 10,000 is slow."""

    __key__ = "project_id"

    project_id: str
    instances: int = 0
    cores: int = 0
    ram: int = 0


def default_limits(tx: Transaction, config: Config) -> dict[str, int]:
    """Return the limits of a project that has none of its own."""
    limits = {**_NO_LIMITS, **config.compute_quotas}
    changed = tx.get(ComputeQuota, "class:default")
    return limits if changed is None else limits | changed.limits


def limits_of(tx: Transaction, config: Config, project_id: str) -> dict[str, int]:
    """Return the limits of a project; -1 is no limit."""
    limits = default_limits(tx, config)
    own = tx.get(ComputeQuota, project_id)
    return limits if own is None else limits | own.limits


def usage_of(tx: Transaction, project_id: str) -> ComputeUsage:
    """Return what a project uses; a project without servers uses nothing."""
    return tx.get(ComputeUsage, project_id) or ComputeUsage.make(project_id=project_id)


def reserve_servers(tx: Transaction, config: Config, project_id: str, flavor: Flavor, counts: tuple[int, int]) -> int:
    """Count servers of a flavor against the project's quota and return how many of (min, max) may be made.

    The caller makes them in the same transaction and calls `release_server` for each that goes.

    Raises:
        QuotaExceeded: not even `min` fit; nova's words.
    """
    fewest, most = counts
    usage, limits = usage_of(tx, project_id), limits_of(tx, config, project_id)
    size = {"instances": 1, "cores": flavor.vcpus, "ram": flavor.ram}
    room = {name: limits[name] - getattr(usage, name) for name in COUNTED if limits[name] >= 0}
    allowed: int = min([most, *(left // size[name] for name, left in room.items() if size[name])])
    if allowed < fewest:
        _refuse(room, limits, size, counts)
    _count(tx, usage, {name: each * allowed for name, each in size.items()})
    return allowed


def release_server(tx: Transaction, project_id: str, flavor: Mapping[str, Any]) -> None:
    """Give back what one server took; `flavor` is the server's snapshot of its flavor."""
    _count(tx, usage_of(tx, project_id), {"instances": -1, "cores": -flavor["vcpus"], "ram": -flavor["ram"]})


def _count(tx: Transaction, usage: ComputeUsage, delta: Mapping[str, int]) -> None:
    changed = {name: max(0, getattr(usage, name) + delta[name]) for name in COUNTED}
    if tx.get(ComputeUsage, usage.project_id) is None:
        tx.insert(usage.evolve(**changed))
    else:
        tx.update(usage, **changed)


def _refuse(room: dict[str, int], limits: dict[str, int], size: dict[str, int], counts: tuple[int, int]) -> None:
    fewest, most = counts
    wanted: dict[str, Any] = {name: each * most for name, each in size.items()}
    overs = sorted(name for name, left in room.items() if wanted[name] > left)
    wanted["instances"] = str(fewest) if fewest == most else f"{fewest}-{most}"
    requested = ", ".join(str(wanted[name]) for name in overs)
    used = ", ".join(str(limits[name] - room[name]) for name in overs)
    allowed = ", ".join(str(limits[name]) for name in overs)
    names = ", ".join(overs)
    raise QuotaExceeded(f"Quota exceeded for {names}: Requested {requested}, but already used {used} of {allowed} {names}")


def check_metadata(tx: Transaction, config: Config, project_id: str, count: int) -> None:
    """Refuse more metadata items than the project may have. Source: _check_metadata_properties_quota of nova."""
    limit = limits_of(tx, config, project_id)["metadata_items"]
    if 0 <= limit < count:
        raise Forbidden(f"Maximum number of metadata items exceeds {limit}")


class Quotas:
    """The use cases of quotas; the only writer of the limits."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def limits(self, project_id: str) -> dict[str, int]:
        """Return a project's limits."""
        return await self._process.store.run(lambda tx: limits_of(tx, self._process.config, project_id))

    async def defaults(self) -> dict[str, int]:
        """Return the limits of projects without their own."""
        return await self._process.store.run(lambda tx: default_limits(tx, self._process.config))

    async def class_limits(self, name: str) -> dict[str, int]:
        """Return the limits of a quota class; only `default` has effect, as upstream."""

        def read(tx: Transaction) -> dict[str, int]:
            limits = default_limits(tx, self._process.config)
            own = tx.get(ComputeQuota, f"class:{name}")
            return limits if own is None else limits | own.limits

        return await self._process.store.run(read)

    async def set_limits(self, project_id: str, changes: Mapping[str, int], force: bool = False) -> dict[str, int]:
        """Change limits of a project and return all of them.

        Raises:
            BadRequest: a limit is below what is used already and `force` is not set; nova's words.
        """

        def write(tx: Transaction) -> dict[str, int]:
            if not force:
                usage = usage_of(tx, project_id)
                for name, limit in changes.items():
                    used = getattr(usage, name, 0)
                    if limit != UNLIMITED and limit < used:
                        raise BadRequest(
                            f"Quota limit {limit} for {name} must be greater than or equal to already used and reserved {used}."
                        )
            _merge(tx, project_id, changes)
            return limits_of(tx, self._process.config, project_id)

        return await self._process.store.run(write)

    async def set_class_limits(self, name: str, changes: Mapping[str, int]) -> dict[str, int]:
        """Change the limits of a quota class and return all of them."""
        await self._process.store.run(lambda tx: _merge(tx, f"class:{name}", changes))
        return await self.class_limits(name)

    async def forget(self, project_id: str) -> None:
        """Put a project back to the defaults."""

        def remove(tx: Transaction) -> None:
            own = tx.get(ComputeQuota, project_id)
            if own is not None:
                tx.delete(own)

        await self._process.store.run(remove)

    async def usage(self, project_id: str) -> ComputeUsage:
        """Return what a project's servers take."""
        return await self._process.store.run(lambda tx: usage_of(tx, project_id))


def _merge(tx: Transaction, scope: str, changes: Mapping[str, int]) -> None:
    own = tx.get(ComputeQuota, scope)
    if own is None:
        tx.insert(ComputeQuota.make(scope=scope, limits=dict(changes)))
    else:
        tx.update(own, limits={**own.limits, **changes})
