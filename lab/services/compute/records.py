"""The writers of compute's records: each a part of one transaction.

`change` is the only way by which a server changes; it holds the state machine, keeps the used numbers of the compute
node that runs the server, and gives back the quota of a server that ends. Callers run these inside `store.run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.services.compute.model import (
    BlockDevice,
    BuildRequest,
    ComputeNode,
    InstanceAction,
    InstanceActionEvent,
    Server,
    ServerNotFound,
    VirtualInterface,
)
from lab.services.compute.quotas import release_server
from lab.services.compute.states import DELETED, check_expected, check_move, io_load

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

_STATE = frozenset({"vm_state", "task_state"})
_ACCOUNTED = frozenset({"vm_state", "task_state", "host", "deleted", "flavor"})


def need_server(tx: Transaction, server_id: str) -> Server:
    """Return the living server, or raise ServerNotFound in nova's words."""
    server = tx.get(Server, server_id)
    if server is None or server.deleted:
        raise ServerNotFound.of(server_id)
    return server


def change(tx: Transaction, server_id: str, now: str, changes: Json, expected: list[str | None] | None = None) -> tuple[Server, Server]:
    """Change a living server and return it as it was and as it is.

    Args:
        now: the time of the change, as the runtime's `iso` writes it.
        expected: the task states in which the caller believes the server to be.

    Raises:
        ServerNotFound: it is gone.
        UnexpectedTaskState: somebody else works on it; UnexpectedDeletingTaskState when it is being deleted.
        InvalidMove: the state machine has no such move.
    """
    old = need_server(tx, server_id)
    check_expected(old, expected)
    if not _STATE.isdisjoint(changes):
        check_move(old, changes.get("vm_state", old.vm_state), changes.get("task_state", old.task_state))
    new = tx.update(old, updated_at=now, **changes)
    if not _ACCOUNTED.isdisjoint(changes):
        _account(tx, old, new)
    return old, new


def destroy(tx: Transaction, server_id: str, now: str) -> tuple[Server, Server]:
    """End a server: the record stays as deleted, all that hangs on it goes, its quota is given back."""
    server = need_server(tx, server_id)
    old, new = change(
        tx,
        server_id,
        now,
        {"vm_state": DELETED, "task_state": None, "deleted": True, "terminated_at": server.terminated_at or now, "network_info": []},
    )
    for device in tx.find(BlockDevice, server_id=server_id):
        tx.delete(device)
    for vif in tx.find(VirtualInterface, server_id=server_id):
        tx.delete(vif)
    drop_build_request(tx, server_id)
    release_server(tx, server.project_id, server.flavor)
    return old, new


def take_build_request(tx: Transaction, server_id: str) -> bool:
    """Claim the scheduling of a server for the caller; False when it is gone or somebody has it (a repeated message)."""
    request = tx.get(BuildRequest, server_id)
    if request is None or request.taken:
        return False
    tx.update(request, taken=True)
    return True


def drop_build_request(tx: Transaction, server_id: str) -> bool:
    """Remove the build request; False when it was gone, which says that the server was deleted meanwhile."""
    request = tx.get(BuildRequest, server_id)
    if request is None:
        return False
    tx.delete(request)
    return True


# -- what servers take of their compute nodes -------------------------------------------------


def disk_of(server: Server) -> int:
    """How many GiB of the host's disk the server takes: none for a root disk that is a volume."""
    flavor = server.flavor
    root = int(flavor["disk"]) if server.image_id else 0
    return root + int(flavor.get("ephemeral", 0)) + -(-int(flavor.get("swap", 0) or 0) // 1024)


def _load(server: Server) -> tuple[str | None, int]:
    """The host that bears the server and its count in that host's I/O load."""
    if server.host is None or server.deleted or server.vm_state == DELETED:
        return None, 0
    return server.host, io_load(server.__dict__)


def _account(tx: Transaction, old: Server, new: Server) -> None:
    (host, io), (new_host, new_io) = _load(old), _load(new)
    if host == new_host:
        if host is not None and io != new_io:
            node = tx.one(ComputeNode, host=host)
            if node is not None:
                load = node.num_io_ops + new_io - io
                tx.update(node, num_io_ops=load, current_workload=load)
        return
    if host is not None:
        _add(tx, host, old, -1, -io)
    if new_host is not None:
        _add(tx, new_host, new, 1, new_io)


def _add(tx: Transaction, host: str, server: Server, sign: int, io: int) -> None:
    node = tx.one(ComputeNode, host=host)
    if node is not None:
        tx.update(node, **_used(node, server, sign), num_io_ops=node.num_io_ops + io, current_workload=node.num_io_ops + io)


def _used(node: ComputeNode, server: Server, sign: int) -> Json:
    flavor, disk = server.flavor, disk_of(server) * sign
    ram = int(flavor["ram"]) * sign
    return {
        "vcpus_used": node.vcpus_used + int(flavor["vcpus"]) * sign,
        "memory_mb_used": node.memory_mb_used + ram,
        "local_gb_used": node.local_gb_used + disk,
        "free_ram_mb": node.free_ram_mb - ram,
        "free_disk_gb": node.free_disk_gb - disk,
        "running_vms": node.running_vms + sign,
    }


def recount(tx: Transaction, node: ComputeNode, reserved_mb: int) -> ComputeNode:
    """Work the node's used numbers out anew from the servers that name its host."""
    return tx.update(node, **counts_of(tx, node, reserved_mb))


def counts_of(tx: Transaction, node: ComputeNode, reserved_mb: int) -> Json:
    """The node's used numbers as the servers that name its host make them."""
    empty = {
        "vcpus_used": 0,
        "memory_mb_used": reserved_mb,
        "local_gb_used": 0,
        "free_ram_mb": node.memory_mb - reserved_mb,
        "free_disk_gb": node.local_gb,
        "running_vms": 0,
    }
    fresh, io = node.evolve(**empty), 0
    for server in tx.find(Server, host=node.host, deleted=False):
        if server.vm_state != DELETED:
            fresh = fresh.evolve(**_used(fresh, server, 1))
            io += io_load(server.__dict__)
    return {**{name: getattr(fresh, name) for name in empty}, "num_io_ops": io, "current_workload": io}


# -- actions: what the user asked, and the steps that followed --------------------------------


def start_action(tx: Transaction, ctx: Context, server: Server, action: str, now: str) -> None:
    """Note that a request asked something of the server; a repeat changes nothing."""
    if tx.get(InstanceAction, (server.id, ctx.request_id)) is None:
        tx.insert(
            InstanceAction.make(
                server_id=server.id,
                request_id=ctx.request_id,
                action=action,
                user_id=ctx.user_id,
                project_id=ctx.project_id,
                start_time=now,
            )
        )


def start_event(tx: Transaction, request_id: str, server_id: str, event: str, host: str, now: str) -> None:
    """Note that a step began on a host; the step of an action that nobody noted is not kept."""
    action = tx.get(InstanceAction, (server_id, request_id))
    if action is None or tx.get(InstanceActionEvent, (server_id, request_id, event, host)) is not None:
        return
    tx.insert(InstanceActionEvent.make(server_id=server_id, request_id=request_id, event=event, host=host, start_time=now))
    tx.update(action, updated_at=now)


def finish_event(tx: Transaction, key: tuple[str, str, str, str], now: str, failure: str | None) -> None:
    """Note the end of a step, with the text of its error when it failed; a failed step marks its action."""
    event = tx.get(InstanceActionEvent, key)
    if event is None or event.result is not None:
        return  # what a repeated message ended in says nothing of the step
    result = "Success" if failure is None else "Error"
    tx.update(event, finish_time=now, result=result, traceback=failure, details=failure)
    action = tx.get(InstanceAction, key[:2])
    if action is not None:
        message = {"message": "Error"} if failure is not None else {}
        tx.update(action, finish_time=now, updated_at=now, **message)
