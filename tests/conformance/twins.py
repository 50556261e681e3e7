"""Two identical clouds that get the same requests in the same virtual time: one in process, one over HTTP (ASGI)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

import lab
from lab.cli.running import bound, quiet_server
from lab.client.session import Transport
from lab.client.transports import InWorld, ThroughRunner, enter
from lab.cloud import Cloud, SimulatedCloud
from lab.context import Context
from lab.readiness import SERVICES
from lab.rest.api import Api
from lab.rest.http import Edge
from lab.rest.message import Request, Response
from lab.serve import Served
from sim.loop import SimLoop
from sim.runner import Runner
from sim.world import SimWorld

SMALL = {"racks": 1, "hosts_per_rack": 1, "storage_nodes": 3, "disks_per_storage_node": 1}
PEOPLE = ("admin", "demo")
UNKNOWN = "11111111-2222-4333-8444-555555555555"


@dataclass(frozen=True)
class Ask:
    """A request. `{name}` in the target stands for something that is there, by the name of a route's parameter."""

    service: str
    method: str
    target: str
    who: str = "admin"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Told:
    """An answer, without what two connections may differ in."""

    status: int
    headers: dict[str, str]
    body: bytes


Channel = Callable[[str, str, str, dict[str, str], bytes, bool], Awaitable[Told]]


class InLoop:
    """A cloud in virtual time, as the edge wants one."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud, self.journal = cloud, cloud.journal
        self.apis: dict[str, type[Api]] = {s: type(cloud.wires.router.api(s)) for s in SERVICES}
        self.streams = False

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        client = self.cloud.world.client
        return await enter(client, service, Request(method, target, headers, body, client.name), keep_stream=True)

    async def pull(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()

    def who(self, token: str) -> Context | None:
        raise NotImplementedError

    def health(self) -> dict[str, Any]:
        raise NotImplementedError

    def clock(self, change: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


# -- the two ways ---------------------------------------------------------------------------------

LEFT_OUT = {"date", "server", "connection", "transfer-encoding"}
SECRETS = re.compile(rb'"(adminPass|private_key)":\s*"[^"]*"')


def told(status: int, headers: Iterable[tuple[str, str]], body: bytes, method: str) -> Told:
    """An answer as it is compared: no connection headers, no secrets, a length that is the body's left out."""
    kept = {name.lower(): value for name, value in headers if name.lower() not in LEFT_OUT}
    if method != "HEAD" and kept.get("content-length") == str(len(body)):
        del kept["content-length"]
    if "x-subject-token" in kept:
        kept["x-subject-token"] = "a token"
    return Told(status, kept, SECRETS.sub(rb'"\1":"a secret"', body))


def in_process(cloud: SimulatedCloud) -> Channel:
    """The transport by which components call each other."""
    return through(InWorld(cloud.world.client))


def through(inside: Transport) -> Channel:
    """A transport of the façade."""

    async def send(service: str, method: str, target: str, headers: dict[str, str], body: bytes, chunked: bool) -> Told:
        answer = await inside.request(service, method, target, headers, body)
        return told(answer.status, answer.headers.items(), answer.content(), method)

    return send


def over_http(client: httpx.AsyncClient) -> Channel:
    """HTTP, by whatever transport the client has."""

    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    async def send(service: str, method: str, target: str, headers: dict[str, str], body: bytes, chunked: bool) -> Told:
        content = pieces(body) if chunked else body
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await client.request(method, f"/{service}{target}", headers=raw, content=content)
        return told(answer.status_code, answer.headers.items(), answer.content, method)

    return send


# -- what is there --------------------------------------------------------------------------------

Things = dict[str, list[str]]
"""Names and ids of things that exist, by the names of the routes' parameters."""


async def furnish(cloud: SimulatedCloud) -> Things:
    """Make one thing of each noun, some of them another project's."""
    image = await cloud.image.images.create("cirros")
    await image.upload(b"x" * 1000)
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net1")
    subnet = await cloud.network.subnets.create(network.id, "10.0.0.0/24", name="sub1")
    server = await cloud.compute.servers.create("s1", flavor.id, image=image.id, networks=[{"uuid": network.id}])
    volume = await cloud.volume.volumes.create(1, name="vol1")
    await server.wait_for("ACTIVE")
    await volume.wait_for("available")
    snapshot = await cloud.volume.snapshots.create(volume.id, name="snap1")
    demo = cloud.as_user("demo", cloud.config.admin_password, "demo")
    hers = await demo.network.networks.create("hers")
    her_volume = await demo.volume.volumes.create(1, name="hers")
    await snapshot.wait_for("available")
    await her_volume.wait_for("available")
    send = cloud.session.send
    await send("compute", "POST", "/v2.1/os-keypairs", {"keypair": {"name": "key1", "public_key": KEY}})
    aggregate = await cloud.session.json("compute", "POST", "/v2.1/os-aggregates", {"aggregate": {"name": "agg1"}})
    account = f"AUTH_{cloud.session.project_id}"
    await send("object", "PUT", f"/v1/{account}/c1")
    await send("object", "PUT", f"/v1/{account}/c1/o1", b"hello")
    seen = cloud.session.json
    projects = [p["id"] for p in (await seen("identity", "GET", "/v3/projects"))["projects"]]
    users = [u["id"] for u in (await seen("identity", "GET", "/v3/users"))["users"]]
    roles = [r["id"] for r in (await seen("identity", "GET", "/v3/roles"))["roles"]]
    services = [s["id"] for s in (await seen("identity", "GET", "/v3/services"))["services"]]
    endpoints = [e["id"] for e in (await seen("identity", "GET", "/v3/endpoints"))["endpoints"]]
    ports = [p["id"] for p in (await seen("network", "GET", "/v2.0/ports"))["ports"]]
    groups = (await seen("network", "GET", "/v2.0/security-groups"))["security_groups"]
    agents = [a["id"] for a in (await seen("network", "GET", "/v2.0/agents"))["agents"]]
    types = [t["id"] for t in (await seen("volume", "GET", "/v3/types"))["volume_types"]]
    providers = [p["uuid"] for p in (await seen("placement", "GET", "/resource_providers"))["resource_providers"]]
    return {
        "image_id": [image.id],
        "flavor_id": [flavor.id],
        "network_id": [network.id, hers.id],
        "subnet_id": [subnet.id],
        "server_id": [server.id],
        "volume_id": [volume.id, her_volume.id],
        "snapshot_id": [snapshot.id],
        "type_id": types,
        "project_id": [cloud.session.project_id, *projects],
        "project": projects,
        "target": projects,
        "user_id": users,
        "role_id": roles,
        "implied_role_id": roles,
        "domain_id": ["default"],
        "region_id": ["RegionOne"],
        "service_id": services,
        "endpoint_id": endpoints,
        "port_id": ports,
        "group_id": [g["id"] for g in groups],
        "rule_id": [r["id"] for g in groups for r in g["security_group_rules"]],
        "agent_id": agents,
        "uuid": providers,
        "consumer_uuid": [server.id],
        "resource_class": ["VCPU", "MEMORY_MB", "CUSTOM_X"],
        "aggregate": [str(aggregate["aggregate"]["id"])],
        "hypervisor": providers,
        "account": [account, f"AUTH_{demo.session.project_id}"],
        "container": ["c1", "c2"],
        "object": ["o1", "o2"],
        "plural": ["networks", "ports", "subnets", "security-groups", "nothing"],
        "resource_id": [network.id, *ports],
        "member_id": projects,
        "name": ["key1", "VCPU", "COMPUTE_NODE", "image", "images", "default"],
        "alias": ["agent", "os-keypairs", "nothing"],
        "change": ["enable", "disable", "disable-log-reason"],
        "key": ["name", "key1"],
        "tag": ["red", "blue"],
        "label": ["net1"],
    }


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKiLmdFFzEWmaWl1j/sXNsd6C9zTiWHRLkBfmgk21Yd"

# -- playing --------------------------------------------------------------------------------------


@dataclass
class Play:
    """What came of a row of requests on one cloud."""

    told: list[Told]
    errors: list[BaseException]
    things: Things


def play(asks: Iterable[Ask], http: bool) -> Play:
    """Send the requests one after the other to a new cloud, in virtual time."""

    async def main() -> Play:
        async with Cloud.simulated(seed=7, datacenter=SMALL) as cloud:
            things = await furnish(cloud)
            tokens = await tokens_of(cloud)
            transport = httpx.ASGITransport(Edge(InLoop(cloud)).app(), raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
                channel = over_http(client) if http else in_process(cloud)
                found = []
                for ask in asks:
                    found.append(await put(channel, ask, things, tokens))
                    learn(things, ask, found[-1])
            errors = list(cloud.wires.runtime.errors)
            cloud.wires.runtime.errors.clear()
            return Play(found, errors, things)

    return lab.run(main, seed=7)


def learn(things: Things, ask: Ask, told: Told) -> None:
    """What a request made is there for those that follow."""
    if ask.method != "POST" or not 200 <= told.status < 300 or not told.body.startswith(b"{"):
        return
    for noun, thing in json.loads(told.body).items():
        if isinstance(thing, dict) and isinstance(thing.get("id"), str):
            name = {"volume_type": "type", "security_group": "group", "security_group_rule": "rule"}.get(noun, noun)
            things.setdefault(f"{name}_id", []).append(thing["id"])


async def tokens_of(cloud: Cloud) -> dict[str, str]:
    """A token for each kind of caller."""
    found = {"nobody": "", "forged": "gAAAAA-forged"}
    for name in PEOPLE:
        found[name] = await cloud.as_user(name, cloud.config.admin_password, name).session.authenticate()
    return found


async def put(channel: Channel, ask: Ask, things: Things, tokens: dict[str, str]) -> Told:
    """Send one request."""
    headers = dict(ask.headers)
    token = tokens[ask.who]
    if token:
        headers["x-auth-token"] = token
    if ask.body:
        headers.setdefault("content-type", "application/json")
    target, body = fill(ask.target, things), fill(ask.body.decode("latin-1"), things).encode("latin-1")
    return await channel(ask.service, ask.method, target, headers, body, ask.chunked)


def fill(text: str, things: Things) -> str:
    """Put what is there for `{name}` and `{name#2}`."""

    def thing(match: re.Match[str]) -> str:
        known = things.get(match[1]) or [UNKNOWN]
        return known[int(match[2] or 0) % len(known)]

    return re.sub(r"\{([a-z_]+)(?:#(\d+))?\}", thing, text)


def body_of(value: Any) -> bytes:
    """A value as the body of a request."""
    return json.dumps(value).encode()


def differences(asks: list[Ask], one: list[Told], other: list[Told]) -> list[str]:
    """Where the two ways gave different answers, in words."""
    return [f"{ask}\n    in process {a}\n    over HTTP  {b}" for ask, a, b in zip(asks, one, other, strict=True) if a != b]


# -- a real socket --------------------------------------------------------------------------------

DATED = ("x-timestamp", "x-trans-id", "last-modified", "x-put-timestamp")
MOMENTS = re.compile(rb'\d{4}-\d\d-\d\dT[\d:.]+Z?|"(updated_at|heartbeat_timestamp|last_heard|t_s)":\s*[^,}]+')


async def both_ways(asks: list[Ask]) -> tuple[list[Told], list[Told]]:
    """Send requests that change nothing to one running cloud, in process and through a socket; moments are made alike."""
    world = SimWorld(SimLoop(7), 7, datacenter=SMALL)
    runner = Runner(world.loop, world.wires.journal)
    cloud = SimulatedCloud(world, InWorld(world.client))
    served = Served(cloud, runner)
    served.begin()
    await served.booted()
    things = await runner.call(lambda: furnish(cloud))
    tokens = await runner.call(lambda: tokens_of(cloud))
    inside = through(ThroughRunner(runner, world.client))
    with bound(0) as listening:
        server = quiet_server(Edge(served))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found: tuple[list[Told], list[Told]] = ([], [])
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0) as client:
                for ask in asks:
                    for told, channel in zip(found, (inside, over_http(client)), strict=True):
                        answer = await put(channel, ask, things, tokens)
                        headers = {name: "then" if name in DATED else value for name, value in answer.headers.items()}
                        told.append(Told(answer.status, headers, MOMENTS.sub(b"then", answer.body)))
        finally:
            server.should_exit = True
            await serving
            await served.end()
            world.loop.close()
    return found
