"""DHCP by dnsmasq: for each network a namespace with the server's own card, a dnsmasq, and the door to the metadata service.

    tap6f1c… ══ veth ══ ns-6f1c… 10.0.0.2, 169.254.169.254   in gc-lab-dhcp-<network>

The card's end on the host looks as a guest's does, and the L2 agent wires it so. Files are in `place.state`/dhcp/<network>.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any, ClassVar

from pyroute2 import IPRoute

from drivers.devices import offload_off, port_of, port_tag
from drivers.findings import Finding
from drivers.network import dhcp_files, dhcp_leases, namespaces
from drivers.network.links import Links, quiet
from drivers.network.metadata_door import Door
from drivers.network.programs import PACKAGES
from drivers.owned import told_as
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import NetworkError
from lab.services.network.driver import DhcpDriver, DhcpHost, DhcpNetwork, DhcpReservations, MetadataDoor, MetadataRequest, PortWiring

START_S = 20


@dataclass(frozen=True)
class DnsmasqOptions:
    """How DHCP is served.

    domain: what clients are told theirs is. metadata: whether 169.254.169.254 is served beside DHCP.
    """

    domain: str = "openstacklocal"
    metadata: bool = True


class Dnsmasq(DhcpDriver, DhcpReservations, MetadataDoor, Sweepable):
    """One host's DHCP servers."""

    Options: ClassVar[type] = DnsmasqOptions

    def __init__(self, place: Place, options: DnsmasqOptions) -> None:
        self.place, self.options = place, options
        self.links = Links()
        self.head = f"gc-{place.cloud}-dhcp-"
        self.served: dict[str, DhcpNetwork] = {}
        self.door = Door()
        self._turns: dict[str, asyncio.Lock] = {}

    async def open(self) -> None:
        """Look whether dnsmasq is there. Raises NetworkError."""
        if shutil.which("dnsmasq", path=_path()) is None:
            raise NetworkError(f"dnsmasq is not installed; apt-get install {PACKAGES['dnsmasq']}")
        await self.links.open()

    async def close(self) -> None:
        """Close the doors to the metadata service; the servers go on."""
        await self.door.close()
        await self.links.close()

    @classmethod
    async def probe(cls, place: Place, options: DnsmasqOptions) -> list[Finding]:
        """Say whether dnsmasq is there."""
        path = shutil.which("dnsmasq", path=_path())
        korean = path or "설치되어 있지 않습니다"
        return [Finding("dnsmasq", path is not None, path or "not installed", f"apt-get install {PACKAGES['dnsmasq']}", korean)]

    def on_metadata(self, callback: Callable[[MetadataRequest], None]) -> None:
        self.door.callback = callback

    # -- the port ------------------------------------------------------------------------------

    async def serve(self, network: DhcpNetwork) -> None:
        network_id = network.wiring.network_id
        async with self._turn(network_id):
            new = self._name(network_id) not in namespaces.names(self.head)
            try:
                await self._serve(network)
            except (NetworkError, OSError) as error:
                if new:
                    await self._remove(network_id)
                if isinstance(error, OSError):
                    raise NetworkError(f"network {network_id} cannot be served: {error}") from error
                raise

    async def _serve(self, network: DhcpNetwork) -> None:
        network_id, name = network.wiring.network_id, self._name(network.wiring.network_id)
        await namespaces.create(name)
        device = await self._card(network)
        directory = self._directory(network_id)
        directory.mkdir(parents=True, exist_ok=True)
        changed = _write(directory / "hosts", dhcp_files.hosts(network.hosts))
        changed |= _write(directory / "opts", dhcp_files.options(network, self.options.metadata))
        command = dhcp_files.command(network, device, directory, self.options.domain)
        pid = self._pid(network_id)
        if pid is not None and not _write(directory / "command", "\0".join(command)):
            if changed:
                os.kill(pid, signal.SIGHUP)
            await self._free(network)
        else:
            await self._end(network_id)
            if dhcp_files.subnets(network):
                await namespaces.inside(name, lambda: _start(command))
                _write(directory / "command", "\0".join(command))
        self.served[network_id] = network
        if self.options.metadata:
            await self.door.open(network_id, name, dhcp_files.METADATA)

    async def reserve(self, network_id: str, host: DhcpHost) -> None:
        async with self._turn(network_id):
            network = self._need(network_id)
            others = tuple(h for h in network.hosts if (h.port_id, h.address) != (host.port_id, host.address))
            await self._tell(replace(network, hosts=(*others, host)))

    async def release(self, network_id: str, port_id: str) -> None:
        async with self._turn(network_id):
            network = self.served.get(network_id)
            if network is not None:
                await self._tell(replace(network, hosts=tuple(h for h in network.hosts if h.port_id != port_id)))

    async def _tell(self, network: DhcpNetwork) -> None:
        """Give dnsmasq the reservations anew; it goes on with the leases that they still name. Raises NetworkError."""
        network_id = network.wiring.network_id
        directory, pid = self._directory(network_id), self._pid(network_id)
        with told_as(NetworkError, str(directory), "the reservations were written"):
            changed = _write(directory / "hosts", dhcp_files.hosts(network.hosts))
        self.served[network_id] = network
        if changed and pid is not None:
            os.kill(pid, signal.SIGHUP)
            await self._free(network)

    async def _free(self, network: DhcpNetwork) -> None:
        """Give back the leases that are of no reservation any more. Raises NetworkError."""
        wiring = network.wiring
        kept = {(host.mac_address.lower(), host.address) for host in network.hosts}
        leases = dhcp_leases.given(self._directory(wiring.network_id) / "leases")
        gone = [lease for lease in leases if (lease.mac_address, lease.address) not in kept]
        if gone:
            own = dhcp_files.own_addresses(network)
            with told_as(NetworkError, wiring.network_id, "the leases of ports that are gone were given back"):
                await namespaces.inside(self._name(wiring.network_id), lambda: dhcp_leases.give_back(_device(wiring), gone, own))

    def _need(self, network_id: str) -> DhcpNetwork:
        network = self.served.get(network_id)
        if network is None:
            raise NetworkError(f"{self.place.host} has no DHCP server for network {network_id}; serve the network first")
        return network

    async def stop(self, network_id: str) -> None:
        async with self._turn(network_id):
            await self._remove(network_id)

    async def serving(self) -> list[str]:
        found = (name.removeprefix(self.head) for name in namespaces.names(self.head))
        return sorted(network_id for network_id in found if self._directory(network_id).is_dir())

    # -- its parts -----------------------------------------------------------------------------

    async def _card(self, network: DhcpNetwork) -> str:
        """The server's card in its namespace, with its addresses; answers its name."""
        wiring, name = network.wiring, self._name(network.wiring.network_id)
        device, tag = _device(wiring), port_tag(self.place, wiring.port_id)
        addresses = {_with_length(network, a) for a in wiring.addresses if ip_interface(a).version == 4}
        if self.options.metadata:
            addresses.add(f"{dhcp_files.METADATA}/32")
        link = await self.links.find(wiring.tap)
        if link is not None and port_of(self.place, link.alias) != wiring.port_id:
            raise NetworkError(f"device {wiring.tap} is there and not of cloud {self.place.cloud}; rename it")
        if link is None:
            await namespaces.inside(name, lambda: _clear(""))
            peer = {"ifname": device, "address": wiring.mac_address, "net_ns_fd": name}
            link = await self.links.add(wiring.tap, "veth", peer=peer)
            quiet(wiring.tap)
        await namespaces.inside(name, lambda: _set_up(device, wiring.mac_address, wiring.mtu, addresses))
        if not link.alias:
            # Last: by its alias the L2 agent knows the device, and wires it.
            await self.links.change(link, alias=tag, up=True)
        return device

    async def _remove(self, network_id: str) -> None:
        name = self._name(network_id)
        await self.door.shut(network_id)
        await self._end(network_id)
        self.served.pop(network_id, None)
        if name in namespaces.names(name):
            # The cards first: a namespace goes later than its name, and would keep them until then.
            with contextlib.suppress(NetworkError):
                await namespaces.inside(name, lambda: _clear("ns-"))
            await namespaces.remove(name)
        shutil.rmtree(self._directory(network_id), ignore_errors=True)

    async def _end(self, network_id: str) -> None:
        """End the dnsmasq of a network and wait until it is gone."""
        pid = self._pid(network_id)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        for turn in range(1000):
            if self._pid(network_id) is None:
                return
            if turn == 500:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        raise NetworkError(f"dnsmasq of network {network_id}, process {pid}, does not end; kill -9 {pid}")

    def _pid(self, network_id: str) -> int | None:
        """The process that serves a network: alive, and started with this network's files."""
        mark = f"--pid-file={self._directory(network_id) / 'pid'}".encode()
        try:
            pid = int((self._directory(network_id) / "pid").read_text())
            return pid if mark in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") else None
        except (OSError, ValueError):
            return None

    def _name(self, network_id: str) -> str:
        return self.head + network_id

    def _directory(self, network_id: str) -> Path:
        return self.place.state / "dhcp" / network_id

    def _turn(self, network_id: str) -> asyncio.Lock:
        return self._turns.setdefault(network_id, asyncio.Lock())

    # -- sweep ---------------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        here = {name.removeprefix(self.head) for name in namespaces.names(self.head)}
        kept = self.place.state / "dhcp"
        here |= {path.name for path in kept.iterdir()} if kept.is_dir() else set()
        return [Trace("dhcp", self.head + network_id, f"network {network_id}") for network_id in sorted(here)]

    async def remove(self, trace: Trace) -> None:
        if not trace.name.startswith(self.head):
            raise NetworkError(f"{trace.name} is not of cloud {self.place.cloud}; it was not touched")
        await self.stop(trace.name.removeprefix(self.head))


def _device(wiring: PortWiring) -> str:
    """The server's card in its namespace."""
    return f"ns-{wiring.port_id[:11]}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _write(path: Path, text: str) -> bool:
    """Write a file that is read by others whole or not at all; answers whether it is another than before."""
    if path.exists() and path.read_text() == text:
        return False
    new = path.with_suffix(".new")
    try:
        new.write_text(text)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return True


def _with_length(network: DhcpNetwork, address: str) -> str:
    for subnet in network.subnets:
        net = ip_network(subnet.cidr)
        if ip_interface(address).ip in net:
            return f"{address}/{net.prefixlen}"
    return f"{address}/32"


def _start(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, env={"PATH": _path()}, check=False)
    if done.returncode != 0:
        raise NetworkError(f"dnsmasq ended with {done.returncode}: {done.stderr.strip()}")


def _clear(head: str) -> None:
    """Remove the cards in this namespace."""
    with IPRoute() as netlink:
        for link in netlink.get_links():
            if link.get_attr("IFLA_IFNAME").startswith(head or "ns-"):
                netlink.link("del", index=link["index"])


def _set_up(device: str, mac: str, mtu: int, wanted: set[str]) -> None:
    """Bring the card in this namespace into order: up, with its MTU and exactly these addresses."""
    with IPRoute() as netlink:
        index = netlink.link_lookup(ifname=device)[0]
        netlink.link("set", index=1, state="up")
        netlink.link("set", index=index, mtu=mtu, address=mac, state="up")
        have: set[str] = set()
        for entry in netlink.get_addr(index=index, family=2):
            text = f"{entry.get_attr('IFA_ADDRESS')}/{entry['prefixlen']}"
            have.add(text)
            if text not in wanted:
                netlink.addr("del", index=index, **_parts(text))
        for text in sorted(wanted - have):
            netlink.addr("add", index=index, **_parts(text))
    offload_off(device)


def _parts(text: str) -> dict[str, Any]:
    address, _, length = text.partition("/")
    return {"address": address, "prefixlen": int(length)}
