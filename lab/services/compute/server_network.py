"""The network of one server as its host keeps it: ports made, bound and freed, and the info cache refreshed from neutron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import LabError, NotFound, RemoteFault, TransportError
from lab.locks import Locks
from lab.services.compute.model import BuildAbort, PortBindingFailed, PortStillInUse, Server
from lab.services.compute.network_client import TAP_LENGTH, Networks, fixed_ips

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.rpc import Conductor

Json = dict[str, Any]

DEALLOCATE_ATTEMPTS = 3  # nova.conf network_allocate_retries' like; `_try_deallocate_network` waits 2, 4 s between them

KEPT = 256
"""How many of the latest things a host remembers, so that a late or repeated message about one is known as such."""


class ServerNetwork:
    """Allocates, refreshes and frees the ports of this host's servers."""

    def __init__(self, process: Process, conductor: Conductor) -> None:
        self._process, self._conductor = process, conductor
        self._caches = Locks()
        self.neutron = Networks(process)
        self.gone: dict[str, None] = {}
        """Ports that a look at neutron no longer found, until neutron says that it deleted them: their cards may be plugged still."""

    async def allocate(self, ctx: Context, server: Server, requests: list[Json]) -> list[Json]:
        """Give a server the ports that were asked for, bound to this host, and return its info cache.

        Raises:
            BuildAbort: neutron refuses, or another server has the port; another host would not help.
            PortBindingFailed: no mechanism driver binds a port to this host.
        """
        if not requests:
            return []
        networks = await self.neutron.networks(ctx, _unique([r["network_id"] for r in requests]))
        groups = await self._groups(ctx, server)
        for request in requests:
            if request["network_id"] not in networks:
                raise BuildAbort(f"Network {request['network_id']} could not be found.")
        kept = {r["port_id"] for r in requests if r.get("port_id")}
        try:
            given = [(await self._take_port(ctx, server, request, groups), request) for request in requests]
            fresh = await self._bind_all(ctx, server, given, networks, kept)
        except PortStillInUse as error:
            raise BuildAbort(f"Failed to allocate the network(s) with error {error}, not rescheduling.") from error
        mine = {port["id"] for port, _ in given}
        for stray in [vif for vif in fresh if vif["port_id"] not in mine]:  # made by a repeated request
            await self.detach(ctx, server, stray["port_id"], preserve=False)
        return [vif for vif in fresh if vif["port_id"] in mine]

    async def _groups(self, ctx: Context, server: Server) -> list[str]:
        """The ids of the groups asked for; the default one is neutron's to give."""
        names = [name for name in server.security_groups if name != "default"]
        return await self.neutron.security_groups(ctx, list(server.security_groups)) if names else []

    async def _take_port(self, ctx: Context, server: Server, request: Json, groups: list[str]) -> Json:
        """Make a port, or take the one that was asked for."""
        if request.get("port_id"):
            return await self._free(ctx, server, request["port_id"])
        body: Json = {
            "device_id": server.id,
            "network_id": request["network_id"],
            "admin_state_up": True,
            "tenant_id": server.project_id,
        }
        if request.get("fixed_ip"):
            body["fixed_ips"] = [{"ip_address": request["fixed_ip"]}]
        if groups:
            body["security_groups"] = groups
        try:
            return await self.neutron.create_port(ctx, body)
        except RemoteFault as fault:
            if fault.status >= 500:
                raise
            raise BuildAbort(f"Failed to allocate the network(s) with error {fault.message}, not rescheduling.") from fault

    async def _free(self, ctx: Context, server: Server, port_id: str) -> Json:
        """A port that was asked for. Raises PortStillInUse when another server has taken it since nova-api looked."""
        port = await self.neutron.port(ctx, port_id)
        if port.get("device_id") not in ("", server.id):
            raise PortStillInUse.of(port_id)
        return port

    async def _claim(self, ctx: Context, server: Server, port: Json, body: Json, given: bool) -> Json:
        """Make a port the server's; one that was asked for only if nobody else does at the same time, which upstream leaves open."""
        while True:
            try:
                return await self.neutron.update_port(ctx, port["id"], body, port.get("revision_number") if given else None)
            except RemoteFault as fault:
                if fault.status != 412:
                    raise
                port = await self._free(ctx, server, port["id"])

    async def _bind_all(
        self, ctx: Context, server: Server, given: list[tuple[Json, Json]], networks: dict[str, Json], kept: set[str]
    ) -> list[Json]:
        """Bind ports and keep what neutron says of them.

        It tells nova of each of them that it changed: that is looked at when all are bound, not in between.
        """
        async with self._caches.hold(server.id):
            for port, request in given:
                await self._bind(ctx, server, port, request)
            return await self._read(ctx, server.id, server.project_id, networks=networks, kept=kept)

    async def _bind(self, ctx: Context, server: Server, port: Json, request: Json) -> None:
        """Bind a port to this host and note it as the server's."""
        zone = server.availability_zone or self._process.config.availability_zone
        body = {"device_id": server.id, "device_owner": f"compute:{zone}", "binding:host_id": self._process.host}
        bound = await self._claim(ctx, server, port, body, bool(request.get("port_id")))
        if bound.get("binding:vif_type") == "binding_failed":
            raise PortBindingFailed(f"Binding failed for port {port['id']}, please check neutron logs for more information.")
        vif = {"id": port["id"], "server_id": server.id, "address": bound["mac_address"], "tag": request.get("tag")}
        await self._conductor.on(ctx, "VirtualInterface", "create", vif)

    # -- the info cache -----------------------------------------------------------------------

    async def refresh(self, ctx: Context, server_id: str, project_id: str, *, only: str | None = None) -> list[Json]:
        """Read the server's ports from neutron and keep what they say; `only` looks again at one port alone.

        One refresh of a server at a time: they would overwrite each other.
        """
        async with self._caches.hold(server_id):
            return await self._read(ctx, server_id, project_id, only=only)

    async def _read(
        self,
        ctx: Context,
        server_id: str,
        project_id: str,
        *,
        networks: dict[str, Json] | None = None,
        only: str | None = None,
        kept: set[str] | None = None,
    ) -> list[Json]:
        """`refresh` for whoever holds the server's cache; `networks` that are known are not asked for, ports `kept` outlive the server."""
        answer = await self._conductor.on(ctx, "InstanceInfoCache", "refresh", {"id": server_id})
        old = {vif["port_id"]: vif for vif in answer[0]["network_info"]}
        ports = await self.neutron.ports_of(ctx, server_id, project_id)
        if len(ports) > 1:
            place = {port_id: i for i, port_id in enumerate(old)}
            ports.sort(key=lambda port: place.get(port["id"], len(old)))
        if networks is None and ports:
            networks = await self.neutron.networks(ctx, _unique([port["network_id"] for port in ports]))
        fresh = []
        for port in ports:
            known = old.get(port["id"])
            if only is not None and only != port["id"] and known is not None:
                fresh.append(known)
                continue
            preserve = known["preserve_on_delete"] if known else port["id"] in (kept or ())
            fresh.append(await self._vif(ctx, port, (networks or {}).get(port["network_id"], {}), preserve))
        there = {vif["port_id"] for vif in fresh}
        for port_id in old:
            if port_id not in there:
                remember(self.gone, port_id, None)
        await self._save(ctx, server_id, fresh)
        return fresh

    async def _vif(self, ctx: Context, port: Json, network: Json, preserve: bool) -> Json:
        """What the cache says of one port. Source: `_build_vif_model` of nova/network/neutron.py."""
        floating = {address: await self.neutron.floating_ips(ctx, address, port["id"]) for address in fixed_ips(port)}
        subnet_ids = _unique([ip["subnet_id"] for ip in port.get("fixed_ips", ())])
        if subnet_ids:
            for subnet in await self.neutron.subnets(ctx, subnet_ids):
                await self.neutron.dhcp_ports(ctx, subnet["network_id"])
        await self.neutron.provider(ctx, port["network_id"])
        addresses = [
            {
                "address": ip["ip_address"],
                "version": 6 if ":" in ip["ip_address"] else 4,
                "subnet_id": ip["subnet_id"],
                "floating_ips": floating[ip["ip_address"]],
            }
            for ip in port.get("fixed_ips", ())
        ]
        return {
            "port_id": port["id"],
            "network_id": port["network_id"],
            "label": network.get("name", ""),
            "mac_address": port["mac_address"],
            "fixed_ips": addresses,
            "devname": f"tap{port['id']}"[:TAP_LENGTH],
            "mtu": network.get("mtu", self._process.config.global_physnet_mtu),
            "active": port.get("status") == "ACTIVE",
            "vif_type": port.get("binding:vif_type", ""),
            "vnic_type": port.get("binding:vnic_type", "normal"),
            "preserve_on_delete": preserve,
        }

    async def _save(self, ctx: Context, server_id: str, network_info: list[Json]) -> None:
        content = {"id": server_id, "network_info": network_info}
        await self._conductor.on(ctx, "InstanceInfoCache", "save", content, host=self._process.host)

    # -- giving back --------------------------------------------------------------------------

    async def deallocate(self, ctx: Context, server: Server, kept: set[str] | None = None) -> None:
        """Delete the server's ports and free those that it was given; tried again when neutron cannot be reached.

        Ports are found by the server's id, so those whose answer was lost are found too.
        """
        kept = (kept or set()) | {vif["port_id"] for vif in server.network_info if vif["preserve_on_delete"]}
        for attempt in range(1, DEALLOCATE_ATTEMPTS + 1):
            try:
                await free_ports(self.neutron, ctx, server.id, kept)
                break
            except TransportError:
                if attempt == DEALLOCATE_ATTEMPTS:
                    raise
                await self._process.sleep(2.0**attempt)
        await self._conductor.of(ctx, "VirtualInterface", "delete_by_instance_uuid", server.id)
        await self._save(ctx, server.id, [])

    async def attach(self, ctx: Context, server: Server, request: Json) -> Json:
        """Give a living server one more port; answers its entry in the info cache. What fails is taken back."""
        network_id = request["network_id"]
        await self.neutron.provider(ctx, network_id)
        await self._conductor.of(ctx, "InstancePCIRequests", "get_by_instance_uuid", server.id)
        networks = await self.neutron.networks(ctx, [network_id])
        if not networks:
            raise RemoteFault("network", 404, f"Network {network_id} could not be found.")
        port = await self._take_port(ctx, server, request, [])
        kept = {port["id"]} if request.get("port_id") else set()
        try:
            await self._process.rest.call(ctx, "placement", "GET", f"/allocations/{server.id}", auth="service")
            fresh = await self._bind_all(ctx, server, [(port, request)], networks, kept)
            found = next((vif for vif in fresh if vif["port_id"] == port["id"]), None)
            if found is None:
                raise NotFound(f"Port {port['id']} could not be found: it was deleted while it was attached to {server.id}")
            return found
        except PortStillInUse:  # it is another server's now: nothing of it is ours to take back
            await self.forget(ctx, server, port["id"])
            raise
        except LabError:
            await self.detach(ctx, server, port["id"], bool(kept))
            raise

    async def detach(self, ctx: Context, server: Server, port_id: str, preserve: bool) -> None:
        """Take a port from a server: delete it, or free it when it was given."""
        await free_port(self.neutron, ctx, port_id, preserve)
        await self._conductor.on(ctx, "VirtualInterface", "destroy", {"id": port_id})
        await self.forget(ctx, server, port_id)

    async def forget(self, ctx: Context, server: Server, port_id: str) -> None:
        """Take a port out of the info cache."""
        async with self._caches.hold(server.id):
            answer = await self._conductor.on(ctx, "InstanceInfoCache", "refresh", {"id": server.id})
            left = [vif for vif in answer[0]["network_info"] if vif["port_id"] != port_id]
            if len(left) != len(answer[0]["network_info"]):
                await self._save(ctx, server.id, left)


async def free_ports(neutron: Networks, ctx: Context, server_id: str, kept: set[str]) -> None:
    """Delete all ports of a server, and free the kept ones; the first error is raised after all were tried."""
    failure: LabError | None = None
    for port in await neutron.ports_of(ctx, server_id):
        try:
            await free_port(neutron, ctx, port["id"], port["id"] in kept)
        except LabError as error:
            failure = failure or error
    if failure is not None:
        raise failure


async def free_port(neutron: Networks, ctx: Context, port_id: str, preserve: bool) -> None:
    """Delete a port, or unbind it when it is its owner's; gone is no error."""
    if not preserve:
        await neutron.delete_port(ctx, port_id)
        return
    try:
        await neutron.update_port(ctx, port_id, {"device_id": "", "device_owner": "", "binding:host_id": ""})
    except RemoteFault as fault:
        if fault.status != 404:
            raise


def remember(memory: dict[Any, Any], key: object, value: object) -> None:
    """Keep one more thing, and forget the oldest when there are many."""
    memory[key] = value
    while len(memory) > KEPT:
        del memory[next(iter(memory))]


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
