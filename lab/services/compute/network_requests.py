"""Which ports and networks a new server gets: what the user asked for, checked with neutron in nova's order.

Source: `validate_networks` and `create_resource_requests` of nova/network/neutron.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, Forbidden, RemoteFault
from lab.services.compute.model import PortStillInUse
from lab.services.compute.network_client import Networks
from lab.services.compute.requests import NetworkRequest

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.requests import CreateServer

Json = dict[str, Any]

UNLIMITED = -1


class NetworkRequests:
    """Checks network requests for one nova-api process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.neutron = Networks(process)

    async def resolve(self, ctx: Context, request: CreateServer) -> list[Json]:
        """Return the request's cards as messages carry them, each with its network.

        Raises:
            BadRequest: a network, port or security group is unknown, or no address can be had.
            Conflict: a port is in use, or several networks could be meant.
            Forbidden: more ports than the project's quota allows.
        """
        asked = request.networks
        if asked == "none":
            return []
        if asked is None or asked == "auto":
            cards = await self._default(ctx, demanded=asked == "auto")
        else:
            cards = [await self._card(ctx, each) for each in asked or ()]
        if not cards:
            return []
        ids = list(dict.fromkeys(card["network_id"] for card in cards))
        networks = await self.neutron.networks(ctx, ids)
        for network_id in ids:
            if network_id not in networks:
                raise BadRequest(f"Network {network_id} could not be found.")
        await self._check_new(ctx, [card for card in cards if card["port_id"] is None], networks)
        await self._check_quota(ctx, sum(card["port_id"] is None for card in cards) * request.min_count)
        await self._refresh_extensions(ctx)
        names = [name for name in request.security_groups if name != "default"]
        with _known_to_neutron():
            for network_id in ids:
                await self.neutron.provider(ctx, network_id)
            if names:
                await self.neutron.security_groups(ctx, list(request.security_groups))
        return cards

    async def only_network(self, ctx: Context) -> str:
        """The one network that can be meant when none is named. Raises BadRequest or Conflict."""
        return str((await self._default(ctx, demanded=True))[0]["network_id"])

    async def _default(self, ctx: Context, *, demanded: bool) -> list[Json]:
        """The one network there is, when the user named none."""
        found = await self.neutron.available(ctx)
        found = [network for network in found if network.get("subnets") and not network.get("router:external")]
        if len(found) > 1:
            raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
        if not found and demanded:
            raise BadRequest(f"Unable to automatically allocate a network for project {ctx.project_id}")
        return [_card(NetworkRequest(network_id=network["id"])) for network in found]

    async def _card(self, ctx: Context, request: NetworkRequest) -> Json:
        """One card; a port says its network, and must be free."""
        if request.port_id is None:
            return _card(request)
        return {**_card(request), "network_id": await self.network_of_port(ctx, request.port_id)}

    async def network_of_port(self, ctx: Context, port_id: str) -> str:
        """The network of a free port of the caller's."""
        try:
            port = await self.neutron.port(ctx, port_id)
        except RemoteFault as fault:
            if fault.status != 404:
                raise
            raise BadRequest(f"Port id {port_id} could not be found.") from fault
        if port.get("device_id"):
            raise PortStillInUse.of(port_id)
        if not port.get("fixed_ips"):
            raise BadRequest(f"Port {port_id} requires a FixedIP in order to be used.")
        return str(port["network_id"])

    async def _check_new(self, ctx: Context, cards: list[Json], networks: dict[str, Json]) -> None:
        """Refuse ports that neutron could not make: on a network without subnets, or with another's address."""
        for card in cards:
            address = card["fixed_ip"]
            user = await self.neutron.user_of(ctx, card["network_id"], address) if address else None
            if user is not None:
                raise BadRequest(f"Fixed IP address {address} is already in use on instance {user}.")
        for card in cards:
            if not networks[card["network_id"]].get("subnets"):
                raise BadRequest(f"Network {card['network_id']} requires a subnet in order to boot instances on.")

    async def _check_quota(self, ctx: Context, wanted: int) -> None:
        if not wanted:
            return
        limit = await self.neutron.port_quota(ctx)
        if limit != UNLIMITED and await self.neutron.count_ports(ctx) + wanted > limit:
            raise Forbidden("Maximum number of ports exceeded")

    async def _refresh_extensions(self, ctx: Context) -> None:
        memory, now = self._process.memory, self._process.runtime.now()
        if now >= memory.get("neutron extensions until", 0.0):
            memory["neutron extensions"] = await self.neutron.extensions(ctx)
            memory["neutron extensions until"] = now + self._process.config.extension_sync_interval_s


@contextmanager
def _known_to_neutron() -> Iterator[None]:
    """What neutron does not know, or knows no more since it was looked for, is refused as the user's mistake."""
    try:
        yield
    except RemoteFault as fault:
        if fault.status != 404:
            raise
        raise BadRequest(fault.message) from fault


def _card(request: NetworkRequest) -> Json:
    return {"network_id": request.network_id, "port_id": request.port_id, "fixed_ip": request.fixed_ip, "tag": request.tag}
