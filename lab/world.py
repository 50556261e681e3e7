"""The port of worlds: which hosts there are, and the drivers that each agent gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from lab.medium import Medium
from lab.services.compute.driver import HypervisorDriver
from lab.services.image.driver import ImageStore
from lab.services.network.driver import DhcpDriver, L2Driver, RouterDriver
from lab.services.object.driver import ObjectDisk
from lab.services.volume.driver import VolumeDriver


class World(ABC):
    """What a cloud stands on."""

    medium: Medium

    @property
    @abstractmethod
    def controller(self) -> str:
        """The host of the APIs, schedulers and conductors."""

    @property
    @abstractmethod
    def computes(self) -> list[str]:
        """The hypervisor hosts."""

    @property
    @abstractmethod
    def network_host(self) -> str:
        """The host of the DHCP agent."""

    @property
    @abstractmethod
    def disks(self) -> dict[str, list[str]]:
        """The object storage hosts, each with its devices."""

    @property
    @abstractmethod
    def outside(self) -> str:
        """Where clients are."""

    @abstractmethod
    def address(self, host: str) -> str:
        """A host's IP address on the management network."""

    @abstractmethod
    def hypervisor(self, host: str) -> HypervisorDriver:
        """The hypervisor of a host."""

    @abstractmethod
    def l2(self, host: str) -> L2Driver:
        """The switch of a host."""

    @abstractmethod
    def dhcp(self, host: str) -> DhcpDriver:
        """The DHCP servers of a host."""

    @abstractmethod
    def routers(self, host: str) -> RouterDriver:
        """The routers of a host."""

    @abstractmethod
    def volumes(self) -> VolumeDriver:
        """The volume backend."""

    @abstractmethod
    def images(self) -> ImageStore:
        """The image store."""

    @abstractmethod
    def disk(self, host: str, device: str) -> ObjectDisk:
        """One disk of an object storage host."""

    # -- looked at and disturbed from outside -------------------------------------------------

    @abstractmethod
    def look(self) -> dict[str, Any]:
        """The datacenter as it is now: racks, hosts with their servers, switches, links and filers, as plain JSON values."""

    @abstractmethod
    def faults_armed(self) -> dict[str, Any]:
        """The faults that are armed ('armed') and the words for those that can be ('known')."""

    @abstractmethod
    def deed(self, kind: str, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """A fault to arm or plant ('fault') or to take back ('disarm'), ready to be done; it answers JSON.

        Raises LabError, and changes nothing, when it cannot be done.
        """

    @abstractmethod
    def server_of(self, name: str) -> str:
        """The id of a server that runs here by its id or name. Raises NotFound, or LabError when several have the name."""

    @abstractmethod
    async def echo(self, server_id: str, target: str) -> dict[str, Any]:
        """Send an echo request from a server to an address: 'reached', 'rtt_ms', 'hops', and the 'reason' when it was lost."""
