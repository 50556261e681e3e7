"""Ports: made with addresses and groups, bound to a host, told to the agents, gone without a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import ipam, rpc
from lab.services.network.addresses import new_mac
from lab.services.network.attributes import privileged
from lab.services.network.checks import address_pairs, check_rights, check_security
from lab.services.network.errors import MacAddressInUse, PortBound, PortNotFound, RevisionNumberConstraintFailed, ServicePortInUse
from lab.services.network.ml2 import Binding
from lab.services.network.model import (
    ACTIVE,
    BINDING_FAILED,
    DHCP_BLOCK,
    DHCP_OWNER,
    DOWN,
    GATEWAY_OWNER,
    L2_BLOCK,
    ROUTER_OWNER,
    UNBOUND,
    Json,
    Network,
    Port,
    Subnet,
)
from lab.services.network.wiring import WireRule, wiring_body

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

INDEXED = ("device_id", "device_owner", "network_id", "project_id")
WIRED = frozenset({"fixed_ips", "security_groups", "allowed_address_pairs", "admin_state_up", "port_security_enabled"})
"""Columns that change how a host wires the port."""
SERVED = frozenset({"fixed_ips", "mac_address", "name", "extra_dhcp_opts"})
"""Columns that a DHCP server tells the guest."""
REBINDING = frozenset({"binding_host_id", "binding_vnic_type", "binding_profile"})


@dataclass(slots=True)
class Change:
    """What a transaction did to a port, for those who must be told."""

    old: Port | None
    port: Port
    network: Network
    bound: Port | None = None
    binding: Binding | None = None
    rules: list[WireRule] | None = None
    dhcp_hosts: list[str] | None = None
    new_dhcp_host: str | None = None


class Ports:
    """The use cases of ports."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._macs = plugin.process.random("mac")

    def sees(self, tx: Any, ctx: Context, port: Port) -> bool:
        """Whether a caller may see a port: its project's, or one on a network of its project."""
        if port.project_id == ctx.project_id or privileged(ctx):
            return True
        network = tx.get(Network, port.network_id)
        return network is not None and network.project_id == ctx.project_id

    def need(self, tx: Any, ctx: Context, port_id: str) -> Port:
        """The port, when the caller may see it. Raises PortNotFound."""
        port: Port | None = tx.get(Port, port_id)
        if port is None or not self.sees(tx, ctx, port):
            raise PortNotFound(id=port_id)
        return port

    # -- create -------------------------------------------------------------------------------

    async def create(self, ctx: Context, wanted: list[Json], quota: bool = True) -> list[Port]:
        """Make ports, all or none, with addresses and groups; a port with a host is bound.

        Raises:
            NetworkNotFound, SecurityGroupNotFound: what the port refers to is not there.
            OverQuota, IpAddressGenerationFailure, MacAddressInUse, IpAddressAlreadyAllocated: nothing was made.
        """
        changes = await self._plugin.store.run(lambda tx: [self._create(tx, ctx, values, quota) for values in wanted])
        notifier = self._plugin.notifier
        for change in changes:
            port = change.port
            notifier.push_port(ctx, port)
            if change.new_dhcp_host is not None:
                payload: Json = {"network": {"id": port.network_id}, "priority": rpc.PRIORITY_LOW}
                notifier.dhcp(ctx, [change.new_dhcp_host], "network_create_end", payload)
            if change.dhcp_hosts:
                payload = {"port": rpc.dhcp_port_body(port), "priority": rpc.PRIORITY_HIGH}
                notifier.dhcp(ctx, change.dhcp_hosts, "port_create_end", payload)
            if port.security_groups:
                notifier.members_updated(ctx, port.security_groups)
            self._tell_binding(ctx, change)
        return [change.bound or change.port for change in changes]

    def _create(self, tx: Any, ctx: Context, values: Json, quota: bool) -> Change:
        plugin = self._plugin
        network = plugin.networks.need(tx, ctx, values["network_id"])
        content = {**values, **plugin.stamps(), "id": plugin.process.uuid()}
        check_rights(ctx, network, content)
        if quota:
            plugin.quotas.check(tx, content["project_id"], "port")
        requested = content.pop("fixed_ips", None)
        content["mac_address"] = self._mac(tx, network.id, content.get("mac_address"))
        content["security_groups"] = self._groups(tx, ctx, network, content)
        content["allowed_address_pairs"] = address_pairs(content.get("allowed_address_pairs", []), content["mac_address"])
        draft = Port.make(**content)
        fixed_ips = ipam.allocate(tx, draft, requested)
        check_security(draft)
        served = self._served(tx, fixed_ips)
        new_host = plugin.dhcp.schedule(tx, network.id) if served else None
        hosts = plugin.dhcp.hosts(tx, network.id)
        blocks = [DHCP_BLOCK] if hosts and served else []
        columns: Json = {"fixed_ips": fixed_ips, "blocks": blocks}
        if draft.device_owner in (ROUTER_OWNER, GATEWAY_OWNER):
            columns.update(status=ACTIVE, blocks=[])
        change = Change(None, draft.evolve(**columns), network, dhcp_hosts=hosts, new_dhcp_host=new_host)
        if draft.binding_host_id:
            change.bound = tx.insert(change.port.evolve(**self._bind(tx, change)))
        else:
            tx.insert(change.port)
        return change

    def _mac(self, tx: Any, network_id: str, asked: str | None) -> str:
        if asked is not None:
            if tx.one(Port, network_id=network_id, mac_address=asked) is not None:
                raise MacAddressInUse(network_id=network_id, mac=asked)
            return asked
        while True:
            mac = new_mac(self._macs)
            if tx.one(Port, network_id=network_id, mac_address=mac) is None:
                return mac

    def _groups(self, tx: Any, ctx: Context, network: Network, content: Json) -> list[str]:
        """The port's groups: those asked for, or the project's default. Sets port security too."""
        trusted = content["device_owner"].startswith("network:")
        secured = content.get("port_security_enabled")
        secured = (network.port_security_enabled if secured is None else secured) and not trusted
        content["port_security_enabled"] = secured
        asked: list[str] | None = content.get("security_groups")
        if asked is not None:
            return self._plugin.security_groups.need_all(tx, ctx, asked)
        if not secured:
            return []
        return [self._plugin.security_groups.ensure_default(tx, content["project_id"])]

    def _served(self, tx: Any, fixed_ips: list[Json]) -> bool:
        """Whether DHCP serves any of these addresses."""
        for fixed in fixed_ips:
            subnet = tx.get(Subnet, fixed["subnet_id"])
            if subnet is not None and subnet.enable_dhcp:
                return True
        return False

    # -- bind ---------------------------------------------------------------------------------

    def _bind(self, tx: Any, change: Change) -> Json:
        """Choose how the port is plugged on its host, and hold it back until the host's agent has wired it.

        Answers the columns of the binding.
        """
        plugin, port, network = self._plugin, change.port, change.network
        binding = plugin.mechanisms.bind(tx, port, network, plugin.runtime.now_ns())
        blocks = [block for block in port.blocks if block != L2_BLOCK]
        # A DHCP server's port is wired by its own agent, which reports it by dhcp_ready_on_ports.
        if binding.ok and port.device_owner != DHCP_OWNER:
            blocks.append(L2_BLOCK)
        change.binding = binding
        change.rules = plugin.security_groups.wire_rules(tx, port)
        return {
            "binding_vif_type": binding.vif_type,
            "binding_vif_details": binding.details,
            "binding_driver": binding.driver,
            "status": DOWN,
            "blocks": blocks,
        }

    def _tell_binding(self, ctx: Context, change: Change) -> None:
        """Tell the host what to wire, or the journal why nobody could."""
        port, binding = change.bound, change.binding
        if port is None or binding is None:
            return
        if not binding.ok:
            process = self._plugin.process
            for refusal in binding.refusals:
                process.log(ctx, refusal, "warning")
            process.log(
                ctx,
                f"Failed to bind port {port.id} on host {port.binding_host_id} for vnic_type {port.binding_vnic_type} "
                f"using segments {[_segment(change.network)]}",
                "error",
            )
        self._plugin.notifier.push_port(ctx, port, wiring=self._wiring(change, port))

    def _wiring(self, change: Change, port: Port) -> Json | None:
        if not port.binding_driver:
            return None
        return wiring_body(port, change.network, change.rules or [])

    # -- update -------------------------------------------------------------------------------

    async def update(self, ctx: Context, port_id: str, changes: Json, revision: int | None = None) -> Port:
        """Change a port, only if it has this revision; a new host binds it anew.

        Raises PortBound, MacAddressInUse, IpAddressAlreadyAllocated…, RevisionNumberConstraintFailed.
        """
        change = await self._plugin.store.run(lambda tx: self._update(tx, ctx, port_id, changes, revision))
        plugin, notifier = self._plugin, self._plugin.notifier
        old, port = change.old, change.port
        assert old is not None
        rewired = change.bound is None and _differ(old, port, WIRED)
        notifier.push_port(ctx, port, wiring=self._wiring(change, port) if rewired else None)
        self._tell_binding(ctx, change)
        final = change.bound or port
        if final.binding_driver and (change.bound is not None or rewired):
            notifier.port_update(ctx, final, change.network)
        if _differ(old, port, SERVED):
            payload = {"port": rpc.dhcp_port_body(port), "priority": rpc.PRIORITY_HIGH}
            notifier.dhcp(ctx, change.dhcp_hosts or [], "port_update_end", payload)
        before, after = old.security_groups, port.security_groups
        groups = [*dict.fromkeys((*before, *after))]
        if old.fixed_ips == port.fixed_ips:
            groups = [group for group in groups if group not in before or group not in after]
        if groups:
            notifier.members_updated(ctx, groups)
        plugin.nova.changed(ctx, final)
        return final

    def _update(self, tx: Any, ctx: Context, port_id: str, changes: Json, revision: int | None) -> Change:
        plugin = self._plugin
        old = self.need(tx, ctx, port_id)
        if revision is not None and revision != old.revision_number:
            raise RevisionNumberConstraintFailed(expected=revision, current=old.revision_number)
        network: Network = tx.need(Network, old.network_id, "Network")
        content = dict(changes)
        check_rights(ctx, network, content)
        mac = content.get("mac_address") or old.mac_address
        content["mac_address"] = mac
        if mac != old.mac_address:
            if old.binding_driver:
                raise PortBound(id=port_id, vif_type=old.binding_vif_type, old_mac=old.mac_address, new_mac=mac)
            self._mac(tx, network.id, mac)
        if content.get("security_groups", ()) is None:
            content["security_groups"] = []
        if "security_groups" in content:
            content["security_groups"] = plugin.security_groups.need_all(tx, ctx, content["security_groups"])
        if "allowed_address_pairs" in content:
            content["allowed_address_pairs"] = address_pairs(content["allowed_address_pairs"], mac)
        if "fixed_ips" in content:
            draft = old.evolve(device_owner=content.get("device_owner", old.device_owner), mac_address=mac)
            content["fixed_ips"] = ipam.change(tx, draft, content["fixed_ips"] or [])
        hosts = plugin.dhcp.hosts(tx, network.id)
        if content.get("fixed_ips", old.fixed_ips) != old.fixed_ips and old.status != ACTIVE:
            content["blocks"] = [b for b in old.blocks if b != DHCP_BLOCK]
            if hosts and self._served(tx, content["fixed_ips"]):
                content["blocks"].append(DHCP_BLOCK)
        content.update(updated_at=plugin.now(), revision_number=old.revision_number + 1)
        return self._write(tx, old, network, content, hosts)

    def _write(self, tx: Any, old: Port, network: Network, content: Json, hosts: list[str]) -> Change:
        host = content.get("binding_host_id", old.binding_host_id)
        rebind = bool(host) and (
            any(content.get(name, getattr(old, name)) != getattr(old, name) for name in REBINDING) or old.binding_vif_type == BINDING_FAILED
        )
        if rebind or (not host and old.binding_host_id):
            content.update(binding_vif_type=UNBOUND, binding_vif_details={}, binding_driver="", status=DOWN)
        change = Change(old, old.evolve(**content), network, dhcp_hosts=hosts)
        check_security(change.port)
        if rebind:
            # One write for both steps; the agents are told of both, as upstream.
            change.bound = tx.update(old, **{**content, **self._bind(tx, change)})
            return change
        port = change.port = tx.update(old, **content)
        if port.binding_driver and _differ(old, port, WIRED):
            change.rules = self._plugin.security_groups.wire_rules(tx, port)
        return change

    # -- delete -------------------------------------------------------------------------------

    async def delete(self, ctx: Context, port_id: str, service: bool = False) -> Port:
        """Remove a port and give its addresses back. Raises PortNotFound, ServicePortInUse."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[Port, list[str]]:
            port = self.need(tx, ctx, port_id)
            if not service and port.device_owner in (ROUTER_OWNER, GATEWAY_OWNER):
                reason = f"has device owner {port.device_owner}"
                raise ServicePortInUse(id=port_id, reason=reason)
            ipam.release(tx, port.fixed_ips)
            tx.delete(port)
            return port, plugin.dhcp.hosts(tx, port.network_id)

        port, hosts = await plugin.store.run(work)
        notifier = plugin.notifier
        notifier.push_port(ctx, port, "deleted")
        payload = {
            "port_id": port_id,
            "network_id": port.network_id,
            "fixed_ips": port.fixed_ips,
            "priority": rpc.PRIORITY_HIGH,
        }
        notifier.dhcp(ctx, hosts, "port_delete_end", payload)
        if port.security_groups:
            notifier.members_updated(ctx, port.security_groups)
        notifier.port_delete(ctx, port)
        return port

    # -- changes from elsewhere ---------------------------------------------------------------

    async def rewire_network(self, ctx: Context, network_id: str) -> None:
        """Tell the hosts of a network's ports to wire them anew."""

        def work(tx: Any) -> list[Change]:
            network = tx.get(Network, network_id)
            ports = [port for port in tx.find(Port, network_id=network_id) if port.binding_driver]
            return [Change(None, port, network, rules=self._plugin.security_groups.wire_rules(tx, port)) for port in ports]

        for change in await self._plugin.store.run(work):
            self._plugin.notifier.push_port(ctx, change.port, wiring=self._wiring(change, change.port))


def _differ(old: Port, new: Port, names: frozenset[str]) -> bool:
    before, after = old.__dict__, new.__dict__
    return any(before[name] != after[name] for name in names)


def _segment(network: Network) -> Json:
    return {
        "network_id": network.id,
        "network_type": network.network_type,
        "physical_network": network.physical_network,
        "segmentation_id": network.segmentation_id,
    }
