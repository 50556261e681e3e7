"""The messages between neutron's processes: topics, versions, bodies, and whom they wake.

The server tells the agents what changed by fanouts; agents ask and report on `q-plugin`. Of a thousand
agents only those wake that declared an interest in a key: `host:<host>` for the ports of a host,
`sg:<id>` for the members and rules of a security group, `vxlan` for new tunnel endpoints.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from lab.context import Context
from lab.process import Process
from lab.services.network.model import Json, Network, Port, SecurityGroup, SecurityGroupRule, Subnet

EXCHANGE = "neutron"
PLUGIN = "q-plugin"
REPORTS = "q-reports-plugin"
L3_PLUGIN = "q-l3-plugin"
DHCP_AGENT = "dhcp_agent"
L3_AGENT = "l3_agent"
VO_PORT = "neutron-vo-Port-1.11"
VO_NETWORK = "neutron-vo-Network-1.3"
VO_SUBNET = "neutron-vo-Subnet-1.2"
VO_GROUP = "neutron-vo-SecurityGroup-1.6"
VO_RULE = "neutron-vo-SecurityGroupRule-1.3"
PORT_UPDATE = "q-agent-notifier-port-update"
PORT_DELETE = "q-agent-notifier-port-delete"
NETWORK_DELETE = "q-agent-notifier-network-delete"
GROUP_UPDATE = "q-agent-notifier-security_group-update"
TUNNEL_UPDATE = "q-agent-notifier-tunnel-update"

RESOURCES_VERSION = "1.1"
PLUGIN_VERSION = "1.9"

PRIORITY_HIGH, PRIORITY_LOW = 2, 5
"""In which order a DHCP agent takes what waits; new networks and ports go first."""


def host_key(host: str) -> str:
    """Return the interest of the agents on one host."""
    return f"host:{host}"


def group_key(group_id: str) -> str:
    """Return the interest in one security group."""
    return f"sg:{group_id}"


def dhcp_port_body(port: Port) -> Json:
    """Return a port as DHCP agents know it."""
    return {
        "id": port.id,
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "tenant_id": port.project_id,
        "fixed_ips": port.fixed_ips,
        "extra_dhcp_opts": port.extra_dhcp_opts,
    }


def subnet_body(subnet: Subnet) -> Json:
    """Return a subnet as DHCP agents know it."""
    return {
        "id": subnet.id,
        "network_id": subnet.network_id,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway_ip,
        "enable_dhcp": subnet.enable_dhcp,
        "dns_nameservers": subnet.dns_nameservers,
        "host_routes": subnet.host_routes,
    }


class AgentNotifier:
    """What the server tells the agents."""

    def __init__(self, process: Process) -> None:
        self._rpc = process.rpc

    # -- resources, as the agents' caches hold them --------------------------------------------

    def push_port(self, ctx: Context, port: Port, event: str = "updated", wiring: Json | None = None) -> None:
        """Tell the port's host what the port is now; a port without host concerns nobody."""
        body: Json = {
            "id": port.id,
            "network_id": port.network_id,
            "mac_address": port.mac_address,
            "fixed_ips": port.fixed_ips,
            "status": port.status,
            "device_owner": port.device_owner,
            "host": port.binding_host_id,
        }
        if wiring is not None:
            body["wiring"] = wiring
        interest = host_key(port.binding_host_id) if port.binding_host_id else f"port:{port.id}"
        self._push(ctx, VO_PORT, body, event, interest)

    def push_network(self, ctx: Context, network: Network, event: str = "updated") -> None:
        """Tell what a network is now."""
        body = {"id": network.id, "name": network.name, "admin_state_up": network.admin_state_up, "mtu": network.mtu}
        self._push(ctx, VO_NETWORK, body, event, f"net:{network.id}")

    def push_subnet(self, ctx: Context, subnet: Subnet, event: str = "updated") -> None:
        """Tell what a subnet is now."""
        self._push(ctx, VO_SUBNET, subnet_body(subnet), event, f"net:{subnet.network_id}")

    def push_group(self, ctx: Context, group: SecurityGroup, event: str = "updated") -> None:
        """Tell what a security group is now."""
        body = {"id": group.id, "name": group.name, "stateful": group.stateful}
        self._push(ctx, VO_GROUP, body, event, group_key(group.id))

    def push_rule(self, ctx: Context, rule: SecurityGroupRule, event: str = "updated") -> None:
        """Tell the hosts whose ports are in the group that its rules changed."""
        body = {
            "id": rule.id,
            "security_group_id": rule.security_group_id,
            "direction": rule.direction,
            "ethertype": rule.ethertype,
            "protocol": rule.protocol,
        }
        self._push(ctx, VO_RULE, body, event, group_key(rule.security_group_id))

    def _push(self, ctx: Context, topic: str, body: Json, event: str, interest: str) -> None:
        self._rpc.fanout(ctx, topic, "push", {"resource_list": [body], "event_type": event}, interest)

    # -- the older notifications to L2 agents --------------------------------------------------

    def port_update(self, ctx: Context, port: Port, network: Network) -> None:
        """Tell that a bound port changed and where its segment is."""
        body = {
            "port": {"id": port.id, "network_id": port.network_id, "admin_state_up": port.admin_state_up},
            "network_type": network.network_type,
            "segmentation_id": network.segmentation_id,
            "physical_network": network.physical_network,
        }
        self._rpc.fanout(ctx, PORT_UPDATE, "port_update", body, host_key(port.binding_host_id))

    def port_delete(self, ctx: Context, port: Port) -> None:
        """Tell that a port is gone."""
        self._rpc.fanout(ctx, PORT_DELETE, "port_delete", {"port_id": port.id}, host_key(port.binding_host_id))

    def network_delete(self, ctx: Context, network: Network) -> None:
        """Tell that a network is gone."""
        self._rpc.fanout(ctx, NETWORK_DELETE, "network_delete", {"network_id": network.id}, f"net:{network.id}")

    def members_updated(self, ctx: Context, groups: list[str]) -> None:
        """Tell those who hold the members of a group that they changed."""
        self._rpc.fanout(
            ctx,
            GROUP_UPDATE,
            "security_groups_member_updated",
            {"security_groups": groups},
            [group_key(group) for group in groups],
        )

    def rules_updated(self, ctx: Context, groups: list[str]) -> None:
        """Tell that the rules of a group changed."""
        keys = [group_key(group) for group in groups]
        self._rpc.fanout(ctx, GROUP_UPDATE, "security_groups_rule_updated", {"security_groups": groups}, keys)

    def tunnel_update(self, ctx: Context, address: str, host: str) -> None:
        """Tell the hosts that have tunnels about a new endpoint."""
        body = {"tunnel_ip": address, "tunnel_type": "vxlan", "host": host}
        self._rpc.fanout(ctx, TUNNEL_UPDATE, "tunnel_update", body, "vxlan")

    def agent_updated(self, ctx: Context, topic: str, host: str, admin_state_up: bool) -> None:
        """Tell a DHCP or L3 agent that it is to look at everything again."""
        self._rpc.cast(ctx, f"{topic}.{host}", "agent_updated", {"payload": {"admin_state_up": admin_state_up}})

    # -- DHCP agents ---------------------------------------------------------------------------

    def dhcp(self, ctx: Context, hosts: list[str], method: str, payload: Json) -> None:
        """Tell the DHCP agents that serve a network."""
        for host in hosts:
            self._rpc.cast(ctx, f"{DHCP_AGENT}.{host}", method, {"payload": payload})

    # -- L3 agents -----------------------------------------------------------------------------

    def routers_updated(self, ctx: Context, hosts: list[str], routers: list[str]) -> None:
        """Tell the L3 agents that routers changed, or are gone."""
        for host in hosts:
            self._rpc.cast(ctx, f"{L3_AGENT}.{host}", "routers_updated", {"routers": routers})


class PluginApi:
    """What the agents ask of the server."""

    def __init__(self, process: Process) -> None:
        self._rpc, self._host = process.rpc, process.host

    # -- L2 agents -----------------------------------------------------------------------------

    async def devices_details(self, ctx: Context, devices: list[str], agent_id: str) -> Json:
        """Ask how devices are to be wired: {'devices': […], 'failed_devices': […]}; unknown ones have no wiring."""
        body = {"devices": devices, "agent_id": agent_id, "host": self._host}
        return await self._call(ctx, "get_devices_details_list_and_failed_devices", body)

    def update_device_list(
        self, ctx: Context, up: list[str], down: list[str], agent_id: str, groups: list[str] | None = None
    ) -> Coroutine[Any, Any, Json]:
        """Say which devices are wired and which are gone; the members of `groups` come with the answer, in 'sg_member_ips'."""
        body: Json = {
            "devices_up": up,
            "devices_down": down,
            "agent_id": agent_id,
            "host": self._host,
            "refresh_tunnels": False,
        }
        if groups:
            body["security_groups"] = groups
        return self._call(ctx, "update_device_list", body)

    async def tunnel_sync(self, ctx: Context, address: str) -> list[str]:
        """Register this host's tunnel endpoint and learn the others' addresses."""
        body = {"tunnel_ip": address, "tunnel_type": "vxlan", "host": self._host}
        answer = await self._call(ctx, "tunnel_sync", body)
        return [tunnel["ip_address"] for tunnel in answer["tunnels"]]

    async def group_members(self, ctx: Context, group_id: str) -> list[str]:
        """Learn the addresses of a security group's ports, as prefixes."""
        answer = await self._call(ctx, "security_group_info_for_devices", {"security_groups": [group_id]})
        members: list[str] = answer["sg_member_ips"].get(group_id, [])
        return members

    # -- DHCP agents ---------------------------------------------------------------------------

    async def active_networks(self, ctx: Context) -> list[Json]:
        """Learn all networks that this host's DHCP agent serves; networks without an agent are given to it."""
        body = {"host": self._host, "enable_dhcp_filter": True}
        networks: list[Json] = await self._rpc.call(ctx, PLUGIN, "get_active_networks_info", body)
        return networks

    async def network_info(self, ctx: Context, network_id: str) -> Json | None:
        """Learn one network with subnets and ports; None when it is gone."""
        body = {"network_id": network_id, "host": self._host}
        info: Json | None = await self._rpc.call(ctx, PLUGIN, "get_network_info", body)
        return info

    async def create_dhcp_port(self, ctx: Context, port: Json) -> Json | None:
        """Make the agent's own port on a network; None when the network is gone."""
        body = {"port": {"port": port}, "host": self._host}
        made: Json | None = await self._rpc.call(ctx, PLUGIN, "create_dhcp_port", body)
        return made

    async def release_dhcp_port(self, ctx: Context, network_id: str, device_id: str) -> None:
        """Remove the agent's own port."""
        body = {"network_id": network_id, "device_id": device_id, "host": self._host}
        await self._rpc.call(ctx, PLUGIN, "release_dhcp_port", body)

    async def dhcp_ready_on_ports(self, ctx: Context, port_ids: list[str]) -> None:
        """Say that the addresses of these ports are served."""
        await self._rpc.call(ctx, PLUGIN, "dhcp_ready_on_ports", {"port_ids": port_ids})

    # -- L3 agents -----------------------------------------------------------------------------

    async def sync_routers(self, ctx: Context, routers: list[str] | None) -> list[Json]:
        """Learn these routers (all when None) with their interfaces; one that is gone is left out."""
        body = {"host": self._host, "router_ids": routers}
        found: list[Json] = await self._rpc.call(ctx, L3_PLUGIN, "sync_routers", body)
        return found

    def _call(self, ctx: Context, method: str, body: Json) -> Coroutine[Any, Any, Json]:
        return self._rpc.call(ctx, PLUGIN, method, body)
