"""Network devices of guests, as hypervisor, DHCP server and switch agree on them.

Who makes a device names it `tap` + the first 11 characters of the port's id, sets its alias to `port_tag`, and then sets it
up: at that moment the switch hears of it (the kernel tells of no alias while a device is down). The switch knows it by that
alias: a name alone does not tell the whole id, and says nothing of whose it is.
"""

from __future__ import annotations

import fcntl
import socket
import struct

from drivers.place import Place

SIOCETHTOOL = 0x8946
# Source: linux/ethtool.h.
ETHTOOL_SRXCSUM, ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x15, 0x17, 0x1F, 0x24


def port_tag(place: Place, port_id: str) -> str:
    """The alias (`ifalias`) of the device of a port, 'glasscloud:lab:port:6f1c…'."""
    return place.tag(f"port:{port_id}")


def port_of(place: Place, alias: str | None) -> str | None:
    """The port whose device has this alias; None when it is no port's of this cloud."""
    head = place.tag("port:")
    return alias[len(head) :] if alias is not None and alias.startswith(head) else None


def offload_off(device: str) -> None:
    """Switch checksum and segmentation offload off, in the calling thread's network namespace.

    Frames that leave a veth pair or tap with their checksum still to be filled in are dropped by the userspace datapath of
    Open vSwitch and by DHCP clients; ping works and TCP does not. A device that cannot do it has none. Raises OSError when
    there is no such device.
    """
    import array

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO):
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP", device.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, SIOCETHTOOL, request)
            except OSError as error:
                if error.errno == 19:  # ENODEV
                    raise
