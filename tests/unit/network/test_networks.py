"""Networks and subnets through neutron's API: shapes, lists, segments and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from lab.services.network import model
from lab.store import Record
from tests.unit.network.neutron import Neutron, play

NOBODY = "99999999-9999-4999-8999-999999999999"


def test_a_network_has_neutrons_shape() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network("net1")
        assert {name: network[name] for name in ("name", "status", "admin_state_up", "shared", "mtu", "subnets")} == {
            "name": "net1",
            "status": "ACTIVE",
            "admin_state_up": True,
            "shared": False,
            "mtu": 1500,
            "subnets": [],
        }
        assert network["router:external"] is False
        assert network["tenant_id"] == network["project_id"] == "p-alice"
        assert network["created_at"].startswith("2026-01-01T00:00:")
        assert not [name for name in network if name.startswith("provider:")]
        shown = await cloud.do("GET", f"/networks/{network['id']}")
        assert shown["provider:network_type"] == "vlan"
        assert (shown["provider:physical_network"], shown["provider:segmentation_id"]) == ("physnet1", 100)

    play(story)


def test_nova_asks_for_fields_that_are_not_there() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        assert (await cloud.call("GET", f"/networks/{network['id']}?fields=segments")).json() == {"network": {}}
        query = "fields=provider%3Aphysical_network&fields=provider%3Anetwork_type"
        answer = (await cloud.call("GET", f"/networks/{network['id']}?{query}")).json()
        assert answer == {"network": {"provider:physical_network": "physnet1", "provider:network_type": "vlan"}}

    play(story)


def test_without_the_router_plugin_its_paths_do_not_exist() -> None:
    async def story(cloud: Neutron) -> None:
        for path in ("/floatingips?fixed_ip_address=10.0.0.3", "/routers"):
            assert await cloud.fault("GET", path) == (404, "HTTPNotFound", "The resource could not be found.")

    play(story)


@pytest.mark.parametrize(
    ("body", "status", "kind", "part"),
    [
        (None, 400, "HTTPBadRequest", "body required"),
        ({"net": {}}, 400, "HTTPBadRequest", "Unable to find 'network'"),
        ({"network": {"nam": "x"}}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'nam'"),
        ({"network": {"name": 5}}, 400, "HTTPBadRequest", "Invalid input for name. Reason: '5' is not a valid string."),
        ({"network": {"name": "x" * 256}}, 400, "HTTPBadRequest", "exceeds maximum length of 255"),
        ({"network": {"admin_state_up": "maybe"}}, 400, "HTTPBadRequest", "cannot be converted to boolean"),
        ({"network": {"shared": True}}, 403, "PolicyNotAuthorized", "rule:create_network:shared"),
        ({"network": {"provider:network_type": "vlan"}}, 403, "PolicyNotAuthorized", "provider:network_type"),
        ({"network": {"tenant_id": "p-bob"}}, 400, "HTTPBadRequest", "requires admin privileges"),
        ({"network": {"mtu": 9000}}, 400, "InvalidInput", "Requested MTU is too big, maximum is 1500"),
    ],
)
def test_bad_networks_are_refused(body: Any, status: int, kind: str, part: str) -> None:
    async def story(cloud: Neutron) -> None:
        fault = await cloud.fault("POST", "/networks", body, "alice")
        assert fault[:2] == (status, kind)
        assert part in fault[2]
        assert (await cloud.do("GET", "/networks")) == []

    play(story)


@pytest.mark.parametrize(
    ("provider", "fault"),
    [
        (("vlan", "physnet1", 4095), (400, "InvalidInput")),
        (("vlan", "physnet9", 5), (400, "InvalidInput")),
        (("vlan", None, 5), (400, "InvalidInput")),
        (("flat", None, None), (400, "InvalidInput")),
        (("flat", "physnet1", 5), (400, "InvalidInput")),
        (("vxlan", "physnet1", 5), (400, "InvalidInput")),
        (("vxlan", None, 0), (400, "InvalidInput")),
        (("gre", None, 5), (400, "InvalidInput")),
        ((None, "physnet1", None), (400, "InvalidInput")),
    ],
)
def test_impossible_segments_are_refused(provider: tuple[Any, Any, Any], fault: tuple[int, str]) -> None:
    async def story(cloud: Neutron) -> None:
        names = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
        body = {name: value for name, value in zip(names, provider, strict=True) if value is not None}
        assert (await cloud.fault("POST", "/networks", {"network": body}))[:2] == fault

    play(story)


def test_a_segment_has_one_network_until_that_is_gone() -> None:
    async def story(cloud: Neutron) -> None:
        for kind, physical, number, fault in (
            ("vlan", "physnet1", 7, "VlanIdInUse"),
            ("vxlan", None, 7, "TunnelIdInUse"),
            ("flat", "physnet1", None, "FlatNetworkInUse"),
        ):
            body = {
                "provider:network_type": kind,
                "provider:physical_network": physical,
                "provider:segmentation_id": number,
            }
            first = await cloud.network(user="admin", **body)
            assert first["mtu"] == (1450 if kind == "vxlan" else 1500)
            assert (await cloud.fault("POST", "/networks", {"network": body}))[:2] == (409, fault)
            await cloud.call("DELETE", f"/networks/{first['id']}")
            second = await cloud.network(user="admin", **body)
            assert second["provider:segmentation_id"] == number

    play(story)


def test_a_used_up_range_answers_503_and_a_quota_409() -> None:
    async def story(cloud: Neutron) -> None:
        made = [await cloud.network() for _ in range(3)]
        status, kind, message = await cloud.fault("POST", "/networks", {"network": {}}, "bob")
        assert (status, kind) == (503, "NoNetworkAvailable")
        assert message == "Unable to create the network. No project network is available for allocation."
        await cloud.call("DELETE", f"/networks/{made[1]['id']}", user="alice")
        await cloud.do("PUT", "/quotas/p-bob", {"quota": {"network": 0}})
        assert await cloud.fault("POST", "/networks", {"network": {}}, "bob") == (
            409,
            "OverQuota",
            "Quota exceeded for resources: ['network'].",
        )
        again = await cloud.do("GET", f"/networks/{(await cloud.network())['id']}")
        assert again["provider:segmentation_id"] == 101

    play(story, Config(network_vlan_ranges={"physnet1": (100, 102)}))


def test_a_network_is_seen_by_its_project_or_by_all_when_shared() -> None:
    async def story(cloud: Neutron) -> None:
        private = await cloud.network("private")
        shared = await cloud.network("shared", "admin", shared=True)
        assert [n["name"] for n in await cloud.do("GET", "/networks", user="bob")] == ["shared"]
        assert [n["name"] for n in await cloud.do("GET", "/networks", user="alice")] == ["private", "shared"]
        missing = await cloud.fault("GET", f"/networks/{NOBODY}", user="bob")
        hidden = await cloud.fault("GET", f"/networks/{private['id']}", user="bob")
        assert missing == (404, "NetworkNotFound", f"Network {NOBODY} could not be found.")
        assert hidden == (404, "NetworkNotFound", f"Network {private['id']} could not be found.")
        for method in ("PUT", "DELETE"):
            body = {"network": {"name": "mine"}} if method == "PUT" else None
            fault = await cloud.fault(method, f"/networks/{shared['id']}", body, "bob")
            assert fault[:2] == (404, "NetworkNotFound")
        assert (await cloud.call("POST", "/networks", {"network": {}}, "reader")).status == 403
        assert (await cloud.call("GET", "/networks", user="nobody")).status == 401

    play(story)


def test_lists_take_filters_sort_pages_and_fields() -> None:
    async def story(cloud: Neutron) -> None:
        body = {"networks": [{"name": name, "description": "bulk"} for name in "dacb"]}
        answer = (await cloud.call("POST", "/networks", body, "alice")).json()
        assert [n["name"] for n in answer["networks"]] == list("dacb")
        ids = {n["name"]: n["id"] for n in answer["networks"]}

        async def names(query: str, user: str = "alice") -> list[str]:
            return [n["name"] for n in await cloud.do("GET", f"/networks?{query}", user=user)]

        assert await names("name=a&name=b") == ["a", "b"]
        assert await names(f"id={ids['c']}&id={ids['a']}") == ["c", "a"]
        assert await names(f"id={ids['c']}&name=a") == []
        assert await names("description=bulk&sort_key=name&sort_dir=desc") == ["d", "c", "b", "a"]
        assert await names("shared=True") == []
        assert await names("admin_state_up=true&name=d") == ["d"]
        assert await names("tenant_id=p-alice&nonsense=1") == list("dacb")
        assert await names("provider:segmentation_id=101", "admin") == ["a"]
        assert await names("provider:segmentation_id=101") == list("dacb")
        answer = (await cloud.call("GET", "/networks?limit=2&sort_key=name&fields=name", user="alice")).json()
        assert answer["networks"] == [{"name": "a"}, {"name": "b"}]
        (link,) = answer["networks_links"]
        assert link["rel"] == "next"
        rest = link["href"].partition("/v2.0")[2]
        answer = (await cloud.call("GET", rest, user="alice")).json()
        assert answer["networks"] == [{"name": "c"}, {"name": "d"}]
        assert [link["rel"] for link in answer["networks_links"]] == ["previous"]
        assert (await cloud.fault("GET", "/networks?limit=-1"))[:2] == (400, "HTTPBadRequest")
        assert (await cloud.fault("GET", f"/networks?marker={NOBODY}"))[0] == 400

    play(story)


def test_a_network_in_use_stays_and_a_deleted_one_leaves_nothing() -> None:
    async def story(cloud: Neutron) -> None:
        before = await _records(cloud)
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        port = await cloud.port(network)
        status, kind, message = await cloud.fault("DELETE", f"/networks/{network['id']}", user="alice")
        assert (status, kind) == (409, "NetworkInUse")
        assert "There are one or more ports still in use on the network." in message
        await cloud.call("DELETE", f"/ports/{port['id']}", user="alice")
        assert (await cloud.call("DELETE", f"/networks/{network['id']}", user="alice")).status == 204
        await cloud.settle()
        assert cloud.dhcp.networks == {}
        after = await _records(cloud)
        for kept in ("SegmentRange", "SecurityGroup", "SecurityGroupRule", "DefaultSecurityGroup"):
            after.pop(kept, None)
        assert after == before

    play(story)


async def _records(cloud: Neutron) -> dict[str, int]:
    """Count what is stored, by kind."""
    kinds = [kind for kind in vars(model).values() if isinstance(kind, type) and issubclass(kind, Record)]
    counts = await cloud.wires.store.run(lambda tx: {k.__name__: tx.count(k) for k in kinds if k is not Record})
    return {name: count for name, count in counts.items() if count}


def test_tags() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network("tagged")
        await cloud.network("plain")
        path = f"/networks/{network['id']}/tags"
        assert await cloud.do("PUT", path, {"tags": ["red", "blue"]}, "alice") == ["red", "blue"]
        assert (await cloud.call("PUT", f"{path}/green", user="alice")).status == 201
        assert (await cloud.call("DELETE", f"{path}/red", user="alice")).status == 204
        assert (await cloud.fault("GET", f"{path}/red", user="alice"))[:2] == (404, "TagNotFound")
        assert await cloud.do("GET", path, user="alice") == ["blue", "green"]
        for query, found in (("tags=blue", "tagged"), ("not-tags=blue", "plain"), ("tags-any=blue,x", "tagged")):
            assert [n["name"] for n in await cloud.do("GET", f"/networks?{query}", user="alice")] == [found]
        assert (await cloud.fault("GET", f"/nonsense/{network['id']}/tags"))[0] == 404
        assert (await cloud.fault("PUT", path, {"tags": ["x"]}, "bob"))[:2] == (404, "NetworkNotFound")

    play(story)
