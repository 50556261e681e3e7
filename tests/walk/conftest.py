"""A bench to build on: servers, switches and routers plugged together by hand, as in the talk."""

from __future__ import annotations

from random import Random

import pytest
import simpy

from sim.datacenter.fabric import Fabric
from sim.datacenter.host import Host
from sim.datacenter.nic import Nic
from sim.datacenter.trace import PingResult, Trace

GIGABIT = 1_000_000_000


class Bench:
    """A fabric on a table."""

    def __init__(self) -> None:
        self.env = simpy.Environment()
        self.fabric = Fabric(self.env, lambda process, purpose: Random(f"walk/{process}/{purpose}"))

    def server(self, name: str, address: str, gateway: str | None = None) -> Host:
        """Put a server on the table: 'a', '10.0.0.1/24'."""
        bare, _, prefix = address.partition("/")
        host = Host(self.fabric, name, bare, {})
        host.network = (int(prefix), gateway)
        self.fabric.add(host)
        return host

    def plug(self, a: Nic | None, b: Nic | None) -> None:
        """Plug a cable."""
        assert a is not None
        assert b is not None
        self.fabric.connect(a, b, latency_ns=1_000, bandwidth_bps=GIGABIT)

    def ping(self, source: Host, target: Host, ttl: int = 64) -> PingResult:
        """Ping, and let time go on until the answer or the end of patience."""
        process = self.env.process(source.stack.ping(target.address, Trace(), ttl))
        result: PingResult = self.env.run(until=process)
        return result


@pytest.fixture
def bench() -> Bench:
    return Bench()
