"""Mechanism drivers as data and rules: who can plug a port into which segment on which host.

What a driver can carry is the ML2 matrix of the era (`lab.capabilities`); what it needs on the host is
an agent that is alive and has the segment in its mappings. A driver's part of a change has two steps, as
upstream: `precommit` runs inside the transaction and may refuse, the agents are told after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from lab.capabilities import supports
from lab.config import Config
from lab.runtime import NANOSECOND
from lab.services.network.errors import InvalidInput
from lab.services.network.heartbeats import last_heard_ns
from lab.services.network.model import Agent, Json, Network, Port
from lab.values import value


@value
class Mechanism:
    """One mechanism driver. Source: the mech_<name>.py modules under neutron/plugins/ml2/drivers."""

    name: str
    agent_type: str
    agent_binary: str
    vif_type: str
    vnic_types: tuple[str, ...] = ("normal",)
    mappings: str = "bridge_mappings"
    details: Mapping[str, Any] = field(default_factory=dict)


OVS_DETAILS = MappingProxyType(
    {
        "port_filter": True,
        "connectivity": "l2",
        "ovs_hybrid_plug": False,
        "datapath_type": "system",
        "bridge_name": "br-int",
    }
)

MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        m.name: m
        for m in (
            Mechanism("openvswitch", "Open vSwitch agent", "neutron-openvswitch-agent", "ovs", details=OVS_DETAILS),
            Mechanism(
                "linuxbridge",
                "Linux bridge agent",
                "neutron-linuxbridge-agent",
                "bridge",
                mappings="interface_mappings",
                details=MappingProxyType({"port_filter": True, "connectivity": "l2"}),
            ),
            Mechanism("ovn", "OVN Controller agent", "ovn-controller", "ovs", details=OVS_DETAILS),
            Mechanism(
                "sriovnicswitch",
                "NIC Switch agent",
                "neutron-sriov-nic-agent",
                "hw_veb",
                vnic_types=("direct", "macvtap", "direct-physical"),
                mappings="device_mappings",
                details=MappingProxyType({"port_filter": False, "connectivity": "l2"}),
            ),
            Mechanism(
                "macvtap",
                "Macvtap agent",
                "neutron-macvtap-agent",
                "macvtap",
                vnic_types=("normal", "macvtap"),
                mappings="interface_mappings",
                details=MappingProxyType({"port_filter": False, "connectivity": "l2"}),
            ),
            Mechanism("l2population", "", "", "", vnic_types=()),
        )
    }
)


@value
class Binding:
    """How a port is plugged on its host, or why it cannot be."""

    vif_type: str
    driver: str = ""
    details: Json = field(default_factory=dict)
    refusals: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a driver took the port."""
        return bool(self.driver)


class MechanismManager:
    """The mechanism drivers that the configuration names, asked in its order."""

    def __init__(self, config: Config) -> None:
        self.era = int(config.era)
        self._agent_down_ns = round(config.agent_down_time_s * NANOSECOND)
        unknown = [name for name in config.mechanism_drivers if name not in MECHANISMS]
        if unknown:
            raise ValueError(f"unknown mechanism driver {', '.join(unknown)}; known: {', '.join(MECHANISMS)}")
        self.drivers = tuple(MECHANISMS[name] for name in config.mechanism_drivers)
        self._support = {
            (driver.name, kind): supports("network", self.era, driver.name, kind) for driver in self.drivers for kind in config.type_drivers
        }
        for driver in self.drivers:
            if not any(ok for (name, _), (ok, _) in self._support.items() if name == driver.name):
                reasons = "; ".join(why for (name, _), (_, why) in self._support.items() if name == driver.name)
                raise ValueError(f"mechanism driver {driver.name} carries none of the network types: {reasons}")
        if not any(driver.agent_type for driver in self.drivers):
            raise ValueError("l2population binds no port; put openvswitch or linuxbridge beside it")

    @property
    def agent(self) -> Mechanism:
        """The driver whose agent runs on the hosts: the first that binds ordinary ports."""
        return next((d for d in self.drivers if "normal" in d.vnic_types), self.drivers[0])

    def alive(self, tx: Any, agent: Agent, now_ns: int) -> bool:
        """Whether an agent reported within `agent_down_time`."""
        return now_ns - last_heard_ns(tx, agent) <= self._agent_down_ns

    def network_precommit(self, network_type: str) -> None:
        """Refuse a network that no driver could ever plug a port into, with the matrix's reasons."""
        refusals = []
        for driver in self.drivers:
            if driver.agent_type:
                ok, reason = self._support[driver.name, network_type]
                if ok:
                    return
                refusals.append(reason)
        raise InvalidInput(error_message="; ".join(refusals))

    def bind(self, tx: Any, port: Port, network: Network, now_ns: int) -> Binding:
        """Choose the driver that plugs the port on its host; every refusal says why."""
        refusals = []
        for driver in self.drivers:
            if port.binding_vnic_type not in driver.vnic_types:
                continue
            ok, reason = self._support.get((driver.name, network.network_type), (False, network.network_type))
            if not ok:
                refusals.append(reason)
                continue
            agent = tx.one(Agent, agent_type=driver.agent_type, host=port.binding_host_id)
            if agent is None:
                refusals.append(f"no {driver.agent_type} is known on host {port.binding_host_id}")
            elif not self.alive(tx, agent, now_ns):
                refusals.append(f"Refusing to bind port {port.id} to dead agent: {agent.agent_type} on {agent.host}")
            elif not _reaches(driver, agent, network):
                where = network.physical_network or network.network_type
                refusals.append(f"{where} is not in the mappings of {agent.agent_type} on {agent.host}")
            else:
                details = {**driver.details, "bound_drivers": {"0": driver.name}}
                return Binding(driver.vif_type, driver.name, details)
        return Binding("binding_failed", refusals=tuple(refusals))


def _reaches(driver: Mechanism, agent: Agent, network: Network) -> bool:
    """Whether the agent's host has a way to the network's segment."""
    if network.physical_network is not None:
        return network.physical_network in agent.configurations.get(driver.mappings, {})
    return network.network_type in agent.configurations.get("tunnel_types", ())
