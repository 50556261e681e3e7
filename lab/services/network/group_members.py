"""The members of security groups as one host knows them: asked for when first needed, forgotten when they change.

An agent hears of changes only of groups whose members it holds. So a group of ten thousand ports costs
nothing on a host until a packet there meets a rule about it.

A switch that cannot ask (no GroupFirewall) has the members spelled out in its rules. They come with the answer to the report
of the first port that needs them, so that the messages are the same for every switch; later changes are asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.services.network import rpc
from lab.services.network.driver import GroupFirewall, L2Driver
from lab.services.network.model import Json

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
        self._named: Callable[[str], bool] = lambda group_id: False

    @property
    def spelled(self) -> dict[str, list[str]] | None:
        """The members that are to be spelled out in rules, as far as they are known; None where the switch asks for them."""
        return self.known if self._firewall is None else None

    def start(self, changed: Callable[[Context, str], None], named: Callable[[str], bool]) -> None:
        """Answer the switch from now on.

        `changed` is told of groups whose members must be spelled anew; `named` says whether a rule here names a group.
        """
        self._changed, self._named = changed, named
        if self._firewall is not None:
            self._firewall.on_unknown_group(lambda group_id: self._ask(self._process.context(), group_id))

    async def report(self, ctx: Context, groups: list[str], send: Callable[[list[str]], Awaitable[Json]]) -> None:
        """Send a report; with it ask for those of these groups that a switch which cannot ask needs and that are not known."""
        unknown: list[str] = []
        if self._firewall is None:
            unknown = [group_id for group_id in dict.fromkeys(groups) if group_id not in self.known and group_id not in self._asking]
        for group_id in unknown:
            self._asking[group_id] = False
            self._process.rpc.declare_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
        try:
            answer = await send(unknown)
        except LabError:
            for group_id in unknown:
                del self._asking[group_id]
                self._ask(ctx, group_id)  # other ports may wait for it: it is not left to the next report
            raise
        for group_id in unknown:
            changed_meanwhile = self._asking.pop(group_id)
            self.known[group_id] = answer["sg_member_ips"][group_id]
            self._changed(ctx, group_id)
            if changed_meanwhile:
                self._ask(ctx, group_id)

    def _ask(self, ctx: Context, group_id: str) -> None:
        if group_id not in self._asking:
            self._asking[group_id] = False
            self._process.begin(self._learn(ctx, group_id), "group members")

    async def _learn(self, ctx: Context, group_id: str) -> None:
        """Ask until the answer is that of now, and let the switch know."""
        CURRENT.set(ctx)
        self._process.rpc.declare_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
        try:
            while True:
                self._asking[group_id] = False
                try:
                    self.known[group_id] = members = await self._plugin.group_members(ctx, group_id)
                    if self._firewall is not None:
                        await self._firewall.set_members(group_id, tuple(members))
                    else:
                        self._changed(ctx, group_id)
                except LabError as error:
                    text = f"The members of security group {group_id} are not known: {error.message}"
                    self._process.log(ctx, text, "error")
                    await self._process.sleep(RETRY_S)
                    continue
                if not self._asking[group_id]:
                    return
        finally:
            self._asking.pop(group_id, None)

    async def updated(self, ctx: Context, groups: list[str]) -> None:
        """Take that the members of groups changed: those that rules spell out are asked for again, others when next needed."""
        for group_id in groups:
            if group_id in self._asking:
                self._asking[group_id] = True
            elif group_id in self.known and self._firewall is None and self._named(group_id):
                self._ask(ctx, group_id)
            elif self.known.pop(group_id, None) is not None:
                self._process.rpc.drop_interest(rpc.GROUP_UPDATE, rpc.group_key(group_id))
                if self._firewall is not None:
                    await self._firewall.set_members(group_id, None)
