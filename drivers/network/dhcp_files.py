"""What dnsmasq is told of a network: its reservations, its options, its command line."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path

from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet

METADATA = "169.254.169.254"
EVERYWHERE = "0.0.0.0/0"
CLASSLESS, CLASSLESS_MICROSOFT = "option:classless-static-route", "249"


def subnets(network: DhcpNetwork) -> list[DhcpSubnet]:
    """The subnets that are served: IPv4."""
    return [s for s in network.subnets if ip_network(s.cidr).version == 4]


def own_addresses(network: DhcpNetwork) -> dict[IPv4Network, str]:
    """The server's own address in each subnet that is served."""
    nets = [IPv4Network(subnet.cidr) for subnet in subnets(network)]
    found = {net: next((a for a in network.wiring.addresses if ip_address(a) in net), None) for net in nets}
    return {net: own for net, own in found.items() if own is not None}


def hosts(reservations: Iterable[DhcpHost]) -> str:
    """The reservations, one a line."""
    four = (h for h in reservations if ip_address(h.address).version == 4)
    return "".join(f"{h.mac_address},{h.hostname},{h.address}\n" for h in sorted(four, key=lambda h: (h.address, h.port_id)))


def options(network: DhcpNetwork, metadata: bool) -> str:
    """What each subnet's clients are told: router, name servers, MTU, routes.

    A client that takes classless routes ignores the router (RFC 3442), so the default route is among them too. The metadata
    service is reached through the server's own address.
    """
    lines = []
    for subnet in subnets(network):
        tag = f"tag:subnet-{subnet.id}"
        own = next((a for a in network.wiring.addresses if ip_address(a) in ip_network(subnet.cidr)), None)
        routes = [f"{destination},{hop}" for destination, hop in subnet.routes]
        if metadata and own is not None:
            routes.append(f"{METADATA}/32,{own}")
        if routes and subnet.gateway is not None:
            routes.append(f"{EVERYWHERE},{subnet.gateway}")
        lines.append(f"{tag},option:router" + (f",{subnet.gateway}" if subnet.gateway else ""))
        lines.append(f"{tag},option:dns-server" + (f",{','.join(subnet.dns)}" if subnet.dns else ""))
        lines.append(f"{tag},option:mtu,{network.wiring.mtu}")
        if routes:
            lines += [f"{tag},{code},{','.join(routes)}" for code in (CLASSLESS, CLASSLESS_MICROSOFT)]
    return "".join(f"{line}\n" for line in lines)


def command(network: DhcpNetwork, device: str, directory: Path, domain: str) -> list[str]:
    """The program that serves a network; it goes into the background by itself when it is ready."""
    ranges = []
    for subnet in subnets(network):
        net = ip_network(subnet.cidr)
        lease = "infinite" if subnet.lease_s < 0 else f"{subnet.lease_s}s"
        ranges.append(f"--dhcp-range=set:subnet-{subnet.id},{net.network_address},static,{net.netmask},{lease}")
    leases = sum(ip_network(s.cidr).num_addresses for s in subnets(network))
    return [
        "dnsmasq", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=0", "--no-ping", "--user=root", "--group=root",
        "--dhcp-authoritative", "--bind-interfaces", f"--interface={device}", "--except-interface=lo", f"--domain={domain}",
        f"--pid-file={directory / 'pid'}", f"--dhcp-leasefile={directory / 'leases'}",
        f"--dhcp-hostsfile={directory / 'hosts'}", f"--dhcp-optsfile={directory / 'opts'}",
        f"--dhcp-lease-max={min(leases, 1 << 16)}", *ranges,
    ]  # fmt: skip
