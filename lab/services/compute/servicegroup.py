"""Who of nova's processes is alive: a record for each, kept fresh by its reports.

Source: nova/servicegroup/drivers/db.py: a service is up when it was seen within `service_down_time` (60 s); it reports
every `report_interval` (10 s). Agents report through the conductor, processes with a database write themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.services.compute.model import ComputeService, ServiceHeartbeat, next_number

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

Json = dict[str, Any]
Moment = tuple[str, int]  # now as the runtime's iso, and in ns


def register(tx: Transaction, values: Json, now: Moment) -> ComputeService:
    """Record a service, or find the one that this binary had on this host; it counts as seen now."""
    known = tx.one(ComputeService, host=values["host"], binary=values["binary"])
    if known is not None:
        return tx.update(known, last_seen_ns=now[1], updated_at=now[0])
    number = next_number(tx, "service")
    return tx.insert(ComputeService.make(id=number, created_at=now[0], updated_at=now[0], last_seen_ns=now[1], **values))


def fresh(tx: Transaction, service: ComputeService) -> ComputeService:
    """Return the service with the time of its last report, which may stand with the group that it reports with."""
    if service.heartbeat is None:
        return service
    group = tx.get(ServiceHeartbeat, service.heartbeat)
    if group is None or group.last_seen_ns <= service.last_seen_ns:
        return service
    return service.evolve(last_seen_ns=group.last_seen_ns, updated_at=group.updated_at, report_count=group.report_count)


def host_is_up(tx: Transaction, process: Process, host: str) -> bool:
    """Say whether the agent of a host reported lately."""
    service = tx.one(ComputeService, host=host, binary="nova-compute")
    return service is not None and service_is_up(tx, process, service)


def service_is_up(tx: Transaction, process: Process, service: ComputeService) -> bool:
    """Say whether a service reported lately."""
    return fresh(tx, service).is_up(process.runtime.now_ns(), process.config.service_down_time_s)


def seen(tx: Transaction, service_ids: list[str], now: Moment) -> None:
    """Note that these services reported together; unknown ones are ignored, their processes register when they start.

    Agents report in batches with the same members each time, so that a thousand of them cost ten writes a period.
    """
    group = tx.get(ServiceHeartbeat, service_ids[0])
    if group is not None and group.members == service_ids:
        tx.update(group, last_seen_ns=now[1], updated_at=now[0], report_count=group.report_count + 1)
    else:
        _regroup(tx, service_ids, now)


def _regroup(tx: Transaction, service_ids: list[str], now: Moment) -> None:
    """Put services that report together for the first time into a group; groups that lose members are dissolved."""
    known = [service for uuid in service_ids if (service := tx.get(ComputeService, uuid)) is not None]
    for old in dict.fromkeys(service.heartbeat for service in known if service.heartbeat is not None):
        _dissolve(tx, old)
    mine = tx.get(ServiceHeartbeat, service_ids[0])
    if mine is not None:
        _dissolve(tx, mine.id)
    together = service_ids[0] if len(service_ids) > 1 else None
    for service in known:
        tx.update(service, heartbeat=together, last_seen_ns=now[1], updated_at=now[0], report_count=service.report_count + 1)
    if together is not None:
        tx.insert(ServiceHeartbeat.make(id=together, members=service_ids, last_seen_ns=now[1], updated_at=now[0]))


def _dissolve(tx: Transaction, group_id: str) -> None:
    """End a group; each member keeps the time of its last report itself."""
    group = tx.get(ServiceHeartbeat, group_id)
    if group is None:
        return
    for uuid in group.members:
        service = tx.get(ComputeService, uuid)
        if service is not None and service.heartbeat == group_id:
            last = fresh(tx, service)
            tx.update(service, heartbeat=None, last_seen_ns=last.last_seen_ns, updated_at=last.updated_at)
    tx.delete(group)


class ServiceReporter:
    """Keeps the record of a process that has the database: nova-conductor, nova-scheduler."""

    def __init__(self, process: Process, topic: str) -> None:
        self._process, self._topic = process, topic
        self._uuid = ""

    def start(self) -> None:
        """Register now and report from now on."""
        self._process.every(self._process.config.report_interval_s, self._report, "report_state")
        self._process.spawn(self._register(), "register service")

    def _now(self) -> Moment:
        runtime = self._process.runtime
        return runtime.iso(), runtime.now_ns()

    async def _register(self) -> None:
        process = self._process
        values = {"uuid": process.uuid(), "host": process.host, "binary": process.binary, "topic": self._topic}
        service = await process.store.run(lambda tx: register(tx, values, self._now()))
        self._uuid = service.uuid

    async def _report(self) -> None:
        if self._uuid:
            await self._process.store.run(lambda tx: seen(tx, [self._uuid], self._now()))


class StateReports:
    """The conductor's end of the agents' reports, which come in batches."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def report_state(self, ctx: Context, reports: list[str]) -> None:
        """Note all services of one batch, given by their ids, as seen."""
        runtime = self._process.runtime
        now = (runtime.iso(), runtime.now_ns())
        await self._process.store.run(lambda tx: seen(tx, reports, now))
