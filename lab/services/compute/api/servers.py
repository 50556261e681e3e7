"""Servers: create, list, show, change, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, NotFound
from lab.rest import MEMBER, READER, Request, Response, Route
from lab.services.compute.api import create_request, server_bodies, server_changes, server_query
from lab.services.compute.api.paging import is_full, next_link
from lab.services.compute.api.security_groups import SecurityGroupsPart
from lab.services.compute.api.server_bodies import ServerCore
from lab.services.compute.api.server_view import Surroundings
from lab.services.compute.flavors import by_reference
from lab.services.compute.keypairs import Keypair
from lab.services.compute.model import Server
from lab.services.compute.requests import CreateServer

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

ROUTES = (
    Route("GET", "/v2.1/servers", "servers_list", READER, summary="List servers"),
    Route("POST", "/v2.1/servers", "servers_create", MEMBER, 202, server_bodies.CREATE, summary="Create servers"),
    Route("GET", "/v2.1/servers/detail", "servers_detail", READER, summary="List servers with details"),
    Route("GET", "/v2.1/servers/{server_id}", "servers_show", READER, summary="Show a server"),
    Route("PUT", "/v2.1/servers/{server_id}", "servers_update", MEMBER, 200, server_changes.UPDATE, summary="Change a server"),
    Route("DELETE", "/v2.1/servers/{server_id}", "servers_delete", MEMBER, 204, summary="Delete a server"),
)

# Source: nova.conf password_length is 12; nine random bytes make twelve characters.
PASSWORD_BYTES = 9
# Source: nova.utils.generate_uid.
RESERVATION_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
RESERVATION_LENGTH = 8


class ServersPart(SecurityGroupsPart):
    """The handlers of /servers."""

    # -- reading ----------------------------------------------------------------------------------

    async def servers_list(self, ctx: Context, req: Request) -> Json:
        """Answer ids and names of one page of servers."""
        query = server_query.parse(ctx, req)
        servers = await self.process.store.run(query.run)
        view = self.view(ctx, req)
        return self._servers_page(req, servers, [view.brief(server) for server in servers])

    async def servers_detail(self, ctx: Context, req: Request) -> Json:
        """Answer one page of servers as they are; their security groups come from neutron in one go."""
        query = server_query.parse(ctx, req)

        def read(tx: Transaction) -> tuple[list[Server], Surroundings]:
            servers = query.run(tx)
            return servers, Surroundings.read(tx, self.process, servers)

        servers, around = await self.process.store.run(read)
        if servers:
            around.security_groups = await self.security_groups_of(ctx, servers)
        view = self.view(ctx, req)
        return self._servers_page(req, servers, [view.detail(server, around) for server in servers])

    def _servers_page(self, req: Request, servers: list[Server], shown: list[Json]) -> Json:
        answer: Json = {"servers": shown}
        if is_full(req, len(servers)):
            answer["servers_links"] = next_link(req, self.root + req.path, servers[-1].id)
        return answer

    async def servers_show(self, ctx: Context, req: Request) -> Json:
        """Answer one server."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        return {"server": self.view(ctx, req).show(server, await self._around(ctx, server))}

    async def _around(self, ctx: Context, server: Server) -> Surroundings:
        around = await self.process.store.run(lambda tx: Surroundings.read(tx, self.process, [server], one=True))
        around.security_groups = await self.security_groups_of(ctx, [server])
        return around

    # -- creating ---------------------------------------------------------------------------------

    async def servers_create(self, ctx: Context, req: Request) -> Response:
        """Ask for servers; the answer is there before a host is chosen."""
        data: ServerCore = req.data.server
        request = await self._understand(ctx, req, data)
        servers = await self.manager.create_servers(ctx, request)
        if data.return_reservation_id:
            return Response(202, {"reservation_id": servers[0].reservation_id or request.reservation_id})
        view = self.view(ctx, req).created(servers[0])
        if data.security_groups is not None:
            view["security_groups"] = [{"name": group.name} for group in data.security_groups]
        view["adminPass"] = request.admin_password
        return Response(202, {"server": view}, {"Location": view["links"][0]["href"]})

    async def _understand(self, ctx: Context, req: Request, data: ServerCore) -> CreateServer:
        fewest, most = create_request.counts(data)
        where = create_request.destination(ctx, data)
        devices = create_request.block_devices(data)
        image_id = create_request.image(data, devices)
        networks = create_request.networks(data, most)
        given = data.__dict__  # `getattr` for what this version's body does not have costs pydantic an exception
        hostname = given.get("hostname")
        if hostname and most > 1:
            raise BadRequest("Unable to allocate a single hostname to multiple instances")
        certificates = given.get("trusted_image_certificates")
        return CreateServer(
            name=data.name.strip(),
            flavor=await self._flavor(ctx, data.flavor_ref),
            image_id=image_id,
            min_count=fewest,
            max_count=most,
            networks=networks,
            block_devices=devices,
            security_groups=create_request.security_groups(data),
            keypair=await self._keypair(ctx, data.key_name),
            metadata=dict(data.metadata),
            user_data=data.user_data,
            personality=await self._personality(ctx, data),
            config_drive=bool(data.config_drive),
            hints=await self._hints(ctx, req.data.hints or req.data.old_hints or {}),
            admin_password=data.admin_password or self.process.secret(PASSWORD_BYTES),
            disk_config=data.disk_config or "MANUAL",
            access_ip_v4=data.access_ip_v4,
            access_ip_v6=data.access_ip_v6,
            # Source: before 2.19 the description was the name.
            description=given.get("description") if req.version >= (2, 19) else data.name,
            hostname=hostname,
            tags=tuple(dict.fromkeys(given.get("tags", ()))),
            trusted_image_certificates=None if certificates is None else tuple(certificates),
            reservation_id=self._reservation(),
            **where,
        )

    def _reservation(self) -> str:
        draw, size = self.process.random("reservation").getrandbits, len(RESERVATION_CHARACTERS)
        return "r-" + "".join(RESERVATION_CHARACTERS[draw(16) % size] for _ in range(RESERVATION_LENGTH))

    async def _flavor(self, ctx: Context, reference: object) -> Any:
        try:
            return await self.flavors.get(ctx, by_reference(reference))
        except NotFound as error:
            raise BadRequest(error.message) from error

    async def _keypair(self, ctx: Context, name: str | None) -> Keypair | None:
        if name is None:
            return None
        try:
            return await self.keypairs.get(ctx.user_id, name)
        except NotFound as error:
            raise BadRequest("Invalid key_name provided.") from error

    async def _personality(self, ctx: Context, data: ServerCore) -> tuple[tuple[str, bytes], ...]:
        if not data.__dict__.get("personality"):
            return ()
        return create_request.personality(data, await self.quotas.limits(ctx.project_id))

    async def _hints(self, ctx: Context, hints: Json) -> Json:
        group = hints.get("group")
        if not group:
            return hints
        group_id = group[0] if isinstance(group, list) else group
        try:
            await self.server_groups.get(ctx, group_id)
        except NotFound as error:
            raise BadRequest(error.message) from error
        return {**hints, "group": [group_id]}

    # -- changing ---------------------------------------------------------------------------------

    async def servers_update(self, ctx: Context, req: Request) -> Json:
        """Change what was sent and leave the rest."""
        server = await self.server(ctx, req.params["server_id"])
        data = req.data.server
        changes = {name: getattr(data, name) for name in data.model_fields_set}
        if changes.get("name"):
            changes["name"] = changes["name"].strip()
        if "pinned_availability_zone" in changes:
            await self._check_pin(server, changes["pinned_availability_zone"])
        # A null means nothing for these; for description and pin it removes the value.
        for name in ("name", "disk_config", "access_ip_v4", "access_ip_v6", "hostname"):
            if name in changes and changes[name] is None:
                del changes[name]
        if changes:
            server = await self.manager.update_server(ctx, server, changes)
        around = await self._around(ctx, server) if req.version >= (2, 75) else await self._surroundings(server)
        return {"server": self.view(ctx, req).updated(server, around)}

    async def _surroundings(self, server: Server) -> Surroundings:
        return await self.process.store.run(lambda tx: Surroundings.read(tx, self.process, [server], one=True))

    async def _check_pin(self, server: Server, zone: str | None) -> None:
        pinned = server.pinned_availability_zone
        if zone is None or zone == pinned:
            return
        if pinned is not None:
            raise Conflict("Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null.")
        near = await self._surroundings(server)
        current = near.zones.get(server.host, self.config.availability_zone) if server.host else None
        if zone != current:
            raise Conflict(f"Server can only be pinned to its current availability zone '{current}', but '{zone}' was requested.")

    async def servers_delete(self, ctx: Context, req: Request) -> None:
        """Begin to delete the server."""
        server = await self.server(ctx, req.params["server_id"])
        await self.manager.delete_server(ctx, server)
