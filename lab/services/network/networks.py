"""Networks: made on a segment, seen by their project or by all, gone with their subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import ipam, rpc, views
from lab.services.network.attributes import privileged
from lab.services.network.errors import InvalidInput, InvalidSharedSetting, NetworkInUse, NetworkNotFound
from lab.services.network.model import AUTO_DELETE_OWNERS, Agent, Json, Network, NetworkAgent, Port, Subnet

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

INDEXED = ("name", "project_id")


def sees(ctx: Context, network: Network) -> bool:
    """Whether a caller may see a network."""
    return network.project_id == ctx.project_id or network.shared or network.external or privileged(ctx)


def owns(ctx: Context, network: Network) -> bool:
    """Whether a caller may change a network."""
    return network.project_id == ctx.project_id or "admin" in ctx.roles


class Networks:
    """The use cases of networks."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def need(self, tx: Any, ctx: Context, network_id: str, change: bool = False) -> Network:
        """The network, when the caller may see (or change) it. Raises NetworkNotFound."""
        network: Network | None = tx.get(Network, network_id)
        if network is None or not (owns(ctx, network) if change else sees(ctx, network)):
            raise NetworkNotFound(id=network_id)
        return network

    def view(self, tx: Any, network: Network, ctx: Context) -> Json:
        """The network as the API shows it."""
        subnet_ids, zones = self.around(tx, network)
        return views.network(network, subnet_ids, zones, ctx)

    def around(self, tx: Any, network: Network) -> tuple[list[str], list[str]]:
        """The ids of a network's subnets, and the zones of its DHCP agents."""
        subnet_ids = [subnet.id for subnet in tx.find(Subnet, network_id=network.id)]
        zones: list[str] = []
        for binding in tx.find(NetworkAgent, network_id=network.id):
            agent = tx.get(Agent, binding.agent_id)
            if agent is not None and agent.availability_zone not in zones:
                zones.append(agent.availability_zone)
        return subnet_ids, zones

    async def create(self, ctx: Context, wanted: list[Json]) -> list[Json]:
        """Make networks, all or none. Raises OverQuota, NoNetworkAvailable, InvalidInput, VlanIdInUse…"""

        def work(tx: Any) -> list[tuple[Network, Json]]:
            made = [self._create(tx, values) for values in wanted]
            return [(network, self.view(tx, network, ctx)) for network in made]

        found = await self._plugin.store.run(work)
        for network, _ in found:
            self._plugin.notifier.push_network(ctx, network)
        return [view for _, view in found]

    def _create(self, tx: Any, values: Json) -> Network:
        plugin = self._plugin
        project_id = values["project_id"]
        plugin.quotas.check(tx, project_id, "network")
        plugin.security_groups.ensure_default(tx, project_id)
        network_id = plugin.process.uuid()
        content = {**values, **plugin.stamps(), "id": network_id}
        provider = tuple(content.pop(key) for key in ("network_type", "physical_network", "segmentation_id"))
        segment = plugin.types.reserve(tx, network_id, (provider[0], provider[1], provider[2]))
        plugin.mechanisms.network_precommit(segment.network_type)
        mtu_max = plugin.types.mtu(segment.network_type)
        mtu = content.pop("mtu", None) or mtu_max
        if mtu > mtu_max:
            raise InvalidInput(error_message=f"Requested MTU is too big, maximum is {mtu_max}")
        network: Network = tx.insert(
            Network.make(
                **content,
                mtu=mtu,
                network_type=segment.network_type,
                physical_network=segment.physical_network,
                segmentation_id=segment.segmentation_id,
            )
        )
        return network

    async def update(self, ctx: Context, network_id: str, changes: Json) -> Json:
        """Change a network."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[Network, Network, list[str], Json]:
            old = self.need(tx, ctx, network_id, change=True)
            if old.shared and changes.get("shared") is False:
                self._check_unshare(tx, old)
            mtu_max = plugin.types.mtu(old.network_type)
            if changes.get("mtu") is not None and changes["mtu"] > mtu_max:
                raise InvalidInput(error_message=f"Requested MTU is too big, maximum is {mtu_max}")
            content = {key: value for key, value in changes.items() if not (key == "mtu" and value is None)}
            revision = old.revision_number + 1
            new = tx.update(old, **content, updated_at=plugin.now(), revision_number=revision)
            return old, new, plugin.dhcp.hosts(tx, network_id), self.view(tx, new, ctx)

        old, new, hosts, view = await plugin.store.run(work)
        plugin.notifier.push_network(ctx, new)
        if old.admin_state_up != new.admin_state_up or old.mtu != new.mtu:
            payload = {"network": {"id": new.id}, "priority": rpc.PRIORITY_LOW}
            plugin.notifier.dhcp(ctx, hosts, "network_update_end", payload)
            await plugin.ports.rewire_network(ctx, new.id)
        return view

    def _check_unshare(self, tx: Any, network: Network) -> None:
        for port in tx.find(Port, network_id=network.id):
            if port.project_id != network.project_id and not port.device_owner.startswith("network:"):
                raise InvalidSharedSetting(network=network.name or network.id)

    async def delete(self, ctx: Context, network_id: str) -> None:
        """Remove a network with its subnets and its DHCP port. Raises NetworkInUse while others have ports on it."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[Network, list[str], list[Port], list[Subnet]]:
            network = self.need(tx, ctx, network_id, change=True)
            ports = tx.find(Port, network_id=network_id)
            if any(port.device_owner not in AUTO_DELETE_OWNERS for port in ports):
                raise NetworkInUse(id=network_id)
            hosts, subnets = plugin.dhcp.hosts(tx, network_id), tx.find(Subnet, network_id=network_id)
            for port in ports:
                ipam.release(tx, port.fixed_ips)
                tx.delete(port)
            for subnet in subnets:
                ipam.drop_pools(tx, subnet.id)
                tx.delete(subnet)
            plugin.dhcp.forget(tx, network_id)
            plugin.types.release(tx, network)
            tx.delete(network)
            return network, hosts, ports, subnets

        network, hosts, ports, subnets = await plugin.store.run(work)
        for port in ports:
            plugin.notifier.push_port(ctx, port, "deleted")
        for subnet in subnets:
            plugin.notifier.push_subnet(ctx, subnet, "deleted")
        plugin.notifier.push_network(ctx, network, "deleted")
        plugin.notifier.network_delete(ctx, network)
        payload = {"network_id": network_id, "priority": rpc.PRIORITY_LOW}
        plugin.notifier.dhcp(ctx, hosts, "network_delete_end", payload)
