"""The DHCP agent of one host: it keeps one server for each network that it is given.

It has no database: networks, subnets and ports come from the server, by message or when asked. What is
told of one network is done in order; what failed is made good by asking for the whole network again.
"""

from __future__ import annotations

import uuid
from collections import deque
from typing import Any, cast

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.services.network import rpc
from lab.services.network.agents import DHCP_TYPE
from lab.services.network.driver import DhcpDriver, DhcpHost, DhcpNetwork, DhcpReservations, DhcpSubnet, MetadataDoor, PortWiring
from lab.services.network.metadata import MetadataProxy
from lab.services.network.model import DHCP_OWNER, Json
from lab.services.network.reporting import StateReport

RESYNC_S = 5.0
"""How long after a failure a network is looked at again. Source: neutron's resync_interval."""

QUEUE_SHORT = 3
"""With fewer events waiting the agent says that ports are ready before it goes on; with more, meanwhile."""

Event = tuple[Context, str, Json]


class DhcpAgent:
    """One neutron-dhcp-agent process."""

    def __init__(self, process: Process, driver: DhcpDriver) -> None:
        self.process = process
        self.driver = process.drive("dhcp", driver)
        self.door = cast("MetadataDoor", self.driver) if isinstance(driver, MetadataDoor) else None
        self.reserves = isinstance(driver, DhcpReservations)
        """Whether a single reservation can be changed; else the whole network is told again."""
        self.plugin = rpc.PluginApi(process)
        self.networks: dict[str, Json] = {}
        """Network id -> its info, `ports` by id: what is served."""
        self.own: dict[str, Json] = {}
        """Network id -> the server's own port."""
        self._queues: dict[str, deque[Event]] = {}
        self._failed: dict[str, None] = {}
        self._ready: dict[str, None] = {}
        self._saying = False

    def start(self) -> None:
        """Listen, report, and bring the host's servers into order."""
        handlers = {
            name: self._handler(name)
            for name in (
                "network_create_end",
                "network_update_end",
                "network_delete_end",
                "subnet_create_end",
                "subnet_update_end",
                "subnet_delete_end",
                "port_create_end",
                "port_update_end",
                "port_delete_end",
            )
        }
        handlers["agent_updated"] = self.agent_updated
        host, rpc_client = self.process.host, self.process.rpc
        rpc_client.serve(rpc.DHCP_AGENT, handlers, host=host, fanout=True, exchange=rpc.EXCHANGE)
        # It holds the resource caches too, and is not woken for them: its own topic says what it needs.
        for topic in (rpc.VO_PORT, rpc.VO_NETWORK, rpc.VO_SUBNET):
            rpc_client.serve(topic, {"push": self.on_push}, fanout=True, exchange=rpc.EXCHANGE, version="1.1")
            rpc_client.declare_interest(topic, f"dhcp:{host}")
        StateReport(self.process, (DHCP_TYPE, "neutron-dhcp-agent", rpc.DHCP_AGENT), self._configurations).start()
        if self.door is not None:
            MetadataProxy(self.process, self.networks.get).start(self.door)
        self.process.spawn(self._sync(), "sync")

    def _configurations(self) -> Json:
        """What the server shows of this agent."""
        return {
            "dhcp_driver": "neutron.agent.linux.dhcp.Dnsmasq",
            "dhcp_lease_duration": self.process.config.dhcp_lease_duration_s,
            "networks": len(self.networks),
        }

    async def on_push(self, ctx: Context, resource_list: list[Json], event_type: str) -> None:
        """Nothing: the agent's own topic says what concerns it."""

    async def agent_updated(self, ctx: Context, payload: Json) -> None:
        """Look at all networks: the agent was enabled, was disabled and serves none, or was thought dead."""
        self.process.spawn(self._sync(), "sync")

    # -- events, in order for each network -------------------------------------------------------

    def _handler(self, name: str) -> Any:
        async def handle(ctx: Context, payload: Json) -> None:
            self._enqueue(ctx, name, payload)

        return handle

    def _enqueue(self, ctx: Context, name: str, payload: Json) -> None:
        network_id: str = payload.get("network_id", "")
        for inner in payload.values():
            if isinstance(inner, dict):
                network_id = str(inner.get("network_id", inner["id"]))
        queue = self._queues.get(network_id)
        if queue is not None:
            queue.append((ctx, name, payload))
            return
        self._queues[network_id] = deque([(ctx, name, payload)])
        self.process.begin(self._work(network_id), f"network {network_id}")

    async def _work(self, network_id: str) -> None:
        queue = self._queues[network_id]
        while queue:
            ctx, name, payload = queue.popleft()
            CURRENT.set(ctx)
            try:
                await self._do(ctx, name, network_id, payload)
            except LabError as error:
                self.process.log(ctx, f"Unable to {name} for network {network_id}: {error.message}", "error")
                self.networks.pop(network_id, None)
                self._resync(network_id)
            if self._ready and not self._saying:
                said = self.process.spawn(self._say(ctx), "dhcp ready")
                if len(queue) <= QUEUE_SHORT:
                    await said
        del self._queues[network_id]

    def _resync(self, network_id: str) -> None:
        """Look at a network as a whole in a while; once, however much of it failed."""
        if network_id not in self._failed:
            self._failed[network_id] = None
            self.process.begin(self._look_again(network_id), "resync")

    async def _look_again(self, network_id: str) -> None:
        await self.process.sleep(RESYNC_S)
        del self._failed[network_id]
        self._enqueue(self.process.context(), "network_create_end", {"network": {"id": network_id}})

    async def _do(self, ctx: Context, name: str, network_id: str, payload: Json) -> None:
        if name in ("port_create_end", "port_update_end"):
            await self._port(ctx, network_id, payload["port"])
        elif name == "port_delete_end":
            await self._port_gone(ctx, network_id, payload["port_id"])
        elif name == "network_delete_end":
            await self._stop(network_id)
        elif name == "network_sync":
            await self._serve(ctx, payload["network"])
        else:
            # A network that is not known yet too: messages may overtake each other, or one may be lost.
            await self._configure(ctx, network_id)

    # -- networks ----------------------------------------------------------------------------------

    async def _configure(self, ctx: Context, network_id: str) -> None:
        """Ask for a network and serve it as it is now."""
        info = await self.plugin.network_info(ctx, network_id)
        if info is not None:
            await self._serve(ctx, info)
        elif network_id in self.own:
            await self._leave(ctx, network_id)
        else:
            await self._stop(network_id)

    async def _serve(self, ctx: Context, info: Json) -> None:
        network_id = info["id"]
        subnets = [subnet for subnet in info["subnets"] if subnet["enable_dhcp"]]
        device_id = self._device_id(network_id)
        own = next((port for port in info["ports"] if port["device_id"] == device_id), None)
        if not subnets or not info["admin_state_up"]:
            # Its port says that it was served: by this life of the agent or by an earlier one.
            if own is not None or network_id in self.networks or network_id in self.own:
                await self._leave(ctx, network_id)
            return
        known = [port["id"] for port in info["ports"]]
        wanted = [{"subnet_id": subnet["id"]} for subnet in subnets]
        if own is None or {f["subnet_id"] for f in own["fixed_ips"]} != {s["id"] for s in subnets}:
            asked = {"network_id": network_id, "device_id": device_id, "fixed_ips": wanted}
            own = await self.plugin.create_dhcp_port(ctx, asked)
            if own is None:
                return
        info["ports"] = {port["id"]: port for port in info["ports"]}
        info["ports"][own["id"]] = own
        self.own[network_id] = own
        await self.driver.serve(self._network(info, own))
        self.networks[network_id] = info
        self._ready.update(dict.fromkeys(known))

    async def _stop(self, network_id: str) -> None:
        self.networks.pop(network_id, None)
        self.own.pop(network_id, None)
        await self.driver.stop(network_id)

    async def _leave(self, ctx: Context, network_id: str) -> None:
        """Serve a network no more, and give its port back."""
        await self._stop(network_id)
        await self.plugin.release_dhcp_port(ctx, network_id, self._device_id(network_id))

    def _device_id(self, network_id: str) -> str:
        """What this agent's port on a network is told by. Source: neutron.common.utils.get_dhcp_agent_device_id."""
        return f"dhcp{uuid.uuid5(uuid.NAMESPACE_DNS, self.process.host)}-{network_id}"

    def _network(self, info: Json, own: Json) -> DhcpNetwork:
        """A network as its server needs it."""
        wiring = PortWiring(
            port_id=own["id"],
            tap=f"tap{own['id'][:11]}",
            mac_address=own["mac_address"],
            addresses=tuple(fixed["ip_address"] for fixed in own["fixed_ips"]),
            network_id=info["id"],
            network_type=info["network_type"],
            segmentation_id=info["segmentation_id"],
            physical_network=info["physical_network"],
            mtu=info["mtu"],
            port_security=False,
        )
        subnets = tuple(self._subnet(subnet) for subnet in info["subnets"] if subnet["enable_dhcp"])
        hosts = tuple(host for port in info["ports"].values() for host in self._hosts(info, port))
        return DhcpNetwork(wiring, subnets, hosts)

    def _subnet(self, subnet: Json) -> DhcpSubnet:
        return DhcpSubnet(
            id=subnet["id"],
            cidr=subnet["cidr"],
            gateway=subnet["gateway_ip"],
            dns=tuple(subnet["dns_nameservers"]),
            routes=tuple((route["destination"], route["nexthop"]) for route in subnet["host_routes"]),
            lease_s=self.process.config.dhcp_lease_duration_s,
        )

    def _hosts(self, info: Json, port: Json) -> list[DhcpHost]:
        """The reservations of a port on the subnets that are served."""
        served = {subnet["id"] for subnet in info["subnets"] if subnet["enable_dhcp"]}
        return [
            DhcpHost(port["id"], port["mac_address"], fixed["ip_address"], _hostname(fixed["ip_address"]))
            for fixed in port["fixed_ips"]
            if fixed["subnet_id"] in served
        ]

    # -- ports -------------------------------------------------------------------------------------

    async def _port(self, ctx: Context, network_id: str, port: Json) -> None:
        info = self.networks.get(network_id)
        if info is None or (port["device_owner"] == DHCP_OWNER and port["device_id"] == self._device_id(network_id)):
            # The agent's own port, or a network that it did not know: look at the whole.
            await self._configure(ctx, network_id)
            return
        old = info["ports"].get(port["id"])
        info["ports"][port["id"]] = port
        if not self.reserves:
            await self.driver.serve(self._network(info, self.own[network_id]))
        else:
            if old is not None and old != port:
                await self.driver.release(network_id, port["id"])  # type: ignore[attr-defined]
            for host in self._hosts(info, port):
                await self.driver.reserve(network_id, host)  # type: ignore[attr-defined]
        self._ready[port["id"]] = None

    async def _port_gone(self, ctx: Context, network_id: str, port_id: str) -> None:
        info = self.networks.get(network_id)
        if info is None:
            return
        own = self.own.get(network_id)
        if own is not None and own["id"] == port_id:
            await self._configure(ctx, network_id)
        elif info["ports"].pop(port_id, None) is not None:
            if self.reserves:
                await self.driver.release(network_id, port_id)  # type: ignore[attr-defined]
            elif own is not None:
                await self.driver.serve(self._network(info, own))

    async def _say(self, ctx: Context) -> None:
        """Tell the server which ports are served; what comes while that is under way goes together."""
        CURRENT.set(ctx)
        self._saying = True
        try:
            while self._ready:
                ports = list(self._ready)
                self._ready.clear()
                try:
                    await self.plugin.dhcp_ready_on_ports(ctx, ports)
                except LabError as error:
                    self.process.log(ctx, f"The server was not told that ports are ready: {error.message}", "error")
                    self._ready.update(dict.fromkeys(ports))
                    await self.process.sleep(RESYNC_S)
        finally:
            self._saying = False

    # -- start -------------------------------------------------------------------------------------

    async def _sync(self) -> None:
        """Serve all that the server names and stop what it does not; what was served until now is asked for once more."""
        ctx = self.process.context()
        CURRENT.set(ctx)
        while True:
            try:
                networks, serving = await self.plugin.active_networks(ctx), await self.driver.serving()
                break
            except LabError as error:
                self.process.log(ctx, f"The agent could not synchronize: {error.message}", "error")
                await self.process.sleep(RESYNC_S)
        named = {network["id"] for network in networks}
        for network_id in serving:
            if network_id not in named and network_id not in self.networks:
                await self.driver.stop(network_id)
        for network_id in list(self.networks):
            if network_id not in named:
                self._enqueue(ctx, "network_create_end", {"network": {"id": network_id}})
        for info in networks:
            self._enqueue(ctx, "network_sync", {"network": info})


def _hostname(address: str) -> str:
    """The name that a guest gets by default: host-10-0-0-3."""
    return f"host-{address.replace('.', '-').replace(':', '-')}"
