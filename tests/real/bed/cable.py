"""Guests that are namespaces: a veth pair stands for a guest's card and its tap, as an LXC guest has it."""

from __future__ import annotations

import subprocess
from typing import Any

from drivers.devices import port_tag
from drivers.place import Place
from lab.services.network.driver import PortWiring
from tests.real.bed.host import Holder
from tests.real.bed.waiting import until

NO_OFFLOAD = "ethtool -K eth0 tx off >/dev/null 2>&1; true"
LEASE = """#!/bin/sh
case $1 in
bound) ip address replace $ip/$mask dev eth0; ip link set eth0 mtu ${mtu:-1500}
  [ -n "$router" ] && ip route replace default via $router
  set -- $staticroutes; while [ $# -gt 1 ]; do ip route replace $1 via $2 2>/dev/null || ip route replace $1 dev eth0; shift 2; done
  env | grep -E '^(ip|mask|router|dns|mtu|staticroutes|hostname|lease|serverid)=' > /run/lease-$NAME;;
esac
"""


class CableGuest:
    """A guest in a namespace of a host; its port's device has the name and alias that drivers expect."""

    def __init__(self, host: Holder, place: Place, wiring: PortWiring, static: bool = True) -> None:
        self.host, self.wiring = host, wiring
        self.name = f"g-{wiring.port_id[:8]}"
        self._listener: subprocess.Popen[Any] | None = None
        host.run("ip", "netns", "add", self.name)
        peer = ("peer", "name", "eth0", "address", wiring.mac_address, "netns", self.name)
        host.run("ip", "link", "add", wiring.tap, "type", "veth", *peer)
        self.sh(f"{NO_OFFLOAD}; ip link set lo up; ip link set eth0 mtu {wiring.mtu} up")
        if static:
            self.sh(f"ip address add {wiring.addresses[0]}/24 dev eth0")
        host.run("ip", "link", "set", wiring.tap, "alias", port_tag(place, wiring.port_id))
        host.run("ip", "link", "set", wiring.tap, "up")

    def sh(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the guest."""
        return self.host.run("ip", "netns", "exec", self.name, "sh", "-c", script, check=check)

    def ping(self, address: str, wait_s: int = 1) -> bool:
        """Whether an echo comes back."""
        return self.sh(f"ping -c 1 -W {wait_s} {address}", check=False).returncode == 0

    def listen(self, port: int) -> None:
        """Take TCP connections."""
        self._listener = self.host.popen("ip", "netns", "exec", self.name, "busybox", "nc", "-ll", "-p", str(port), "-e", "busybox", "true")
        until(lambda: f":{port} " in self.sh("busybox netstat -ltn").stdout, f"{self.name} listens")

    def tcp(self, address: str, port: int, wait_s: int = 1) -> bool:
        """Whether a TCP connection is taken."""
        return self.sh(f"timeout {wait_s} busybox nc {address} {port} </dev/null", check=False).returncode == 0

    def echoes(self) -> int:
        """How many echo requests the guest has got."""
        rows = [line.split() for line in self.sh("cat /proc/net/snmp").stdout.splitlines() if line.startswith("Icmp:")]
        return int(dict(zip(*rows, strict=True))["InEchos"])

    def lease(self, tries: int = 3) -> dict[str, str] | None:
        """Ask for an address by DHCP; None when nobody gave one."""
        script = f"/run/udhcpc-{self.name}"
        self.host.path(script).write_text(LEASE)
        self.host.run("chmod", "755", script)
        options = "-O mtu -O staticroutes -O dns -O router"
        self.sh(f"NAME={self.name} busybox udhcpc -i eth0 -f -q -n -t {tries} -T 1 {options} -s {script}", check=False)
        found = self.host.path(f"/run/lease-{self.name}")
        if not found.exists():
            return None
        lines = found.read_text().splitlines()
        found.unlink()
        return dict(line.split("=", 1) for line in lines)

    def unplug(self) -> None:
        """The guest goes: its device first, since a namespace goes later than its name."""
        if self._listener is not None:
            self._listener.terminate()
            self._listener.wait(10)
        self.host.run("ip", "link", "delete", self.wiring.tap, check=False)
        self.host.run("ip", "netns", "delete", self.name, check=False)
