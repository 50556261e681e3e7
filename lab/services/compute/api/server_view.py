"""How servers look to clients, for every microversion that changed it. Plain dicts: a list of 50 must be cheap.

Source: nova/api/openstack/compute/views/servers.py and rest_api_version_history.rst.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.services.compute.aggregates import COMPUTE_BINARY, zones_by_host
from lab.services.compute.api.server_status import status_of
from lab.services.compute.api.times import naive
from lab.services.compute.model import BlockDevice, ComputeService, Server
from lab.services.compute.server_groups import ServerGroup
from lab.services.compute.servicegroup import service_is_up

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]
Version = tuple[int, int]

_WITH_PROGRESS = frozenset(("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))
_WITH_FAULT = frozenset(("ERROR", "DELETED"))
# What of an image's properties counts as such. Source: the prefixes of nova/objects/image_meta.py, ImageMetaProps.
_IMAGE_PROPERTIES = ("hw_", "os_", "img_", "trait:")


@dataclass(slots=True)
class Surroundings:
    """What a view needs beside the server itself, read once for a whole list."""

    devices: Mapping[str, list[BlockDevice]]
    zones: Mapping[str, str]
    services: Mapping[str, str]  # host -> status
    groups: Mapping[str, list[str]]
    security_groups: Mapping[str, list[Json]]

    @classmethod
    def read(cls, tx: Transaction, process: Process, servers: list[Server], *, one: bool = False) -> Surroundings:
        """Read what surrounds these servers; `one` also looks up the group of a server that is shown alone."""
        hosts = {server.host: None for server in servers if server.host}
        return cls(
            devices={server.id: tx.find(BlockDevice, server_id=server.id) for server in servers},
            zones=zones_by_host(tx),
            services={host: _host_status(tx, process, host) for host in hosts},
            groups={server.id: _groups(tx, server) for server in servers} if one else {},
            security_groups={},
        )


def _host_status(tx: Transaction, process: Process, host: str) -> str:
    service = tx.one(ComputeService, host=host, binary=COMPUTE_BINARY)
    if service is None:
        return ""
    if service.forced_down:
        return "DOWN"
    if service.disabled:
        return "MAINTENANCE"
    return "UP" if service_is_up(tx, process, service) else "UNKNOWN"


def _groups(tx: Transaction, server: Server) -> list[str]:
    group = tx.get(ServerGroup, server.server_group_id) if server.server_group_id else None
    return [group.id] if group is not None and server.id in group.members else []


class ServerView:
    """Renders servers for one caller and one microversion."""

    def __init__(self, ctx: Context, version: Version, root: str, default_zone: str) -> None:
        self.admin, self.version = ctx.is_admin, version
        self._self, self._bookmark = f"{root}/v2.1/servers/", f"{root}/servers/"
        self._flavor, self._image = f"{root}/flavors/", f"{root}/images/"
        self._default_zone = default_zone

    def links(self, server_id: str) -> list[Json]:
        """Return the two links that every server has."""
        return [
            {"rel": "self", "href": self._self + server_id},
            {"rel": "bookmark", "href": self._bookmark + server_id},
        ]

    def brief(self, server: Server) -> Json:
        """Return id, name and links."""
        return {"id": server.id, "name": server.name, "links": self.links(server.id)}

    def created(self, server: Server) -> Json:
        """Return what the answer of POST tells beside the password."""
        names = server.security_groups or ["default"]
        return {
            "id": server.id,
            "links": self.links(server.id),
            "OS-DCF:diskConfig": server.disk_config,
            "security_groups": [{"name": name} for name in names],
        }

    def detail(self, server: Server, around: Surroundings) -> Json:
        """Return the whole server as a list with details shows it."""
        view = self.common(server)
        self._add_zone(view, server, around)
        view["config_drive"] = "True" if server.config_drive else ""
        view["key_name"] = server.key_name
        view["OS-SRV-USG:launched_at"] = naive(server.launched_at)
        view["OS-SRV-USG:terminated_at"] = naive(server.terminated_at)
        groups = around.security_groups.get(server.id)
        if groups:
            view["security_groups"] = groups
        self._add_host(view, server, around)
        view["OS-EXT-STS:task_state"] = server.task_state
        view["OS-EXT-STS:vm_state"] = server.vm_state
        view["OS-EXT-STS:power_state"] = server.power_state
        view["os-extended-volumes:volumes_attached"] = self._volumes(around.devices.get(server.id, ()))
        return view

    def show(self, server: Server, around: Surroundings) -> Json:
        """Return the whole server as it is shown alone: with its server groups."""
        view = self.detail(server, around)
        if self.version >= (2, 71):
            view["server_groups"] = around.groups.get(server.id, [])
        return view

    def updated(self, server: Server, around: Surroundings) -> Json:
        """Return what PUT answers: everything since 2.75, and only the common part before."""
        if self.version >= (2, 75):
            return self.show(server, around)
        view = self.common(server)
        view["addresses"] = {
            label: [{"version": ip["version"], "addr": ip["addr"]} for ip in addresses] for label, addresses in view["addresses"].items()
        }
        if self.version >= (2, 71):
            view["server_groups"] = around.groups.get(server.id, [])
        return view

    def common(self, server: Server) -> Json:
        """Return the part that every answer with a whole server has."""
        version = self.version
        status = "DELETED" if server.deleted else status_of(server.vm_state, server.task_state)
        view: Json = {
            "id": server.id,
            "name": server.name,
            "status": status,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": server.metadata_,
            "hostId": host_id(server),
            "image": self._image_of(server),
            "flavor": self._flavor_of(server),
            "created": server.created_at,
            "updated": server.updated_at or server.created_at,
            "addresses": {} if server.vm_state == "building" else addresses_of(server),
            "accessIPv4": server.access_ip_v4 or "",
            "accessIPv6": server.access_ip_v6 or "",
            "links": self.links(server.id),
            "OS-DCF:diskConfig": server.disk_config,
        }
        if status in _WITH_PROGRESS:
            view["progress"] = server.progress
        if server.fault and status in _WITH_FAULT:
            view["fault"] = self._fault(server.fault)
        if version >= (2, 9):
            view["locked"] = server.locked
        if version >= (2, 19):
            view["description"] = server.description
        if version >= (2, 26):
            view["tags"] = list(server.tags)
        if version >= (2, 63):
            view["trusted_image_certificates"] = server.trusted_image_certificates
        if version >= (2, 73):
            view["locked_reason"] = server.locked_reason
        if version >= (2, 90):
            view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
        if version >= (2, 100):
            view["scheduler_hints"] = server.scheduler_hints
        return view

    def _add_zone(self, view: Json, server: Server, around: Surroundings) -> None:
        if server.host:
            zone = around.zones.get(server.host, self._default_zone)
        else:
            zone = server.availability_zone or ""
        view["OS-EXT-AZ:availability_zone"] = zone
        if self.version >= (2, 96):
            view["pinned_availability_zone"] = server.pinned_availability_zone

    def _add_host(self, view: Json, server: Server, around: Surroundings) -> None:
        if not self.admin:
            return
        view["OS-EXT-SRV-ATTR:host"] = server.host
        view["OS-EXT-SRV-ATTR:instance_name"] = server.instance_name
        view["OS-EXT-SRV-ATTR:hypervisor_hostname"] = server.node
        if self.version >= (2, 3):
            view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
            view["OS-EXT-SRV-ATTR:kernel_id"] = ""
            view["OS-EXT-SRV-ATTR:ramdisk_id"] = ""
            view["OS-EXT-SRV-ATTR:launch_index"] = server.launch_index
            view["OS-EXT-SRV-ATTR:reservation_id"] = server.reservation_id
            view["OS-EXT-SRV-ATTR:root_device_name"] = server.root_device_name
            view["OS-EXT-SRV-ATTR:user_data"] = server.user_data
        if self.version >= (2, 16):
            view["host_status"] = around.services.get(server.host, "") if server.host else ""

    def _volumes(self, devices: list[BlockDevice] | tuple[()]) -> list[Json]:
        if self.version < (2, 3):
            return [{"id": device.volume_id} for device in devices if device.volume_id]
        return [{"id": device.volume_id, "delete_on_termination": device.delete_on_termination} for device in devices if device.volume_id]

    def _image_of(self, server: Server) -> Json | str:
        if not server.image_id:
            return ""
        image: Json = {
            "id": server.image_id,
            "links": [{"rel": "bookmark", "href": self._image + server.image_id}],
        }
        if self.version >= (2, 98):
            image["properties"] = {
                name: value for name, value in server.image_properties.items() if value is not None and name.startswith(_IMAGE_PROPERTIES)
            }
        return image

    def _flavor_of(self, server: Server) -> Json:
        flavor = server.flavor
        if self.version < (2, 47):
            flavor_id = str(flavor["id"])
            return {"id": flavor_id, "links": [{"rel": "bookmark", "href": self._flavor + flavor_id}]}
        return {
            "vcpus": flavor["vcpus"],
            "ram": flavor["ram"],
            "disk": flavor["disk"],
            "ephemeral": flavor["ephemeral"],
            "swap": flavor["swap"],
            "original_name": flavor["name"],
            "extra_specs": flavor["extra_specs"],
        }

    def _fault(self, fault: Json) -> Json:
        view = {"code": fault["code"], "created": fault["created"], "message": fault["message"]}
        if fault.get("details") and (self.admin or fault["code"] != 500):
            view["details"] = fault["details"]
        return view


def host_id(server: Server) -> str:
    """Return the opaque id of a server's host, the same for servers of one project on one host. Source: nova.utils."""
    if not server.host:
        return ""
    return hashlib.sha224(f"{server.project_id}{server.host}".encode()).hexdigest()


def addresses_of(server: Server) -> dict[str, list[Json]]:
    """Return a server's addresses by network name, the fixed ones of a network before its floating ones."""
    fixed: dict[str, list[Json]] = {}
    floating: dict[str, list[Json]] = {}
    for vif in server.network_info:
        mac, label = vif["mac_address"], vif["label"]
        fixed.setdefault(label, [])
        for ip in vif["fixed_ips"]:
            fixed[label].append(_address(ip["address"], ip.get("version", 4), "fixed", mac))
            for other in ip.get("floating_ips", ()):
                floating.setdefault(label, []).append(_address(other, 4, "floating", mac))
    for label, addresses in floating.items():
        fixed[label].extend(addresses)
    return fixed


def _address(address: str, version: int, kind: str, mac: str) -> Json:
    return {"version": version, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": mac}
