"""Who of nova's processes is alive: a record for each, kept fresh by its reports.

Source: nova/servicegroup/drivers/db.py: a service is up when it was seen within `service_down_time` (60 s); it reports
every `report_interval` (10 s). Agents report through the conductor, processes with a database write themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.services.compute.model import ComputeService, next_number

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


def seen(tx: Transaction, service_ids: list[str], now: Moment) -> None:
    """Note that these services reported; unknown ones are ignored, their processes register again when they start."""
    for uuid in service_ids:
        service = tx.get(ComputeService, uuid)
        if service is not None:
            tx.update(service, last_seen_ns=now[1], updated_at=now[0], report_count=service.report_count + 1)


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

    async def report_state(self, ctx: Context, reports: list[Json]) -> None:
        """Note all services of one batch as seen."""
        runtime = self._process.runtime
        now = (runtime.iso(), runtime.now_ns())
        await self._process.store.run(lambda tx: seen(tx, [report["uuid"] for report in reports], now))
