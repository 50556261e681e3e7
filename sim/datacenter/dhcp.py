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

    __slots__ = ("host", "network", "stack", "tap")

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
        """Take the network as it is now."""
        self.network = network
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

    def reservation(self, mac: str) -> DhcpHost | None:
        """Find what is reserved for a card; the newest come last in the list, and newly booted guests ask most."""
        for host in reversed(self.network.hosts):
            if host.mac_address == mac and ":" not in host.address:
                return host
        return None

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
