"""Which lane a process stands in, at three levels of detail: a projector has room for every service, a laptop's 80 columns for six."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A column of the flow: its key, its heading, and the group of services that it belongs to."""

    key: str
    title: str
    group: str


CLIENT, API, CONDUCTOR, SCHEDULER, AGENT, DRIVER = "client", "api", "conductor", "scheduler", "agent", "driver"

FULL = (
    Lane("client", "client", CLIENT),
    Lane("keystone", "keystone", API),
    Lane("glance", "glance", API),
    Lane("nova-api", "nova-api", API),
    Lane("placement", "placemnt", API),
    Lane("neutron", "neutron", API),
    Lane("cinder-api", "cinder", API),
    Lane("swift", "swift", API),
    Lane("nova-conductor", "conductr", CONDUCTOR),
    Lane("nova-scheduler", "schedulr", SCHEDULER),
    Lane("nova-compute", "compute", AGENT),
    Lane("l2-agent", "l2-agent", AGENT),
    Lane("dhcp-agent", "dhcp", AGENT),
    Lane("cinder-volume", "volume", AGENT),
    Lane("driver", "drivers", DRIVER),
)
"""Every service a lane."""
MIDDLE = (
    Lane("client", "client", CLIENT),
    Lane("keystone", "keystn", API),
    Lane("glance", "glance", API),
    Lane("nova-api", "nova", API),
    Lane("placement", "placem", API),
    Lane("neutron", "neutrn", API),
    Lane("cinder-api", "cinder", API),
    Lane("nova-conductor", "conduc", CONDUCTOR),
    Lane("nova-scheduler", "schedu", SCHEDULER),
    Lane("agent", "agents", AGENT),
    Lane("driver", "driver", DRIVER),
)
"""Agents in one lane."""
GROUPS = (
    Lane("client", "client", CLIENT),
    Lane("api", "APIs", API),
    Lane("nova-conductor", "cond", CONDUCTOR),
    Lane("nova-scheduler", "sched", SCHEDULER),
    Lane("agent", "agent", AGENT),
    Lane("driver", "driver", DRIVER),
)
"""A lane for each kind of process."""
LEVELS = (FULL, MIDDLE, GROUPS)

# A process's binary -> its lane in FULL. What is not named here is nobody's lane: a notification's consumers, a device on the wire.
BINARIES: Mapping[str, str] = {
    "client": "client",
    "keystone": "keystone",
    "glance": "glance",
    "nova-api": "nova-api",
    "placement": "placement",
    "neutron-api": "neutron",
    "neutron-rpc": "neutron",
    "neutron-server": "neutron",
    "cinder-api": "cinder-api",
    "cinder-scheduler": "nova-scheduler",
    "swift-proxy": "swift",
    "swift-object": "swift",
    "nova-conductor": "nova-conductor",
    "nova-scheduler": "nova-scheduler",
    "nova-compute": "nova-compute",
    "neutron-l2-agent": "l2-agent",
    "neutron-l3-agent": "l2-agent",
    "neutron agents": "l2-agent",
    "neutron-dhcp-agent": "dhcp-agent",
    "cinder-volume": "cinder-volume",
    "hypervisor": "driver",
    "l2": "driver",
    "dhcp": "driver",
    "routers": "driver",
    "volume": "driver",
    "image": "driver",
    "object": "driver",
}
APIS = frozenset(lane.key for lane in FULL if lane.group == API)
_MERGED: Mapping[str, str] = {"l2-agent": "agent", "dhcp-agent": "agent", "nova-compute": "agent", "cinder-volume": "agent"}


def binary(process: str) -> str:
    """A process's name without its host."""
    return process.partition("@")[0]


def positions(lanes: tuple[Lane, ...]) -> dict[str, int]:
    """Where each binary stands among the lanes; one that has no lane there is left out."""
    keys = [lane.key for lane in lanes]
    found = {}
    for name, key in BINARIES.items():
        for candidate in (key, _MERGED.get(key, ""), "api" if key in APIS else ""):
            if candidate in keys:
                found[name] = keys.index(candidate)
                break
    return found
