"""The processes of a cloud: which there are, on which host, and what starts each. One line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from lab.config import Config
from lab.services import network
from lab.services.compute import processes as nova
from lab.services.identity import api as identity
from lab.services.image import api as image
from lab.services.object import processes as swift
from lab.services.object.nodes import node_service
from lab.services.placement import api as placement
from lab.services.volume import agent as cinder_volume
from lab.services.volume import api as cinder
from lab.services.volume import scheduler as cinder_scheduler
from lab.wires import Factory, Wires
from lab.world import World

AGENTS = ("nova-compute", "neutron-l2-agent", "neutron-dhcp-agent", "neutron-l3-agent", "swift-object")
"""Those that keep nothing in the database: they ask by message, or keep it on their own disks."""


class Part(NamedTuple):
    """One process of the cloud."""

    binary: str
    host: str
    serves: str
    """The type of the service whose API it is, if it is one."""
    port: str
    """The port whose driver it needs, if it needs one."""
    factory: Callable[[], Factory]
    """Makes what starts it; then the driver is asked for."""

    @property
    def is_agent(self) -> bool:
        """Whether it is one of those that have no database."""
        return self.binary in AGENTS


def parts(config: Config, world: World) -> Iterator[Part]:
    """Every process of the cloud on its host, in the order in which they are started: one line each."""
    here, net = world.controller, world.network_host
    yield Part("keystone", here, "identity", "", lambda: identity.start)
    yield Part("glance", here, "image", "image", lambda: partial(image.start, store=world.images()))
    yield Part("placement", here, "placement", "", lambda: placement.start)
    yield Part("neutron-api", here, "network", "", lambda: network.start_api)
    yield Part("neutron-rpc", here, "", "", lambda: network.start_rpc)
    yield Part("cinder-api", here, "volume", "", lambda: cinder.start)
    yield Part("cinder-scheduler", here, "", "", lambda: cinder_scheduler.start)
    yield Part("cinder-volume", here, "", "volume", lambda: partial(cinder_volume.start, driver=world.volumes()))
    yield Part("nova-conductor", here, "", "", lambda: nova.start_conductor)
    yield Part("nova-scheduler", here, "", "", lambda: nova.start_scheduler)
    yield Part("nova-api", here, "compute", "", lambda: nova.start_api)
    for host in world.disks:
        yield Part("swift-object", host, node_service(host), "object", partial(_storage, world, host))
    yield Part("swift-proxy", here, "object", "", lambda: partial(swift.start_proxy, devices=world.disks))
    yield Part("neutron-dhcp-agent", net, "", "dhcp", lambda: partial(network.start_dhcp_agent, driver=world.dhcp(net)))
    if "router" in config.service_plugins:
        yield Part("neutron-l3-agent", net, "", "router", lambda: partial(network.start_l3_agent, driver=world.routers(net)))
    for host in dict.fromkeys((net, *world.computes)):
        yield Part("neutron-l2-agent", host, "", "network", partial(_switch, world, host))
    for host in world.computes:
        yield Part("nova-compute", host, "", "hypervisor", partial(_compute, world, host))


def _storage(world: World, host: str) -> Factory:
    disks = {device: world.disk(host, device) for device in world.disks[host]}
    return partial(swift.start_storage, disks=disks, devices=world.disks)


def _switch(world: World, host: str) -> Factory:
    return partial(network.start_l2_agent, driver=world.l2(host), address=world.address(host))


def _compute(world: World, host: str) -> Factory:
    return partial(nova.start_agent, driver=world.hypervisor(host))


def start(wires: Wires, chosen: Iterable[Part]) -> None:
    """Start processes of the cloud."""
    for part in chosen:
        wires.start(part.binary, part.host, part.factory())
