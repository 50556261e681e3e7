"""Events that another service promised: a build waits for `network-vif-plugged`, with a time limit.

Source: InstanceEvents of nova/compute/manager.py. Waiters are registered before what brings the event about is begun;
an event that nobody waits for is dropped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lab.runtime import NANOSECOND
from lab.services.compute.model import VifPlugTimeout

if TYPE_CHECKING:
    from lab.process import Process
    from lab.services.compute.model import Server

Key = tuple[str, str]  # event name, tag (a port's id)

PLUGGED = "network-vif-plugged"


class Expectation:
    """Some events of one server, waited for together."""

    def __init__(self, process: Process, events: ServerEvents, server: Server, keys: list[Key]) -> None:
        self._process, self._events, self._server = process, events, server
        self._open: dict[Key, None] = dict.fromkeys(keys)
        self._failed = False
        self._done: asyncio.Future[None] = process.runtime.new_future()
        if not keys:
            self._done.set_result(None)

    def arrive(self, key: Key, status: str) -> None:
        """Note one event; the last one, or one that says failed, ends the wait."""
        self._open.pop(key, None)
        self._failed |= status == "failed"
        if (self._failed or not self._open) and not self._done.done():
            self._done.set_result(None)

    async def wait(self) -> None:
        """Wait for all of them.

        Raises:
            VifPlugTimeout: an event came too late, not at all, or said failed, and the configuration calls that fatal.
        """
        config = self._process.config
        timeout_ns = round(config.vif_plugging_timeout_s * NANOSECOND)
        timer = self._process.runtime.after(timeout_ns, self._give_up)
        try:
            await self._done
        finally:
            timer.cancel()
            self._events.drop(self._server.id, self)
        if self._open or self._failed:
            waiting = list(self._open)
            text = (
                f"{'Failure from' if self._failed else 'Timeout waiting for'} {waiting} for instance with vm_state "
                f"{self._server.vm_state} and task_state {self._server.task_state}."
            )
            self._process.log(None, text, "warning")
            if config.vif_plugging_is_fatal:
                raise VifPlugTimeout("Virtual Interface creation failed")

    def _give_up(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


class ServerEvents:
    """What this host waits for, by server."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: dict[str, list[Expectation]] = {}

    def expect(self, server: Server, keys: list[Key]) -> Expectation:
        """Begin to watch for events."""
        expectation = Expectation(self._process, self, server, keys)
        self._waiting.setdefault(server.id, []).append(expectation)
        return expectation

    def arrive(self, server_id: str, key: Key, status: str) -> bool:
        """Bring an event to those who wait for it; False when nobody does."""
        waiting = self._waiting.get(server_id, [])
        for expectation in list(waiting):
            expectation.arrive(key, status)
        return bool(waiting)

    def drop(self, server_id: str, expectation: Expectation) -> None:
        """Stop watching."""
        waiting = self._waiting.get(server_id, [])
        if expectation in waiting:
            waiting.remove(expectation)
        if not waiting:
            self._waiting.pop(server_id, None)
