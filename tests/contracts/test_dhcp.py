"""The promises of DHCP drivers: the simulated one, and dnsmasq."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from drivers.network.dnsmasq import Dnsmasq, DnsmasqOptions
from drivers.place import Place
from lab.services.network.driver import DhcpHost, DhcpNetwork, PortWiring
from sim.datacenter.datacenter import Datacenter
from sim.loop import SimLoop
from sim.network import SimDhcp
from tests.contracts.dhcp import DhcpBench, DhcpContract
from tests.real.bed.cable import CableGuest
from tests.real.bed.host import Bed, Host, need
from tests.real.bed.inside import Inside

T = TypeVar("T")
HOST = "controller-1"


class SimBench(DhcpBench):
    """A host of a simulated datacenter; leases are read off the server."""

    def __init__(self) -> None:
        self.loop = SimLoop(7)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random)
        self.driver: Any = self.again()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def lease(self, network: DhcpNetwork, host: DhcpHost) -> dict[str, str] | None:
        found = self.dc.dhcp[network.wiring.network_id][HOST].lease(host.mac_address)
        if found is None:
            return None
        return {"ip": found.address, "mask": str(found.prefix), "router": found.gateway or "", "lease": str(found.lease_s)}

    def fetch(self, network: DhcpNetwork, host: DhcpHost, path: str) -> str:
        pytest.skip("simulated guests do not fetch their metadata")

    def again(self) -> Any:
        return SimDhcp(self.dc, HOST)

    def leftovers(self) -> list[str]:
        return [*self.dc.dhcp, *self.dc.host(HOST).bridge.wirings]


class DnsmasqBench(DhcpBench):
    """A host of the test bed; each network is a plain bridge, to which the server's port and its clients are tied by hand."""

    def __init__(self, host: Host, inside: Inside) -> None:
        self.host_, self.inside = host, inside
        self.place = Place("bench", host.name, host.address, host.directory / "state")
        self.clients: dict[tuple[str, str], CableGuest] = {}
        self.driver: Any = self._new()
        self.before = self._everything()

    def _new(self) -> Dnsmasq:
        driver = Dnsmasq(self.place, DnsmasqOptions())
        self.run(driver.open())
        return driver

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.inside.run(work)

    def _bridge(self, network: DhcpNetwork) -> str:
        name = f"net-{network.wiring.segmentation_id}"
        self.host_.run("sh", "-c", f"ip link show {name} >/dev/null 2>&1 || ip link add {name} up type bridge")
        return name

    def serve(self, network: DhcpNetwork) -> None:
        super().serve(network)
        self.host_.run("ip", "link", "set", network.wiring.tap, "up", "master", self._bridge(network))

    def _client(self, network: DhcpNetwork, host: DhcpHost) -> CableGuest:
        key = (network.wiring.network_id, host.mac_address)
        if key not in self.clients:
            port_id = f"{len(self.clients):08x}-4444-4000-8000-000000000000"
            wiring = PortWiring(port_id, f"tap{port_id[:11]}", host.mac_address, (host.address,), key[0], "vlan", 1, "physnet1", 1400)
            self.clients[key] = CableGuest(self.host_, self.place, wiring, static=False)
            self.host_.run("ip", "link", "set", wiring.tap, "up", "master", self._bridge(network))
        return self.clients[key]

    def lease(self, network: DhcpNetwork, host: DhcpHost) -> dict[str, str] | None:
        client = self._client(network, host)
        client.sh("ip address flush dev eth0")
        return client.lease(tries=3 if host in network.hosts else 2)

    def fetch(self, network: DhcpNetwork, host: DhcpHost, path: str) -> str:
        assert self.lease(network, host) is not None
        return self._client(network, host).sh(f"busybox wget -q -O - http://169.254.169.254/{path}").stdout

    def again(self) -> Any:
        self.run(self.driver.close())
        return self._new()

    def _everything(self) -> set[str]:
        devices = {line.split(": ")[1] for line in self.host_.run("ip", "-o", "link").stdout.splitlines()}
        spaces = set(self.host_.run("ls", "/run/netns").stdout.split())
        files = {str(p) for p in self.place.state.rglob("*")}
        serving = self.host_.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", check=False).stdout
        return devices | spaces | files | ({"dnsmasq"} if f"{self.place.state}/dhcp" in serving else set())

    def leftovers(self) -> list[str]:
        for client in self.clients.values():
            client.unplug()
        self.clients.clear()
        new = self._everything() - self.before
        return sorted(name for name in new if not name.startswith("net-") and not name.endswith("/dhcp"))

    def close(self) -> None:
        for trace in self.run(self.driver.found()):
            self.run(self.driver.remove(trace))
        self.run(self.driver.close())
        assert self.leftovers() == []
        for name in ("net-101", "net-102"):
            self.host_.run("ip", "link", "delete", name, check=False)


class TestSimulated(DhcpContract):
    driver = "simulated server"

    @pytest.fixture
    def bench(self) -> Iterator[DhcpBench]:
        made = SimBench()
        yield made
        made.loop.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Inside]]:
    need("busybox: busybox-static", "dnsmasq: dnsmasq-base", "ethtool: ethtool")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        host = bed.host("network-1")
        # The bridges here are cables and no more: what a firewall does is asked of the switches.
        host.run("sh", "-c", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables", check=False)
        with Inside(host) as inside:
            yield host, inside


def dnsmasq_version() -> str:
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin") or "dnsmasq"
    return " ".join(subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[:3])


@pytest.mark.real
class TestDnsmasq(DhcpContract):
    driver = "dnsmasq"
    versions = staticmethod(dnsmasq_version)

    @pytest.fixture
    def bench(self, site: tuple[Host, Inside]) -> Iterator[DhcpBench]:
        made = DnsmasqBench(*site)
        yield made
        made.close()
