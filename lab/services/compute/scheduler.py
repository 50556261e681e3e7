"""nova-scheduler: asks placement who could hold a server, filters and weighs the hosts, claims the best, names alternates.

Source: SchedulerManager of nova/scheduler/manager.py. The order of messages is that of a real scheduler: candidates,
start notification, then for each server its allocations and the claim, end notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, NoValidHost, RemoteFault, TransportError
from lab.services.compute.decision import Decider, Decision, Ranking, journal_body
from lab.services.compute.host_pool import Pool
from lab.services.compute.hosts import HostTable, follow
from lab.services.compute.model import ComputeNode
from lab.services.compute.report_client import CANDIDATES_VERSION, Found, ReportClient
from lab.services.compute.request_spec import Request
from lab.services.compute.rpc import SCHEDULER
from lab.services.compute.servicegroup import ServiceReporter
from lab.services.compute.situations import Situations

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.rpc.client import Handler
    from lab.store import Transaction

Json = dict[str, Any]

SCHEDULER_VERSION = "4.5"
"""Source: the target of nova's SchedulerManager (2026.2)."""
NO_CANDIDATES = (
    "Got no allocation candidates from the Placement API. This could be due to insufficient resources or a temporary "
    "occurrence as compute nodes start up."
)
NO_VALID_HOST = "No valid host was found."
NOT_ENOUGH = f"{NO_VALID_HOST} There are not enough hosts available."
ZONE_FILTER = "AvailabilityZoneFilter"
NANOSECOND = 1_000_000_000


class Scheduler:
    """One scheduler process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._config = process.config
        self._decider = Decider(process.config)
        self._placement = ReportClient(process)
        self._hosts: HostTable = follow(process)
        self._situations = Situations(process, self._hosts)

    def start(self) -> None:
        """Serve the topic `scheduler` and report."""
        handlers: dict[str, Handler] = {
            "select_destinations": self.select_destinations,
            "update_aggregates": self.update_aggregates,
            "delete_aggregate": self.delete_aggregate,
            "update_instance_info": self.update_instance_info,
            "delete_instance_info": self.delete_instance_info,
            "sync_instance_info": self.sync_instance_info,
        }
        process = self._process
        process.rpc.serve(SCHEDULER, handlers, host=process.host, fanout=True, version=SCHEDULER_VERSION)
        ServiceReporter(process, SCHEDULER).start()

    # -- placing servers ----------------------------------------------------------------------

    async def select_destinations(
        self,
        ctx: Context,
        instance_uuids: list[str],
        spec_obj: Json,
        return_objects: bool = True,
        return_alternates: bool = True,
    ) -> list[Any]:
        """Choose and claim a host for each server of one request.

        Returns:
            For each server a list of selections: the claimed host first, then its alternates, which nobody holds.

        Raises:
            NoValidHost: there is no host for one of them.
            AllocationUpdateFailed: somebody else changed what a server holds.
            Whatever it is, what was claimed here for the others is given back.
        """
        request = await self._situations.completed(Request.of(spec_obj, instance_uuids[0]))
        found = await self._candidates(ctx, request)
        if not found:
            self._process.log(ctx, NO_CANDIDATES)
            raise NoValidHost(NO_VALID_HOST)
        self._notify(ctx, spec_obj, "start")
        pool = self._pool(found)
        alternates = self._config.max_attempts - 1 if return_objects and return_alternates else 0
        chosen: list[int] = []
        claimed: list[str] = []
        best: list[tuple[int, float]] = []
        for index, server_id in enumerate(instance_uuids):
            if index:
                request = replace(request, server_id=server_id)
            decision, ranking = await self._decide(pool, request, index)
            try:
                row, best = await self._claim_best(ctx, decision, ranking, found, alternates, claimed)
            except LabError:
                await self._give_back(ctx, claimed, chosen)
                raise
            chosen.append(row)
            request = self._consume(row, request)
            if len(instance_uuids) > 1:
                pool = ranking.next_pool()
        if len(chosen) > 1 and alternates:
            # All have taken their resources: who is left as an alternate is decided again.
            _, ranking = await self._decide(pool, request, len(chosen) - 1)
            best = list(islice(ranking, len(chosen) + alternates))
        selections = self._selections(chosen, best, found, alternates)
        self._notify(ctx, spec_obj, "end")
        return selections if return_objects else [_legacy(each[0]) for each in selections]

    async def _candidates(self, ctx: Context, request: Request) -> Found:
        """Placement's candidates; none when it does not answer, as nova's report client has it."""
        aggregates: Sequence[str] = ()
        if request.availability_zone and ZONE_FILTER not in self._config.enabled_filters:
            aggregates = await self._situations.zone_aggregates(request.availability_zone)
        path = self._placement.path(request, aggregates, await self._target(request))
        try:
            return await self._placement.candidates(ctx, path)
        except (RemoteFault, TransportError) as error:
            self._process.log(ctx, f"Placement did not answer with candidates: {error}", "error")
            return Found(None, {})

    async def _target(self, request: Request) -> str | None:
        """The one compute node that the request names, if it does."""
        host, node = request.destination or (None, None)
        host = host or next(iter(request.force_hosts), None)
        node = node or next(iter(request.force_nodes), None)
        if host is None and node is None:
            return None

        def find(tx: Transaction) -> list[ComputeNode]:
            wanted = {"host": host, "hypervisor_hostname": node}
            return tx.find(ComputeNode, **{name: value for name, value in wanted.items() if value is not None})

        nodes = await self._process.store.run(find)
        if not nodes:
            raise NoValidHost(f"{NO_VALID_HOST} No such host - host: {host} node: {node} ")
        return nodes[0].uuid if len(nodes) == 1 else None

    def _pool(self, found: Found) -> Pool:
        config, hosts = self._config, self._hosts
        hosts.refresh(
            self._process.runtime.now_ns(),
            round(config.service_down_time_s * NANOSECOND),
            round(config.update_resources_interval_s * NANOSECOND),
        )
        if found.view is not None:
            return hosts.pool(found.view)
        rows = hosts.rows_of(list(found.requests))
        return Pool(hosts.numbers, rows[rows >= 0])

    async def _decide(self, pool: Pool, request: Request, index: int) -> tuple[Decision, Ranking]:
        decision, ranking = self._decider.decide(pool, request, await self._situations.of(request), index)
        ranking.draw(self._config, self._process.random("best host"))
        return decision, ranking

    # -- claiming -----------------------------------------------------------------------------

    async def _claim_best(
        self, ctx: Context, decision: Decision, ranking: Ranking, found: Found, alternates: int, claimed: list[str]
    ) -> tuple[int, list[tuple[int, float]]]:
        """Claim the best host that placement still grants; answers it, and the best ones that were looked at.

        Raises NoValidHost when there is none. `claimed` gets the server's id when it holds something by this.
        """
        request, hosts = decision.request, self._hosts
        if decision.emptied_by is not None:
            self._process.log(ctx, f"Filter {decision.emptied_by} returned 0 hosts")
            self._process.log(ctx, decision.summary())
        looked_at: list[tuple[int, float]] = []
        winner: int | None = None
        for row, total in ranking:
            looked_at.append((row, total))
            if winner is None:
                winner = await self._claim(ctx, request, row, found, claimed)
            if winner is not None and len(looked_at) > alternates:
                break
        best = next((total for row, total in looked_at if row == winner), 0.0)
        self._process.entry(
            ctx,
            "decision",
            "server",
            "select_destinations",
            where=request.server_id,
            status=hosts.hosts[winner] if winner is not None else "NoValidHost",
            body=journal_body(decision, self._decider, hosts, looked_at),
            note={"version": decision.version, "candidates": decision.candidates.count, "passed": len(ranking), "score": best},
        )
        if winner is None:
            raise NoValidHost(NOT_ENOUGH)
        return winner, looked_at

    async def _claim(self, ctx: Context, request: Request, row: int, found: Found, claimed: list[str]) -> int | None:
        """Claim one host; answers its row, or that of the host that the server holds already, or None."""
        hosts, server_id = self._hosts, request.server_id
        held = (await self._placement.held(ctx, server_id))["allocations"]
        mine = next((hosts.row_of[provider] for provider in held if provider in hosts.row_of), None)
        if mine is not None:
            # A message that came twice: the first one's claim holds.
            self._process.log(ctx, f"Instance {server_id} holds allocations on {hosts.hosts[mine]} already")
            return mine
        owner = (request.project_id or ctx.project_id, request.user_id or ctx.user_id)
        wanted = found.request(hosts.uuids[row])
        if not await self._placement.claim(ctx, server_id, owner, wanted):
            return None
        claimed.append(server_id)
        return row

    def _consume(self, row: int, request: Request) -> Request:
        """Book the claim in the table and in the group, for the next server of this request and the next request."""
        now = self._process.runtime.now_ns()
        self._hosts.consume(row, request.vcpus, request.memory_mb, request.disk_mb, now)
        if request.group is None:
            return request
        host = self._hosts.hosts[row]
        self._situations.instances.add(host, request.server_id)
        group = request.group
        members = tuple(dict.fromkeys((*group.members, request.server_id)))
        return replace(request, group=replace(group, hosts=(*group.hosts, host), members=members))

    async def _give_back(self, ctx: Context, server_ids: Sequence[str], rows: Sequence[int]) -> None:
        """Undo these claims, each in any case; what placement does not hear of is given back with the server's delete."""
        self._hosts.restore(rows)
        for server_id in server_ids:
            try:
                await self._placement.release(ctx, server_id)
            except LabError as error:
                self._process.log(ctx, f"the allocations of {server_id} could not be given back: {error}", "warning")

    def _selections(self, chosen: Sequence[int], best: Sequence[tuple[int, float]], found: Found, alternates: int) -> list[list[Json]]:
        """For each claimed host itself and the best of the others."""
        others = [row for row, _ in best if row not in chosen][:alternates]
        spare = [self._selection(row, found) for row in others]
        return [[self._selection(row, found), *spare] for row in chosen]

    def _selection(self, row: int, found: Found) -> Json:
        hosts = self._hosts
        node = hosts.nodes[row]
        host = hosts.hosts[row]
        return {
            "compute_node_uuid": hosts.uuids[row],
            "service_host": host,
            "nodename": node.hypervisor_hostname if node is not None else host,
            "limits": {},
            "allocation_request": found.request(hosts.uuids[row]),
            "allocation_request_version": ".".join(map(str, CANDIDATES_VERSION)),
            "availability_zone": hosts.zones.get(host, self._config.availability_zone),
        }

    def _notify(self, ctx: Context, spec: Json, phase: str) -> None:
        name = f"scheduler.select_destinations.{phase}"
        self._process.notify(ctx, name, name, {"request_spec": spec})

    # -- what others tell ---------------------------------------------------------------------

    async def update_aggregates(self, ctx: Context, aggregates: Any) -> None:
        """An aggregate changed: its hosts may be in another zone."""
        self._situations.forget_zones()

    async def delete_aggregate(self, ctx: Context, aggregate: Any) -> None:
        """An aggregate is gone."""
        self._situations.forget_zones()

    async def update_instance_info(self, ctx: Context, host_name: str, instance_info: list[Json]) -> None:
        """A host tells of servers that it has."""
        await self._situations.instances.update(host_name, [each["uuid"] for each in instance_info])

    async def delete_instance_info(self, ctx: Context, host_name: str, instance_uuid: str) -> None:
        """A host tells of a server that it has no more."""
        await self._situations.instances.delete(host_name, instance_uuid)

    async def sync_instance_info(self, ctx: Context, host_name: str, instance_uuids: list[str]) -> None:
        """A host tells of all its servers."""
        if not await self._situations.instances.sync(host_name, instance_uuids):
            self._process.log(ctx, f"The instance sync for host '{host_name}' did not match. Re-created its InstanceList.")


def _legacy(selection: Json) -> Json:
    return {"host": selection["service_host"], "nodename": selection["nodename"], "limits": selection["limits"]}


def start(process: Process) -> None:
    """Build nova-scheduler on this process."""
    Scheduler(process).start()
