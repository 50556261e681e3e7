"""The small sub-resources of a server: metadata, tags, addresses, password, topology, migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lab.errors import BadRequest, Conflict, NotFound
from lab.rest import ADMIN, MEMBER, READER, Request, Response, Route
from lab.rest.body import Body
from lab.services.compute import quotas
from lab.services.compute.api.fields import Metadata, Tag
from lab.services.compute.api.part import ComputePart, only_admin
from lab.services.compute.api.server_bodies import TAGS_MAX
from lab.services.compute.api.server_view import addresses_of
from lab.services.compute.model import BlockDevice, Server

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

_SERVER = "/v2.1/servers/{server_id}"
# Where tags and metadata may change. Source: the checks of nova's server_tags.py and update_instance_metadata.
_STEADY = ("active", "paused", "suspended", "stopped")
_TAG_MAX = 60
KIB_PER_MIB = 1024
# Source: nova/compute/power_state.py and the fields of nova/objects/diagnostics.py.
_POWER = {0: "pending", 1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}
_NIC_COUNTERS = ("octets", "errors", "drop", "packets", "rate")
_DISK_COUNTERS = ("read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count")


class MetadataBody(Body):
    """All or some of a server's metadata."""

    metadata: Metadata


class MetaBody(Body):
    """One item of a server's metadata."""

    meta: Annotated[Metadata, Field(min_length=1, max_length=1)]


class TagsBody(Body):
    """All tags of a server."""

    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX)]


ROUTES = (
    Route("GET", f"{_SERVER}/metadata", "metadata_list", READER, summary="Metadata of a server"),
    Route("POST", f"{_SERVER}/metadata", "metadata_add", MEMBER, 200, MetadataBody, summary="Add metadata"),
    Route("PUT", f"{_SERVER}/metadata", "metadata_replace", MEMBER, 200, MetadataBody, summary="Replace metadata"),
    Route("GET", f"{_SERVER}/metadata/{{key}}", "metadata_show", READER, summary="One metadata item"),
    Route("PUT", f"{_SERVER}/metadata/{{key}}", "metadata_set", MEMBER, 200, MetaBody, summary="Set a metadata item"),
    Route("DELETE", f"{_SERVER}/metadata/{{key}}", "metadata_delete", MEMBER, 204, summary="Delete a metadata item"),
    Route("GET", f"{_SERVER}/tags", "tags_list", READER, since=(2, 26), summary="Tags of a server"),
    Route("PUT", f"{_SERVER}/tags", "tags_replace", MEMBER, 200, TagsBody, since=(2, 26), summary="Replace tags"),
    Route("DELETE", f"{_SERVER}/tags", "tags_clear", MEMBER, 204, since=(2, 26), summary="Delete all tags"),
    Route("GET", f"{_SERVER}/tags/{{tag}}", "tags_show", READER, 204, since=(2, 26), summary="Check a tag"),
    Route("PUT", f"{_SERVER}/tags/{{tag}}", "tags_add", MEMBER, 201, since=(2, 26), summary="Add a tag"),
    Route("DELETE", f"{_SERVER}/tags/{{tag}}", "tags_delete", MEMBER, 204, since=(2, 26), summary="Delete a tag"),
    Route("GET", f"{_SERVER}/ips", "ips_list", READER, summary="Addresses of a server"),
    Route("GET", f"{_SERVER}/ips/{{label}}", "ips_show", READER, summary="Addresses on one network"),
    Route("GET", f"{_SERVER}/os-server-password", "password_show", READER, summary="The guest's encrypted password"),
    Route("DELETE", f"{_SERVER}/os-server-password", "password_clear", MEMBER, 204, summary="Forget the password"),
    Route("GET", f"{_SERVER}/diagnostics", "diagnostics_show", ADMIN, summary="What the guest uses"),
    Route("GET", f"{_SERVER}/topology", "topology_show", READER, since=(2, 78), summary="NUMA topology"),
    Route("GET", f"{_SERVER}/migrations", "server_migrations_list", READER, since=(2, 23), summary="Migrations"),
)


class ServerDetailsPart(ComputePart):
    """The handlers of what hangs below a server and needs no other service."""

    # -- metadata ---------------------------------------------------------------------------------

    async def metadata_list(self, ctx: Context, req: Request) -> Json:
        """Answer all metadata."""
        self.check_query(req)
        return {"metadata": (await self.server(ctx, req.params["server_id"])).metadata_}

    async def metadata_show(self, ctx: Context, req: Request) -> Json:
        """Answer one item."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        key = req.params["key"]
        return {"meta": {key: _item(server, key)}}

    async def metadata_add(self, ctx: Context, req: Request) -> Json:
        """Add or replace items and keep the others."""
        server = await self.server(ctx, req.params["server_id"])
        return {"metadata": await self._set_metadata(ctx, server, {**server.metadata_, **req.data.metadata})}

    async def metadata_replace(self, ctx: Context, req: Request) -> Json:
        """Replace all items."""
        server = await self.server(ctx, req.params["server_id"])
        return {"metadata": await self._set_metadata(ctx, server, req.data.metadata)}

    async def metadata_set(self, ctx: Context, req: Request) -> Json:
        """Set the item that path and body name."""
        server = await self.server(ctx, req.params["server_id"])
        if req.params["key"] not in req.data.meta:
            raise BadRequest("Request body and URI mismatch")
        await self._set_metadata(ctx, server, {**server.metadata_, **req.data.meta})
        return {"meta": req.data.meta}

    async def metadata_delete(self, ctx: Context, req: Request) -> None:
        """Delete one item."""
        server = await self.server(ctx, req.params["server_id"])
        key = req.params["key"]
        _item(server, key)
        _check_steady(ctx, server, "delete metadata")
        left = {name: value for name, value in server.metadata_.items() if name != key}
        await self.manager.update_server(ctx, server, {"metadata_": left})

    async def _set_metadata(self, ctx: Context, server: Server, metadata: dict[str, str]) -> dict[str, str]:
        _check_steady(ctx, server, "update metadata")
        await self.process.store.run(lambda tx: quotas.check_metadata(tx, self.config, server.project_id, len(metadata)))
        changed: Server = await self.manager.update_server(ctx, server, {"metadata_": metadata})
        return changed.metadata_

    # -- tags -------------------------------------------------------------------------------------

    async def tags_list(self, ctx: Context, req: Request) -> Json:
        """Answer all tags."""
        return {"tags": (await self.server(ctx, req.params["server_id"])).tags}

    async def tags_show(self, ctx: Context, req: Request) -> None:
        """Say whether the tag is there."""
        server = await self.server(ctx, req.params["server_id"])
        if req.params["tag"] not in server.tags:
            raise NotFound(f"Server {server.id} has no tag '{req.params['tag']}'")

    async def tags_add(self, ctx: Context, req: Request) -> Response:
        """Add one tag; 204 when it was there."""
        server = await self.server(ctx, req.params["server_id"])
        _check_steady(ctx, server, "update tag", locks=False)
        tag = req.params["tag"]
        if not 0 < len(tag) <= _TAG_MAX or "," in tag or "/" in tag:
            raise BadRequest(
                f"Tag '{tag}' is invalid. It must be a non empty string without characters '/' and ','. "
                f"Validation error message: '{tag}' is too long or has one of them"
            )
        if len(server.tags) >= TAGS_MAX:
            raise BadRequest(f"The number of tags exceeded the per-server limit {TAGS_MAX}")
        if tag in server.tags:
            return Response(204)
        await self.manager.update_server(ctx, server, {"tags": [*server.tags, tag]})
        return Response(201, headers={"Location": f"{self.root}/v2.1/servers/{server.id}/tags/{tag}"})

    async def tags_replace(self, ctx: Context, req: Request) -> Json:
        """Replace all tags."""
        server = await self.server(ctx, req.params["server_id"])
        _check_steady(ctx, server, "update tags", locks=False)
        tags = list(dict.fromkeys(req.data.tags))
        await self.manager.update_server(ctx, server, {"tags": tags})
        return {"tags": tags}

    async def tags_delete(self, ctx: Context, req: Request) -> None:
        """Delete one tag."""
        server = await self.server(ctx, req.params["server_id"])
        _check_steady(ctx, server, "delete tag", locks=False)
        tag = req.params["tag"]
        if tag not in server.tags:
            raise NotFound(f"Instance {server.id} has no tag '{tag}'")
        await self.manager.update_server(ctx, server, {"tags": [other for other in server.tags if other != tag]})

    async def tags_clear(self, ctx: Context, req: Request) -> None:
        """Delete all tags."""
        server = await self.server(ctx, req.params["server_id"])
        _check_steady(ctx, server, "delete tags", locks=False)
        await self.manager.update_server(ctx, server, {"tags": []})

    # -- the rest ---------------------------------------------------------------------------------

    async def ips_list(self, ctx: Context, req: Request) -> Json:
        """Answer the addresses by network."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        return {"addresses": {label: _bare(ips) for label, ips in addresses_of(server).items()}}

    async def ips_show(self, ctx: Context, req: Request) -> Json:
        """Answer the addresses on one network."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        label, addresses = req.params["label"], addresses_of(server)
        if label not in addresses:
            raise NotFound("Instance is not a member of specified network")
        return {label: _bare(addresses[label])}

    async def password_show(self, ctx: Context, req: Request) -> Json:
        """Answer the password that the guest encrypted; guests here write none."""
        server = await self.server(ctx, req.params["server_id"])
        return {"password": server.system_metadata.get("password_0", "")}

    async def password_clear(self, ctx: Context, req: Request) -> None:
        """Forget the password."""
        server = await self.server(ctx, req.params["server_id"])
        if "password_0" in server.system_metadata:
            kept = {name: value for name, value in server.system_metadata.items() if not name.startswith("password_")}
            await self.manager.update_server(ctx, server, {"system_metadata": kept})

    async def diagnostics_show(self, ctx: Context, req: Request) -> Json:
        """Answer what is known of the guest from records; counters that only a hypervisor has are null."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        if server.host is None:
            raise Conflict(f"Instance {server.id} is not ready")
        devices = await self.process.store.run(lambda tx: tx.find(BlockDevice, server_id=server.id))
        if req.version < (2, 48):
            # The old answer was whatever the driver said; libvirt's begins with the memory in KiB.
            return {"memory": server.flavor["ram"] * KIB_PER_MIB}
        return _diagnostics(server, len(devices))

    async def topology_show(self, ctx: Context, req: Request) -> Json:
        """Answer the NUMA nodes; a server without NUMA topology has none."""
        self.check_query(req, (), (2, 78))
        await self.server(ctx, req.params["server_id"])
        return {"nodes": [], "pagesize_kb": None}

    async def server_migrations_list(self, ctx: Context, req: Request) -> Json:
        """Answer the migrations under way; servers here do not move yet."""
        only_admin(ctx, "os_compute_api:servers:migrations:index")
        await self.server(ctx, req.params["server_id"])
        return {"migrations": []}


def _diagnostics(server: Server, disks: int) -> Json:
    cards = [
        {
            "mac_address": vif["mac_address"],
            **dict.fromkeys((f"{way}_{what}" for way in ("rx", "tx") for what in _NIC_COUNTERS), None),
        }
        for vif in server.network_info
    ]
    return {
        "state": _POWER.get(server.power_state, "pending"),
        "driver": "libvirt",
        "hypervisor": "qemu",
        "hypervisor_os": "linux",
        "uptime": None,
        "config_drive": server.config_drive,
        "num_cpus": server.flavor["vcpus"],
        "num_nics": len(cards),
        "num_disks": disks,
        "memory_details": {"maximum": server.flavor["ram"], "used": None},
        "cpu_details": [{"id": cpu, "time": None, "utilisation": None} for cpu in range(server.flavor["vcpus"])],
        "nic_details": cards,
        "disk_details": [dict.fromkeys(_DISK_COUNTERS) for _ in range(disks)],
    }


def _bare(addresses: list[Json]) -> list[Json]:
    return [{"version": address["version"], "addr": address["addr"]} for address in addresses]


def _item(server: Server, key: str) -> str:
    if key not in server.metadata_:
        raise NotFound("Metadata item was not found")
    return server.metadata_[key]


def _check_steady(ctx: Context, server: Server, action: str, *, locks: bool = True) -> None:
    if locks and server.locked and not ctx.is_admin:
        raise Conflict(f"Instance {server.id} is locked")
    if server.vm_state not in _STEADY:
        raise Conflict(f"Cannot '{action}' instance {server.id} while it is in vm_state {server.vm_state}")
    if locks and server.task_state is not None:
        raise Conflict(f"Cannot '{action}' instance {server.id} while it is in task_state {server.task_state}")
