"""The attributes of each noun of the API."""

from __future__ import annotations

from lab.services.network.attributes import REQUIRED, Attr, noun
from lab.services.network.converters import (
    address,
    boolean,
    choice,
    cidr,
    fixed_ips,
    integer,
    mac,
    many,
    mapping,
    nullable,
    record,
    text,
    uuid,
)
from lab.services.network.ml2.types import VNI_MAX

NAME = Attr(text(), "")
DESCRIPTION = Attr(text(), "")

NETWORK = noun(
    "network",
    "networks",
    {
        "name": NAME,
        "description": DESCRIPTION,
        "admin_state_up": Attr(boolean, True),
        "shared": Attr(boolean, False, privileged=True),
        "router:external": Attr(boolean, False, privileged=True, column="external"),
        "is_default": Attr(boolean, False, privileged=True),
        "mtu": Attr(integer(68)),
        "port_security_enabled": Attr(boolean, True),
        "availability_zone_hints": Attr(many(text()), put=False),
        "provider:network_type": Attr(nullable(text()), None, put=False, privileged=True, column="network_type"),
        "provider:physical_network": Attr(nullable(text()), None, put=False, privileged=True, column="physical_network"),
        "provider:segmentation_id": Attr(integer(0, VNI_MAX), None, put=False, privileged=True, column="segmentation_id"),
    },
)

ROUTE = record({"destination": cidr, "nexthop": address}, ("destination", "nexthop"))
SLAAC_MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")

SUBNET = noun(
    "subnet",
    "subnets",
    {
        "network_id": Attr(uuid, REQUIRED, put=False),
        "ip_version": Attr(integer(), REQUIRED, put=False),
        "cidr": Attr(nullable(cidr), None, put=False),
        "name": NAME,
        "description": DESCRIPTION,
        "gateway_ip": Attr(nullable(address)),
        "enable_dhcp": Attr(boolean, True),
        "allocation_pools": Attr(nullable(many(record({"start": address, "end": address}, ("start", "end")), unique=False))),
        "dns_nameservers": Attr(many(address)),
        "host_routes": Attr(many(ROUTE)),
        "ipv6_address_mode": Attr(choice(*SLAAC_MODES, null=True), None, put=False),
        "ipv6_ra_mode": Attr(choice(*SLAAC_MODES, null=True), None, put=False),
        "service_types": Attr(many(text())),
        "subnetpool_id": Attr(nullable(uuid), None, put=False),
        "prefixlen": Attr(integer(0, 128), None, put=False),
    },
)

PORT = noun(
    "port",
    "ports",
    {
        "network_id": Attr(uuid, REQUIRED, put=False),
        "name": NAME,
        "description": DESCRIPTION,
        "admin_state_up": Attr(boolean, True),
        "mac_address": Attr(nullable(mac)),
        "fixed_ips": Attr(nullable(fixed_ips)),
        "device_id": Attr(text(), ""),
        "device_owner": Attr(text(), ""),
        "security_groups": Attr(nullable(many(uuid))),
        "allowed_address_pairs": Attr(many(record({"ip_address": cidr, "mac_address": mac}, ("ip_address",)), unique=False)),
        "extra_dhcp_opts": Attr(many(mapping)),
        "port_security_enabled": Attr(boolean),
        "binding:host_id": Attr(text(), "", privileged=True),
        "binding:vnic_type": Attr(
            choice("normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic"),
            "normal",
        ),
        "binding:profile": Attr(mapping, privileged=True),
    },
)

SECURITY_GROUP = noun(
    "security_group",
    "security_groups",
    {"name": NAME, "description": DESCRIPTION, "stateful": Attr(boolean, True)},
)

SECURITY_GROUP_RULE = noun(
    "security_group_rule",
    "security_group_rules",
    {
        "security_group_id": Attr(uuid, REQUIRED, put=False),
        "direction": Attr(choice("ingress", "egress"), REQUIRED, put=False),
        "ethertype": Attr(choice("IPv4", "IPv6"), "IPv4", put=False),
        "protocol": Attr(lambda value: None if value in (None, "", "any") else str(value).lower(), None, put=False),
        "port_range_min": Attr(integer(), None, put=False),
        "port_range_max": Attr(integer(), None, put=False),
        "remote_ip_prefix": Attr(nullable(cidr), None, put=False),
        "remote_group_id": Attr(nullable(uuid), None, put=False),
        "description": Attr(text(), ""),
    },
)

GATEWAY = record(
    {
        "network_id": uuid,
        "enable_snat": boolean,
        "external_fixed_ips": many(record({"subnet_id": uuid, "ip_address": address})),
    },
    ("network_id",),
)

ROUTER = noun(
    "router",
    "routers",
    {
        "name": NAME,
        "description": DESCRIPTION,
        "admin_state_up": Attr(boolean, True),
        "external_gateway_info": Attr(lambda value: GATEWAY(value) if value else None, None),
        "routes": Attr(many(ROUTE), post=False),
        "distributed": Attr(boolean, False, privileged=True),
        "ha": Attr(boolean, False, privileged=True),
        "availability_zone_hints": Attr(many(text()), put=False),
    },
)
