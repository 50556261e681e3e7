"""A real world for one cloud, seen from one of its hosts: this machine's drivers, and the wires to the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import lab
from drivers.registry import make
from drivers.site import DISKS, Site
from lab.body import encode
from lab.errors import Conflict, LabError
from lab.journal import Journal
from lab.medium import Instant
from lab.parts import Part, parts
from lab.process import Process
from lab.realtime import RealRuntime
from lab.services.compute.driver import HypervisorDriver
from lab.services.image.driver import ImageStore
from lab.services.network.driver import DhcpDriver, L2Driver, RouterDriver
from lab.services.object.driver import ObjectDisk
from lab.services.volume.driver import VolumeDriver
from lab.store import Store
from lab.wires import Wires
from lab.world import World

UNABLE = "a real cloud has no faults to arm; break the machine itself: end a program, take a link down, fill a disk"

ROOT = frozenset({"hypervisor", "network", "dhcp"})
"""The ports whose drivers only root can use."""


class RealWorld(World):
    """The drivers of one host, and the wires of the programs that run on it.

    A driver is made and opened when it is first asked for, and kept: agents that are started again find it as it is.
    """

    def __init__(self, site: Site, store: Store, **wiring: Any) -> None:
        """`wiring`: the makers of broker and router of `Wires`, for a cloud of several programs."""
        self.site = site
        self.place = site.place(site.host)
        self.config = site.settings
        self.medium = Instant()
        self.runtime = RealRuntime()
        self.wires = Wires(self.runtime, self.config, self.medium, store, mq_host=self.controller, **wiring)
        self.opened: dict[tuple[str, str], Any] = {}
        if not wiring:
            self.introduce(self.wires.journal)
        self.client: Process = self.wires.start("client", self.outside, lambda process: None)

    def introduce(self, journal: Journal) -> None:
        """Write a journal's first entry."""
        runtime, epoch = self.runtime, self.runtime.epoch.isoformat()
        told = {"format": 1, "version": lab.__version__, "epoch": epoch, "world": "real", "cloud": self.site.cloud.id}
        journal.add("world", "world", "", "epoch", epoch, body=encode(told), t=runtime.now_ns())

    async def open(self, ports: Iterable[str]) -> None:
        """Make and open the drivers of these ports of this host; one that is open stays so. Raises LabError."""
        ports = list(ports)
        if os.geteuid() != 0 and not ROOT.isdisjoint(ports):
            user, host = os.geteuid(), self.site.host
            raise LabError(
                f"user {user} may not make guests and devices on {host}; run as root, as in sudo glasscloud",
                ko=f"사용자 {user}은(는) {host}에서 게스트와 장치를 만들 수 없습니다. sudo glasscloud처럼 root로 실행하십시오",
            )
        for port in ports:
            for name, options in self.site.tables(port).items():
                if (port, name) not in self.opened:
                    driver = make(port, options, self.place, f"[{port}] of {self.site.source}")
                    await driver.open()
                    self.opened[port, name] = driver

    async def close(self) -> None:
        """End every process here and let go of the machine; what runs on it goes on."""
        for process in list(self.wires.processes.values()):
            process.kill()
        for driver in reversed(self.opened.values()):
            await driver.close()
        await self.wires.store.close()
        self.wires.journal.close()

    def parts(self) -> list[Part]:
        """All processes of the cloud."""
        return list(parts(self.config, self))

    def _driver(self, port: str, host: str, name: str = "") -> Any:
        """An open driver of this host. Raises LabError for another host's, which only a program there can reach."""
        if host != self.site.host:
            raise LabError(
                f"the {port} of {host} cannot be reached from {self.site.host}; start its program on that host",
                ko=f"{self.site.host}에서 {host}의 {port}에 닿을 수 없습니다. 그 호스트에서 프로그램을 시작하십시오",
            )
        return self.opened[port, name]

    # -- hosts and drivers --------------------------------------------------------------------

    @property
    def controller(self) -> str:
        return self.site.having("controller")[0]

    @property
    def computes(self) -> list[str]:
        return self.site.having("compute")

    @property
    def network_host(self) -> str:
        return self.site.having("network")[0]

    @property
    def disks(self) -> dict[str, list[str]]:
        return {host: list(DISKS) for host in self.site.having("storage")}

    @property
    def outside(self) -> str:
        return "client"

    def address(self, host: str) -> str:
        return self.site.hosts[host].address

    def hypervisor(self, host: str) -> HypervisorDriver:
        found: HypervisorDriver = self._driver("hypervisor", host)
        return found

    def l2(self, host: str) -> L2Driver:
        found: L2Driver = self._driver("network", host)
        return found

    def dhcp(self, host: str) -> DhcpDriver:
        found: DhcpDriver = self._driver("dhcp", host)
        return found

    def routers(self, host: str) -> RouterDriver:
        raise LabError(
            "there is no driver of routers for a real machine yet; take 'router' out of service_plugins",
            ko="실제 기계의 라우터 드라이버는 아직 없습니다. service_plugins에서 'router'를 빼십시오",
        )

    def volumes(self) -> VolumeDriver:
        found: VolumeDriver = self._driver("volume", self.controller)
        return found

    def images(self) -> ImageStore:
        found: ImageStore = self._driver("image", self.controller)
        return found

    def disk(self, host: str, device: str) -> ObjectDisk:
        found: ObjectDisk = self._driver("object", host, device)
        return found

    # -- looked at and disturbed from outside -------------------------------------------------

    def look(self) -> dict[str, Any]:
        """The hosts; what runs on them is in the records."""
        hosts = [
            {"name": name, "kind": "compute" if "compute" in host.roles else host.roles[0], "rack": "", "up": True,
             "address": host.address, "vcpus": 0, "vcpus_used": 0, "ram_mb": 0, "ram_used_mb": 0, "servers": []}
            for name, host in self.site.hosts.items()
        ]  # fmt: skip
        return {"racks": [], "switches": [], "links": [], "hosts": hosts, "filers": []}

    def faults_armed(self) -> dict[str, Any]:
        return {"armed": [], "known": {}}

    def deed(self, kind: str, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        raise Conflict(UNABLE)

    def server_of(self, name: str) -> str:
        raise Conflict(f"a real cloud cannot look into {name!r}; ask from its console")

    async def echo(self, server_id: str, target: str) -> dict[str, Any]:
        raise Conflict(f"a real cloud sends no packets for server {server_id}; ping from its console")
