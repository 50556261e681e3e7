"""The L3 agent of one host: it gives the routers there the interfaces that their ports say.

It has no database: whatever it is told, it asks for the router as a whole and makes the host agree.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.rpc.client import Handler
from lab.services.network import rpc
from lab.services.network.agents import L3_TYPE
from lab.services.network.driver import RouterDriver, RouterInterface
from lab.services.network.model import Json
from lab.services.network.reporting import StateReport

RETRY_S = 5.0
"""How long after a failure all routers are looked at again. A guess: the DHCP agent's resync_interval."""


class L3Agent:
    """One neutron-l3-agent process."""

    def __init__(self, process: Process, driver: RouterDriver) -> None:
        self.process = process
        self.driver = process.drive("l3", driver)
        self.plugin = rpc.PluginApi(process)
        self.attached: dict[str, RouterInterface] = {}
        self._wanted: dict[str, None] | None = {}
        """Routers to be looked at; None is all."""
        self._working = False

    def start(self) -> None:
        """Listen, report, and bring the host's routers into order."""
        host, client = self.process.host, self.process.rpc
        handlers: dict[str, Handler] = {"routers_updated": self.routers_updated, "agent_updated": self.agent_updated}
        client.serve(rpc.L3_AGENT, handlers, host=host, exchange=rpc.EXCHANGE)
        configurations = {"agent_mode": "legacy", "handle_internal_only_routers": True}
        StateReport(self.process, (L3_TYPE, "neutron-l3-agent", rpc.L3_AGENT), lambda: configurations).start()
        self._look(self.process.context(), None)

    async def routers_updated(self, ctx: Context, routers: list[str]) -> None:
        """Look at routers that changed."""
        self._look(ctx, routers)

    async def agent_updated(self, ctx: Context, payload: Json) -> None:
        """Look at all routers: the agent was enabled, or disabled and has none."""
        self._look(ctx, None)

    def _look(self, ctx: Context, routers: list[str] | None) -> None:
        """Bring routers (all when None) into order, one look at a time."""
        if routers is None:
            self._wanted = None
        elif self._wanted is not None:
            self._wanted.update(dict.fromkeys(routers))
        if not self._working:
            self._working = True
            self.process.spawn(self._work(ctx), "routers")

    async def _work(self, ctx: Context) -> None:
        CURRENT.set(ctx)
        try:
            while self._wanted is None or self._wanted:
                wanted = None if self._wanted is None else list(self._wanted)
                self._wanted = {}
                try:
                    await self._agree(ctx, wanted)
                except LabError as error:
                    self.process.log(ctx, f"Routers could not be brought into order: {error.message}", "error")
                    self._wanted = None
                    await self.process.sleep(RETRY_S)
        finally:
            self._working = False

    async def _agree(self, ctx: Context, wanted: list[str] | None) -> None:
        """Attach what the server names and detach what it does not."""
        routers = await self.plugin.sync_routers(ctx, wanted)
        named = [RouterInterface(**interface) for router in routers for interface in router["interfaces"]]
        ports = {interface.port_id for interface in named}
        if wanted is None:
            old = await self.driver.attached()
        else:
            old = [port_id for port_id, known in self.attached.items() if known.router_id in wanted]
        for port_id in old:
            if port_id not in ports:
                await self.driver.detach(port_id)
                self.attached.pop(port_id, None)
        failure: LabError | None = None
        for interface in named:
            if self.attached.get(interface.port_id) != interface:
                try:
                    await self.driver.attach(interface)
                    self.attached[interface.port_id] = interface
                except LabError as error:
                    failure = error  # the others are not held up by it
        if failure is not None:
            raise failure
