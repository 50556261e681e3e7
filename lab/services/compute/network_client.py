"""Nova's view of neutron: ports for servers, and the info cache that remembers what neutron said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.errors import RemoteFault
from lab.rest.client import fault_of
from lab.services.compute.own_token import auth_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lab.context import Context
    from lab.process import Process

Json = dict[str, Any]

TAP_LENGTH = 14  # nova/network/model.py, NIC_NAME_LEN
_PROVIDER = "fields=provider%3Aphysical_network&fields=provider%3Anetwork_type"


def fixed_ips(port: Json) -> list[str]:
    """The addresses of a port."""
    return [ip["ip_address"] for ip in port.get("fixed_ips", ())]


class Networks:
    """Calls of one process to neutron: with the user's token, or as the service where nova is the administrator."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def _json(self, ctx: Context, method: str, path: str, body: Json | None = None, auth: str = "") -> Awaitable[Any]:
        return self._process.rest.json(ctx, "network", method, path, body=body, auth=auth or auth_of(ctx))

    async def _ask(self, ctx: Context, path: str) -> None:
        """Ask for what nova asks for and hardly looks at; a body that nobody needs stays closed. Raises RemoteFault."""
        response = await self._process.rest.call(ctx, "network", "GET", path, auth="service")
        if not response.ok:
            raise fault_of("network", response)

    # -- reading ------------------------------------------------------------------------------

    async def networks(self, ctx: Context, ids: list[str]) -> dict[str, Json]:
        """Read networks by id, in the order of `ids`; missing ones are left out."""
        query = "&".join(f"id={network_id}" for network_id in ids)
        answer: Json = await self._json(ctx, "GET", f"/v2.0/networks?{query}")
        found = {network["id"]: network for network in answer["networks"]}
        return {network_id: found[network_id] for network_id in ids if network_id in found}

    async def available(self, ctx: Context) -> list[Json]:
        """List the networks on which the caller's project may put a server: its own, then the shared ones."""
        own: Json = await self._json(ctx, "GET", f"/v2.0/networks?tenant_id={ctx.project_id}&shared=False")
        shared: Json = await self._json(ctx, "GET", "/v2.0/networks?shared=True")
        return list({n["id"]: n for n in [*own["networks"], *shared["networks"]]}.values())

    async def provider(self, ctx: Context, network_id: str) -> tuple[str | None, bool]:
        """Ask for a network's physical network, and whether it is tunnelled, in the two steps in which nova does.

        Source: `_get_physnet_tunneled_info` of nova/network/neutron.py.
        """
        await self._ask(ctx, f"/v2.0/networks/{network_id}?fields=segments")
        answer: Json = await self._json(ctx, "GET", f"/v2.0/networks/{network_id}?{_PROVIDER}", auth="service")
        network = answer["network"]
        kind = network.get("provider:network_type")
        return network.get("provider:physical_network"), kind in ("vxlan", "gre", "geneve")

    async def port_quota(self, ctx: Context) -> int:
        """Read how many ports the project may have; -1 is no limit."""
        answer: Json = await self._json(ctx, "GET", f"/v2.0/quotas/{ctx.project_id}")
        return int(answer["quota"].get("port", -1))

    async def count_ports(self, ctx: Context) -> int:
        """Count the project's ports."""
        answer: Json = await self._json(ctx, "GET", f"/v2.0/ports?tenant_id={ctx.project_id}&fields=id")
        return len(answer["ports"])

    async def extensions(self, ctx: Context) -> list[str]:
        """List the aliases of neutron's extensions."""
        answer: Json = await self._json(ctx, "GET", "/v2.0/extensions")
        return [extension["alias"] for extension in answer["extensions"]]

    async def port(self, ctx: Context, port_id: str) -> Json:
        """Read a port. Raises RemoteFault 404."""
        answer: Json = await self._json(ctx, "GET", f"/v2.0/ports/{quote(port_id, safe='')}")
        return dict(answer["port"])

    async def user_of(self, ctx: Context, network_id: str, address: str) -> str | None:
        """Say which device has an address on a network; '' is a port without one, None is a free address."""
        query = f"network_id={network_id}&fixed_ips=ip_address%3D{quote(address)}&fields=device_id"
        answer: Json = await self._json(ctx, "GET", f"/v2.0/ports?{query}")
        return next((str(port["device_id"]) for port in answer["ports"]), None)

    async def ports_of(self, ctx: Context, server_id: str, project_id: str | None = None) -> list[Json]:
        """List a server's ports: all that name it, or those of a project."""
        owner = f"tenant_id={project_id}&" if project_id else ""
        answer: Json = await self._json(ctx, "GET", f"/v2.0/ports?{owner}device_id={server_id}", auth="service")
        return list(answer["ports"])

    async def security_groups(self, ctx: Context, names: list[str]) -> list[str]:
        """Turn names or ids of the caller's security groups into ids. Raises RemoteFault 404 for an unknown one."""
        answer: Json = await self._json(ctx, "GET", f"/v2.0/security-groups?fields=id&fields=name&tenant_id={ctx.project_id}")
        by_name = {group["name"]: group["id"] for group in answer["security_groups"]}
        known = {group["id"] for group in answer["security_groups"]}
        ids = []
        for name in names:
            if name not in by_name and name not in known:
                raise RemoteFault("network", 404, f"Security group {name} not found for project {ctx.project_id}.")
            ids.append(by_name.get(name, name))
        return ids

    async def floating_ips(self, ctx: Context, address: str, port_id: str) -> list[str]:
        """List the floating addresses of a fixed one; a cloud without routers has no such resource."""
        path = f"/v2.0/floatingips?fixed_ip_address={quote(address)}&port_id={port_id}"
        response = await self._process.rest.call(ctx, "network", "GET", path, auth="service")
        if response.status == 404:
            return []
        if not response.ok:
            raise RemoteFault("network", response.status, f"floating IPs of {address} could not be listed: status {response.status}")
        return [ip["floating_ip_address"] for ip in response.json()["floatingips"]]

    async def subnets(self, ctx: Context, ids: list[str]) -> list[Json]:
        """Read subnets by id."""
        query = "&".join(f"id={subnet_id}" for subnet_id in ids)
        answer: Json = await self._json(ctx, "GET", f"/v2.0/subnets?{query}", auth="service")
        return list(answer["subnets"])

    async def dhcp_ports(self, ctx: Context, network_id: str) -> None:
        """Ask for the DHCP servers' ports on a network, of which real nova takes the server's address for its cache."""
        await self._ask(ctx, f"/v2.0/ports?network_id={network_id}&device_owner=network%3Adhcp")

    # -- writing ------------------------------------------------------------------------------

    async def create_port(self, ctx: Context, body: Json) -> Json:
        """Create a port for a server in the user's name."""
        answer: Json = await self._json(ctx, "POST", "/v2.0/ports", {"port": body})
        return dict(answer["port"])

    async def update_port(self, ctx: Context, port_id: str, body: Json, revision: int | None = None) -> Json:
        """Bind a port to a host, or free it; only an administrator may. Raises RemoteFault 412 when it has another revision."""
        headers = {"If-Match": f"revision_number={revision}"} if revision is not None else None
        target = f"/v2.0/ports/{port_id}"
        answer: Json = await self._process.rest.json(ctx, "network", "PUT", target, body={"port": body}, auth="service", headers=headers)
        return dict(answer["port"])

    async def delete_port(self, ctx: Context, port_id: str) -> None:
        """Delete a port; gone is no error."""
        response = await self._process.rest.call(ctx, "network", "DELETE", f"/v2.0/ports/{port_id}", auth="service")
        if response.status >= 400 and response.status != 404:
            raise RemoteFault("network", response.status, f"port {port_id} could not be deleted: status {response.status}")
