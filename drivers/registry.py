"""Which drivers there are, by port and name; each is imported only when it is chosen.

Other packages add theirs by the entry point group 'glasscloud.drivers', named 'port.name'; one that is tried
out may be named 'module:Class'.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from drivers.options import read
from drivers.place import Place
from lab.errors import LabError

GROUP = "glasscloud.drivers"

OURS: Mapping[str, Mapping[str, str]] = {
    "hypervisor": {"libvirt": "drivers.hypervisor.libvirt:LibvirtHypervisor"},
    "network": {
        "openvswitch": "drivers.network.openvswitch:OpenVSwitch",
        "linuxbridge": "drivers.network.linuxbridge:LinuxBridge",
    },
    "dhcp": {"dnsmasq": "drivers.network.dnsmasq:Dnsmasq"},
    "volume": {
        "directory": "drivers.volume.directory:DirectoryVolumes",
        "nfs": "drivers.volume.nfs:NfsVolumes",
    },
    "image": {"file": "drivers.image.file:FileImages"},
    "object": {"directory": "drivers.object.directory:DirectoryDisk"},
}


def names(port: str) -> list[str]:
    """The drivers of a port, ours first."""
    others = [point.name.partition(".")[2] for point in entry_points(group=GROUP) if point.name.startswith(f"{port}.")]
    return [*OURS[port], *sorted(others)]


def driver_class(port: str, name: str) -> Any:
    """The class of a driver. Raises LabError when there is none of that name, or its packages are missing."""
    path = name if ":" in name else OURS[port].get(name)
    if path is None:
        path = next((p.value for p in entry_points(group=GROUP) if p.name == f"{port}.{name}"), None)
    if path is None:
        known = ", ".join(names(port))
        raise LabError(
            f"there is no {port} driver {name!r}; known: {known}", ko=f"{name!r}: 그런 {port} 드라이버가 없습니다. 있는 것: {known}"
        )
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError:
        raise LabError(
            f"the {port} driver {name}: {module} has no class {attribute}",
            ko=f"{port} 드라이버 {name}: {module}에 {attribute} 클래스가 없습니다",
        ) from None
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in ("drivers", "lab"):
            raise
        raise LabError(
            f"the {port} driver {name} needs the package {error.name}; install glasscloud[real]",
            ko=f"{port} 드라이버 {name}에 필요한 패키지 {error.name}이(가) 없습니다. glasscloud[real]을 설치하십시오",
        ) from None


def make(port: str, table: Mapping[str, Any], place: Place, where: str) -> Any:
    """A driver as a table of the configuration describes it: its 'driver', and that one's options."""
    options = dict(table)
    name = options.pop("driver", next(iter(OURS[port])))
    cls = driver_class(port, name)
    return cls(place, read(cls.Options, options, where))
