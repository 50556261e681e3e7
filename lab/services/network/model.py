"""Neutron's records.

Vocabulary:
    network      a broadcast domain; carried by one segment (flat, VLAN or VXLAN)
    subnet       a block of addresses on a network, with a gateway and allocation pools
    port         where a device meets a network: a MAC, addresses, security groups, a binding to a host
    binding      which mechanism driver plugs the port into which host's switch
    block        a reason why a bound port is not ACTIVE yet: 'DHCP' or 'L2'
    agent        a process on a host that wires ports (L2) or serves addresses (DHCP)
"""

from __future__ import annotations

from typing import Any

from lab.store import Field, Record

Json = dict[str, Any]

ACTIVE, DOWN, BUILD, ERROR = "ACTIVE", "DOWN", "BUILD", "ERROR"

UNBOUND, BINDING_FAILED = "unbound", "binding_failed"

DHCP_BLOCK, L2_BLOCK = "DHCP", "L2"

DHCP_OWNER = "network:dhcp"
ROUTER_OWNER = "network:router_interface"
GATEWAY_OWNER = "network:router_gateway"
AUTO_DELETE_OWNERS = frozenset({DHCP_OWNER})
"""Ports that go with their network. Source: neutron.db.db_base_plugin_v2.AUTO_DELETE_PORT_OWNERS."""


class Network(Record):
    """A broadcast domain."""

    __index__ = ("name", "project_id")

    id: str
    project_id: str = Field(max_length=255)
    name: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=255)
    admin_state_up: bool = True
    status: str = ACTIVE
    shared: bool = False
    external: bool = False
    is_default: bool = False
    mtu: int = 1500
    port_security_enabled: bool = True
    availability_zone_hints: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    network_type: str
    physical_network: str | None = None
    segmentation_id: int | None = None
    created_at: str
    updated_at: str
    revision_number: int = 1


class Segment(Record):
    """A segment in use: the key makes each of them unique in the cloud."""

    __key__ = "id"
    __index__ = ("network_id",)

    id: str
    network_type: str
    physical_network: str | None = None
    segmentation_id: int | None = None
    network_id: str


class SegmentRange(Record):
    """Where the next free segment of a range is looked for, and how many are taken."""

    __key__ = "id"

    id: str
    cursor: int
    taken: int = 0
    generation: int = 0


class Subnet(Record):
    """A block of addresses."""

    __index__ = ("network_id", "name", "project_id")

    id: str
    project_id: str = Field(max_length=255)
    network_id: str
    name: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=255)
    ip_version: int = 4
    cidr: str
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    allocation_pools: list[Json] = Field(default_factory=list)
    dns_nameservers: list[str] = Field(default_factory=list)
    host_routes: list[Json] = Field(default_factory=list)
    ipv6_address_mode: str | None = None
    ipv6_ra_mode: str | None = None
    service_types: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    created_at: str
    updated_at: str
    revision_number: int = 0


class AddressPool(Record):
    """One allocation pool of a subnet: where the next address is looked for, and how many are left.

    The cursor goes round, so an address given back is the last to be given again, and a full cycle
    looks at each address once: a pick costs 1/(free share) look-ups on average, whatever the size.
    """

    __key__ = ("subnet_id", "number")
    __index__ = ("subnet_id",)

    subnet_id: str
    number: int
    ip_version: int
    start: str
    size: int
    cursor: int = 0
    free: int
    generation: int = 0


class IPAllocation(Record):
    """An address in use; the key makes it unique in its subnet."""

    __key__ = ("subnet_id", "ip_address")
    __index__ = ("subnet_id",)

    subnet_id: str
    ip_address: str
    network_id: str
    port_id: str
    pool: int | None = None


class Port(Record):
    """Where a device meets a network."""

    __unique__ = (("network_id", "mac_address"),)
    __index__ = ("device_id", "binding_host_id", ("network_id", "device_owner"), "network_id", "project_id")

    id: str
    network_id: str
    project_id: str = Field(max_length=255)
    name: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=255)
    mac_address: str
    admin_state_up: bool = True
    status: str = DOWN
    device_id: str = Field(default="", max_length=255)
    device_owner: str = Field(default="", max_length=255)
    fixed_ips: list[Json] = Field(default_factory=list)
    security_groups: list[str] = Field(default_factory=list)
    allowed_address_pairs: list[Json] = Field(default_factory=list)
    extra_dhcp_opts: list[Json] = Field(default_factory=list)
    port_security_enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    binding_host_id: str = Field(default="", max_length=255)
    binding_vnic_type: str = "normal"
    binding_vif_type: str = UNBOUND
    binding_vif_details: Json = Field(default_factory=dict)
    binding_profile: Json = Field(default_factory=dict)
    binding_driver: str = ""
    blocks: list[str] = Field(default_factory=list)
    created_at: str
    updated_at: str
    revision_number: int = 1


class SecurityGroup(Record):
    """A named set of firewall rules."""

    __index__ = ("project_id", ("project_id", "name"))

    id: str
    project_id: str = Field(max_length=255)
    name: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=255)
    stateful: bool = True
    tags: list[str] = Field(default_factory=list)
    created_at: str
    updated_at: str
    revision_number: int = 1


class DefaultSecurityGroup(Record):
    """Which group is a project's default: at most one."""

    __key__ = "project_id"

    project_id: str
    security_group_id: str


class SecurityGroupRule(Record):
    """One rule: what a packet must look like to pass."""

    __index__ = ("security_group_id", "project_id", "remote_group_id")

    id: str
    project_id: str = Field(max_length=255)
    security_group_id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    description: str = Field(default="", max_length=255)
    tags: list[str] = Field(default_factory=list)
    created_at: str
    updated_at: str
    revision_number: int = 0


class Agent(Record):
    """A process on a host that does the network's work there; told alive by its reports."""

    __key__ = "id"
    __unique__ = (("agent_type", "host"),)
    __index__ = ("agent_type", "host")

    id: str
    agent_type: str
    binary: str
    topic: str
    host: str
    availability_zone: str | None = None
    admin_state_up: bool = True
    description: str | None = None
    configurations: Json = Field(default_factory=dict)
    created_ns: int
    started_ns: int
    heartbeat_ns: int
    reports_with: str | None = None
    """The group whose last report is also this agent's."""


class AgentGroup(Record):
    """Agents that report together: their common heartbeat, one write for all of them."""

    __key__ = "id"

    id: str
    members: list[str]
    heartbeat_ns: int


class NetworkAgent(Record):
    """A DHCP agent serves a network."""

    __key__ = ("network_id", "agent_id")
    __index__ = ("network_id", "agent_id")

    network_id: str
    agent_id: str


class QuotaLimit(Record):
    """A project's own limit for one resource; -1 is none."""

    __key__ = ("project_id", "resource")
    __index__ = ("project_id",)

    project_id: str
    resource: str
    limit: int


class Router(Record):
    """Joins networks; its interfaces are ports."""

    __index__ = ("project_id", "name")

    id: str
    project_id: str = Field(max_length=255)
    name: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=255)
    admin_state_up: bool = True
    status: str = ACTIVE
    external_gateway_info: Json | None = None
    routes: list[Json] = Field(default_factory=list)
    distributed: bool = False
    ha: bool = False
    availability_zone_hints: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    created_at: str
    updated_at: str
    revision_number: int = 1
