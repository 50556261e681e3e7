"""The tunnels of one host: their other ends are asked for with the first port that needs one, and heard of from then on."""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.process import Process
from lab.services.network import rpc
from lab.services.network.driver import L2Driver

RETRY_S = 2.0
"""How long after a failure the switch is told again. A guess: the agent's polling interval."""


class Tunnels:
    """What the L2 agent of one host knows of the other hosts' ends; `address` is its own."""

    def __init__(self, process: Process, driver: L2Driver, plugin: rpc.PluginApi, address: str) -> None:
        self._process, self._driver, self._plugin, self._address = process, driver, plugin, address
        self._peers: dict[str, None] | None = None
        """The other ends; None until they are asked for."""

    async def open(self, ctx: Context) -> None:
        """Learn the other ends and open the tunnels, once. What raises is done again at the next call."""
        if self._peers is not None:
            return
        self._process.rpc.declare_interest(rpc.TUNNEL_UPDATE, "vxlan")
        self._peers = {}
        try:
            named = await self._plugin.tunnel_sync(ctx, self._address)
            # An end that was told of meanwhile may be newer than the answer.
            self._peers = dict.fromkeys((*named, *self._peers))
            await self._driver.tunnels(tuple(self._peers))
        except LabError:
            self._peers = None
            raise

    async def update(self, ctx: Context, address: str, host: str) -> None:
        """Take a new end; a switch that refuses it is told until it does not."""
        if self._peers is None or host == self._process.host or address in self._peers:
            return
        self._peers[address] = None
        while self._peers is not None:
            try:
                await self._driver.tunnels(tuple(self._peers))
                return
            except LabError as error:
                self._process.log(ctx, f"The tunnel to {address} could not be opened: {error.message}", "error")
                await self._process.sleep(RETRY_S)
