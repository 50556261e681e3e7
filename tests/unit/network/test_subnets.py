"""Subnets: pools, gateways, overlaps, and the DHCP port that comes with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.network.neutron import Neutron, play

NOBODY = "99999999-9999-4999-8999-999999999999"


def test_a_subnet_has_neutrons_defaults() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network, "10.0.0.7/24", name="sub1")
        expected = {
            "name": "sub1",
            "cidr": "10.0.0.0/24",
            "gateway_ip": "10.0.0.1",
            "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.254"}],
            "ip_version": 4,
            "enable_dhcp": True,
            "dns_nameservers": [],
            "host_routes": [],
            "subnetpool_id": None,
            "network_id": network["id"],
        }
        assert {name: subnet[name] for name in expected} == expected
        assert (await cloud.do("GET", f"/networks/{network['id']}", user="alice"))["subnets"] == [subnet["id"]]
        assert (await cloud.do("GET", f"/subnets?id={subnet['id']}", user="alice")) == [subnet]

    play(story)


@pytest.mark.parametrize(
    ("cidr", "more", "gateway", "pools"),
    [
        ("10.1.0.0/24", {"gateway_ip": None}, None, [("10.1.0.1", "10.1.0.254")]),
        ("10.1.0.0/24", {"gateway_ip": "10.1.0.9"}, "10.1.0.9", [("10.1.0.1", "10.1.0.8"), ("10.1.0.10", "10.1.0.254")]),
        ("10.1.0.0/24", {"gateway_ip": "10.1.0.254"}, "10.1.0.254", [("10.1.0.1", "10.1.0.253")]),
        ("10.1.0.0/31", {"gateway_ip": None}, None, [("10.1.0.0", "10.1.0.1")]),
        ("10.1.0.4/32", {}, None, [("10.1.0.4", "10.1.0.4")]),
        ("fd00::/64", {}, "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
        (
            "10.1.0.0/24",
            {"allocation_pools": [{"start": "10.1.0.50", "end": "10.1.0.60"}, {"start": "10.1.0.5", "end": "10.1.0.9"}]},
            "10.1.0.1",
            [("10.1.0.5", "10.1.0.9"), ("10.1.0.50", "10.1.0.60")],
        ),
    ],
)
def test_pools_and_gateways(cidr: str, more: dict[str, Any], gateway: str | None, pools: list[tuple[str, str]]) -> None:
    async def story(cloud: Neutron) -> None:
        subnet = await cloud.subnet(await cloud.network(), cidr, **more)
        assert subnet["gateway_ip"] == gateway
        assert [(pool["start"], pool["end"]) for pool in subnet["allocation_pools"]] == pools

    play(story)


POOL = {"start": "10.1.0.5", "end": "10.1.0.9"}


@pytest.mark.parametrize(
    ("cidr", "more", "kind"),
    [
        ("10.1.0.0/33", {}, "HTTPBadRequest"),
        ("fd00::/64", {"ip_version": 4}, "InvalidInput"),
        ("10.1.0.0/24", {"ip_version": 5}, "InvalidInput"),
        ("10.1.0.0/24", {"gateway_ip": "10.1.0.255"}, "InvalidInput"),
        ("10.1.0.0/24", {"gateway_ip": "fd00::1"}, "InvalidInput"),
        ("10.1.0.0/24", {"gateway_ip": "10.1.0.6", "allocation_pools": [POOL]}, "GatewayConflictWithAllocationPools"),
        ("10.2.0.0/24", {"allocation_pools": [POOL]}, "OutOfBoundsAllocationPool"),
        ("10.1.0.0/24", {"allocation_pools": [{"start": "10.1.0.9", "end": "10.1.0.5"}]}, "InvalidAllocationPool"),
        ("10.1.0.0/24", {"allocation_pools": [POOL, POOL]}, "OverlappingAllocationPools"),
        ("10.1.0.0/24", {"allocation_pools": [{"start": "10.1.0.5"}]}, "HTTPBadRequest"),
        ("10.1.0.0/24", {"dns_nameservers": ["x"]}, "HTTPBadRequest"),
        ("10.1.0.0/24", {"dns_nameservers": [f"10.9.0.{n}" for n in range(1, 7)]}, "DNSNameServersExhausted"),
        ("10.1.0.0/24", {"host_routes": [{"destination": "10.9.0.0/24"}]}, "HTTPBadRequest"),
        ("10.1.0.0/24", {"ipv6_ra_mode": "slaac"}, "InvalidInput"),
        ("10.1.0.0/24", {"network_id": NOBODY}, "NetworkNotFound"),
        ("10.1.0.0/24", {"network_id": "x"}, "HTTPBadRequest"),
    ],
)
def test_bad_subnets_are_refused(cidr: str, more: dict[str, Any], kind: str) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        body = {"network_id": network["id"], "cidr": cidr, "ip_version": 6 if ":" in cidr else 4, **more}
        fault = await cloud.fault("POST", "/subnets", {"subnet": body}, "alice")
        assert fault[1] == kind
        assert await cloud.do("GET", "/subnets") == []

    play(story)


def test_subnets_of_a_network_do_not_overlap() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network, "10.0.0.0/16")
        body = {"network_id": network["id"], "cidr": "10.0.5.0/24", "ip_version": 4}
        status, kind, message = await cloud.fault("POST", "/subnets", {"subnet": body}, "alice")
        assert (status, kind) == (400, "InvalidInput")
        assert "overlaps with another subnet" in message
        await cloud.subnet(await cloud.network(), "10.0.5.0/24")

    play(story)


def test_a_dhcp_port_comes_with_the_first_subnet_and_goes_with_the_last() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        one = await cloud.subnet(network, "10.0.0.0/24")
        await cloud.settle()
        (port,) = await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network%3Adhcp")
        assert (port["status"], port["binding:host_id"]) == ("ACTIVE", "network-1")
        assert port["device_id"].endswith(network["id"])
        assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2"]
        two = await cloud.subnet(network, "10.0.1.0/24")
        await cloud.settle()
        (port,) = await cloud.do("GET", f"/ports?network_id={network['id']}")
        assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2", "10.0.1.2"]
        assert [subnet.cidr for subnet in cloud.dhcp.networks[network["id"]].subnets] == ["10.0.0.0/24", "10.0.1.0/24"]
        for subnet in (one, two):
            assert (await cloud.call("DELETE", f"/subnets/{subnet['id']}", user="alice")).status == 204
            await cloud.settle()
        assert await cloud.do("GET", f"/ports?network_id={network['id']}") == []
        assert cloud.dhcp.networks == {}

    play(story)


def test_a_subnet_in_use_stays() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network)
        port = await cloud.port(network)
        fault = await cloud.fault("DELETE", f"/subnets/{subnet['id']}", user="alice")
        assert fault[:2] == (409, "SubnetInUse")
        await cloud.call("DELETE", f"/ports/{port['id']}", user="alice")
        assert (await cloud.call("DELETE", f"/subnets/{subnet['id']}", user="alice")).status == 204
        assert (await cloud.fault("GET", f"/subnets/{subnet['id']}", user="alice"))[:2] == (404, "SubnetNotFound")

    play(story)


def test_an_update_moves_pools_and_gateway_but_not_what_is_used() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network, enable_dhcp=False)
        path = f"/subnets/{subnet['id']}"
        port = await cloud.port(network)
        pools = [{"start": "10.0.0.2", "end": "10.0.0.3"}]
        changed = await cloud.do("PUT", path, {"subnet": {"allocation_pools": pools, "name": "small"}}, "alice")
        assert (changed["allocation_pools"], changed["name"], changed["revision_number"]) == (pools, "small", 1)
        assert (await cloud.port(network))["fixed_ips"][0]["ip_address"] == "10.0.0.3"
        body = {"port": {"network_id": network["id"]}}
        status, kind, message = await cloud.fault("POST", "/ports", body, "alice")
        assert (status, kind) == (409, "IpAddressGenerationFailure")
        assert message == f"No more IP addresses available on network {network['id']}."
        await cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.1"}])
        fault = await cloud.fault("PUT", path, {"subnet": {"gateway_ip": "10.0.0.9"}}, "alice")
        assert fault[:2] == (409, "GatewayIpInUse")
        fault = await cloud.fault("PUT", path, {"subnet": {"cidr": "10.0.0.0/25"}}, "alice")
        assert fault[2] == "Cannot update read-only attribute cidr"
        await cloud.call("DELETE", f"/ports/{port['id']}", user="alice")
        assert (await cloud.port(network))["fixed_ips"][0]["ip_address"] == "10.0.0.2"

    play(story)


def test_addresses_left_are_counted() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network, "10.0.0.0/28")
        await cloud.settle()
        await cloud.port(network)
        shown = await cloud.do("GET", f"/network-ip-availabilities/{network['id']}")
        assert (shown["total_ips"], shown["used_ips"]) == (13, 2)
        assert (await cloud.call("GET", "/network-ip-availabilities", user="alice")).status == 403

    play(story)
