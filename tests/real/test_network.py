"""Two hosts with a trunk between them, on Open vSwitch and dnsmasq: what is on the wire, and what a guest gets of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.network.dnsmasq import Dnsmasq, DnsmasqOptions
from drivers.network.linuxbridge import LinuxBridge, LinuxBridgeOptions
from drivers.network.openvswitch import OpenVSwitch, OpenVSwitchOptions
from drivers.place import Place
from lab.errors import NetworkError
from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet, MetadataRequest, PortWiring, SecurityRule
from tests.real.bed.cable import CableGuest
from tests.real.bed.host import Bed, Host, need, wire
from tests.real.bed.inside import Inside
from tests.real.bed.ovs import Ovs
from tests.real.bed.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ENDLESS = "while :; do echo x; sleep 0.05; done | busybox nc 10.0.0.2 22"
OUT, PING, SSH = SecurityRule("egress", "IPv4"), SecurityRule("ingress", "IPv4", "icmp"), SecurityRule("ingress", "IPv4", "tcp", 22, 22)
RED, BLUE, GREEN = ("vlan", 101), ("vlan", 202), ("vxlan", 303)


class Machine:
    """A host with its switch, its DHCP servers and its guests."""

    def __init__(self, host: Host, ovs: Ovs) -> None:
        self.host, self.ovs, self.inside = host, ovs, Inside(host)
        self.place = Place("lab", host.name, host.address, host.directory / "state")
        self.l2 = OpenVSwitch(self.place, OpenVSwitchOptions({"physnet1": "trunk"}, "netdev", ovs.directory))
        self.dhcp = Dnsmasq(self.place, DnsmasqOptions())
        self.guests: list[CableGuest] = []
        for driver in (self.l2, self.dhcp):
            self.run(driver.open())

    def run(self, work: Any) -> Any:
        return self.inside.run(work)

    def guest(self, number: int, network: tuple[str, int], static: bool = True, **changes: Any) -> CableGuest:
        """A guest with a wired port."""
        made = CableGuest(self.host, self.place, wiring(number, network, **changes), static)
        self.guests.append(made)
        self.run(self.l2.wire(made.wiring))
        return made

    def close(self) -> None:
        for guest in self.guests:
            guest.unplug()
        for driver in (self.dhcp, self.l2):
            for trace in self.run(driver.found()):
                self.run(driver.remove(trace))
            assert self.run(driver.found()) == []
            self.run(driver.close())
        self.inside.close()


def wiring(number: int, network: tuple[str, int], **changes: Any) -> PortWiring:
    kind, segment = network
    port_id = f"{number:08x}-0000-4000-8000-{segment:012x}"
    values: dict[str, Any] = {
        "port_id": port_id, "tap": f"tap{port_id[:11]}", "mac_address": f"fa:16:3e:00:01:{number:02x}",
        "addresses": (f"10.0.0.{number}",), "network_id": f"{segment:08x}-1111-4000-8000-000000000000", "network_type": kind,
        "segmentation_id": segment, "physical_network": "physnet1" if kind == "vlan" else None, "mtu": 1450,
        "rules": (OUT, PING, SSH),
    }  # fmt: skip
    return PortWiring(**(values | changes))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    need("busybox: busybox-static", "ping: iputils-ping", "ethtool: ethtool", "tcpdump: tcpdump", "dnsmasq: dnsmasq-base")
    with Bed(tmp_path) as bed:
        hosts = [bed.host("compute-1"), bed.host("compute-2")]
        wire(hosts[0], "trunk", hosts[1], "trunk")
        before = [devices(host) for host in hosts]
        with Ovs(hosts[0]) as one, Ovs(hosts[1]) as other:
            made = [Machine(hosts[0], one), Machine(hosts[1], other)]
            ends = tuple(host.address for host in hosts)
            for machine in made:
                machine.run(machine.l2.tunnels(ends))
            try:
                yield made
            finally:
                for machine in made:
                    machine.close()
            # ovs-netdev is the userspace datapath's own; it goes with the daemon.
            assert [devices(host) - {"ovs-netdev"} for host in hosts] == before


def devices(host: Host) -> set[str]:
    return {line.split(": ")[1].partition("@")[0] for line in host.run("ip", "-o", "link").stdout.splitlines()}


class Capture:
    """What passes a device, as tcpdump tells it line by line."""

    def __init__(self, host: Host, device: str, what: str) -> None:
        command = ("tcpdump", "-i", device, "-e", "-n", "-l", "-U", *what.split())
        self._process = host.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        while "listening" not in self._process.stderr.readline():
            pass

    def end(self) -> list[str]:
        time.sleep(0.2)  # tcpdump reads in bursts
        self._process.terminate()
        out, _ = self._process.communicate(timeout=10)
        return [line for line in str(out).splitlines() if line]


def test_frames_on_the_trunk_carry_their_tags_and_stay_in_their_networks(machines: list[Machine]) -> None:
    here, there = machines
    red = [here.guest(1, RED), there.guest(2, RED)]
    blue = [here.guest(3, BLUE), there.guest(4, BLUE)]
    seen = Capture(here.host, "trunk", "icmp or (vlan and icmp)")
    for one, other in (red, blue):
        assert one.ping(other.wiring.addresses[0])
    lines = seen.end()
    assert [sum(f"vlan {tag}," in line for line in lines) for tag in (101, 202)] == [2, 2], lines
    assert all("ethertype 802.1Q" in line for line in lines)
    for one in red:
        for other in blue:
            assert not one.ping(other.wiring.addresses[0])
    # Nobody is left in the red network here: its frames come no further than the trunk.
    here.run(here.l2.unwire(red[0].wiring.port_id))
    assert not red[1].ping(red[0].wiring.addresses[0])


def test_a_tunnel_carries_its_number_between_the_hosts_and_full_frames(machines: list[Machine]) -> None:
    here, there = machines
    one, other = here.guest(1, GREEN), there.guest(2, GREEN)
    seen = Capture(here.host, "eth0", "udp port 4789")
    assert one.ping(other.wiring.addresses[0])
    lines = seen.end()
    assert any("vni 303" in line for line in lines), lines
    other.listen(22)
    assert one.tcp(other.wiring.addresses[0], 22)
    # 1450 bytes fill the 1500 of the hosts' own network to the last one.
    assert one.sh(f"ping -c 1 -W 2 -M do -s 1422 {other.wiring.addresses[0]}", check=False).returncode == 0
    assert one.sh(f"ping -c 1 -W 1 -M do -s 1423 {other.wiring.addresses[0]}", check=False).returncode != 0


def test_a_guest_on_the_other_host_gets_its_address_and_its_metadata(machines: list[Machine]) -> None:
    here, there = machines
    own = wiring(2, RED, rules=(), port_security=False)
    guest = there.guest(9, RED, static=False, rules=(OUT,))
    host = DhcpHost(guest.wiring.port_id, guest.wiring.mac_address, "10.0.0.9", "host-10-0-0-9")
    network = DhcpNetwork(own, (DhcpSubnet("s", "10.0.0.0/24", "10.0.0.1", ("192.0.2.53",)),), (host,))
    asked: list[tuple[str, str, str]] = []

    def answer(request: MetadataRequest) -> None:
        asked.append((request.network_id, request.address, request.path))
        request.answer(200, "application/json", b'{"uuid": "me"}')

    here.dhcp.on_metadata(answer)
    here.run(here.dhcp.serve(network))
    until(lambda: own.port_id in here.run(here.l2.devices()), "the server's port is seen")
    here.run(here.l2.wire(own))
    lease = guest.lease()
    assert lease is not None
    assert (lease["ip"], lease["mtu"], lease["dns"]) == ("10.0.0.9", "1450", "192.0.2.53")
    path = "openstack/latest/meta_data.json"
    assert guest.sh(f"busybox wget -q -O - http://169.254.169.254/{path}").stdout == '{"uuid": "me"}'
    assert asked == [(own.network_id, "10.0.0.9", f"/{path}")]


def test_nobody_else_plays_dhcp_server(machines: list[Machine]) -> None:
    here, there = machines
    rogue, guest = here.guest(1, RED), there.guest(9, RED, static=False, rules=(OUT,))
    settings = "start 10.0.0.50\nend 10.0.0.60\ninterface eth0\nlease_file /run/rogue/leases\n"
    rogue.sh(f"mkdir -p /run/rogue; touch /run/rogue/leases; printf '{settings}' > /run/rogue/conf")
    server = here.host.popen("ip", "netns", "exec", rogue.name, "busybox", "udhcpd", "-f", "/run/rogue/conf", stderr=subprocess.DEVNULL)
    try:
        assert guest.lease(tries=2) is None
        here.run(here.l2.wire(wiring(1, RED, port_security=False)))
        assert guest.lease(tries=3) is not None, "the same server is heard where port security is off"
    finally:
        server.terminate()
        server.wait(10)


def test_a_change_of_rules_cuts_a_connection_that_stands(machines: list[Machine]) -> None:
    here, there = machines
    one, other = here.guest(1, RED), there.guest(2, RED)
    sink = there.host.popen("ip", "netns", "exec", other.name, "sh", "-c", "busybox nc -l -p 22 > /run/got", stdin=subprocess.PIPE)
    until(lambda: ":22 " in other.sh("busybox netstat -ltn").stdout, "the sink listens")
    source = here.host.popen("ip", "netns", "exec", one.name, "sh", "-c", ENDLESS)
    got = there.host.path("/run/got")
    try:
        until(lambda: got.stat().st_size > 4, "bytes arrive")
        there.run(there.l2.wire(wiring(2, RED, rules=(OUT, PING))))
        time.sleep(0.3)  # what was under way
        size = got.stat().st_size
        time.sleep(1.0)
        assert got.stat().st_size == size
        there.run(there.l2.wire(wiring(2, RED)))
        until(lambda: got.stat().st_size > size, "the connection goes on")
    finally:
        for process in (source, sink):
            process.terminate()
            process.communicate(timeout=10)


def test_a_guest_does_not_reach_its_host(machines: list[Machine]) -> None:
    here, _ = machines
    guest = here.guest(1, RED, port_security=False)
    seen = Capture(here.host, guest.wiring.tap, "arp and src host 10.77.0.11")
    guest.sh("ip route add 10.77.0.0/24 dev eth0")
    assert not guest.ping(here.host.address)
    assert seen.end() == []
    before = here.host.run("sh", "-c", "grep -m2 Udp: /proc/net/snmp").stdout
    guest.sh("ip neighbour replace 10.77.0.11 lladdr ff:ff:ff:ff:ff:ff dev eth0; echo x | busybox nc -u -w 1 10.77.0.11 7777", check=False)
    assert here.host.run("sh", "-c", "grep -m2 Udp: /proc/net/snmp").stdout == before


def test_what_is_not_ours_survives(machines: list[Machine]) -> None:
    here, _ = machines
    own = wiring(2, RED, port_security=False)
    network = DhcpNetwork(own, (DhcpSubnet("s", "10.0.0.0/24", "10.0.0.1"),), ())
    stranger = "ffffffff-0000-4000-8000-000000000000"
    here.host.run("ip", "netns", "add", f"gc-laboratory-dhcp-{stranger}")
    here.host.run("ip", "link", "add", f"tap{stranger[:11]}", "type", "veth", "peer", "name", "tapeer")
    here.host.run("ip", "link", "set", f"tap{stranger[:11]}", "alias", f"glasscloud:laboratory:port:{stranger}")
    here.host.run("ip", "link", "add", "vx-other", "type", "vxlan", "id", "7", "dstport", "4789", "local", here.host.address)
    here.ovs.vsctl("add-br", "br-int-laborat", "--", "set", "bridge", "br-int-laborat", "datapath_type=netdev")
    here.host.run("nft", "add", "table", "inet", "gc_laboratory")
    server = here.host.popen("dnsmasq", "-k", "--conf-file=/dev/null", "--port=0", "--pid-file=/run/other.pid", "--interface=lo")
    theirs = devices(here.host)
    here.run(here.dhcp.serve(network))
    here.run(here.l2.wire(own))
    assert here.run(here.l2.devices()) == [own.port_id]
    for driver in (here.dhcp, here.l2):
        found = here.run(driver.found())
        assert found
        assert not any("laborat" in f"{trace.name} {trace.detail}" or stranger in trace.name for trace in found)
        for trace in found:
            here.run(driver.remove(trace))
    ours = {here.l2.bridge, "br-physnet1-lab"}
    assert devices(here.host) == theirs - ours
    assert "gc_laboratory" in here.host.run("nft", "list", "tables").stdout
    assert stranger in here.host.run("ip", "netns", "list").stdout
    assert server.poll() is None
    server.terminate()
    server.wait(10)
    here.ovs.vsctl("del-br", "br-int-laborat")
    for device in ("vx-other", f"tap{stranger[:11]}"):
        here.host.run("ip", "link", "delete", device)
    here.host.run("nft", "delete", "table", "inet", "gc_laboratory")
    here.host.run("ip", "netns", "delete", f"gc-laboratory-dhcp-{stranger}")


def test_a_bridge_of_that_name_that_is_not_ours_is_said_clearly(machines: list[Machine]) -> None:
    here, _ = machines
    place = Place("other", here.host.name, here.host.address, here.place.state)
    options = OpenVSwitchOptions({}, "netdev", here.ovs.directory)
    other = OpenVSwitch(place, options)
    here.ovs.vsctl("add-br", "br-int-other", "--", "set", "bridge", "br-int-other", "datapath_type=netdev")
    with pytest.raises(NetworkError, match=r"bridge br-int-other .* not of cloud other; remove it \(ovs-vsctl del-br br-int-other\)"):
        here.run(other.open())
    assert "br-int-other" in here.ovs.vsctl("list-br")
    here.ovs.vsctl("del-br", "br-int-other")
    here.host.run("ip", "link", "add", "br-int-other", "type", "bridge")
    with pytest.raises(NetworkError, match="br-int-other could not be made"):
        here.run(other.open())
    assert "br-int-other" not in here.ovs.vsctl("list-br")
    here.host.run("ip", "link", "delete", "br-int-other")
    here.run(other.close())


def test_what_is_missing_is_said_with_the_way_out(machines: list[Machine]) -> None:
    here, _ = machines
    place = Place("third", here.host.name, here.host.address, here.place.state)
    nowhere = OpenVSwitch(place, OpenVSwitchOptions(run_directory=Path("/run/nowhere")))
    with pytest.raises(NetworkError, match=r"/run/nowhere/db.sock does not answer .* start it"):
        here.run(nowhere.open())
    assert [f.ok for f in here.run(OpenVSwitch.probe(place, nowhere.options))] == [False]
    missing, taken = "there is no device eth7; .* bridge_mappings", "eth0 has the address 10.77.0.11; a trunk has none"
    for trunk, wrong in (("eth7", missing), ("eth0", taken)):
        other = OpenVSwitch(place, OpenVSwitchOptions({"physnet1": trunk}, "netdev", here.ovs.directory))
        with pytest.raises(NetworkError, match=wrong):
            here.run(other.open())
        here.run(other.close())
    assert here.ovs.vsctl("list-br").split() == ["br-int-lab", "br-physnet1-lab"]


def test_a_daemon_that_starts_again_is_given_its_flows(machines: list[Machine]) -> None:
    here, there = machines
    one, other = here.guest(1, RED), there.guest(2, RED)
    assert one.ping(other.wiring.addresses[0])
    here.ovs.stop_switch()
    here.ovs.start_switch()
    until(lambda: one.ping(other.wiring.addresses[0]), "flows are there again", 20)


def test_wiring_is_quick(machines: list[Machine]) -> None:
    """Twenty ports: what one costs in time, and in CPU of this process and its children. Limits are ten times what was measured."""
    here, _ = machines
    guests = [CableGuest(here.host, here.place, wiring(number, RED)) for number in range(1, 21)]
    here.guests += guests
    before, start = os.times(), time.perf_counter()
    for guest in guests:
        here.run(here.l2.wire(guest.wiring))
    wall, after = time.perf_counter() - start, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    print(f"wire: {wall / 20 * 1000:.1f} ms, {cpu / 20 * 1000:.1f} ms of CPU")
    assert wall / 20 < 0.5
    assert cpu / 20 < 0.2


def test_linux_bridges_leave_nothing_and_spare_what_is_not_theirs(tmp_path: Path) -> None:
    need("ping: iputils-ping", "ethtool: ethtool", "nft: nftables", "iptables-restore: iptables")
    with Bed(tmp_path) as bed:
        host = bed.host("compute-1")
        host.run("ip", "link", "add", "brqother", "type", "bridge")
        host.run("iptables", "-N", "gc_laboratory")
        host.run("iptables", "-A", "FORWARD", "-i", "eth9", "-j", "gc_laboratory")
        place, strangers = Place("lab", host.name, host.address, host.directory), devices(host)
        with Inside(host) as inside:
            switch = LinuxBridge(place, LinuxBridgeOptions())
            inside.run(switch.open())
            quiet = host.run("iptables-save").stdout.splitlines()
            guests = [CableGuest(host, place, wiring(number, GREEN)) for number in (1, 2)]
            for guest in guests:
                inside.run(switch.wire(guest.wiring))
            assert guests[0].ping("10.0.0.2")
            for guest in guests:
                guest.unplug()
                inside.run(switch.unwire(guest.wiring.port_id))
            assert devices(host) == strangers
            rules = [line for line in quiet if line.startswith(("-", ":"))]
            assert [line for line in host.run("iptables-save").stdout.splitlines() if line.startswith(("-", ":"))] == rules

            host.run("ip", "link", "add", f"brq{guests[0].wiring.network_id[:11]}", "type", "bridge")
            taken = CableGuest(host, place, wiring(3, GREEN))
            with pytest.raises(NetworkError, match=r"bridge brq0000012f-11 is there and not of cloud lab"):
                inside.run(switch.wire(taken.wiring))
            taken.unplug()
            host.run("ip", "link", "delete", f"brq{guests[0].wiring.network_id[:11]}")

            for trace in inside.run(switch.found()):
                inside.run(switch.remove(trace))
            inside.run(switch.close())
        left = [line for line in host.run("iptables-save").stdout.splitlines() if "gc_" in line]
        assert left == [":gc_laboratory - [0:0]", "-A FORWARD -i eth9 -j gc_laboratory"]
        assert "gc_lab" not in host.run("nft", "list", "tables").stdout
        assert devices(host) == strangers
