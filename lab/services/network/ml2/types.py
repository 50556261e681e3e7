"""Type drivers: flat, VLAN and VXLAN segments, each given to one network at a time.

A segment in use is a record whose key is its type, physical network and number, so the store itself
keeps it unique. Free numbers of a range are found by a cursor that goes round (see `AddressPool`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lab.config import Config
from lab.services.network.errors import FlatNetworkInUse, InvalidInput, NoNetworkAvailable, TunnelIdInUse, VlanIdInUse
from lab.services.network.model import Network, Segment, SegmentRange

VLAN_MIN, VLAN_MAX = 1, 4094
VNI_MIN, VNI_MAX = 1, 2**24 - 1
"""Source: neutron_lib.constants (MIN_VLAN_TAG … MAX_VXLAN_VNI)."""
VXLAN_OVERHEAD = 30 + 20
"""Bytes that VXLAN and the outer IPv4 header take from the MTU. Source: neutron_lib VXLAN_ENCAP_OVERHEAD."""


def segment_id(network_type: str, physical_network: str | None, segmentation_id: int | None) -> str:
    """Return the key of a segment: 'vlan/physnet1/101', 'vxlan//7', 'flat/physnet1/'."""
    number = "" if segmentation_id is None else str(segmentation_id)
    return f"{network_type}/{physical_network or ''}/{number}"


class TypeDriver(ABC):
    """One type of segment."""

    name: str

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def reserve(self, tx: Any, physical: str | None, number: int | None, network_id: str) -> Segment:
        """Take the segment that an administrator asked for, or a free one that fits the request.

        Raises:
            InvalidInput: there can be no such segment.
            VlanIdInUse, TunnelIdInUse, FlatNetworkInUse: another network has it.
            NoNetworkAvailable: the range is used up.
        """

    @abstractmethod
    def allocate(self, tx: Any, network_id: str) -> Segment | None:
        """Take a free segment for a project, or None when there is none."""

    def release(self, tx: Any, segment: Segment) -> None:
        """Give a segment back."""
        tx.delete(segment)

    def mtu(self) -> int:
        """Return the largest packet that a network of this type carries, in bytes."""
        return self.config.global_physnet_mtu

    def _take(self, tx: Any, physical: str | None, number: int | None, network_id: str) -> Segment | None:
        key = segment_id(self.name, physical, number)
        if tx.get(Segment, key) is not None:
            return None
        segment: Segment = tx.insert(
            Segment.make(
                id=key,
                network_type=self.name,
                physical_network=physical,
                segmentation_id=number,
                network_id=network_id,
            )
        )
        return segment


class FlatType(TypeDriver):
    """One untagged network on a physical network; never given to projects."""

    name = "flat"

    def reserve(self, tx: Any, physical: str | None, number: int | None, network_id: str) -> Segment:
        if not physical:
            raise InvalidInput(error_message="physical_network required for flat provider network")
        if number is not None:
            raise InvalidInput(error_message="segmentation_id prohibited for flat provider network")
        if "*" not in self.config.flat_networks and physical not in self.config.flat_networks:
            raise InvalidInput(error_message=f"physical_network '{physical}' unknown for flat provider network")
        segment = self._take(tx, physical, None, network_id)
        if segment is None:
            raise FlatNetworkInUse(physical_network=physical)
        return segment

    def allocate(self, tx: Any, network_id: str) -> Segment | None:
        return None


class NumberedType(TypeDriver):
    """Segments with a number from a range."""

    def _pick(self, tx: Any, physical: str | None, bounds: tuple[int, int], network_id: str) -> Segment | None:
        low, high = bounds
        place = self._range(tx, physical, bounds)
        size = high - low + 1
        if place.taken >= size:
            return None
        for step in range(size):
            number = low + (place.cursor - low + step) % size
            segment = self._take(tx, physical, number, network_id)
            if segment is not None:
                following = low + (number - low + 1) % size
                tx.update(place, cursor=following, taken=place.taken + 1)
                return segment
        return None

    def _range(self, tx: Any, physical: str | None, bounds: tuple[int, int]) -> SegmentRange:
        """Return the range's record; made at its first use, with what is already taken from it."""
        low, high = bounds
        key = f"{self.name}/{physical or ''}/{low}-{high}"
        place: SegmentRange | None = tx.get(SegmentRange, key)
        if place is None:
            taken = sum(
                1
                for s in tx.find(Segment)
                if s.network_type == self.name
                and s.physical_network == physical
                and s.segmentation_id is not None
                and low <= s.segmentation_id <= high
            )
            place = tx.insert(SegmentRange.make(id=key, cursor=low, taken=taken))
        return place

    def _count(self, tx: Any, segment: Segment, bounds: tuple[int, int] | None, change: int) -> None:
        """Keep the range's count true when a number in it is taken by name or given back."""
        number = segment.segmentation_id
        if bounds is not None and number is not None and bounds[0] <= number <= bounds[1]:
            place = self._range(tx, segment.physical_network, bounds)
            taken = sum((place.taken, change))
            tx.update(place, taken=taken)

    @abstractmethod
    def _bounds(self, physical: str | None) -> tuple[int, int] | None:
        """Return the lowest and the highest number of the range there, or None when there is no range."""

    def release(self, tx: Any, segment: Segment) -> None:
        bounds = self._bounds(segment.physical_network)
        if bounds is not None and tx.get(Segment, segment.id) is not None:
            self._count(tx, segment, bounds, -1)
        tx.delete(segment)


class VlanType(NumberedType):
    """A VLAN of a physical network."""

    name = "vlan"

    def _bounds(self, physical: str | None) -> tuple[int, int] | None:
        return self.config.network_vlan_ranges.get(physical or "")

    def reserve(self, tx: Any, physical: str | None, number: int | None, network_id: str) -> Segment:
        ranges = self.config.network_vlan_ranges
        if physical is not None and physical not in ranges:
            raise InvalidInput(error_message=f"physical_network '{physical}' unknown for VLAN provider network")
        if number is None:
            bounds = ranges.get(physical) if physical else None
            found = self._pick(tx, physical, bounds, network_id) if bounds else self.allocate(tx, network_id)
            if found is None:
                raise NoNetworkAvailable
            return found
        if not VLAN_MIN <= number <= VLAN_MAX:
            text = f"segmentation_id out of range ({VLAN_MIN} through {VLAN_MAX})"
            raise InvalidInput(error_message=text)
        if physical is None:
            raise InvalidInput(error_message="segmentation_id requires physical_network for VLAN provider network")
        bounds = self._bounds(physical)
        if bounds is not None:
            self._range(tx, physical, bounds)
        segment = self._take(tx, physical, number, network_id)
        if segment is None:
            raise VlanIdInUse(segmentation_id=number, physical_network=physical)
        self._count(tx, segment, bounds, 1)
        return segment

    def allocate(self, tx: Any, network_id: str) -> Segment | None:
        for physical, bounds in self.config.network_vlan_ranges.items():
            segment = self._pick(tx, physical, bounds, network_id)
            if segment is not None:
                return segment
        return None


class VxlanType(NumberedType):
    """A VXLAN network identifier, carried in tunnels between the hosts."""

    name = "vxlan"

    def _bounds(self, physical: str | None) -> tuple[int, int] | None:
        return self.config.vni_ranges

    def reserve(self, tx: Any, physical: str | None, number: int | None, network_id: str) -> Segment:
        if physical:
            raise InvalidInput(error_message="provider:physical_network specified for vxlan network")
        if number is None:
            found = self.allocate(tx, network_id)
            if found is None:
                raise NoNetworkAvailable
            return found
        if not VNI_MIN <= number <= VNI_MAX:
            raise InvalidInput(error_message=f"segmentation_id out of range ({VNI_MIN} through {VNI_MAX})")
        self._range(tx, None, self.config.vni_ranges)
        segment = self._take(tx, None, number, network_id)
        if segment is None:
            raise TunnelIdInUse(segmentation_id=number)
        self._count(tx, segment, self.config.vni_ranges, 1)
        return segment

    def allocate(self, tx: Any, network_id: str) -> Segment | None:
        return self._pick(tx, None, self.config.vni_ranges, network_id)

    def mtu(self) -> int:
        return self.config.global_physnet_mtu - VXLAN_OVERHEAD


class TypeManager:
    """The type drivers that the configuration names, in its order."""

    KNOWN: tuple[type[TypeDriver], ...] = (FlatType, VlanType, VxlanType)

    def __init__(self, config: Config) -> None:
        known = {driver.name: driver for driver in self.KNOWN}
        for name in (*config.type_drivers, *config.project_network_types):
            if name not in known:
                raise ValueError(f"unknown network type {name!r}; known: {', '.join(known)}")
        self.drivers = {name: known[name](config) for name in config.type_drivers}
        self._project_types = [name for name in config.project_network_types if name in self.drivers]

    def reserve(self, tx: Any, network_id: str, provider: tuple[str | None, str | None, int | None]) -> Segment:
        """Take the segment for a new network: the provider's (type, physical network, number), or a project's."""
        network_type, physical, number = provider
        if network_type is None:
            if physical is not None or number is not None:
                raise InvalidInput(error_message="network_type required")
            for name in self._project_types:
                segment = self.drivers[name].allocate(tx, network_id)
                if segment is not None:
                    return segment
            raise NoNetworkAvailable
        driver = self.drivers.get(network_type)
        if driver is None:
            raise InvalidInput(error_message=f"network_type value '{network_type}' not supported")
        return driver.reserve(tx, physical, number, network_id)

    def release(self, tx: Any, network: Network) -> None:
        """Give a deleted network's segments back."""
        for segment in tx.find(Segment, network_id=network.id):
            driver = self.drivers.get(segment.network_type)
            if driver is None:
                tx.delete(segment)
            else:
                driver.release(tx, segment)

    def mtu(self, network_type: str) -> int:
        """Return the largest MTU of a network of this type."""
        return self.drivers[network_type].mtu()
