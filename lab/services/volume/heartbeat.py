"""How cinder's processes say that they live: each writes its own service record."""

from __future__ import annotations

from lab.process import Process
from lab.runtime import NANOSECOND
from lab.services.volume.model import VolumeService
from lab.store import Transaction


def is_up(service: VolumeService, now_ns: int, down_s: float) -> bool:
    """Say whether the service was heard of within `service_down_time`."""
    return now_ns - service.heard_ns <= down_s * NANOSECOND


class Heartbeat:
    """The service record of one process, renewed each `report_interval`."""

    def __init__(self, process: Process, host: str) -> None:
        self.process, self.host = process, host

    def start(self) -> None:
        """Write the record now and from now on."""
        self.process.spawn(self.beat(), "report_state")
        self.process.every(self.process.config.report_interval_s, self.beat, "report_state")

    async def beat(self) -> None:
        """Write that the service lives; whether it is enabled is the operator's business and stays."""
        process, now = self.process, self.process.runtime.now_ns()
        created = process.runtime.iso_us()

        def work(tx: Transaction) -> None:
            record = tx.get(VolumeService, (self.host, process.binary))
            if record is not None:
                tx.update(record, heard_ns=now)
                return
            tx.insert(
                VolumeService.make(
                    host=self.host,
                    binary=process.binary,
                    availability_zone=process.config.availability_zone,
                    created_at=created,
                    heard_ns=now,
                )
            )

        await process.store.run(work)
