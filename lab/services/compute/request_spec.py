"""What the scheduler is asked for: nova's RequestSpec as it travels in messages, made ready for filters and weighers.

    {"instance_uuid", "project_id", "user_id", "num_instances", "availability_zone",
     "flavor": {"vcpus", "ram" | "memory_mb", "disk" | "root_gb", "ephemeral" | "ephemeral_gb", "swap", "extra_specs"},
     "image": {"properties": {…}}, "is_bfv", "scheduler_hints": {…},
     "instance_group": {"uuid" | "id", "policy", "members", "hosts", "rules"},
     "ignore_hosts", "force_hosts", "force_nodes", "requested_destination": {"host", "node"},
     "retry": {"hosts": [[host, node], …]}}

Everything but `flavor` may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from lab.values import value

Json = Mapping[str, Any]


@value
class Group:
    """A server group: its policy, its members' ids, and the hosts that have some of them."""

    uuid: str
    policy: str
    members: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    max_per_host: int = 1


@value
class Request:
    """One server to place. Sizes in MiB and GiB. Never changed: another one is made by `replace`."""

    server_id: str
    vcpus: int
    memory_mb: int
    root_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0
    is_bfv: bool = False
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    image_properties: Json = field(default_factory=dict)
    hints: Json = field(default_factory=dict)
    group: Group | None = None
    availability_zone: str | None = None
    ignore_hosts: tuple[str, ...] = ()
    force_hosts: tuple[str, ...] = ()
    force_nodes: tuple[str, ...] = ()
    destination: tuple[str | None, str | None] | None = None
    retry_hosts: tuple[tuple[str, str], ...] = ()
    project_id: str = ""
    user_id: str = ""
    num_instances: int = 1

    @property
    def disk_mb(self) -> int:
        """What it takes from a host's disk, as nova's HostState counts: root and ephemeral."""
        return (self.root_gb + self.ephemeral_gb) * 1024

    @classmethod
    def of(cls, spec: Json, server_id: str = "") -> Request:
        """Read a request spec; `server_id` is the server that is placed now when the spec is for several."""
        flavor: Json = spec["flavor"]
        destination = spec.get("requested_destination")
        return cls(
            server_id=server_id or spec.get("instance_uuid") or "",
            vcpus=flavor["vcpus"],
            memory_mb=int(flavor.get("memory_mb") or flavor.get("ram") or 0),
            root_gb=int(flavor.get("root_gb") or flavor.get("disk") or 0),
            ephemeral_gb=int(flavor.get("ephemeral_gb") or flavor.get("ephemeral") or 0),
            swap_mb=flavor.get("swap") or 0,
            is_bfv=bool(spec.get("is_bfv")),
            extra_specs=flavor.get("extra_specs") or {},
            image_properties=(spec.get("image") or {}).get("properties") or {},
            hints=spec.get("scheduler_hints") or {},
            group=_group(spec.get("instance_group")),
            availability_zone=spec.get("availability_zone"),
            ignore_hosts=tuple(spec.get("ignore_hosts") or ()),
            force_hosts=tuple(spec.get("force_hosts") or ()),
            force_nodes=tuple(spec.get("force_nodes") or ()),
            destination=(destination.get("host"), destination.get("node")) if destination else None,
            retry_hosts=tuple((host, node) for host, node in (spec.get("retry") or {}).get("hosts") or ()),
            project_id=spec.get("project_id") or "",
            user_id=spec.get("user_id") or "",
            num_instances=spec.get("num_instances") or 1,
        )

    def hint(self, name: str) -> str | None:
        """The first value of a scheduler hint, which may come as a value or as a list."""
        values = self.hint_list(name)
        return values[0] if values else None

    def hint_list(self, name: str) -> Sequence[str]:
        """All values of a scheduler hint."""
        value = self.hints.get(name)
        if value is None:
            return ()
        return [str(v) for v in value] if isinstance(value, (list, tuple)) else [str(value)]

    def summary(self) -> dict[str, Any]:
        """What of it decides, for people: sizes, and whatever is not at its default."""
        shown: dict[str, Any] = {"vcpus": self.vcpus, "memory_mb": self.memory_mb, "disk_mb": self.disk_mb}
        for name in (
            "extra_specs",
            "image_properties",
            "hints",
            "availability_zone",
            "ignore_hosts",
            "force_hosts",
            "force_nodes",
            "destination",
            "retry_hosts",
        ):
            value = getattr(self, name)
            if value:
                shown[name] = value
        if self.group is not None:
            shown["group"] = {"uuid": self.group.uuid, "policy": self.group.policy, "members": self.group.members}
        return shown


def _group(content: Json | None) -> Group | None:
    if not content:
        return None
    policies = content.get("policies") or ()
    return Group(
        uuid=content.get("uuid") or content.get("id") or "",
        policy=content.get("policy") or (policies[0] if policies else ""),
        members=tuple(content.get("members") or ()),
        hosts=tuple(content.get("hosts") or ()),
        max_per_host=int((content.get("rules") or {}).get("max_server_per_host", 1)),
    )
