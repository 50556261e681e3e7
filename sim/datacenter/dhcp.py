"""A DHCP server in the world: it stands in one network, on one host, and knows its reservations."""

from __future__ import annotations

from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet
from sim.datacenter.bridge import TAP_NS, Tap
from sim.datacenter.frame import Dhcp, Frame, same_network, split_cidr
from sim.datacenter.guest import Lease
from sim.datacenter.host import Host
from sim.datacenter.nic import Device
from sim.datacenter.stack import IpStack
from sim.datacenter.trace import Trace


class DhcpServer(Device):
    """Serves the IPv4 subnets of one network, by reservation only, as neutron's dnsmasq does."""

    __slots__ = ("_macs", "_ports", "host", "network", "stack", "tap")

    def __init__(self, host: Host, network: DhcpNetwork) -> None:
        super().__init__(host.fabric, f"dhcp-{network.wiring.network_id[:8]}@{host.name}")
        self.host = host
        self.network = network
        wiring = network.wiring
        self.tap = host.plug(Tap(wiring.port_id, wiring.tap, wiring.mac_address, self.name, trusted=True))
        self.tap.trusted = True
        self.stack = IpStack(self, wiring.tap, wiring.mac_address, self._send)
        self.stack.dhcp = self._on_dhcp
        self.tap.deliver = self.stack.receive
        self.update(network)

    def update(self, network: DhcpNetwork) -> None:
        """Take the network as it is now, all reservations included."""
        self.network = network
        self._macs: dict[str, dict[str, DhcpHost]] = {}
        self._ports: dict[str, str] = {}
        for host in network.hosts:
            self.reserve(host)
        for address in network.wiring.addresses:
            subnet = self.subnet_of(address)
            if subnet is not None:
                if self.stack.address != address:
                    self.stack.configure(address, split_cidr(subnet.cidr)[1], subnet.gateway)
                return

    def stop(self) -> None:
        """Go away with its tap."""
        self.tap.deliver = None
        self.host.unplug(self.tap.port_id)

    def subnet_of(self, address: str) -> DhcpSubnet | None:
        """Return the IPv4 subnet that holds the address."""
        if ":" in address:
            return None
        for subnet in self.network.subnets:
            base, prefix = split_cidr(subnet.cidr)
            if ":" not in base and same_network(base, address, prefix):
                return subnet
        return None

    def reserve(self, host: DhcpHost) -> None:
        """Add a reservation, or change the one of that port and address."""
        if self._ports.get(host.port_id, host.mac_address) != host.mac_address:
            self.release(host.port_id)
        self._ports[host.port_id] = host.mac_address
        self._macs.setdefault(host.mac_address, {})[host.address] = host

    def release(self, port_id: str) -> None:
        """Drop all reservations of a port; none is no error."""
        mac = self._ports.pop(port_id, None)
        if mac is not None:
            self._macs.pop(mac, None)

    @property
    def reserved(self) -> tuple[str, ...]:
        """The ports that have reservations."""
        return tuple(self._ports)

    def reservation(self, mac: str) -> DhcpHost | None:
        """Find the IPv4 address that is reserved for a card."""
        return next((host for host in self._macs.get(mac, {}).values() if ":" not in host.address), None)

    def lease(self, mac: str) -> Lease | None:
        """Say what the server would give to this card."""
        host = self.reservation(mac)
        subnet = self.subnet_of(host.address) if host is not None else None
        if host is None or subnet is None:
            return None
        return Lease(host.address, split_cidr(subnet.cidr)[1], subnet.gateway, self.stack.address or "", subnet.lease_s)

    def _send(self, frame: Frame) -> None:
        self.fabric.later(TAP_NS, self.host.bridge.from_tap, self.tap, frame)

    def _on_dhcp(self, message: Dhcp, trace: Trace | None) -> None:
        lease = self.lease(message.client_mac)
        answers = {"discover": "offer", "request": "ack"}
        if lease is None or message.op not in answers:
            return
        op = answers[message.op]
        if message.op == "request" and message.address != lease.address:
            op = "nak"
        answer = Dhcp(
            op, message.xid, message.client_mac, lease.address, lease.prefix, lease.gateway,
            server=lease.server, lease_s=lease.lease_s,
        )  # fmt: skip
        self.stack.say_dhcp(answer, False, trace)
