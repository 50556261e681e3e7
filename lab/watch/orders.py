"""What can be made, changed and deleted in a cloud from a face: what each order asks, the calls it makes, and how it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.watch.asking import Field, choice
from lab.watch.resources import Resources, Thing

if TYPE_CHECKING:
    from lab.cloud import Cloud

Given = Mapping[str, str]
Asks = Callable[[Resources, Thing | None], tuple[Field, ...]]
Does = Callable[["Cloud", str, Given], Awaitable[object]]
"""Does it: the cloud, the id of the thing (empty when one is made, which is then answered), and what was written."""


@dataclass(frozen=True, slots=True)
class Order:
    """Something that can be done. Its words are the text 'order.<key>' of the face."""

    key: str
    sends: str
    """The calls, as the cloud's one URL has them; {id} is the thing's."""
    does: Does
    asks: Asks = lambda known, thing: ()
    fits: Callable[[Thing], bool] = lambda thing: True
    """Whether it makes sense for a thing as it is."""


def _named(known: Resources, kind: str) -> list[tuple[str, str]]:
    return [(thing.label, thing.id) for thing in known.of(kind)]


def _next_name(known: Resources, kind: str, stem: str) -> str:
    taken = {thing.name for thing in known.of(kind)}
    return next(f"{stem}-{n}" for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)


def _server_fields(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    return (
        Field("name", _next_name(known, "server", "vm")), choice("flavor", _named(known, "flavor")),
        choice("image", [(i.label, i.id) for i in known.of("image") if i.state in ("active", "")]),
        choice("network", _named(known, "network")), Field("host", needed=False),
    )


async def _make_server(cloud: Cloud, id: str, given: Given) -> object:
    zone = f"{cloud.config.availability_zone}:{given['host']}" if given.get("host") else None
    return await cloud.compute.servers.create(
        given["name"], given["flavor"], image=given["image"], networks=[{"uuid": given["network"]}], availability_zone=zone,
    )


async def _server(cloud: Cloud, id: str, act: Mapping[str, object]) -> None:
    await cloud.session.send("compute", "POST", f"/v2.1/servers/{id}/action", dict(act))


async def _attach(cloud: Cloud, server: str, volume: str) -> None:
    body = {"volumeAttachment": {"volumeId": volume}}
    await cloud.session.send("compute", "POST", f"/v2.1/servers/{server}/os-volume_attachments", body)


async def _detach(cloud: Cloud, server: str, volume: str) -> None:
    await cloud.session.send("compute", "DELETE", f"/v2.1/servers/{server}/os-volume_attachments/{volume}")


async def _make_network(cloud: Cloud, id: str, given: Given) -> object:
    network = await cloud.network.networks.create(given["name"])
    await cloud.network.subnets.create(network.id, given["cidr"], name=f"{given['name']}-subnet")
    return network


def _free(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    return (choice("volume", [(v.label, v.id) for v in known.of("volume") if v.state == "available"]),)


def _plugged(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    held = [(v.label, v.id) for v in known.of("volume") if thing is not None and known.holder_of(v) is thing]
    return (choice("volume", held),)


def _subnets_of(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    own = [s for s in known.of("subnet") if thing is not None and s.data.get("network_id") == thing.id]
    return (choice("subnet", [(f"{s.label}  {s.data.get('cidr', '')}", s.id) for s in own]),)


def _servers(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    return (choice("server", _named(known, "server")),)


def _holder(known: Resources, thing: Thing | None) -> tuple[Field, ...]:
    holder = known.holder_of(thing) if thing is not None else None
    return (choice("server", [(holder.label, holder.id)] if holder else _named(known, "server")),)


MAKE: Mapping[str, Order] = {
    "server": Order("server.create", "POST /compute/v2.1/servers", _make_server, _server_fields),
    "volume": Order(
        "volume.create", "POST /volume/v3/…/volumes",
        lambda cloud, _, given: cloud.volume.volumes.create(int(float(given["size"])), name=given["name"]),
        lambda known, _: (Field("name", _next_name(known, "volume", "vol")), Field("size", "1", number=True)),
    ),
    "network": Order(
        "network.create", "POST /network/v2.0/networks, POST /network/v2.0/subnets", _make_network,
        lambda known, _: (Field("name", _next_name(known, "network", "net")), Field("cidr", f"10.{len(known.of('network'))}.0.0/24")),
    ),
    "port": Order(
        "port.create", "POST /network/v2.0/ports",
        lambda cloud, _, given: cloud.network.ports.create(given["network"], name=given["name"]),
        lambda known, _: (Field("name", _next_name(known, "port", "port")), choice("network", _named(known, "network"))),
    ),
}
"""How each kind is made; images need their bytes."""

DO: Mapping[str, tuple[Order, ...]] = {
    "server": (
        Order("server.stop", "POST /compute/v2.1/servers/{id}/action", lambda c, at, _: _server(c, at, {"os-stop": None}),
              fits=lambda s: s.state.startswith("active")),
        Order("server.start", "POST /compute/v2.1/servers/{id}/action", lambda c, at, _: _server(c, at, {"os-start": None}),
              fits=lambda s: s.state.startswith("stopped")),
        Order("server.pause", "POST /compute/v2.1/servers/{id}/action", lambda c, at, _: _server(c, at, {"pause": None}),
              fits=lambda s: s.state.startswith("active")),
        Order("server.unpause", "POST /compute/v2.1/servers/{id}/action", lambda c, at, _: _server(c, at, {"unpause": None}),
              fits=lambda s: s.state.startswith("paused")),
        Order("server.reboot", "POST /compute/v2.1/servers/{id}/action", lambda c, at, _: _server(c, at, {"reboot": {"type": "SOFT"}}),
              fits=lambda s: s.state.startswith("active")),
        Order("server.attach", "POST /compute/v2.1/servers/{id}/os-volume_attachments",
              lambda c, at, given: _attach(c, at, given["volume"]), _free),
        Order("server.detach", "DELETE /compute/v2.1/servers/{id}/os-volume_attachments/…",
              lambda c, at, given: _detach(c, at, given["volume"]), _plugged),
        Order("server.delete", "DELETE /compute/v2.1/servers/{id}", lambda c, at, _: c.compute.servers.delete(at)),
    ),
    "volume": (
        Order("volume.attach", "POST /compute/v2.1/servers/…/os-volume_attachments",
              lambda c, at, given: _attach(c, given["server"], at), _servers, lambda v: v.state == "available"),
        Order("volume.detach", "DELETE /compute/v2.1/servers/…/os-volume_attachments/{id}",
              lambda c, at, given: _detach(c, given["server"], at), _holder, lambda v: v.state == "in-use"),
        Order("volume.delete", "DELETE /volume/v3/…/volumes/{id}", lambda c, at, _: c.volume.volumes.delete(at)),
    ),
    "network": (
        Order("subnet.create", "POST /network/v2.0/subnets",
              lambda c, at, given: c.network.subnets.create(at, given["cidr"], name=given["name"]),
              lambda known, thing: (Field("name", _next_name(known, "subnet", "subnet")), Field("cidr", "10.9.0.0/24"))),
        Order("subnet.delete", "DELETE /network/v2.0/subnets/…",
              lambda c, at, given: c.network.subnets.delete(given["subnet"]), _subnets_of),
        Order("network.delete", "DELETE /network/v2.0/networks/{id}", lambda c, at, _: c.network.networks.delete(at)),
    ),
    "port": (Order("port.delete", "DELETE /network/v2.0/ports/{id}", lambda c, at, _: c.network.ports.delete(at)),),
    "image": (Order("image.delete", "DELETE /image/v2/images/{id}", lambda c, at, _: c.image.images.delete(at)),),
}
"""What can be done with a thing of each kind."""


def orders_for(thing: Thing) -> list[Order]:
    """What can be done with a thing as it is now."""
    return [order for order in DO[thing.kind] if order.fits(thing)]
