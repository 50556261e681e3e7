"""Subnets: blocks of addresses, checked for overlap, served by a DHCP agent."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import addresses, ipam, rpc, views
from lab.services.network.attributes import privileged
from lab.services.network.errors import (
    DNSNameServersExhausted,
    GatewayIpInUse,
    HostRoutesExhausted,
    HTTPBadRequest,
    InvalidInput,
    SubnetInUse,
    SubnetNotFound,
)
from lab.services.network.model import AUTO_DELETE_OWNERS, IPAllocation, Json, Network, Port, Subnet

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

INDEXED = ("network_id", "name", "project_id")
DNS_NAMESERVERS_MAX, HOST_ROUTES_MAX = 5, 20
"""Source: neutron's max_dns_nameservers and max_subnet_host_routes."""


class Subnets:
    """The use cases of subnets."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def sees(self, tx: Any, ctx: Context, subnet: Subnet) -> bool:
        """Whether a caller may see a subnet: its project's, or one of a shared network."""
        if subnet.project_id == ctx.project_id or privileged(ctx):
            return True
        network = tx.get(Network, subnet.network_id)
        return network is not None and (network.shared or network.project_id == ctx.project_id)

    def need(self, tx: Any, ctx: Context, subnet_id: str, change: bool = False) -> Subnet:
        """The subnet, when the caller may see (or change) it. Raises SubnetNotFound."""
        subnet: Subnet | None = tx.get(Subnet, subnet_id)
        if subnet is None or not self.sees(tx, ctx, subnet):
            raise SubnetNotFound(id=subnet_id)
        if change and "admin" not in ctx.roles and subnet.project_id != ctx.project_id:
            network = tx.get(Network, subnet.network_id)
            if network is None or network.project_id != ctx.project_id:
                raise SubnetNotFound(id=subnet_id)
        return subnet

    async def create(self, ctx: Context, wanted: list[Json]) -> list[Json]:
        """Make subnets, all or none, and have a DHCP agent serve their networks."""
        plugin = self._plugin

        def work(tx: Any) -> list[tuple[Subnet, Network, str | None, list[str]]]:
            made = []
            for values in wanted:
                subnet, network = self._create(tx, ctx, values)
                new_host = plugin.dhcp.schedule(tx, network.id) if subnet.enable_dhcp else None
                made.append((subnet, network, new_host, plugin.dhcp.hosts(tx, network.id)))
            return made

        found = await plugin.store.run(work)
        for subnet, network, new_host, hosts in found:
            plugin.notifier.push_subnet(ctx, subnet)
            if new_host is not None:
                body = {"id": network.id, "admin_state_up": network.admin_state_up}
                payload = {"network": body, "priority": rpc.PRIORITY_LOW}
                plugin.notifier.dhcp(ctx, [new_host], "network_create_end", payload)
            payload = {"subnet": rpc.subnet_body(subnet), "priority": rpc.PRIORITY_LOW}
            plugin.notifier.dhcp(ctx, hosts, "subnet_create_end", payload)
        return [views.subnet(subnet) for subnet, _, _, _ in found]

    def _create(self, tx: Any, ctx: Context, values: Json) -> tuple[Subnet, Network]:
        plugin = self._plugin
        network = plugin.networks.need(tx, ctx, values["network_id"], change=True)
        content = {**values, **plugin.stamps(), "id": plugin.process.uuid()}
        if content.pop("subnetpool_id", None) or content.pop("prefixlen", None) or content["cidr"] is None:
            raise HTTPBadRequest("Bad subnets request: a subnetpool must be specified in the absence of a cidr.")
        version = content["ip_version"]
        if version not in (4, 6):
            raise InvalidInput(error_message=f"Invalid input for ip_version. Reason: '{version}' is not in [4, 6]")
        _check_modes(content)
        plugin.quotas.check(tx, content["project_id"], "subnet")
        block = addresses.parse_cidr(content["cidr"], version)
        for other in tx.find(Subnet, network_id=network.id):
            if other.ip_version == version and ip_network(other.cidr).overlaps(block):
                raise InvalidInput(
                    error_message=f"Requested subnet with cidr: {block} for network: {network.id} overlaps with another subnet"
                )
        gateway = content["gateway_ip"] if "gateway_ip" in content else addresses.default_gateway(block)
        _check_gateway(block, gateway)
        _check_lists(content, content["id"])
        asked = content.pop("allocation_pools", None)
        if asked is None:
            pools = addresses.default_pools(block, gateway)
        else:
            pools = addresses.check_pools(block, asked, gateway)
        shown = [{"start": addresses.text(a, version), "end": addresses.text(b, version)} for a, b in pools]
        content.update(cidr=str(block), gateway_ip=gateway, allocation_pools=shown)
        subnet: Subnet = tx.insert(Subnet.make(**content))
        ipam.add_pools(tx, subnet, pools)
        return subnet, network

    async def update(self, ctx: Context, subnet_id: str, changes: Json) -> Json:
        """Change a subnet; pools and gateway must still fit together."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[Subnet, list[str], str | None]:
            old = self.need(tx, ctx, subnet_id, change=True)
            content = dict(changes)
            block = ip_network(old.cidr)
            gateway = content.get("gateway_ip", old.gateway_ip)
            if gateway != old.gateway_ip:
                _check_gateway(block, gateway)
                self._check_gateway_unused(tx, old)
            _check_lists(content, subnet_id)
            if content.get("allocation_pools") is not None or gateway != old.gateway_ip:
                asked = content.get("allocation_pools") or old.allocation_pools
                pools = addresses.check_pools(block, asked, gateway)
                if "allocation_pools" in content:
                    ipam.replace_pools(tx, old, pools)
                    version = old.ip_version
                    content["allocation_pools"] = [
                        {"start": addresses.text(a, version), "end": addresses.text(b, version)} for a, b in pools
                    ]
            revision = old.revision_number + 1
            new = tx.update(old, **content, updated_at=plugin.now(), revision_number=revision)
            new_host = plugin.dhcp.schedule(tx, new.network_id) if new.enable_dhcp else None
            return new, plugin.dhcp.hosts(tx, new.network_id), new_host

        subnet, hosts, new_host = await plugin.store.run(work)
        plugin.notifier.push_subnet(ctx, subnet)
        if new_host is not None:
            payload: Json = {"network": {"id": subnet.network_id}, "priority": rpc.PRIORITY_LOW}
            plugin.notifier.dhcp(ctx, [new_host], "network_create_end", payload)
        payload = {"subnet": rpc.subnet_body(subnet), "priority": rpc.PRIORITY_LOW}
        plugin.notifier.dhcp(ctx, hosts, "subnet_update_end", payload)
        return views.subnet(subnet)

    def _check_gateway_unused(self, tx: Any, subnet: Subnet) -> None:
        if subnet.gateway_ip is None:
            return
        taken = tx.get(IPAllocation, (subnet.id, subnet.gateway_ip))
        if taken is not None:
            raise GatewayIpInUse(ip_address=subnet.gateway_ip, port_id=taken.port_id)

    async def delete(self, ctx: Context, subnet_id: str) -> None:
        """Remove a subnet; its DHCP port's address goes with it. Raises SubnetInUse while other ports have addresses."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[Subnet, list[str]]:
            subnet = self.need(tx, ctx, subnet_id, change=True)
            for allocation in tx.find(IPAllocation, subnet_id=subnet_id):
                port = tx.get(Port, allocation.port_id)
                if port is None or port.device_owner not in AUTO_DELETE_OWNERS:
                    raise SubnetInUse(id=subnet_id)
                gone = [fixed for fixed in port.fixed_ips if fixed["subnet_id"] == subnet_id]
                kept = [fixed for fixed in port.fixed_ips if fixed["subnet_id"] != subnet_id]
                ipam.release(tx, gone)
                tx.update(port, fixed_ips=kept)
            ipam.drop_pools(tx, subnet_id)
            tx.delete(subnet)
            return subnet, plugin.dhcp.hosts(tx, subnet.network_id)

        subnet, hosts = await plugin.store.run(work)
        plugin.notifier.push_subnet(ctx, subnet, "deleted")
        payload = {"subnet_id": subnet_id, "network_id": subnet.network_id, "priority": rpc.PRIORITY_LOW}
        plugin.notifier.dhcp(ctx, hosts, "subnet_delete_end", payload)


def _check_gateway(block: addresses.IPNetwork, gateway: str | None) -> None:
    if gateway is None:
        return
    if ip_address(gateway).version != block.version:
        raise InvalidInput(error_message=f"gateway_ip '{gateway}' does not match the ip_version '{block.version}'")
    inside = ip_address(gateway) in block
    low, high = addresses.usable(block)
    if inside and block.version == 4 and not low <= int(ip_address(gateway)) <= high:
        raise InvalidInput(error_message="Gateway is not valid on subnet")


def _check_lists(content: Json, subnet_id: str) -> None:
    if len(content.get("dns_nameservers") or ()) > DNS_NAMESERVERS_MAX:
        raise DNSNameServersExhausted(subnet_id=subnet_id, quota=DNS_NAMESERVERS_MAX)
    if len(content.get("host_routes") or ()) > HOST_ROUTES_MAX:
        raise HostRoutesExhausted(subnet_id=subnet_id, quota=HOST_ROUTES_MAX)


def _check_modes(content: Json) -> None:
    """IPv6 modes belong to IPv6 subnets; both must agree when both are given."""
    mode, ra_mode = content["ipv6_address_mode"], content["ipv6_ra_mode"]
    if content["ip_version"] == 4 and (mode or ra_mode):
        raise InvalidInput(error_message="ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is 4")
    if mode and ra_mode and mode != ra_mode:
        raise InvalidInput(
            error_message=f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{mode}' is not valid. If "
            "both attributes are set, they must be the same value"
        )
