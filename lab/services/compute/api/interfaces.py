"""The network cards of a server: attach, list, show, detach. What a card is like, neutron's port says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import Field

from lab.errors import BadRequest, Forbidden, NotFound, RemoteFault
from lab.rest import MEMBER, READER, Request, Route, per_version
from lab.rest.body import Body
from lab.services.compute.api.fields import IpAddress, Tag, Uuid
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import VirtualInterface

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

_PATH = "/v2.1/servers/{server_id}/os-interface"


class FixedIp(Body):
    """The address that is wanted."""

    ip_address: IpAddress


class Interface21(Body):
    """By network or by port, with an address of the network."""

    net_id: Uuid | None = None
    port_id: Uuid | None = None
    fixed_ips: Annotated[tuple[FixedIp, ...], Field(min_length=1, max_length=1)] | None = None


class Interface249(Interface21):
    """A device tag."""

    tag: Tag | None = None


class Attach21(Body):
    """POST; without anything the project's only network is meant."""

    interface: Interface21 | None = Field(default=None, alias="interfaceAttachment")


class Attach249(Body):
    """POST since 2.49."""

    interface: Interface249 | None = Field(default=None, alias="interfaceAttachment")


ROUTES = (
    Route("GET", _PATH, "interfaces_list", READER, summary="Network cards of a server"),
    Route(
        "POST",
        _PATH,
        "interfaces_attach",
        MEMBER,
        200,
        per_version(((2, 1), Attach21), ((2, 49), Attach249)),
        summary="Attach a network card",
    ),
    Route("GET", f"{_PATH}/{{port_id}}", "interfaces_show", READER, summary="One network card"),
    Route("DELETE", f"{_PATH}/{{port_id}}", "interfaces_detach", MEMBER, 202, summary="Detach a network card"),
)


class InterfacesPart(ComputePart):
    """The handlers of os-interface."""

    async def interfaces_list(self, ctx: Context, req: Request) -> Json:
        """Answer the server's ports."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        ports = (await self.process.rest.json(ctx, "network", "GET", f"/v2.0/ports?device_id={server.id}"))["ports"]
        tags = await self.process.store.run(lambda tx: {vif.id: vif.tag for vif in tx.find(VirtualInterface, server_id=server.id)})
        return {"interfaceAttachments": [_shown(port, tags.get(port["id"]), req.version) for port in ports]}

    async def interfaces_show(self, ctx: Context, req: Request) -> Json:
        """Answer one port of the server."""
        self.check_query(req)
        server = await self.server(ctx, req.params["server_id"])
        return await self._interface_view(ctx, req, server.id, req.params["port_id"])

    async def _interface_view(self, ctx: Context, req: Request, server_id: str, port_id: str) -> Json:
        try:
            port = (await self.process.rest.json(ctx, "network", "GET", f"/v2.0/ports/{quote(port_id, safe='')}"))["port"]
        except RemoteFault as fault:
            if fault.status == 404:
                raise NotFound(f"Port id {port_id} could not be found.") from fault
            if fault.status == 403:
                raise Forbidden(fault.message) from fault
            raise
        if port["device_id"] != server_id:
            raise NotFound(f"Instance {server_id} does not have a port with id {port_id}")
        vif = await self.process.store.run(lambda tx: tx.get(VirtualInterface, port_id))
        return {"interfaceAttachment": _shown(port, vif.tag if vif else None, req.version)}

    async def interfaces_attach(self, ctx: Context, req: Request) -> Json:
        """Attach a card and answer its port once the host has plugged it."""
        server = await self.server(ctx, req.params["server_id"])
        asked = req.data.interface
        network_id = port_id = address = tag = None
        if asked is not None:
            network_id, port_id, tag = asked.net_id, asked.port_id, getattr(asked, "tag", None)
            address = asked.fixed_ips[0].ip_address if asked.fixed_ips else None
        if network_id and port_id:
            raise BadRequest("Must not input both network_id and port_id")
        if address and not network_id:
            raise BadRequest("Must input network_id when request IP address")
        attached = await self.manager.attach_interface(ctx, server, network_id, port_id, address, tag)
        return await self._interface_view(ctx, req, server.id, attached)

    async def interfaces_detach(self, ctx: Context, req: Request) -> None:
        """Begin to detach a card."""
        server = await self.server(ctx, req.params["server_id"])
        await self.manager.detach_interface(ctx, server, req.params["port_id"])


def _shown(port: Json, tag: str | None, version: tuple[int, int]) -> Json:
    view = {
        "net_id": port["network_id"],
        "port_id": port["id"],
        "mac_addr": port["mac_address"],
        "port_state": port["status"],
        "fixed_ips": port.get("fixed_ips"),
    }
    if version >= (2, 70):
        view["tag"] = tag
    return view
