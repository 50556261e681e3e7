"""The in-process and the HTTP transport give the same status, headers and bytes, whatever is sent to any route."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import lab
from lab.client.transports import InWorld
from lab.cloud import Cloud, SimulatedCloud
from lab.readiness import SERVICES
from lab.rest.http import Edge
from lab.rest.routes import Route
from lab.serve import Served
from sim.loop import SimLoop
from sim.runner import Runner
from sim.world import SimWorld
from tests.conformance.bodies import BODIES, VALUES, like, mutated
from tests.conformance.twins import SMALL, UNKNOWN, Ask, InLoop, body_of, both_ways, differences, play

VERSIONED = {"compute": ("2.1", "2.104"), "volume": ("3.0", "3.71"), "placement": ("1.0", "1.39")}


@functools.cache
def routes() -> tuple[tuple[str, Route], ...]:
    """Every route of every service that the edge serves."""

    async def main() -> tuple[tuple[str, Route], ...]:
        async with Cloud.simulated(datacenter=SMALL) as cloud:
            return tuple((service, route) for service in SERVICES for route in cloud.wires.router.api(service).routes)

    return lab.run(main)


def check(asks: list[Ask]) -> None:
    """Send the requests both ways: equal answers, and nothing that is the cloud's own fault."""
    one, other = play(asks, http=False), play(asks, http=True)
    wrong = differences(asks, one.told, other.told)
    assert not wrong, "\n".join(wrong)
    broken = [f"{ask}\n    {told}" for ask, told in zip(asks, one.told, strict=True) if told.status >= 500]
    assert not broken, "\n".join(broken)
    assert not one.errors
    assert not other.errors


def open_path(route: Route) -> str:
    return route.path.replace(":path}", "}")


# -- every route, the same few requests -----------------------------------------------------------


def canned(service: str, route: Route) -> list[Ask]:
    """What every route must bear: strangers, other verbs, bodies that are none, versions that are none."""
    there, method = open_path(route), route.method
    gone = there
    for name in route.names:
        gone = gone.replace("{%s}" % name, UNKNOWN)
    high = VERSIONED.get(service, ("", ""))[1]
    newest = (("openstack-api-version", f"{service} {high}"),) if high else ()
    writes = method in ("POST", "PUT", "PATCH")
    asks = [
        Ask(service, method, gone, "nobody"),
        Ask(service, method, gone, "forged"),
        Ask(service, method, gone, "demo", newest),
        Ask(service, method, gone, "admin", newest),
        Ask(service, "HEAD", there, "demo", newest),
        Ask(service, "HEAD", there, "nobody"),
        Ask(service, "OPTIONS", there),
        Ask(service, "TRACE", there),
        Ask(service, "DELETE" if method == "GET" else "GET", gone, "demo"),
        Ask(service, method, gone + "/", "admin", newest),
        Ask(service, method, there + "?limit=-1&marker=x&sort_key=&fields=%00&x=%E2%82", "demo", newest),
        Ask(service, method, gone, "admin", (("openstack-api-version", f"{service} 99.99"),)),
        Ask(service, method, gone, "admin", (("openstack-api-version", f"{service} two"),)),
        Ask(service, method, gone, "admin", (("accept", "text/x-nothing"), ("content-type", "text/x-nothing")), b"{}"),
    ]
    if method == "GET":
        asks += [Ask(service, "GET", there, who, newest) for who in ("admin", "demo", "forged", "nobody")]
        asks += [Ask(service, "GET", there)]
    if writes:
        bodies = (b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"{}", b'{"' + b"x" * 200_000 + b'":1}', b"[" * 5000)
        asks += [Ask(service, method, there, "demo", newest, body, chunked=True) for body in bodies]
        asks += [Ask(service, method, there, "admin", newest, body) for body in bodies]
    return asks


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_bears_strangers_and_malformed_requests(service: str) -> None:
    check([ask for name, route in routes() if name == service for ask in canned(service, route)])


def changes_nothing(ask: Ask) -> bool:
    """Whether the request can be sent twice to one cloud with the same answer; of a store any name makes a container."""
    if ask.method in ("GET", "HEAD", "OPTIONS", "TRACE") or ask.who in ("nobody", "forged"):
        return True
    return UNKNOWN in ask.target and ask.service != "object"


def test_a_socket_gives_the_same_as_the_in_process_transport() -> None:
    """A part of all that, through uvicorn; the requests bring their id."""
    named = (("x-openstack-request-id", "req-11111111-2222-4333-8444-555555555555"),)
    everything = [ask for service, route in routes() for ask in canned(service, route) if changes_nothing(ask)]
    asks = [dataclasses.replace(ask, headers=(*ask.headers, *named)) for ask in everything[::29]]
    one, other = asyncio.run(both_ways(asks))
    wrong = differences(asks, one, other)
    assert not wrong, "\n".join(wrong)


# -- when the cloud cannot answer -----------------------------------------------------------------


def test_a_service_that_is_down_is_unavailable() -> None:
    async def main() -> list[httpx.Response]:
        async with Cloud.simulated(datacenter=SMALL) as cloud:
            edge = Edge(InLoop(cloud))
            cloud.wires.need("nova-api@controller-1")
            cloud.process("nova-api@controller-1").kill()
            async with httpx.AsyncClient(transport=httpx.ASGITransport(edge.app()), base_url="http://cloud") as client:
                return [await client.get(path) for path in ("/compute/v2.1/servers", "/network/")]

    down, up = lab.run(main)
    assert down.status_code == 503
    assert down.json()["error"]["message"] == "no compute API listens; its process is down, restart it"
    assert up.status_code == 200


def test_a_world_that_stopped_says_why() -> None:
    async def main() -> list[httpx.Response]:
        world = SimWorld(SimLoop(7), 7, datacenter=SMALL)
        runner = Runner(world.loop, world.wires.journal)
        served = Served(SimulatedCloud(world, InWorld(world.client)), runner)
        served.begin()
        await served.booted()
        transport = httpx.ASGITransport(Edge(served).app())
        async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
            before = await client.get("/glasscloud/health")
            world.loop.env.timeout(1).callbacks.append(lambda _: (_ for _ in ()).throw(LookupError("broken")))
            answers = [await client.get(path) for path in ("/compute/v2.1", "/compute/v2.1", "/glasscloud/health")]
        await served.end()
        world.loop.close()
        return [before, *answers]

    before, pending, later, health = asyncio.run(main())
    assert (before.status_code, before.json()["stopped"]) == (200, None)
    for answer in (pending, later):
        assert answer.status_code == 500
        assert "the simulated world has stopped: broken" in answer.json()["error"]["message"]
    assert (health.status_code, health.json()["ready"], health.json()["stopped"]) == (503, False, "broken")


# -- any requests at all --------------------------------------------------------------------------

SEGMENTS = st.sampled_from(
    [UNKNOWN, "1", "-1", "0", "none", "null", "default", "%00", "%2F", "%2e%2e", "%C3%BC", "%FF", "a%20b", "x" * 300, "detail"]
)
TEXTS = ["", "1", "-1", "0", "99999999999999999999", "x", "true", "None", "name", "name:asc", "asc", "[", "%00", "%FF", "ACTIVE", UNKNOWN]
TEXTS += ["2026-01-01T00:00:00Z", "{server_id}", "{network_id}", "VCPU:1", "VCPU:x", "in:a,b", "10.0.0.0/24", "json", "xml"]
QUERY_NAMES = """
    limit marker offset name id status sort sort_key sort_dir fields all_tenants project_id tenant_id user_id deleted
    changes-since changes-before is_public detailed start end reserved resources required in_tree member_of group_policy
    prefix delimiter end_marker format reverse owner visibility tag member_status size_min host device_id fixed_ips
    ip_version cidr network_id shared usage metadata bootable include_names effective scope.project.id domain_id parent_id
    allow_expired nocatalog with_servers hypervisor_hostname_pattern availability_zone tags not-tags any_tags minRam flavor
    image ip vm_state with_count x
"""
HEADERS = {
    "accept": ["*/*", "text/x-nothing", "application/json;q=0", ""],
    "content-type": ["application/json", "text/plain", "application/json; charset=latin-1", "application/octet-stream", "/"],
    "x-service-token": ["", "forged"],
    "x-openstack-request-id": ["req-11111111-2222-4333-8444-555555555555", "x", "req-" + "x" * 300],
    "range": ["bytes=0-2", "bytes=-1", "bytes=9-", "bytes=3-1", "lines=1"],
    "if-none-match": ["*", "x"],
    "if-match": ["x"],
    "x-subject-token": ["", "forged"],
    "x-object-meta-color": ["red", "\xfc", ""],
    "x-container-read": [".r:*", "bad acl:"],
    "x-delete-at": ["1", "x"],
    "destination": ["c2/o9", "x", "%FF/%FF"],
    "x-copy-from": ["c1/o1", "nowhere"],
    "etag": ["0" * 32],
    "x-image-meta-size": ["-1"],
    "openstack-api-version": [],
}
WHO = st.sampled_from([*["admin"] * 6, *["demo"] * 3, "nobody", "forged"])


@st.composite
def versions(draw: st.DrawFn, service: str) -> str:
    low, high = VERSIONED.get(service, ("1.0", "1.0"))
    major, _, most = high.partition(".")
    number = draw(
        st.one_of(
            st.just(high),
            st.just(high),
            st.integers(0, int(most)).map(lambda minor: f"{major}.{minor}"),
            st.sampled_from([low, "latest", "9.9", "two", "2.01", "2", "-1.0", "\xb2.1"]),
        )
    )
    return f"{draw(st.sampled_from([service, service, service, 'compute', 'x']))} {number}"


@st.composite
def targets(draw: st.DrawFn, route: Route) -> str:
    path = open_path(route)
    for name in dict.fromkeys(route.names):
        place = "{%s}" % name
        known = st.integers(0, 5).map(lambda n, name=name: "{%s#%d}" % (name, n))
        path = path.replace(place, draw(st.one_of(known, known, SEGMENTS)))
    names = sorted(route.query) if route.query else QUERY_NAMES.split()
    query = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(TEXTS)), max_size=3))
    return path + ("?" + "&".join(f"{k}={v}" for k, v in query) if query else "")


@st.composite
def requests(draw: st.DrawFn) -> Ask:
    """A request to any route, as it should be or not."""
    service = draw(st.sampled_from(SERVICES))
    own = [route for name, route in routes() if name == service]
    known = {path for path, _ in BODIES.get(service, ())}
    main = [route for route in own if (route.method, route.path) in known] or own
    route = draw(st.one_of(st.sampled_from(own), st.sampled_from(main)))
    headers: dict[str, str] = {}
    if service in VERSIONED and draw(st.integers(0, 3)):
        headers["openstack-api-version"] = draw(versions(service))
    for name in draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2)):
        if HEADERS[name]:
            headers[name] = draw(st.sampled_from(HEADERS[name]))
    method = route.method
    if draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY", "BREW"]))
    body = b""
    if method not in ("GET", "HEAD") and draw(st.integers(0, 9)):
        body = draw(bodies(service, route))
    return Ask(service, method, draw(targets(route)), draw(WHO), tuple(headers.items()), body, draw(st.booleans()))


@st.composite
def bodies(draw: st.DrawFn, service: str, route: Route) -> bytes:
    """A body like the route wants one, changed in one place, or anything."""
    model: Any = route.body
    if isinstance(model, tuple):
        model = draw(st.sampled_from(model))[1]
    valid = [body for path, body in BODIES.get(service, ()) if path == (route.method, route.path)]
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return draw(st.sampled_from([b"{", b"\xff", b"[]", b"null", b"1", b'{"a":1,"a":2}', b"x" * 120_000, b"[" * 3000, b'{"x":NaN}']))
    if choice == 1:
        return json.dumps(draw(VALUES)).encode()
    if valid:
        whole = draw(st.sampled_from(valid))
    elif model is not None:
        whole = draw(like(model))
    else:
        whole = draw(st.dictionaries(st.sampled_from([route.path.split("/")[-1].rstrip("s"), "x"]), VALUES, max_size=2))
    return body_of(draw(mutated(whole)) if choice < 6 else whole)


PLAYS = st.lists(requests(), min_size=1, max_size=60)
# The message names the request that went wrong; making the row before it shorter would cost minutes.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much]


@settings(max_examples=6, phases=PHASES, suppress_health_check=QUIET)
@given(PLAYS)
def test_the_transports_agree_on_any_requests(asks: list[Ask]) -> None:
    check(asks)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=150, phases=PHASES, suppress_health_check=QUIET)
@given(PLAYS)
def test_the_transports_agree_on_many_more_requests(asks: list[Ask]) -> None:
    check(asks)
