"""What nova tells the world about servers: legacy and versioned notifications, and the state line of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.model import Server

Json = dict[str, Any]


def payload(server: Server) -> Json:
    """The fields that every notification about a server carries. Source: nova's `info_from_instance`."""
    return {
        "instance_id": server.id,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "display_name": server.name,
        "host": server.host,
        "node": server.node,
        "state": server.vm_state,
        "state_description": server.task_state or "",
    }


def updated(process: Process, ctx: Context, old: Server, new: Server) -> None:
    """Tell that a server's record was saved, and note its state when that changed."""
    if old.vm_state != new.vm_state or old.task_state != new.task_state:
        process.state(ctx, "server", new.id, f"{old.vm_state}/{old.task_state}", f"{new.vm_state}/{new.task_state}")
    body = payload(new)
    body["old_state"], body["old_task_state"] = old.vm_state, old.task_state
    process.notify(ctx, "compute.instance.update", "instance.update", body)


def usage(process: Process, ctx: Context, server: Server, what: str, **more: Any) -> None:
    """Tell of a step in a server's life, e.g. 'create.start'."""
    process.notify(ctx, f"compute.instance.{what}", f"instance.{what}", {**payload(server), **more})


def failed(process: Process, ctx: Context, server: Server, what: str, error: Exception) -> None:
    """Tell that a step failed."""
    body = {**payload(server), "exception": type(error).__name__, "reason": str(error)}
    process.notify(ctx, f"compute.instance.{what}.error", f"instance.{what}.error", body, level="error")
