"""The processes of a cloud: which there are, on which host, and what starts each. One line for each.

A room is imported when one of its processes is started: a program of one agent needs no API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from lab.config import Config
from lab.rest.api import Api
from lab.services.object.driver import ObjectDisk
from lab.services.object.nodes import node_service
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


APIS = {
    "identity": "lab.services.identity.api:IdentityApi",
    "image": "lab.services.image.api:ImageApi",
    "placement": "lab.services.placement.api:PlacementApi",
    "network": "lab.services.network.api:NetworkApi",
    "volume": "lab.services.volume.api:VolumeApi",
    "compute": "lab.services.compute.api.application:ComputeApi",
    "object": "lab.services.object.api:ObjectApi",
}
"""The API of each service that clients use."""


def named(path: str) -> Any:
    """What a 'module:name' means."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def apis() -> dict[str, type[Api]]:
    """The API classes of the services that clients use."""
    return {service: named(path) for service, path in APIS.items()}


def parts(config: Config, world: World) -> Iterator[Part]:
    """Every process of the cloud on its host, in the order in which they are started: one line each."""
    here, net = world.controller, world.network_host

    def part(binary: str, host: str, start: str, serves: str = "", port: str = "", **given: Callable[[], Any]) -> Part:
        """`given`: what the start takes beside the process, made when it is asked for."""
        return Part(binary, host, serves, port, lambda: partial(named(start), **{name: make() for name, make in given.items()}))

    yield part("keystone", here, "lab.services.identity.api:start", "identity")
    yield part("glance", here, "lab.services.image.api:start", "image", "image", store=world.images)
    yield part("placement", here, "lab.services.placement.api:start", "placement")
    yield part("neutron-api", here, "lab.services.network:start_api", "network")
    yield part("neutron-rpc", here, "lab.services.network:start_rpc")
    yield part("cinder-api", here, "lab.services.volume.api:start", "volume")
    yield part("cinder-scheduler", here, "lab.services.volume.scheduler:start")
    yield part("cinder-volume", here, "lab.services.volume.agent:start", "", "volume", driver=world.volumes)
    yield part("nova-conductor", here, "lab.services.compute.conductor:start")
    yield part("nova-scheduler", here, "lab.services.compute.scheduler:start")
    yield part("nova-api", here, "lab.services.compute.api.application:start", "compute")
    devices = world.disks
    for host in devices:
        disks = partial(_disks, world, host)
        swift = "lab.services.object.processes:start_storage"
        yield part("swift-object", host, swift, node_service(host), "object", disks=disks, devices=lambda: devices)
    yield part("swift-proxy", here, "lab.services.object.processes:start_proxy", "object", devices=lambda: devices)
    yield part("neutron-dhcp-agent", net, "lab.services.network:start_dhcp_agent", "", "dhcp", driver=partial(world.dhcp, net))
    if "router" in config.service_plugins:
        yield part("neutron-l3-agent", net, "lab.services.network:start_l3_agent", "", "router", driver=partial(world.routers, net))
    for host in dict.fromkeys((net, *world.computes)):
        l2, address = partial(world.l2, host), partial(world.address, host)
        yield part("neutron-l2-agent", host, "lab.services.network:start_l2_agent", "", "network", driver=l2, address=address)
    for host in world.computes:
        driver = partial(world.hypervisor, host)
        yield part("nova-compute", host, "lab.services.compute.agent:start", "", "hypervisor", driver=driver)


def _disks(world: World, host: str) -> dict[str, ObjectDisk]:
    return {device: world.disk(host, device) for device in world.disks[host]}


def start(wires: Wires, chosen: Iterable[Part]) -> None:
    """Start processes of the cloud."""
    for part in chosen:
        wires.start(part.binary, part.host, part.factory())
