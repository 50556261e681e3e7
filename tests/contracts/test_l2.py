"""The promises of switches: the simulated one, Open vSwitch with VLANs and with tunnels, and Linux bridges with tunnels."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine, Iterator
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from drivers.network.linuxbridge import LinuxBridge, LinuxBridgeOptions
from drivers.network.openvswitch import OpenVSwitch, OpenVSwitchOptions
from drivers.place import Place
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from lab.services.network.driver import L2Driver, PortWiring
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.guest import Lease
from sim.hypervisor import SimHypervisor
from sim.loop import SimLoop
from sim.network import SimL2
from tests.contracts.l2 import HERE, THERE, L2Bench, L2Contract
from tests.real.bed.cable import CableGuest
from tests.real.bed.host import Bed, Host, need, wire
from tests.real.bed.inside import Inside
from tests.real.bed.ovs import Ovs
from tests.real.bed.waiting import until

T = TypeVar("T")
SSH = 22
ADMIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class SimBench(L2Bench):
    """Two hosts of a simulated datacenter."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimLoop(7)
        self.dc = Datacenter(self.loop.env, self.loop.runtime.random)
        self.drivers: list[L2Driver] = [SimL2(self.dc, f"compute-{n}") for n in (1, 2)]
        self._where: dict[str, int] = {}
        self._heard: list[tuple[str, bool]] | None = None

    def run(self, work: Coroutine[Any, Any, T], host: int = HERE) -> T:
        return self.loop.run_until_complete(work)

    def plug(self, wiring: PortWiring, host: int = HERE) -> None:
        self._where[wiring.port_id] = host
        nic = GuestNic(wiring.port_id, wiring.mac_address, wiring.network_id, wiring.tap, addresses=wiring.addresses)
        spec = GuestSpec(f"guest-{wiring.port_id}", "instance", "guest", 1, 512, (nic,), (GuestDisk("/dev/vda", 1),))
        self.run(SimHypervisor(self.dc, f"compute-{host + 1}").spawn(spec))
        self.run(asyncio.sleep(60.0))
        guest = self.dc.guest(spec.id)
        assert guest is not None
        guest.vifs[wiring.port_id].take(Lease(wiring.addresses[0], 24, None, "", 86400))

    def unplug(self, wiring: PortWiring) -> None:
        self.run(SimHypervisor(self.dc, f"compute-{self._where[wiring.port_id] + 1}").destroy(f"guest-{wiring.port_id}"))

    def ping(self, one: PortWiring, other: PortWiring) -> bool:
        return self.run(self.dc.ping(one.port_id, other.addresses[0])).ok

    def tcp(self, one: PortWiring, other: PortWiring) -> bool:
        return self.run(self.dc.connect(one.port_id, other.addresses[0], SSH)).ok

    def lies(self, one: PortWiring, other: PortWiring) -> bool:
        pytest.skip("simulated guests send from their own address only")

    def uplink(self) -> set[int]:
        return set(self.dc.switch("leaf-1").ports["compute-1"].allowed)

    def again(self) -> L2Driver:
        return SimL2(self.dc, "compute-1")

    def heard(self, wanted: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
        if self._heard is None:
            heard: list[tuple[str, bool]] = []
            self._heard = heard
            self.driver.on_device(lambda port_id, present: heard.append((port_id, present)))
        self.run(asyncio.sleep(5.0))
        return self._heard


class RealBench(L2Bench):
    """Two hosts of the test bed with a trunk between them; guests are namespaces."""

    def __init__(self, hosts: list[Host], insides: list[Inside], kind: str) -> None:
        super().__init__()
        self.kind, self.hosts, self.insides = kind, hosts, insides
        self.guests: dict[str, CableGuest] = {}
        self._heard: list[tuple[str, bool]] | None = None
        self.drivers: list[L2Driver] = [self.make(n) for n in (HERE, THERE)]
        for number, driver in enumerate(self.drivers):
            self.run(driver.open(), number)  # type: ignore[attr-defined]
            self.run(driver.tunnels(tuple(h.address for h in hosts)), number)

    def place(self, number: int) -> Place:
        host = self.hosts[number]
        return Place("bench", host.name, host.address, host.directory)

    def make(self, number: int) -> L2Driver:
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T], host: int = HERE) -> T:
        return self.insides[host].run(work)

    def plug(self, wiring: PortWiring, host: int = HERE) -> None:
        self.guests[wiring.port_id] = guest = CableGuest(self.hosts[host], self.place(host), wiring)
        guest.listen(SSH)

    def unplug(self, wiring: PortWiring) -> None:
        self.guests.pop(wiring.port_id).unplug()

    def ping(self, one: PortWiring, other: PortWiring) -> bool:
        return self.guests[one.port_id].ping(other.addresses[0])

    def tcp(self, one: PortWiring, other: PortWiring) -> bool:
        return self.guests[one.port_id].tcp(other.addresses[0], SSH)

    def lies(self, one: PortWiring, other: PortWiring) -> bool:
        liar, target = self.guests[one.port_id], self.guests[other.port_id]
        before = target.echoes()
        # The target's address is known already: what is asked is whether the lie passes, not whether ARP does.
        liar.sh(f"ip neighbour replace {other.addresses[0]} lladdr {other.mac_address} dev eth0; ip address add 10.0.0.250/24 dev eth0")
        liar.sh(f"ping -c 1 -W 1 -I 10.0.0.250 {other.addresses[0]}", check=False)
        liar.sh("ip address del 10.0.0.250/24 dev eth0")
        return target.echoes() > before

    def again(self) -> L2Driver:
        self.run(self.driver.close())  # type: ignore[attr-defined]
        driver = self.make(HERE)
        self.run(driver.open())  # type: ignore[attr-defined]
        return driver

    def heard(self, wanted: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
        if self._heard is None:
            self._heard = heard = []

            async def listen() -> None:
                self.driver.on_device(lambda port_id, present: heard.append((port_id, present)))

            self.run(listen())
        until(lambda: self._heard == wanted, f"{wanted} is told of, not {self._heard}", 10.0)
        return self._heard

    def close(self) -> None:
        for guest in self.guests.values():
            guest.unplug()
        for number, driver in enumerate(self.drivers):
            for trace in self.run(driver.found(), number):  # type: ignore[attr-defined]
                self.run(driver.remove(trace), number)  # type: ignore[attr-defined]
            assert self.run(driver.found(), number) == []  # type: ignore[attr-defined]
            self.run(driver.close(), number)  # type: ignore[attr-defined]


class OvsBench(RealBench):
    def make(self, number: int) -> OpenVSwitch:
        run_directory = self.hosts[number].directory / "ovs"
        return OpenVSwitch(self.place(number), OpenVSwitchOptions({"physnet1": "trunk"}, "netdev", run_directory))

    def uplink(self) -> set[int]:
        if self.kind == "vxlan":
            return vnis(self.hosts[HERE])
        text = self.hosts[HERE].run(
            "ovs-vsctl", f"--db=unix:{self.hosts[HERE].directory}/ovs/db.sock", "--bare", "--columns=tag", "find", "Port", "tag!=[]"
        ).stdout  # fmt: skip
        return {int(tag) for tag in text.split()}


class LinuxBridgeBench(RealBench):
    def make(self, number: int) -> LinuxBridge:
        return LinuxBridge(self.place(number), LinuxBridgeOptions({"physnet1": "trunk"}))

    def uplink(self) -> set[int]:
        return vnis(self.hosts[HERE]) if self.kind == "vxlan" else vlans(self.hosts[HERE])


def vlans(host: Host) -> set[int]:
    words = host.run("ip", "-d", "-o", "link", "show", "type", "vlan").stdout.split()
    return {int(number) for word, number in pairwise(words) if word == "id" and number.isdigit()}


def vnis(host: Host) -> set[int]:
    words = host.run("ip", "-d", "-o", "link", "show", "type", "vxlan").stdout.split()
    return {int(number) for word, number in zip(words, words[2:], strict=False) if word == "vxlan" and number.isdigit()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Host], list[Inside]]]:
    need("busybox: busybox-static", "ping: iputils-ping", "nft: nftables", "ethtool: ethtool")
    with Bed(tmp_path_factory.mktemp("bed")) as bed:
        hosts = [bed.host("compute-1"), bed.host("compute-2")]
        wire(hosts[HERE], "trunk", hosts[THERE], "trunk")
        insides = [Inside(host) for host in hosts]
        yield hosts, insides
        for inside in insides:
            inside.close()


@pytest.fixture(scope="module")
def switches(site: tuple[list[Host], list[Inside]]) -> Iterator[None]:
    with Ovs(site[0][HERE]), Ovs(site[0][THERE]):
        yield


def ovs_version() -> str:
    said = subprocess.run(["ovs-vsctl", "--version"], capture_output=True, text=True, check=True).stdout
    return f"Open vSwitch {said.splitlines()[0].split()[-1]} in user space"


def iptables_version() -> str:
    return subprocess.run(["iptables", "--version"], capture_output=True, text=True, check=True, env=ADMIN).stdout.strip()


class TestSimulated(L2Contract):
    driver = "simulated bridge"

    @pytest.fixture
    def bench(self) -> Iterator[L2Bench]:
        made = SimBench()
        yield made
        made.loop.close()


@pytest.mark.real
class TestOpenVSwitch(L2Contract):
    driver = "openvswitch vlan"
    versions = staticmethod(ovs_version)

    @pytest.fixture
    def bench(self, site: Any, switches: None) -> Iterator[L2Bench]:
        made = OvsBench(*site, "vlan")
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.real
class TestOpenVSwitchTunnels(L2Contract):
    driver = "openvswitch vxlan"
    versions = staticmethod(ovs_version)

    @pytest.fixture
    def bench(self, site: Any, switches: None) -> Iterator[L2Bench]:
        made = OvsBench(*site, "vxlan")
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.real
class TestLinuxBridge(L2Contract):
    driver = "linuxbridge vxlan"
    versions = staticmethod(iptables_version)

    @pytest.fixture
    def bench(self, site: Any) -> Iterator[L2Bench]:
        need("iptables-restore: iptables")
        made = LinuxBridgeBench(*site, "vxlan")
        yield made
        made.close()


@pytest.mark.real
class TestLinuxBridgeVlan(L2Contract):
    """Where the kernel has 802.1Q; `tests/real/test_network_vlan.py` brings one."""

    driver = "linuxbridge vlan"
    versions = staticmethod(iptables_version)

    @pytest.fixture
    def bench(self, site: Any) -> Iterator[L2Bench]:
        need("iptables-restore: iptables")
        place = Place("bench", "compute-1", "10.77.0.11", site[0][HERE].directory)
        findings = site[1][HERE].run(LinuxBridge.probe(place, LinuxBridgeOptions()))
        if not next(finding.ok for finding in findings if finding.what == "vlan devices"):
            pytest.skip("this kernel has no 802.1Q devices: modprobe 8021q")
        made = LinuxBridgeBench(*site, "vlan")
        yield made
        made.close()
