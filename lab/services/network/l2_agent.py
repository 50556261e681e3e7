"""The L2 agent of one host: it wires the taps that appear as the server says, and reports them.

It has no database. What a port needs comes with the server's pushes; what it missed it asks for.
A tap and its wiring may come in any order, any number of times.
"""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.services.network import rpc
from lab.services.network.driver import L2Driver, PortWiring
from lab.services.network.group_members import GroupMembers
from lab.services.network.ml2 import MechanismManager
from lab.services.network.model import DHCP_OWNER, Json
from lab.services.network.reporting import StateReport
from lab.services.network.tunnels import Tunnels
from lab.services.network.wiring import wiring_of

POLLING_S = 2.0
"""How long the agent waits before it looks again. Source: neutron's Open vSwitch agent, polling_interval."""
RETRY_MAX_S = 60.0
TUNNELLED = ("vxlan",)


class L2Agent:
    """One neutron-l2-agent process."""

    def __init__(self, process: Process, driver: L2Driver, address: str) -> None:
        self.process = process
        self.driver = process.drive("l2", driver)
        self.wires_dhcp = driver.wires_dhcp
        self.plugin = rpc.PluginApi(process)
        self.address = address
        self.agent_id = f"ovs-agent-{process.host}"
        self.mechanism = MechanismManager(process.config).agent
        self.groups = GroupMembers(process, driver, self.plugin)
        self.tunnels = Tunnels(process, self.driver, self.plugin, address)
        self.present: dict[str, None] = {}
        self.details: dict[str, Json] = {}
        self.wired: dict[str, PortWiring] = {}
        self._read: dict[str, tuple[Json, PortWiring]] = {}
        """What was read of the details of ports that are wired here."""
        self._went: dict[str, None] = {}
        """Ports whose tap went; when another has come before that was noticed, it is wired anew."""
        self._ctx: dict[str, Context] = {}
        self._running: dict[str, None] = {}
        self._again: dict[str, bool] = {}
        """Ports to be looked at once more, and whether they are to be reported then."""

    def start(self) -> None:
        """Listen to the server and to the switch, then bring the host into order."""
        key = rpc.host_key(self.process.host)
        self._serve(rpc.VO_PORT, {"push": self.on_port}, key)
        self._serve(rpc.VO_RULE, {"push": self.on_rule}, key)
        # The other caches are held but of no concern to the wiring: nobody is woken for them.
        for topic in (rpc.VO_GROUP, rpc.VO_NETWORK, rpc.VO_SUBNET):
            self._serve(topic, {"push": self.on_push}, key)
        self._serve(rpc.PORT_UPDATE, {"port_update": self.port_update}, f"own:{self.process.host}")
        self._serve(rpc.PORT_DELETE, {"port_delete": self.port_delete}, key)
        groups = {
            "security_groups_member_updated": self.security_groups_member_updated,
            "security_groups_rule_updated": self.security_groups_rule_updated,
        }
        self._serve(rpc.GROUP_UPDATE, groups, key)
        self._serve(rpc.TUNNEL_UPDATE, {"tunnel_update": self.tunnel_update}, key)
        self.driver.on_device(self._on_device)
        self.groups.start(self._touch_group, lambda group_id: bool(self._naming(group_id)))
        configurations = self._configurations()
        agent = (self.mechanism.agent_type, self.mechanism.agent_binary, "N/A")
        StateReport(self.process, agent, lambda: configurations).start()
        self.process.spawn(self._sync(), "sync")

    def _serve(self, topic: str, handlers: dict[str, Any], key: str) -> None:
        self.process.rpc.serve(topic, handlers, fanout=True, exchange=rpc.EXCHANGE, version=rpc.RESOURCES_VERSION)
        self.process.rpc.declare_interest(topic, key)

    def _configurations(self) -> Json:
        """What the server must know to bind ports here."""
        config = self.process.config
        tunnels = [kind for kind in config.type_drivers if kind in TUNNELLED]
        return {
            self.mechanism.mappings: {physical: f"br-{physical}" for physical in config.bridge_mappings},
            "tunnel_types": tunnels,
            "tunneling_ip": self.address if tunnels else None,
            "l2_population": "l2population" in config.mechanism_drivers,
            "extensions": [],
        }

    # -- what the server says ------------------------------------------------------------------

    async def on_port(self, ctx: Context, resource_list: list[Json], event_type: str) -> None:
        """Take what a port is now; a device that is here is looked at again."""
        for body in resource_list:
            port_id = body["id"]
            if event_type == "deleted" or body["host"] != self.process.host:
                await self._forget(port_id)
                continue
            if "wiring" in body:
                self.details[port_id] = body["wiring"]
            self._ctx[port_id] = ctx
            if port_id in self.present:
                self._touch(port_id)

    async def port_update(self, ctx: Context, port: Json, **segment: Any) -> None:
        """Nothing: the push of the port said more. Nobody is woken for it."""

    async def port_delete(self, ctx: Context, port_id: str) -> None:
        """Take a deleted port out of its segment, should its tap still be there."""
        await self._forget(port_id)

    async def _forget(self, port_id: str) -> None:
        wired = port_id in self.wired
        self._drop(port_id)
        self.details.pop(port_id, None)
        self._ctx.pop(port_id, None)
        if wired:
            await self.driver.unwire(port_id)

    async def on_rule(self, ctx: Context, resource_list: list[Json], event_type: str) -> None:
        """Ask again how the ports of a group with new rules are to be wired."""
        await self._refresh(ctx, [body["security_group_id"] for body in resource_list])

    async def on_push(self, ctx: Context, resource_list: list[Json], event_type: str) -> None:
        """Nothing: what of a network, subnet or group concerns a port came with the port."""

    async def security_groups_rule_updated(self, ctx: Context, security_groups: list[str]) -> None:
        """Nothing: the pushes of the rules said so."""

    async def security_groups_member_updated(self, ctx: Context, security_groups: list[str]) -> None:
        """Forget the members of groups that changed; they are asked for when next needed."""
        await self.groups.updated(ctx, security_groups)

    async def tunnel_update(self, ctx: Context, tunnel_ip: str, tunnel_type: str, host: str) -> None:
        """Take a new tunnel endpoint."""
        await self.tunnels.update(ctx, tunnel_ip, host)

    # -- what the switch says ------------------------------------------------------------------

    def _on_device(self, port_id: str, present: bool) -> None:
        """A tap came or went."""
        if present:
            self.present[port_id] = None
        else:
            self.present.pop(port_id, None)
            self._went[port_id] = None
        self._touch(port_id)

    # -- one port at a time ----------------------------------------------------------------------

    def _touch(self, port_id: str, report: bool = True) -> None:
        """Bring a port into order and report it, once more if that is under way."""
        if port_id in self._running:
            self._again[port_id] = report or self._again.get(port_id, False)
            return
        self._running[port_id] = None
        self.process.begin(self._run(port_id, report), f"port {port_id}")

    def _naming(self, group_id: str) -> list[str]:
        """The ports here that have a rule about the members of a group."""
        return [p for p, body in self.details.items() if p in self.present and any(rule[6] == group_id for rule in body["rules"])]

    def _touch_group(self, ctx: Context, group_id: str) -> None:
        """Wire ports anew for the members of a group; it is nothing to report, as they were wired before."""
        for port_id in self._naming(group_id):
            self._ctx[port_id] = ctx
            self._touch(port_id, report=False)

    async def _run(self, port_id: str, report: bool) -> None:
        wait = POLLING_S
        try:
            while True:
                report = self._again.pop(port_id, False) or report
                # A tap that goes has nothing to do with the request that last changed its port.
                ctx = self._ctx.get(port_id) if port_id in self.present else None
                ctx = ctx or self.process.context()
                CURRENT.set(ctx)
                try:
                    done = await (self._up(ctx, port_id, report) if port_id in self.present else self._down(ctx, port_id))
                except LabError as error:
                    self.process.log(ctx, f"Port {port_id} could not be brought into order: {error.message}", "error")
                    done = False
                if not done:
                    await self.process.sleep(wait)
                    wait = min(wait * 2, RETRY_MAX_S)
                elif port_id not in self._again:
                    return
                else:
                    report = False
        finally:
            self._running.pop(port_id, None)

    async def _up(self, ctx: Context, port_id: str, report: bool) -> bool:
        """Wire a tap that is here, and report it if it is to be; answer whether nothing is left to do."""
        body = self.details.get(port_id)
        if body is None:
            # Its push is under way, or was lost; a tap that is no port's stays unwired.
            self.process.begin(self._ask(ctx, port_id), f"ask for {port_id}")
            return True
        if body["device_owner"] == DHCP_OWNER and not self.wires_dhcp:
            # The DHCP agent wires its own ports, but the tunnels to their clients are the host's.
            if body["network_type"] in TUNNELLED:
                await self.tunnels.open(ctx)
            return True
        wiring = self._wiring(port_id, body, self.groups.spelled)
        if self.wired.get(port_id) != wiring or port_id in self._went:
            if wiring.network_type in TUNNELLED:
                await self.tunnels.open(ctx)
            self._went.pop(port_id, None)
            try:
                await self.driver.wire(wiring)
            except LabError:
                self._went[port_id] = None
                raise
            self.wired[port_id] = wiring
            for group_id in body["groups"]:
                self.process.rpc.declare_interest(rpc.VO_RULE, rpc.group_key(group_id))
        if report and body["device_owner"] != DHCP_OWNER:  # a DHCP server's port waits for its server only
            named = [rule[6] for rule in body["rules"] if rule[6] is not None]
            await self.groups.report(ctx, named, lambda groups: self.plugin.update_device_list(ctx, [port_id], [], self.agent_id, groups))
        return True

    def _wiring(self, port_id: str, body: Json, members: dict[str, list[str]] | None) -> PortWiring:
        """What the details of a port say; they are looked at several times, and read once unless members are spelled out in it."""
        read = self._read.get(port_id)
        if read is not None and read[0] is body and members is None:
            return read[1]
        wiring = wiring_of(port_id, body, members)
        if members is None:
            self._read[port_id] = (body, wiring)
        return wiring

    async def _ask(self, ctx: Context, port_id: str) -> None:
        """Wait a while for the push of a tap's port, then ask for it."""
        CURRENT.set(ctx)
        await self.process.sleep(POLLING_S)
        while port_id in self.present and port_id not in self.details:
            try:
                answer = await self.plugin.devices_details(ctx, [port_id], self.agent_id)
            except LabError as error:
                self.process.log(ctx, f"Port {port_id} could not be asked for: {error.message}", "error")
                await self.process.sleep(POLLING_S)
                continue
            body = answer["devices"][0].get("wiring")
            if body is None:
                return
            self.details.setdefault(port_id, body)
            self._touch(port_id)

    async def _down(self, ctx: Context, port_id: str) -> bool:
        """Report a tap that is gone and take its port out of the segment, both at once."""
        if self.details.get(port_id, {}).get("device_owner") == DHCP_OWNER and not self.wires_dhcp:
            return True
        report = self.process.spawn(self.plugin.update_device_list(ctx, [], [port_id], self.agent_id), "device down")
        self._went.pop(port_id, None)
        self._drop(port_id)
        await self.driver.unwire(port_id)
        await report
        return True

    def _drop(self, port_id: str) -> None:
        """Forget what was wired, and the groups that no other port here is in."""
        self._read.pop(port_id, None)
        if self.wired.pop(port_id, None) is None:
            return
        left = {group for other in self.wired for group in self.details.get(other, {}).get("groups", ())}
        for group_id in self.details.get(port_id, {}).get("groups", ()):
            if group_id not in left:
                self.process.rpc.drop_interest(rpc.VO_RULE, rpc.group_key(group_id))

    # -- groups ----------------------------------------------------------------------------------

    async def _refresh(self, ctx: Context, groups: list[str]) -> None:
        """Ask how the ports of these groups are to be wired now, until there is an answer: nobody tells it once more."""
        while ports := [p for p, body in self.details.items() if any(group in groups for group in body["groups"])]:
            try:
                answer = await self.plugin.devices_details(ctx, ports, self.agent_id)
            except LabError as error:
                self.process.log(ctx, f"The rules of security groups {', '.join(groups)} are not known: {error.message}", "error")
                await self.process.sleep(POLLING_S)
                continue
            for device in answer["devices"]:
                if "wiring" in device:
                    port_id = device["device"]
                    self.details[port_id] = device["wiring"]
                    self._ctx[port_id] = ctx
                    if port_id in self.present:
                        self._touch(port_id)
            return

    # -- start -------------------------------------------------------------------------------------

    async def _sync(self) -> None:
        """Wire all taps that are here and unwire what has none: the host may have lived on without its agent."""
        ctx = self.process.context()
        CURRENT.set(ctx)
        while True:
            try:
                devices, wired = await self.driver.devices(), await self.driver.wired()
                if devices:
                    answer = await self.plugin.devices_details(ctx, devices, self.agent_id)
                    for device in answer["devices"]:
                        if "wiring" in device:
                            self.details.setdefault(device["device"], device["wiring"])
                break
            except LabError as error:
                self.process.log(ctx, f"The agent could not look at its host: {error.message}", "error")
                await self.process.sleep(POLLING_S)
        for port_id in devices:
            self.present[port_id] = None
            if port_id in self.details:
                self._touch(port_id)
            elif port_id in wired:
                await self._unwire_stranger(ctx, port_id)
        for port_id in wired:
            if port_id not in self.present:
                self._touch(port_id)

    async def _unwire_stranger(self, ctx: Context, port_id: str) -> None:
        """Take a tap that is no port's out of its segment; a switch that refuses must not keep the others waiting."""
        try:
            await self.driver.unwire(port_id)
        except LabError as error:
            self.process.log(ctx, f"Port {port_id}, which nobody knows, could not be unwired: {error.message}", "error")
