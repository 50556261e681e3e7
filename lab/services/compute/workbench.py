"""What all work of one compute agent shares: its handles, its locks, and how a server ends in ERROR."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.locks import Locks
from lab.services.compute import notifications
from lab.services.compute.events import ServerEvents
from lab.services.compute.image_client import Images
from lab.services.compute.model import Server, ServerNotFound
from lab.services.compute.rpc import Conductor
from lab.services.compute.server_network import ServerNetwork
from lab.services.compute.states import ERROR
from lab.services.compute.tracker import ResourceTracker
from lab.services.compute.volume_client import Volumes

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.driver import HypervisorDriver

Json = dict[str, Any]


class Workbench:
    """One agent's handles on its driver, the conductor and the other services."""

    def __init__(self, process: Process, driver: HypervisorDriver) -> None:
        self.process = process
        self.host = process.host
        self.driver: HypervisorDriver = process.drive("hypervisor", driver)
        self.conductor = Conductor(process)
        self.network = ServerNetwork(process, self.conductor)
        self.volumes = Volumes(process)
        self.images = Images(process)
        self.tracker = ResourceTracker(process, self.driver, self.conductor)
        self.events = ServerEvents(process)
        self.locks = Locks()
        """Per server: what changes it on this host happens one after the other."""
        self.image_locks = Locks()
        self.host_ip = ""

    def event(self, ctx: Context, server_id: str, name: str) -> ActionEvent:
        """Note a step of the request's action: `async with bench.event(…):`."""
        return ActionEvent(self, ctx, (server_id, name))

    async def attempt(self, ctx: Context, what: str, work: Awaitable[Any]) -> bool:
        """Do something whose failure must not stop what goes on around it; False when it failed, with a line in the journal."""
        try:
            await work
        except LabError as error:
            self.process.log(ctx, f"{what} failed: {error}", "warning")
            return False
        return True

    def fault(self, error: Exception, text: str = "") -> Json:
        """A fault as the server's record keeps it. Source: nova's InstanceFault; unexpected errors have code 500."""
        details = f"{type(error).__name__}: {error}"
        if error.__cause__ is not None:
            details += f"; caused by {type(error.__cause__).__name__}: {error.__cause__}"
        return {"code": 500, "created": self.process.runtime.iso(), "message": text or str(error), "details": details}

    async def set_error(self, ctx: Context, server: Server, error: Exception, text: str = "", **changes: Any) -> None:
        """Put a server into ERROR with a fault; a server that is gone stays gone, an unreachable conductor is logged."""
        save = self.conductor.save(ctx, server, vm_state=ERROR, task_state=None, fault=self.fault(error, text), **changes)
        try:
            await save
        except ServerNotFound:
            return
        except LabError as failure:
            self.process.log(ctx, f"Instance {server.id} could not be set to ERROR: {failure}", "error")

    async def power_of(self, server_id: str) -> int:
        """What the hypervisor says of the guest; 0 when there is none."""
        return next((guest.power for guest in await self.driver.guests() if guest.id == server_id), 0)

    def usage(self, ctx: Context, server: Server, what: str, **more: Any) -> None:
        """Send a notification of a step in the server's life."""
        notifications.usage(self.process, ctx, server, what, **more)

    def connector(self) -> Json:
        """Who this host is for volume backends."""
        return {"host": self.host, "ip": self.host_ip, "initiator": f"iqn.1994-05.com.redhat:{self.host}", "multipath": False}


class ActionEvent:
    """A step of a request's action, noted from its start to its end; the step goes on when noting fails."""

    __slots__ = ("_bench", "_ctx", "_key")

    def __init__(self, bench: Workbench, ctx: Context, key: tuple[str, str]) -> None:
        self._bench, self._ctx, self._key = bench, ctx, key

    async def __aenter__(self) -> None:
        bench, ctx = self._bench, self._ctx
        start = bench.conductor.of(ctx, "InstanceActionEvent", "event_start", *self._key, host=bench.host)
        await bench.attempt(ctx, "event_start", start)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, LabError):
            return
        bench, ctx = self._bench, self._ctx
        failure = {} if error is None else {"exc_val": str(error)}
        finish = bench.conductor.of(ctx, "InstanceActionEvent", "event_finish_with_failure", *self._key, host=bench.host, **failure)
        await bench.attempt(ctx, "event_finish", finish)
