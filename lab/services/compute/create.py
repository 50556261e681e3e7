"""nova-api's part of creating servers: check with the other services, record, and hand over to the conductor.

Source: `create` and `_provision_instances` of nova/compute/api.py. Nothing is recorded before everything was checked; what
was reserved elsewhere is given back when a later step fails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, LabError, RemoteFault
from lab.services.compute.aggregates import open_zones
from lab.services.compute.create_checks import INVALID, check_image, check_root, devices_of, root_of
from lab.services.compute.image_client import Images, brief_image, properties_of
from lab.services.compute.model import BlockDevice, BuildRequest, Server, next_number
from lab.services.compute.network_requests import NetworkRequests
from lab.services.compute.quotas import check_metadata, reserve_servers
from lab.services.compute.records import start_action
from lab.services.compute.rpc import ConductorApi
from lab.services.compute.server_groups import add_member
from lab.services.compute.volume_client import Volumes

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.requests import BlockDeviceRequest, CreateServer
    from lab.store import Transaction

Json = dict[str, Any]

HOSTNAME_LENGTH = 63  # RFC 1123; nova.utils.sanitize_hostname
PLAIN_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""Names that are host names as they are: most."""


class ServerCreator:
    """Creates servers for one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._images = Images(process)
        self._volumes = Volumes(process)
        self._networks = NetworkRequests(process)
        self._conductor = ConductorApi(process)

    async def create_servers(self, ctx: Context, request: CreateServer) -> list[Server]:
        """Record `min_count` to `max_count` servers, as the quota allows, and have them built.

        Raises:
            BadRequest, Forbidden, Conflict: what nova refuses, in its words.
            QuotaExceeded: not even `min_count` fit.
        """
        await self._check_zone(request)
        devices = devices_of(request)
        root = root_of(devices)
        check_root(root, request.flavor.disk, is_admin=ctx.is_admin)
        image = await self._boot_image(ctx, request, root)
        cards = await self._networks.resolve(ctx, request)
        await self._check_types(ctx, devices)
        await self._check_volumes(ctx, devices, request)
        ids = [self._process.uuid() for _ in range(request.max_count)]
        attachments = await self._reserve_volumes(ctx, ids[0], devices)
        try:
            servers = await self._record(ctx, request, ids, devices, image, attachments)
        except LabError:
            for attachment in attachments.values():
                await self._volumes.attachment_delete(ctx, attachment)
            raise
        self._hand_over(ctx, request, servers, image, cards)
        return servers

    # -- checks with the other services -------------------------------------------------------

    async def _check_zone(self, request: CreateServer) -> None:
        """Refuse a zone in which no host is enabled; an administrator who forces a host may name any."""
        zone, default = request.availability_zone, self._process.config.availability_zone
        if zone and not request.forced_host and zone not in await self._process.store.run(lambda tx: open_zones(tx, default)):
            raise BadRequest("The requested availability zone is not available")

    async def _boot_image(self, ctx: Context, request: CreateServer, root: BlockDeviceRequest) -> Json:
        """The image that the server boots, checked against the flavor; of a volume what it remembers of its image."""
        if root.source_type != "image":
            return {}
        image_id = root.uuid or request.image_id
        try:
            image = await self._images.show(ctx, image_id)
        except RemoteFault as fault:
            if fault.status in (401, 403):
                raise BadRequest(f"Not authorized for image {image_id}.") from fault
            if fault.status != 404:
                raise
            raise BadRequest("Can not find requested image") from fault
        await self._images.schema(ctx)
        check_image(image, request.flavor.ram, request.flavor.disk, local=root.destination_type == "local")
        return image

    async def _check_types(self, ctx: Context, devices: list[BlockDeviceRequest]) -> None:
        """Refuse types that cinder does not know. Source: _check_requested_volume_type of nova/compute/api.py."""
        asked = [device.volume_type for device in devices if device.volume_type]
        known = {kind[key] for kind in await self._volumes.types(ctx) for key in ("id", "name")} if asked else set()
        for volume_type in asked:
            if volume_type not in known:
                raise BadRequest(f"Volume type {volume_type} could not be found.")

    async def _check_volumes(self, ctx: Context, devices: list[BlockDeviceRequest], request: CreateServer) -> None:
        for device in devices:
            if device.source_type == "snapshot":
                await self._check_snapshot(ctx, device.uuid or "")
            if device.source_type != "volume":
                continue
            if request.max_count > 1:
                raise BadRequest("Cannot attach one or more volumes to multiple instances")
            volume_id = device.uuid or ""
            try:
                volume = await self._volumes.get(ctx, volume_id)
            except RemoteFault as fault:
                if fault.status != 404:
                    raise
                raise BadRequest(f"{INVALID}failed to get volume {volume_id}.") from fault
            if volume["status"] != "available":
                raise BadRequest(f"Invalid volume: volume '{volume_id}' status must be 'available'. Currently in '{volume['status']}'")
            if device.boot_index == 0 and volume.get("bootable") not in ("true", True):
                raise BadRequest(f"{INVALID}volume {volume_id} is not bootable.")

    async def _check_snapshot(self, ctx: Context, snapshot_id: str) -> None:
        try:
            await self._volumes.snapshot(ctx, snapshot_id)
        except RemoteFault as fault:
            if fault.status != 404:
                raise
            raise BadRequest(f"{INVALID}failed to get snapshot {snapshot_id}.") from fault

    async def _reserve_volumes(self, ctx: Context, server_id: str, devices: list[BlockDeviceRequest]) -> dict[str, str]:
        """Reserve the volumes that exist for the server; all or none."""
        attachments: dict[str, str] = {}
        try:
            for device in devices:
                if device.source_type == "volume" and device.uuid is not None:
                    attachments[device.uuid] = await self._volumes.attachment_create(ctx, device.uuid, server_id)
        except LabError as error:
            for attachment in attachments.values():
                await self._volumes.attachment_delete(ctx, attachment)
            if isinstance(error, RemoteFault):
                raise BadRequest(error.message) from error
            raise
        return attachments

    # -- records --------------------------------------------------------------------------------

    async def _record(
        self, ctx: Context, request: CreateServer, ids: list[str], devices: list[BlockDeviceRequest], image: Json, attachments: Json
    ) -> list[Server]:
        process = self._process
        now = process.runtime.iso()
        disks = [[process.uuid() for _ in devices] for _ in ids]
        values = _values(ctx, request, now, root_of(devices), image)

        def write(tx: Transaction) -> list[Server]:
            check_metadata(tx, process.config, ctx.project_id, len(request.metadata))
            counts = (request.min_count, request.max_count)
            allowed = reserve_servers(tx, process.config, ctx.project_id, request.flavor, counts)
            servers = []
            for index in range(allowed):
                name, hostname = _names(request, ids[index], index, allowed)
                server = Server.make(
                    **values, id=ids[index], number=next_number(tx, "server"), name=name, hostname=hostname, launch_index=index
                )
                servers.append(tx.insert(server))
                tx.insert(BuildRequest.make(server_id=server.id, project_id=server.project_id, created_at=now))
                for device_id, device in zip(disks[index], devices, strict=True):
                    tx.insert(_device(device_id, server.id, device, now, attachments))
                start_action(tx, ctx, server, "create", now)
                if server.server_group_id is not None:
                    add_member(tx, process.config, server.server_group_id, server.id)
            return servers

        return await process.store.run(write)

    def _hand_over(self, ctx: Context, request: CreateServer, servers: list[Server], image: Json, cards: list[Json]) -> None:
        described = brief_image(image) if image else {}
        body: Json = {
            "build_requests": [{"instance_uuid": server.id} for server in servers],
            "request_specs": [_spec(request, server, described) for server in servers],
            "image": described,
            "admin_password": None,
            "injected_files": [],
            "requested_networks": cards,
            "security_groups": list(request.security_groups),
            "tags": list(request.tags),
        }
        self._conductor.schedule_and_build_instances(ctx, body)


def _values(ctx: Context, request: CreateServer, now: str, root: BlockDeviceRequest, image: Json) -> Json:
    """The fields that all servers of one request share."""
    groups = request.hints.get("group") or []
    key = request.keypair
    return {
        "project_id": ctx.project_id,
        "user_id": ctx.user_id,
        "created_at": now,
        "updated_at": now,
        "description": request.description,
        "image_id": (root.uuid or "") if root.source_type == "image" and root.destination_type == "local" else "",
        "image_properties": properties_of(image),
        "flavor": request.flavor.snapshot(),
        "availability_zone": request.availability_zone,
        "pinned_availability_zone": request.availability_zone,
        "key_name": key.name if key else None,
        "key_data": key.public_key if key else None,
        "metadata_": dict(request.metadata),
        "tags": list(request.tags),
        "user_data": request.user_data,
        "config_drive": request.config_drive,
        "access_ip_v4": request.access_ip_v4,
        "access_ip_v6": request.access_ip_v6,
        "reservation_id": request.reservation_id,
        "disk_config": request.disk_config,
        "scheduler_hints": dict(request.hints),
        "server_group_id": (groups[0] if isinstance(groups, list) else groups) if groups else None,
        "trusted_image_certificates": list(request.trusted_image_certificates) if request.trusted_image_certificates else None,
        "security_groups": list(request.security_groups),
    }


def _names(request: CreateServer, server_id: str, index: int, count: int) -> tuple[str, str]:
    """Name and host name; several servers of one request are numbered from 1."""
    suffix = f"-{index + 1}" if count > 1 else ""
    name = f"{request.name}{suffix}"
    if request.hostname is not None:
        return name, f"{request.hostname}{suffix}"
    return name, hostname_of(name, server_id)


def hostname_of(name: str, server_id: str) -> str:
    """Make a host name of a server's name. Source: nova.utils.sanitize_hostname."""
    if PLAIN_HOSTNAME.fullmatch(name):
        return name
    plain = re.sub(r"[ _]", "-", name.encode("latin-1", "ignore").decode("latin-1"))
    plain = re.sub(r"[^a-zA-Z0-9.-]+", "", plain).lower().strip(".-")
    return plain[:HOSTNAME_LENGTH].rstrip("-.") or f"server-{server_id}"


def _device(device_id: str, server_id: str, request: BlockDeviceRequest, now: str, attachments: Json) -> BlockDevice:
    source, uuid = request.source_type, request.uuid
    return BlockDevice.make(
        id=device_id,
        server_id=server_id,
        created_at=now,
        source_type=source,
        destination_type=request.destination_type,
        boot_index=request.boot_index,
        device_name=request.device_name,
        volume_id=uuid if source == "volume" else None,
        volume_size=request.volume_size,
        volume_type=request.volume_type,
        image_id=uuid if source == "image" else None,
        snapshot_id=uuid if source == "snapshot" else None,
        attachment_id=attachments.get(uuid) if uuid else None,
        delete_on_termination=request.delete_on_termination,
        disk_bus=request.disk_bus,
        device_type=request.device_type,
        guest_format=request.guest_format,
        tag=request.tag,
    )


def _spec(request: CreateServer, server: Server, image: Json) -> Json:
    """What the scheduler is asked for. Source: the fields of nova's RequestSpec."""
    spec: Json = {
        "instance_uuid": server.id,
        "num_instances": 1,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "flavor": server.flavor,
        "image": {"id": image.get("id"), "properties": image.get("properties", {})},
        "availability_zone": request.availability_zone,
        "is_bfv": not server.image_id,
    }
    if request.hints:
        spec["scheduler_hints"] = request.hints
    if request.forced_host:
        spec["force_hosts"] = [request.forced_host]
    if request.forced_node:
        spec["force_nodes"] = [request.forced_node]
    if request.requested_host or request.requested_node:
        spec["requested_destination"] = {"host": request.requested_host, "node": request.requested_node}
    return spec
