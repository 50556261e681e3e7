"""The metadata agent: it tells which server asks, by its network and address, and asks nova on its behalf.

Source: neutron/agent/metadata/agent.py. The guest is known by where its request comes from, which its port's firewall holds;
nova believes the agent because of the signature with the secret that both have.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from lab.context import Context
from lab.errors import LabError
from lab.process import CURRENT, Process
from lab.services.network.driver import MetadataDoor, MetadataRequest
from lab.services.network.model import Json
from lab.services.network.rpc import PluginApi

PLAIN = "text/plain; charset=UTF-8"


def sign(secret: str, instance_id: str) -> str:
    """The proof that a request comes from who knows the secret. Source: neutron's _sign_instance_id."""
    return hmac.new(secret.encode(), instance_id.encode(), hashlib.sha256).hexdigest()


class MetadataProxy:
    """One host's; it lives in the process of the DHCP agent, whose servers stand in the networks."""

    def __init__(self, process: Process, known: Callable[[str], Json | None]) -> None:
        """`known(network_id)` answers a network with its ports by id, as the DHCP agent of this host knows it."""
        self._process, self._known = process, known
        self._plugin = PluginApi(process)

    def start(self, door: MetadataDoor) -> None:
        """Take requests until the process ends."""
        door.on_metadata(self._take)

    def _take(self, request: MetadataRequest) -> None:
        self._process.spawn(self._serve(request), "metadata")

    async def _serve(self, request: MetadataRequest) -> None:
        ctx = self._process.context()
        CURRENT.set(ctx)
        try:
            port = await self._port(ctx, request.network_id, request.address)
        except LabError as error:
            self._unavailable(ctx, request, error)
            return
        if port is None:
            request.answer(404, PLAIN, f"no server of network {request.network_id} has {request.address}\n".encode())
            return
        headers = {
            "X-Forwarded-For": request.address,
            "X-Instance-ID": port["device_id"],
            "X-Tenant-ID": port["tenant_id"],
            "X-Instance-ID-Signature": sign(self._process.config.metadata_secret, port["device_id"]),
        }
        try:
            response = await self._process.rest.call(ctx, "compute", "GET", request.path, auth="none", headers=headers)
        except LabError as error:
            self._unavailable(ctx, request, error)
            return
        kind = response.headers.get("Content-Type") or response.headers.get("content-type", PLAIN)
        request.answer(response.status, kind, response.content())

    async def _port(self, ctx: Context, network_id: str, address: str) -> Json | None:
        """The port of a server that has an address; what the agent was not told of it yet is asked for."""
        info = self._known(network_id)
        port = _with(address, list(info["ports"].values())) if info is not None else None
        if port is None:
            info = await self._plugin.network_info(ctx, network_id)
            port = _with(address, info["ports"]) if info is not None else None
        return port

    def _unavailable(self, ctx: Context, request: MetadataRequest, error: LabError) -> None:
        text = f"Unexpected error while {request.address} asked for metadata: {error.message}"
        self._process.log(ctx, text, "error")
        request.answer(503, PLAIN, b"the metadata service does not answer; ask again\n")


def _with(address: str, ports: list[Json]) -> Json | None:
    """The port of a server with that address."""
    has = (p for p in ports if any(f["ip_address"] == address for f in p["fixed_ips"]))
    return next((p for p in has if p["device_id"] and not p["device_owner"].startswith("network:")), None)
