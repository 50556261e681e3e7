"""neutron-rpc: what the agents ask and report. It has the records; the agents have none."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.process import Process
from lab.rpc.client import Handler
from lab.services.network import ipam, rpc
from lab.services.network.errors import NetworkNotFound
from lab.services.network.manager import Plugin
from lab.services.network.model import DHCP_OWNER, Json, Network, Port, Subnet
from lab.services.network.wiring import wiring_body


class NetworkServer:
    """One neutron-rpc process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.plugin = Plugin(process)

    def start(self) -> None:
        """Consume the plugin's topics until the process ends."""
        host, serve = self.process.host, self.process.rpc.serve
        handlers: dict[str, Handler] = {
            "get_network_info": self.get_network_info,
            "get_active_networks_info": self.get_active_networks_info,
            "create_dhcp_port": self.create_dhcp_port,
            "release_dhcp_port": self.release_dhcp_port,
            "dhcp_ready_on_ports": self.dhcp_ready_on_ports,
            "update_device_list": self.update_device_list,
            "get_devices_details_list_and_failed_devices": self.get_devices_details,
            "security_group_info_for_devices": self.security_group_info,
            "tunnel_sync": self.tunnel_sync,
        }
        serve(rpc.PLUGIN, handlers, host=host, fanout=True, exchange=rpc.EXCHANGE, version=rpc.PLUGIN_VERSION)
        reports: dict[str, Handler] = {"report_state": self.report_state}
        serve(rpc.REPORTS, reports, host=host, fanout=True, exchange=rpc.EXCHANGE, version="1.2")
        if self.plugin.routers.loaded:
            routers: dict[str, Handler] = {"sync_routers": self.sync_routers}
            serve(rpc.L3_PLUGIN, routers, host=host, fanout=True, exchange=rpc.EXCHANGE, version="1.10")
        period = self.process.config.agent_down_time_s / 2
        self.process.every(period, self.plugin.dhcp.fail_over, "dhcp fail over")

    # -- L2 agents -----------------------------------------------------------------------------

    async def report_state(self, ctx: Context, reports: list[Json]) -> None:
        """Take state reports of agents of any kind."""
        await self.plugin.agents.report(ctx, reports)

    async def update_device_list(
        self,
        ctx: Context,
        devices_up: list[str],
        devices_down: list[str],
        host: str,
        security_groups: list[str] | None = None,
        **of_the_agent: Any,
    ) -> Json:
        """Take which ports a host has wired and which are gone from it; tell the members of the groups that it needs for them.

        Neutron's agents say `agent_id` and `refresh_tunnels` too; the records need neither.
        """
        if devices_down:
            await self.plugin.provisioning.devices_down(ctx, devices_down, host)
        if devices_up:
            await self.plugin.provisioning.devices_up(ctx, devices_up, host)
        members = await self.security_group_info(ctx, security_groups) if security_groups else {}
        return {
            **members,
            "devices_up": devices_up,
            "failed_devices_up": [],
            "devices_down": [{"device": device, "exists": True} for device in devices_down],
            "failed_devices_down": [],
        }

    async def get_devices_details(self, ctx: Context, devices: list[str], agent_id: str, host: str) -> Json:
        """Tell how devices are to be wired; those that are not bound to the host have no wiring."""
        plugin = self.plugin

        def work(tx: Any) -> list[Json]:
            found: list[Json] = []
            for device in devices:
                port: Port | None = tx.get(Port, device)
                if port is None or port.binding_host_id != host or not port.binding_driver:
                    found.append({"device": device})
                    continue
                network: Network = tx.need(Network, port.network_id, "Network")
                wiring = wiring_body(port, network, plugin.security_groups.wire_rules(tx, port))
                found.append({"device": device, "wiring": wiring})
            return found

        return {"devices": await plugin.store.run(work), "failed_devices": []}

    async def security_group_info(self, ctx: Context, security_groups: list[str]) -> Json:
        """Tell the members of security groups, as prefixes."""
        members = {group_id: await self.plugin.security_groups.members(group_id) for group_id in security_groups}
        return {"sg_member_ips": members}

    async def tunnel_sync(self, ctx: Context, tunnel_ip: str, tunnel_type: str, host: str) -> Json:
        """Tell a host all other tunnel endpoints, and the others about it."""
        self.plugin.notifier.tunnel_update(ctx, tunnel_ip, host)
        return {"tunnels": await self.plugin.agents.tunnel_endpoints(host)}

    # -- L3 agents -----------------------------------------------------------------------------

    async def sync_routers(self, ctx: Context, host: str, router_ids: list[str] | None = None) -> list[Json]:
        """Tell an L3 agent routers with their interfaces; a disabled one has none."""
        return await self.plugin.routers.described(host, router_ids)

    # -- DHCP agents ---------------------------------------------------------------------------

    async def get_active_networks_info(self, ctx: Context, host: str, enable_dhcp_filter: bool = True) -> list[Json]:
        """Tell a DHCP agent all that it serves, with what nobody served until now."""

        def work(tx: Any) -> list[Json]:
            return [self._network_info(tx, network) for network in self.plugin.dhcp.adopt(tx, host)]

        return await self.plugin.store.run(work)

    async def get_network_info(self, ctx: Context, network_id: str, host: str) -> Json | None:
        """Tell a DHCP agent one network; nothing when it is gone or another agent's."""

        def work(tx: Any) -> Json | None:
            network = tx.get(Network, network_id)
            if network is None or host not in self.plugin.dhcp.hosts(tx, network_id):
                return None
            return self._network_info(tx, network)

        return await self.plugin.store.run(work)

    def _network_info(self, tx: Any, network: Network) -> Json:
        ports = tx.find(Port, network_id=network.id)
        return {
            "id": network.id,
            "project_id": network.project_id,
            "admin_state_up": network.admin_state_up,
            "mtu": network.mtu,
            "network_type": network.network_type,
            "segmentation_id": network.segmentation_id,
            "physical_network": network.physical_network,
            "subnets": [rpc.subnet_body(subnet) for subnet in tx.find(Subnet, network_id=network.id)],
            "non_local_subnets": [],
            "ports": [rpc.dhcp_port_body(port) for port in ports],
        }

    async def create_dhcp_port(self, ctx: Context, port: Json, host: str) -> Json | None:
        """Make the port of a DHCP server, bound to its host; asked again it answers the same port."""
        asked = port["port"]

        def known(tx: Any) -> Port | None:
            network = tx.get(Network, asked["network_id"])
            if network is None:
                raise NetworkNotFound(id=asked["network_id"])
            found: Port | None = tx.one(Port, device_id=asked["device_id"], network_id=network.id)
            if found is not None:
                asked_subnets = {fixed["subnet_id"] for fixed in asked["fixed_ips"]}
                have = {fixed["subnet_id"] for fixed in found.fixed_ips}
                if asked_subnets != have:
                    kept = [fixed for fixed in found.fixed_ips if fixed["subnet_id"] in asked_subnets]
                    new = [fixed for fixed in asked["fixed_ips"] if fixed["subnet_id"] not in have]
                    found = tx.update(found, fixed_ips=ipam.change(tx, found, [*kept, *new]))
            return found

        try:
            made = await self.plugin.store.run(known)
            if made is None:
                values = await self._dhcp_port(asked, host)
                (made,) = await self.plugin.ports.create(ctx.elevated(), [values], quota=False)
        except NetworkNotFound:
            return None
        return {**rpc.dhcp_port_body(made), "project_id": made.project_id, "admin_state_up": made.admin_state_up}

    async def _dhcp_port(self, asked: Json, host: str) -> Json:
        def work(tx: Any) -> Json:
            network = tx.get(Network, asked["network_id"])
            if network is None:
                raise NetworkNotFound(id=asked["network_id"])
            return {
                "project_id": network.project_id,
                "network_id": network.id,
                "name": "",
                "description": "",
                "admin_state_up": True,
                "device_id": asked["device_id"],
                "device_owner": DHCP_OWNER,
                "fixed_ips": asked["fixed_ips"],
                "binding_host_id": host,
                "binding_vnic_type": "normal",
            }

        return await self.plugin.store.run(work)

    async def release_dhcp_port(self, ctx: Context, network_id: str, device_id: str, host: str) -> None:
        """Remove the port of a DHCP server; none is no error."""

        def work(tx: Any) -> list[Port]:
            return [port for port in tx.find(Port, device_id=device_id) if port.network_id == network_id]

        for port in await self.plugin.store.run(work):
            await self.plugin.ports.delete(ctx.elevated(), port.id, service=True)

    async def dhcp_ready_on_ports(self, ctx: Context, port_ids: list[str]) -> None:
        """Take which ports' addresses are served."""
        await self.plugin.provisioning.dhcp_ready(ctx, port_ids)
