"""The settings of a cloud, with OpenStack's defaults.

Sources: the tables of defaults by release in nova's, neutron's, cinder's, keystone's and
oslo.messaging's configuration modules (2026.2), and nova's of Rocky for `era="2018"`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

FILTERS_2026 = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
FILTERS_2018 = ("RetryFilter", "AvailabilityZoneFilter", *FILTERS_2026)

WEIGHERS: Mapping[str, float] = {
    "RAMWeigher": 1.0,
    "CPUWeigher": 1.0,
    "DiskWeigher": 1.0,
    "IoOpsWeigher": -1.0,
    "PCIWeigher": 1.0,
    "MetricsWeigher": 1.0,
    "ImagePropertiesWeigher": 0.0,
    "ServerGroupSoftAffinityWeigher": 1.0,
    "ServerGroupSoftAntiAffinityWeigher": 1.0,
    "BuildFailureWeigher": 1_000_000.0,
    "CrossCellWeigher": 1_000_000.0,
    "HypervisorVersionWeigher": 1.0,
    "NumInstancesWeigher": 0.0,
}

COMPUTE_QUOTAS: Mapping[str, int] = {
    "instances": 10,
    "cores": 20,
    "ram": 51_200,
    "metadata_items": 128,
    "injected_files": 5,
    "injected_file_content_bytes": 10_240,
    "injected_file_path_bytes": 255,
    "key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
}
NETWORK_QUOTAS: Mapping[str, int] = {
    "network": 100,
    "subnet": 100,
    "port": 500,
    "security_group": 10,
    "security_group_rule": 100,
    "router": 10,
    "floatingip": 50,
    "rbac_policy": 10,
    "subnetpool": -1,
}
VOLUME_QUOTAS: Mapping[str, int] = {
    "volumes": 10,
    "snapshots": 10,
    "groups": 10,
    "gigabytes": 1000,
    "backups": 10,
    "backup_gigabytes": 1000,
    "per_volume_gigabytes": -1,
}
QUOTAS = frozenset({"compute_quotas", "network_quotas", "volume_quotas"})
"""Settings that hold many, each with a default of its own, as each is an option of its own in OpenStack."""


@dataclass(frozen=True)
class Config:
    """One cloud's settings. Names end in their unit; `_s` is seconds of the cloud's clock."""

    era: str = "2026"
    scenario: str = ""
    """The scenario that these settings belong to; the journal's first entry names it."""
    region: str = "RegionOne"
    public_url: str = "http://glasscloud.local"
    availability_zone: str = "nova"
    admin_password: str = "glasscloud"
    service_password: str = "glasscloud"
    metadata_proxy_shared_secret: str = ""
    """By which nova believes the metadata agent whose server it asks for; the service password when empty."""
    password_cost: int = 4
    """bcrypt's cost: cheap, since nobody attacks a simulator; a real cloud sets 12."""
    token_expiration_s: float = 3600
    token_allow_expired_window_s: float = 172_800
    token_cache_s: float = 300
    extension_sync_interval_s: float = 600
    """After which nova asks neutron anew which extensions it has."""
    token_lifetime_factor: float = 1.0
    """By how much the edge stretches tokens, so that a client in wall time keeps them as long as it believes."""

    rpc_response_timeout_s: float = 60
    long_rpc_timeout_s: float = 1800
    rest_timeout_s: float = 300
    report_interval_s: float = 10
    service_down_time_s: float = 60
    agent_report_interval_s: float = 30
    agent_down_time_s: float = 75
    update_resources_interval_s: float = 60
    sync_power_state_interval_s: float = 600
    vif_plugging_timeout_s: float = 300
    vif_plugging_is_fatal: bool = True
    max_concurrent_builds: int = 10
    max_attempts: int = 3
    max_placement_results: int = 1000
    block_device_allocate_retries: int = 60
    block_device_allocate_retries_interval_s: float = 3
    shutdown_timeout_s: float = 60
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    reserved_host_memory_mb: int = 512
    reserved_host_disk_mb: int = 0
    reserved_host_cpus: int = 0
    max_io_ops_per_host: int = 8
    max_instances_per_host: int = 50
    host_subset_size: int = 1
    shuffle_best_same_weighed_hosts: bool = False
    enabled_filters: tuple[str, ...] = FILTERS_2026
    weight_multipliers: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHERS))
    compute_quotas: Mapping[str, int] = field(default_factory=lambda: dict(COMPUTE_QUOTAS))

    service_plugins: tuple[str, ...] = ()
    mechanism_drivers: tuple[str, ...] = ("openvswitch",)
    type_drivers: tuple[str, ...] = ("flat", "vlan", "vxlan")
    project_network_types: tuple[str, ...] = ("vlan",)
    flat_networks: tuple[str, ...] = ("physnet1",)
    network_vlan_ranges: Mapping[str, tuple[int, int]] = field(default_factory=lambda: {"physnet1": (100, 999)})
    vni_ranges: tuple[int, int] = (1, 65_535)
    bridge_mappings: tuple[str, ...] = ("physnet1",)
    global_physnet_mtu: int = 1500
    dhcp_lease_duration_s: int = 86_400
    send_events_interval_s: float = 2
    network_quotas: Mapping[str, int] = field(default_factory=lambda: dict(NETWORK_QUOTAS))

    volume_quotas: Mapping[str, int] = field(default_factory=lambda: dict(VOLUME_QUOTAS))
    max_over_subscription_ratio: float = 20.0
    reserved_percentage: int = 0

    object_replicas: int = 3
    object_part_power: int = 8
    max_request_body_bytes: int = 114_688
    """Source: oslo.middleware's max_request_body_size."""

    @property
    def metadata_secret(self) -> str:
        """The secret of nova and the metadata agent."""
        return self.metadata_proxy_shared_secret or self.service_password

    def but(self, **changes: Any) -> Config:
        """The same settings with some changed; an unknown name lists the known ones. Quotas that are not named stay."""
        _need_known("setting", changes, self.__dataclass_fields__)
        for name in QUOTAS & changes.keys():
            own = getattr(self, name)
            _need_known(f"key of {name}", changes[name], own)
            changes[name] = {**own, **changes[name]}
        return replace(self, **changes)


def _need_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"unknown {what} {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def for_era(era: str) -> Config:
    """The defaults of '2018' (the talk's time: Rocky) or '2026' (today)."""
    if era == "2026":
        return Config()
    if era != "2018":
        raise ValueError(f"unknown era {era!r}; known: 2018, 2026")
    return Config(
        era="2018",
        cpu_allocation_ratio=16.0,
        ram_allocation_ratio=1.5,
        enabled_filters=FILTERS_2018,
        mechanism_drivers=("linuxbridge",),
    )
