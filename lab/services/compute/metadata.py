"""What a server may know of itself: the trees of files that the metadata service shows. Pure; nothing is asked of anybody.

Source: nova/api/metadata/base.py. The tree of EC2 has a value at each leaf; that of OpenStack has JSON documents.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from lab.body import encode
from lab.services.compute.model import Server

Json = dict[str, Any]
Tree = dict[str, Any]

EC2_VERSIONS = ("2009-04-04", "latest")
OPENSTACK_VERSIONS = ("2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27",
                      "2020-10-14", "latest")  # fmt: skip
DOMAIN = "novalocal"
"""Source: nova's dhcp_domain."""


def hostname(server: Server) -> str:
    """A server's full name."""
    return f"{server.hostname}.{DOMAIN}"


def meta_data(server: Server) -> Json:
    """meta_data.json."""
    found: Json = {
        "uuid": server.id,
        "hostname": hostname(server),
        "name": server.name,
        "launch_index": server.launch_index,
        "availability_zone": server.availability_zone,
        "project_id": server.project_id,
        "devices": [],
    }
    if server.metadata_:
        found["meta"] = dict(server.metadata_)
    if server.key_name is not None:
        found["public_keys"] = {server.key_name: server.key_data}
        found["keys"] = [{"name": server.key_name, "type": "ssh", "data": server.key_data}]
    return found


def network_data(server: Server) -> Json:
    """network_data.json: the server's cards and the networks on them, whose addresses come by DHCP."""
    links = [
        {
            "id": vif["devname"],
            "vif_id": vif["port_id"],
            "type": vif["vif_type"],
            "mtu": vif["mtu"],
            "ethernet_mac_address": vif["mac_address"],
        }
        for vif in server.network_info
    ]
    networks = [
        {"id": f"network{number}", "type": f"ipv{ip['version']}_dhcp", "link": vif["devname"], "network_id": vif["network_id"]}
        for number, (vif, ip) in enumerate((vif, ip) for vif in server.network_info for ip in vif["fixed_ips"])
    ]
    return {"links": links, "networks": networks, "services": []}


def user_data(server: Server) -> bytes | None:
    """What the user gave the server to run, or None."""
    if server.user_data is None:
        return None
    try:
        return base64.b64decode(server.user_data)
    except binascii.Error:
        return server.user_data.encode()


DOCUMENTS: Mapping[str, Callable[[Server], bytes | None]] = {
    "meta_data.json": lambda server: encode(meta_data(server)),
    "network_data.json": lambda server: encode(network_data(server)),
    "password": lambda server: b"",
    "user_data": user_data,
    "vendor_data.json": lambda server: b"{}",
    "vendor_data2.json": lambda server: b"{}",
}
"""The documents of one version of the OpenStack tree; None where a server has none of the name."""


def ec2(server: Server) -> Tree:
    """The EC2 tree; a directory is a dict, a leaf text or bytes."""
    addresses = [ip["address"] for vif in server.network_info for ip in vif["fixed_ips"] if ip["version"] == 4]
    first = addresses[0] if addresses else ""
    values: Tree = {
        "ami-id": f"ami-{server.number:08x}",
        "ami-launch-index": str(server.launch_index),
        "block-device-mapping": {"root": f"/dev/{_device(server)}", "ami": _device(server)},
        "hostname": hostname(server),
        "instance-action": "none",
        "instance-id": f"i-{server.number:08x}",
        "instance-type": server.flavor.get("name", ""),
        "local-hostname": hostname(server),
        "local-ipv4": first,
        "placement": {"availability-zone": server.availability_zone or ""},
        "public-hostname": hostname(server),
        "public-ipv4": "",
        "reservation-id": server.reservation_id,
        "security-groups": "\n".join(server.security_groups),
    }
    if server.key_name is not None:
        values["public-keys"] = {"0": {"openssh-key": server.key_data or ""}}
    found: Tree = {"meta-data": values}
    given = user_data(server)
    if given is not None:
        found["user-data"] = given
    return found


def _device(server: Server) -> str:
    return (server.root_device_name or "/dev/vda").removeprefix("/dev/")


def show(tree: Tree, path: list[str]) -> bytes | None:
    """What lies at a path of a tree: a value, or the names in a directory ('name/' is one again); None when nothing does."""
    here: Any = tree
    for name in path:
        if not isinstance(here, dict) or name not in here:
            return None
        here = here[name]
    if isinstance(here, dict):
        return "\n".join(f"{name}/" if isinstance(value, dict) else name for name, value in sorted(here.items())).encode()
    return here if isinstance(here, bytes) else str(here).encode()
