"""What every DHCP driver promises."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import pytest

from lab.errors import NetworkError
from lab.services.network.driver import DhcpHost, DhcpNetwork, DhcpSubnet, MetadataRequest, PortWiring
from tests.contracts.record import promise

T = TypeVar("T")


class DhcpBench(ABC):
    """One host with networks whose clients are on the same host; `driver` has all abilities of DHCP servers."""

    driver: Any

    def network(self, number: int = 1, *hosts: DhcpHost, **subnet: Any) -> DhcpNetwork:
        """A network to serve; all networks have the same addresses."""
        port_id = f"dddddd{number:02x}-0000-4000-8000-000000000000"
        wiring = PortWiring(
            port_id, f"tap{port_id[:11]}", f"fa:16:3e:dd:00:{number:02x}", ("10.0.0.2",), f"{number:08x}-2222-4000-8000-000000000000",
            "vlan", 100 + number, "physnet1", 1400, port_security=False,
        )  # fmt: skip
        values: dict[str, Any] = {"gateway": "10.0.0.1", "dns": ("192.0.2.53",), "lease_s": 7200}
        return DhcpNetwork(wiring, (DhcpSubnet(f"s{number}", "10.0.0.0/24", **(values | subnet)),), hosts)

    def host(self, last: int) -> DhcpHost:
        """A reservation: card number `last` gets 10.0.0.`last`."""
        return DhcpHost(f"{last:08x}-3333-4000-8000-000000000000", f"fa:16:3e:ee:00:{last:02x}", f"10.0.0.{last}", f"host-10-0-0-{last}")

    def serve(self, network: DhcpNetwork) -> None:
        """Serve, and bring the server's port into its network."""
        self.run(self.driver.serve(network))

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a verb of the driver."""

    @abstractmethod
    def lease(self, network: DhcpNetwork, host: DhcpHost) -> dict[str, str] | None:
        """What the card of that reservation is given in that network: 'ip', and as far as it can be seen 'router', 'dns', 'mtu', …"""

    @abstractmethod
    def fetch(self, network: DhcpNetwork, host: DhcpHost, path: str) -> str:
        """What the client gets of http://169.254.169.254/path."""

    @abstractmethod
    def again(self) -> Any:
        """A new driver for the same host, as after a restart of its agent."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What is on the host that was not there before."""


class DhcpContract:
    """The promises; subclasses give the bench."""

    port: ClassVar[str] = "dhcp"

    @promise("serve", "a repeat converges; who has a reservation gets its address, and nobody else any")
    def test_serve(self, bench: DhcpBench) -> None:
        one = bench.host(5)
        network = bench.network(1, one)
        for _ in range(2):
            bench.serve(network)
            assert bench.run(bench.driver.serving()) == [network.wiring.network_id]
        lease = bench.lease(network, one)
        assert lease is not None
        assert lease["ip"] == "10.0.0.5"
        assert bench.lease(network, bench.host(6)) is None

    @promise("serve", "a reservation that is not named any more is gone; a new one is served")
    def test_serve_others(self, bench: DhcpBench) -> None:
        one, other = bench.host(5), bench.host(6)
        bench.serve(bench.network(1, one))
        network = bench.network(1, other)
        bench.serve(network)
        assert bench.lease(network, other) is not None
        assert bench.lease(network, one) is None

    @promise("reserve", "one comes, changes and goes without the others being named")
    def test_reserve(self, bench: DhcpBench) -> None:
        one, other = bench.host(5), bench.host(6)
        network = bench.network(1, one)
        bench.serve(network)
        bench.run(bench.driver.reserve(network.wiring.network_id, other))
        for host in (one, other):
            lease = bench.lease(network, host)
            assert lease is not None
            assert lease["ip"] == host.address
        for _ in range(2):
            bench.run(bench.driver.release(network.wiring.network_id, other.port_id))
        assert bench.lease(network, other) is None
        moved = dataclasses.replace(other, address="10.0.0.66")
        bench.run(bench.driver.reserve(network.wiring.network_id, moved))
        lease = bench.lease(network, moved)
        assert lease is not None
        assert lease["ip"] == "10.0.0.66"

    @promise("release", "the address is free for the next port at once, though the lease of the one before has not ended")
    @pytest.mark.parametrize("restarted", [False, True])
    def test_reused(self, bench: DhcpBench, restarted: bool) -> None:
        one, other = bench.host(5), dataclasses.replace(bench.host(6), address="10.0.0.5")
        network = bench.network(1, one)
        bench.serve(network)
        assert bench.lease(network, one) is not None
        if restarted:  # and the port went meanwhile
            bench.driver = bench.again()
            bench.serve(bench.network(1, other))
        else:
            bench.run(bench.driver.release(network.wiring.network_id, one.port_id))
            bench.run(bench.driver.reserve(network.wiring.network_id, other))
        lease = bench.lease(network, other)
        assert lease is not None
        assert lease["ip"] == "10.0.0.5"

    @promise("reserve", "in a network that is not served is a clear error; to release there is none")
    def test_not_served(self, bench: DhcpBench) -> None:
        with pytest.raises(NetworkError, match="serve the network first"):
            bench.run(bench.driver.reserve("nowhere", bench.host(5)))
        bench.run(bench.driver.release("nowhere", "nobody"))
        assert bench.run(bench.driver.serving()) == []

    @promise("serve", "networks with the same addresses are kept apart")
    def test_apart(self, bench: DhcpBench) -> None:
        one, other = bench.host(5), dataclasses.replace(bench.host(6), address="10.0.0.5")
        networks = [bench.network(1, one), bench.network(2, other)]
        for network in networks:
            bench.serve(network)
        for network, mine, not_mine in zip(networks, (one, other), (other, one), strict=True):
            lease = bench.lease(network, mine)
            assert lease is not None
            assert lease["ip"] == "10.0.0.5"
            assert bench.lease(network, not_mine) is None

    @promise("serve", "clients are told router, name servers, MTU, lease and routes, the way to the metadata service among them")
    def test_options(self, bench: DhcpBench) -> None:
        one = bench.host(5)
        network = bench.network(1, one, routes=(("192.0.2.0/24", "10.0.0.7"),))
        bench.serve(network)
        lease = bench.lease(network, one)
        assert lease is not None
        assert (lease["router"], lease["lease"], lease["mask"]) == ("10.0.0.1", "7200", "24")
        if "mtu" not in lease:
            pytest.skip("simulated leases have no name servers, MTU and routes")
        assert (lease["dns"], lease["mtu"], lease["hostname"]) == ("192.0.2.53", "1400", "host-10-0-0-5")
        routes = lease["staticroutes"].split()
        assert dict(zip(routes[::2], routes[1::2], strict=True)) == {
            "192.0.2.0/24": "10.0.0.7", "169.254.169.254/32": "10.0.0.2", "0.0.0.0/0": "10.0.0.1",
        }  # fmt: skip

    @promise("serve", "options that changed are told from then on")
    def test_changed_options(self, bench: DhcpBench) -> None:
        one = bench.host(5)
        bench.serve(bench.network(1, one))
        network = bench.network(1, one, gateway="10.0.0.9")
        bench.serve(network)
        lease = bench.lease(network, one)
        assert lease is not None
        assert lease["router"] == "10.0.0.9"

    @promise("stop", "a repeat is no error; nothing is left")
    def test_stop(self, bench: DhcpBench) -> None:
        one = bench.host(5)
        network = bench.network(1, one)
        bench.serve(network)
        for _ in range(2):
            bench.run(bench.driver.stop(network.wiring.network_id))
            assert bench.run(bench.driver.serving()) == []
        assert bench.leftovers() == []

    @promise("serving", "a new driver finds what an earlier one left, and goes on from there")
    def test_restart(self, bench: DhcpBench) -> None:
        one, other = bench.host(5), bench.host(6)
        network = bench.network(1, one)
        bench.serve(network)
        bench.driver = bench.again()
        assert bench.run(bench.driver.serving()) == [network.wiring.network_id]
        network = bench.network(1, one, other)
        bench.serve(network)
        assert bench.lease(network, other) is not None
        bench.run(bench.driver.stop(network.wiring.network_id))
        assert bench.leftovers() == []

    @promise("on_metadata", "what a client asks of 169.254.169.254 is told with its network and address, and answered")
    def test_metadata(self, bench: DhcpBench) -> None:
        one = bench.host(5)
        networks = [bench.network(1, one), bench.network(2, one)]
        told: list[tuple[str, str, str]] = []

        def answer(request: MetadataRequest) -> None:
            told.append((request.network_id, request.address, request.path))
            request.answer(200, "text/plain", b"it is you")

        bench.driver.on_metadata(answer)
        for network in networks:
            bench.serve(network)
            assert bench.fetch(network, one, "latest/meta-data/") == "it is you"
        assert told == [(network.wiring.network_id, "10.0.0.5", "/latest/meta-data/") for network in networks]
