"""The security groups of servers: nova keeps none of them and asks neutron, once for a whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.errors import BadRequest, Conflict, NotFound, RemoteFault
from lab.rest import READER, Route
from lab.services.compute.api.part import ComputePart

if TYPE_CHECKING:
    from lab.context import Context
    from lab.rest import Request
    from lab.services.compute.model import Server

Json = dict[str, Any]

# How many ids one query carries. Source: MAX_SEARCH_IDS in nova/network/security_group_api.py.
SEARCH_IDS_MAX = 150

ROUTES = (
    Route("GET", "/v2.1/servers/{server_id}/os-security-groups", "server_security_groups", READER, summary="Security groups of a server"),
)


class SecurityGroupsPart(ComputePart):
    """Look-ups at neutron, and the two actions that change the groups of a server's ports."""

    async def security_groups_of(self, ctx: Context, servers: list[Server]) -> dict[str, list[Json]]:
        """Return the names of the groups of each server that has ports."""
        ports: list[Json] = []
        for part in _chunks([server.id for server in servers]):
            wanted = "&".join(f"device_id={server_id}" for server_id in part)
            path = f"/v2.0/ports?fields=security_groups&fields=device_id&{wanted}"
            ports.extend((await self.process.rest.json(ctx, "network", "GET", path))["ports"])
        names = await self._names(ctx, ports)
        found: dict[str, dict[str, None]] = {}
        for port in ports:
            for group_id in port["security_groups"]:
                if group_id in names:
                    found.setdefault(port["device_id"], {})[names[group_id]] = None
        return {server_id: [{"name": name} for name in groups] for server_id, groups in found.items()}

    async def _names(self, ctx: Context, ports: list[Json]) -> dict[str, str]:
        ids = dict.fromkeys(group_id for port in ports for group_id in port["security_groups"])
        names: dict[str, str] = {}
        for part in _chunks(list(ids)):
            wanted = "&".join(f"id={group_id}" for group_id in part)
            path = f"/v2.0/security-groups?{wanted}&fields=id&fields=name"
            groups = (await self.process.rest.json(ctx, "network", "GET", path))["security_groups"]
            names.update({group["id"]: group["name"] or group["id"] for group in groups})
        return names

    async def server_security_groups(self, ctx: Context, req: Request) -> Json:
        """Answer the groups of a server with their rules, in the words of the old nova-network."""
        server = await self.server(ctx, req.params["server_id"])
        path = f"/v2.0/ports?device_id={server.id}&fields=security_groups"
        ports = (await self.process.rest.json(ctx, "network", "GET", path))["ports"]
        ids = dict.fromkeys(group_id for port in ports for group_id in port["security_groups"])
        if not ids:
            return {"security_groups": []}
        wanted = "&".join(f"id={group_id}" for group_id in ids)
        groups = await self.process.rest.json(ctx, "network", "GET", f"/v2.0/security-groups?{wanted}")
        return {"security_groups": [_with_rules(group) for group in groups["security_groups"]]}

    async def add_security_group(self, ctx: Context, server: Server, name: str) -> None:
        """Put all ports of a server into a group; ports that are in it stay as they are."""
        group_id, ports = await self._group_and_ports(ctx, server, name)
        for port in ports:
            if group_id not in port["security_groups"]:
                await self._set(ctx, port, [*port["security_groups"], group_id])

    async def remove_security_group(self, ctx: Context, server: Server, name: str) -> None:
        """Take all ports of a server out of a group; none in it is a NotFound."""
        group_id, ports = await self._group_and_ports(ctx, server, name)
        members = [port for port in ports if group_id in port["security_groups"]]
        if not members:
            raise NotFound(f"Security group {name} not associated with the instance {server.id}")
        for port in members:
            await self._set(ctx, port, [other for other in port["security_groups"] if other != group_id])

    async def _group_and_ports(self, ctx: Context, server: Server, name: str) -> tuple[str, list[Json]]:
        rest = self.process.rest
        path = f"/v2.0/security-groups?fields=id&name={quote(name, safe='')}&tenant_id={ctx.project_id}"
        groups = (await rest.json(ctx, "network", "GET", path))["security_groups"]
        if not groups:
            path = f"/v2.0/security-groups?fields=id&id={quote(name, safe='')}"
            groups = (await rest.json(ctx, "network", "GET", path))["security_groups"]
        if not groups:
            raise NotFound(f"Security group {name} not found for project {ctx.project_id}.")
        if len(groups) > 1:
            raise Conflict(f"Multiple security groups found matching '{name}'. Use an ID to be more specific.")
        ports = (await rest.json(ctx, "network", "GET", f"/v2.0/ports?device_id={server.id}"))["ports"]
        if not ports:
            raise BadRequest(f"instance_id {server.id} could not be found as device id on any ports")
        return groups[0]["id"], ports

    async def _set(self, ctx: Context, port: Json, groups: list[str]) -> None:
        body = {"port": {"security_groups": groups}}
        try:
            await self.process.rest.json(ctx, "network", "PUT", f"/v2.0/ports/{port['id']}", body=body)
        except RemoteFault as fault:
            if fault.status == 400:
                raise BadRequest(fault.message) from fault
            if fault.status == 404:
                raise NotFound(fault.message) from fault
            raise


def _chunks(ids: list[str]) -> list[list[str]]:
    return [ids[at : at + SEARCH_IDS_MAX] for at in range(0, len(ids), SEARCH_IDS_MAX)]


def _with_rules(group: Json) -> Json:
    rules = [_rule(rule, group) for rule in group.get("security_group_rules", ()) if rule["direction"] == "ingress"]
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group["description"],
        "tenant_id": group.get("project_id") or group.get("tenant_id"),
        "rules": rules,
    }


def _rule(rule: Json, group: Json) -> Json:
    # Source: nova showed a rule's missing range as -1 and its missing source as everything.
    low, high = rule.get("port_range_min"), rule.get("port_range_max")
    everything = "::/0" if rule.get("ethertype") == "IPv6" else "0.0.0.0/0"
    by_group = rule.get("remote_group_id") is not None
    return {
        "id": rule["id"],
        "parent_group_id": group["id"],
        "ip_protocol": rule.get("protocol"),
        "from_port": -1 if low is None and rule.get("protocol") else low,
        "to_port": -1 if high is None and rule.get("protocol") else high,
        "group": {"name": group["name"], "tenant_id": group.get("project_id")} if by_group else {},
        "ip_range": {} if by_group else {"cidr": rule.get("remote_ip_prefix") or everything},
    }
