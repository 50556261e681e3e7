"""The scheduler's talk with placement: who could hold a server, and the claim. Source: nova/scheduler/client/report.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lab.errors import LabError, RemoteFault
from lab.services.compute.request_spec import Request

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.rest import Response
    from lab.services.compute.hosts import Candidates

Json = dict[str, Any]

CANDIDATES_VERSION = (1, 36)
"""SAME_SUBTREE_VERSION of nova's report client; its claims use the version of the candidates."""
CLAIMS_VERSION = (1, 28)
"""CONSUMER_GENERATION_VERSION of nova's report client."""
ROOT_REQUIRED = "OWNER_NOVA,!COMPUTE_STATUS_DISABLED"
"""Hosts of nova whose operator did not disable them. Source: nova/scheduler/request_filter.py."""
MIB_PER_GIB = 1024
PATHS = 256
"""How many paths are remembered."""
_UNLIMITED_HINTS = ("group", "same_host", "different_host")
"""Requests that compare hosts must see them all. Source: resources_from_request_spec in nova/scheduler/utils.py."""


class AllocationUpdateFailed(LabError):
    """The claim could not be made: somebody else changed what the server holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """Placement's answer: candidates for this process to read directly, or one allocation request a provider."""

    view: Candidates | None
    requests: Mapping[str, Json]

    def __bool__(self) -> bool:
        return len(self.view.rows) > 0 if self.view is not None else bool(self.requests)

    def request(self, provider: str) -> Json:
        """What to claim on a provider."""
        if self.view is None:
            return self.requests[provider]
        return {"allocations": {provider: {"resources": self.view.resources}}, "mappings": {"": [provider]}}


def resources(request: Request) -> dict[str, int]:
    """The amounts to ask placement for: the flavor's sizes, and its `resources:CLASS=N`."""
    swap_gb = -(-request.swap_mb // MIB_PER_GIB)
    root_gb = 0 if request.is_bfv else request.root_gb
    amounts = {
        "DISK_GB": root_gb + request.ephemeral_gb + swap_gb,
        "MEMORY_MB": request.memory_mb,
        "VCPU": request.vcpus,
    }
    for key, value in request.extra_specs.items():
        if key.startswith("resources:") and value.isdecimal():
            amounts[key.removeprefix("resources:")] = int(value)
    return {name: amounts[name] for name in sorted(amounts) if amounts[name]}


def traits(request: Request) -> list[str]:
    """The traits that flavor and image require or forbid, as `trait:NAME=required|forbidden`."""
    wanted = {**request.image_properties, **request.extra_specs}
    named = {key.removeprefix("trait:"): value for key, value in wanted.items() if key.startswith("trait:")}
    required = sorted(name for name, value in named.items() if value == "required")
    return required + sorted(f"!{name}" for name, value in named.items() if value == "forbidden")


def candidates_path(request: Request, limit: int, aggregates: Sequence[str] = (), node: str | None = None) -> str:
    """The GET of the candidates, its parameters sorted as nova sends them.

    Args:
        aggregates: the UUIDs of aggregates of which a host must be in one.
        node: the UUID of the one compute node that is asked for.
    """
    pairs: list[tuple[str, str]] = [
        ("resources", ",".join(f"{name}:{amount}" for name, amount in resources(request).items())),
        ("root_required", ROOT_REQUIRED),
    ]
    if not any(name in request.hints for name in _UNLIMITED_HINTS):
        pairs.append(("limit", str(limit)))
    if aggregates:
        pairs.append(("member_of", "in:" + ",".join(aggregates)))
    if node is not None:
        pairs.append(("in_tree", node))
    named = traits(request)
    if named:
        pairs.append(("required", ",".join(named)))
    return f"/allocation_candidates?{urlencode(sorted(pairs))}"


class ReportClient:
    """One scheduler's calls to placement, always as the service."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._paths: dict[tuple[int, ...], str] = {}

    def path(self, request: Request, aggregates: Sequence[str] = (), node: str | None = None) -> str:
        """The path of `candidates_path`, remembered for requests for sizes alone: the same few flavors come again and again."""
        limit = self._process.config.max_placement_results
        if aggregates or node or request.hints or request.extra_specs or request.image_properties:
            return candidates_path(request, limit, aggregates, node)
        sizes = (request.vcpus, request.memory_mb, request.root_gb, request.ephemeral_gb, request.swap_mb, request.is_bfv)
        path = self._paths.get(sizes)
        if path is None:
            if len(self._paths) >= PATHS:
                self._paths.clear()
            path = self._paths[sizes] = candidates_path(request, limit)
        return path

    async def candidates(self, ctx: Context, path: str) -> Found:
        """Who could hold what the path asks for. Raises RemoteFault, RestTimeout, Unreachable."""
        response = await self._call(ctx, "GET", path, CANDIDATES_VERSION)
        if response.status != 200:
            raise RemoteFault("placement", response.status, response.content().decode("utf-8", "replace"))
        view = getattr(response.body, "view", None)
        if view is not None:
            # The journal keeps the body: it shall not keep the rows of every answer with it.
            response.body.view = None  # type: ignore[union-attr]
            return Found(view, {})
        requests: dict[str, Json] = {}
        for each in response.json()["allocation_requests"]:
            for provider in each["allocations"]:
                requests.setdefault(provider, each)
        return Found(None, requests)

    async def held(self, ctx: Context, server_id: str) -> Json:
        """What a server holds, with its generation as a consumer."""
        response = await self._call(ctx, "GET", f"/allocations/{server_id}", CLAIMS_VERSION)
        return dict(response.json()) if response.ok else {"allocations": {}}

    async def claim(self, ctx: Context, server_id: str, owner: tuple[str, str], wanted: Json) -> bool:
        """Claim resources for a server that holds none; False when they are taken meanwhile.

        Args:
            owner: the ids of project and user.
            wanted: an allocation request of placement.

        Raises:
            AllocationUpdateFailed: the server holds something after all.
        """
        body = {**wanted, "project_id": owner[0], "user_id": owner[1], "consumer_generation": None}
        response = await self._call(ctx, "PUT", f"/allocations/{server_id}", CANDIDATES_VERSION, body)
        if response.status == 409 and "consumer generation conflict" in str(response.json()):
            raise AllocationUpdateFailed(
                f"Failed to update allocations for consumer {server_id}. Error: another process changed the consumer "
                f"{server_id} after the report client read the consumer state during the claim "
            )
        return response.status == 204

    async def release(self, ctx: Context, server_id: str) -> None:
        """Give back all that a server holds; nothing held is no error."""
        await self._call(ctx, "DELETE", f"/allocations/{server_id}", CLAIMS_VERSION)

    async def _call(self, ctx: Context, method: str, path: str, version: tuple[int, int], body: Json | None = None) -> Response:
        return await self._process.rest.call(ctx, "placement", method, path, body=body, version=version, auth="service")
