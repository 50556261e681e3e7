"""Networks: neutron-api, neutron-rpc, and the L2, DHCP and L3 agents on the hosts. Each imports only what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.process import Process
    from lab.services.network.driver import DhcpDriver, L2Driver, RouterDriver


def start_api(process: Process) -> None:
    """Start neutron-api: the REST service."""
    from lab.services.network.api import NetworkApi

    NetworkApi(process).start()


def start_rpc(process: Process) -> None:
    """Start neutron-rpc: what the agents talk to."""
    from lab.services.network.server import NetworkServer

    NetworkServer(process).start()


def start_l2_agent(process: Process, driver: L2Driver, address: str) -> None:
    """Start the L2 agent of a host; `address` is the host's end of tunnels."""
    from lab.services.network.l2_agent import L2Agent

    L2Agent(process, driver, address).start()


def start_dhcp_agent(process: Process, driver: DhcpDriver) -> None:
    """Start the DHCP agent of a host."""
    from lab.services.network.dhcp_agent import DhcpAgent

    DhcpAgent(process, driver).start()


def start_l3_agent(process: Process, driver: RouterDriver) -> None:
    """Start the L3 agent of a host; there is one when the router plugin is loaded."""
    from lab.services.network.l3_agent import L3Agent

    L3Agent(process, driver).start()
