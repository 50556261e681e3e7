"""When a bound port is ACTIVE: as soon as every component that it waits for has reported.

A port waits for its DHCP server and for its host's L2 agent. Source: neutron.db.provisioning_blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network.model import ACTIVE, DHCP_BLOCK, DHCP_OWNER, DOWN, L2_BLOCK, Port

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin


class Provisioning:
    """Takes the reports of agents on ports."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    async def devices_up(self, ctx: Context, port_ids: list[str], host: str) -> list[str]:
        """The L2 agent of a host has wired these ports; answer those that exist and are bound there."""

        def work(tx: Any) -> tuple[list[str], list[Port]]:
            known: list[str] = []
            activated: list[Port] = []
            for port_id in port_ids:
                port = tx.get(Port, port_id)
                if port is not None and port.binding_host_id == host:
                    known.append(port_id)
                    self._complete(tx, port, L2_BLOCK, activated)
            return known, activated

        known, activated = await self._plugin.store.run(work)
        await self._tell(ctx, activated)
        return known

    async def dhcp_ready(self, ctx: Context, port_ids: list[str]) -> None:
        """The addresses of these ports are served."""

        def work(tx: Any) -> list[Port]:
            activated: list[Port] = []
            for port_id in port_ids:
                port = tx.get(Port, port_id)
                if port is not None:
                    self._complete(tx, port, DHCP_BLOCK, activated)
            return activated

        await self._tell(ctx, await self._plugin.store.run(work))

    def _complete(self, tx: Any, port: Port, block: str, activated: list[Port]) -> None:
        """Take a block away; the last one gone makes a bound port ACTIVE."""
        blocks = [name for name in port.blocks if name != block]
        bound = bool(port.binding_driver)
        if not blocks and bound and port.admin_state_up and port.status != ACTIVE:
            activated.append(tx.update(port, blocks=blocks, status=ACTIVE))
        elif blocks != port.blocks:
            tx.update(port, blocks=blocks)

    async def _tell(self, ctx: Context, activated: list[Port]) -> None:
        if not activated:
            return
        process = self._plugin.process
        for port in activated:
            process.state(ctx, "port", port.id, DOWN, ACTIVE)
        self._plugin.nova.plugged(ctx, activated)
        # The event leaves first, as upstream: nova waits for it, the agents' caches can wait.
        await process.sleep(0)
        for port in activated:
            self._plugin.notifier.push_port(ctx, port)

    async def devices_down(self, ctx: Context, port_ids: list[str], host: str) -> None:
        """The taps of these ports are gone from a host."""

        def work(tx: Any) -> list[tuple[str, Port]]:
            changed = []
            for port_id in port_ids:
                port = tx.get(Port, port_id)
                if port is None or port.binding_host_id != host or port.device_owner == DHCP_OWNER:
                    continue
                blocks = [*port.blocks] if L2_BLOCK in port.blocks else [*port.blocks, L2_BLOCK]
                if port.status != DOWN or blocks != port.blocks:
                    changed.append((port.status, tx.update(port, status=DOWN, blocks=blocks)))
            return changed

        changed = await self._plugin.store.run(work)
        process = self._plugin.process
        ports = [port for was, port in changed if was != DOWN]
        for port in ports:
            process.state(ctx, "port", port.id, ACTIVE, DOWN)
        self._plugin.nova.unplugged(ctx, ports)
        if changed:
            await process.sleep(0)
        for _, port in changed:
            self._plugin.notifier.push_port(ctx, port)
