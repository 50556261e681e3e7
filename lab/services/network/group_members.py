"""The members of security groups as one host knows them: asked for when first needed, forgotten when they change.

An agent hears of changes only of groups whose members it holds. So a group of ten thousand ports costs
nothing on a host until a packet there meets a rule about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.services.network import rpc
from lab.services.network.driver import GroupFirewall, L2Driver

RETRY_S = 2.0
"""How long after a failure the server is asked again. A guess: the agent's polling interval."""


class GroupMembers:
    """What the L2 agent of one host knows of groups."""

    def __init__(self, process: Process, driver: L2Driver, plugin: rpc.PluginApi) -> None:
        self._process, self._plugin = process, plugin
        self._firewall = cast("GroupFirewall", process.drive("l2", driver)) if isinstance(driver, GroupFirewall) else None
        self.known: dict[str, list[str]] = {}
        self._asking: dict[str, bool] = {}
        """Groups that are being asked for, and whether they changed meanwhile."""
        self._changed: Callable[[Context, str], None] = lambda ctx, group_id: None

    @property
    def asked_for(self) -> bool:
        """Whether the switch asks for members; else they are spelled out in its rules."""
        return self._firewall is not None

    def start(self, changed: Callable[[Context, str], None]) -> None:
        """Answer the switch from now on; `changed` is told of groups whose members must be spelled anew."""
        self._changed = changed
        if self._firewall is not None:
            self._firewall.on_unknown_group(self._on_unknown)

    def _on_unknown(self, group_id: str) -> None:
        if group_id not in self._asking:
            self._asking[group_id] = False
            self._process.spawn(self._learn(group_id), "group members")

    async def _learn(self, group_id: str) -> None:
        """Ask until the answer is that of now, and let the switch know."""
        ctx = self._process.context()
        CURRENT.set(ctx)
        self._process.rpc.declare_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
        try:
            while True:
                self._asking[group_id] = False
                try:
                    self.known[group_id] = members = await self._plugin.group_members(ctx, group_id)
                    if self._firewall is not None:
                        await self._firewall.set_members(group_id, tuple(members))
                except LabError as error:
                    text = f"The members of security group {group_id} are not known: {error.message}"
                    self._process.log(ctx, text, "error")
                    await self._process.sleep(RETRY_S)
                    continue
                if not self._asking[group_id]:
                    return
        finally:
            self._asking.pop(group_id, None)

    async def spelled(self, ctx: Context, groups: list[str]) -> dict[str, list[str]]:
        """The members of these groups, for a switch that cannot ask."""
        for group_id in groups:
            if group_id not in self.known:
                self._process.rpc.declare_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
                self.known[group_id] = await self._plugin.group_members(ctx, group_id)
        return self.known

    async def updated(self, ctx: Context, groups: list[str]) -> None:
        """Forget groups whose members changed."""
        for group_id in groups:
            if group_id in self._asking:
                self._asking[group_id] = True
            elif self.known.pop(group_id, None) is not None:
                self._process.rpc.drop_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
                if self._firewall is not None:
                    await self._firewall.set_members(group_id, None)
                else:
                    self._changed(ctx, group_id)
