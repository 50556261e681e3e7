"""Ports: addresses, MACs, rights, security, and what lists say of them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from tests.unit.network.neutron import Neutron, play

NOBODY = "99999999-9999-4999-8999-999999999999"


def test_a_port_has_neutrons_shape() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network)
        await cloud.settle()
        port = await cloud.port(network, name="p1", device_id="s1")
        expected = {
            "name": "p1",
            "status": "DOWN",
            "admin_state_up": True,
            "device_id": "s1",
            "device_owner": "",
            "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": "10.0.0.3"}],
            "binding:vnic_type": "normal",
            "port_security_enabled": True,
            "allowed_address_pairs": [],
            "extra_dhcp_opts": [],
            "tags": [],
        }
        assert {name: port[name] for name in expected} == expected
        assert port["mac_address"].startswith("fa:16:3e:")
        assert "binding:host_id" not in port
        (default,) = await cloud.do("GET", "/security-groups", user="alice")
        assert port["security_groups"] == [default["id"]]
        full = await cloud.do("GET", f"/ports/{port['id']}")
        assert (full["binding:host_id"], full["binding:vif_type"], full["binding:vif_details"]) == ("", "unbound", {})

    play(story)


def test_lists_of_ports_as_clients_ask_for_them() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network)
        await cloud.settle()
        one, two = [await cloud.port(network, device_id=f"s{n}") for n in (1, 2)]
        query = "fields=id&fields=name&fields=mac_address&fields=fixed_ips&fields=status"
        listed = await cloud.do("GET", f"/ports?{query}&device_id=s1", user="alice")
        assert listed == [{name: one[name] for name in ("id", "name", "mac_address", "fixed_ips", "status")}]

        async def found(query: str, user: str = "alice") -> list[str]:
            return [port["id"] for port in await cloud.do("GET", f"/ports?{query}", user=user)]

        assert await found("tenant_id=p-alice&device_id=s2") == [two["id"]]
        assert await found(f"fixed_ips=ip_address%3D{two['fixed_ips'][0]['ip_address']}") == [two["id"]]
        assert await found(f"fixed_ips=subnet_id%3D{subnet['id']}&device_id=s1") == [one["id"]]
        assert await found("fixed_ips=ip_address_substr%3D0.4") == [two["id"]]
        assert await found(f"mac_address={one['mac_address']}") == [one["id"]]
        assert await found(f"security_groups={one['security_groups'][0]}&device_id=s1") == [one["id"]]
        assert len(await found(f"network_id={network['id']}")) == 3
        assert await found("binding:host_id=compute-1", "admin") == []
        assert await found("device_id=s1", "bob") == []
        assert await found("sort_key=status&sort_key=tenant_id&device_id=s1") == [one["id"]]
        fault = await cloud.fault("GET", "/ports?sort_key=weight", user="alice")
        assert fault == (400, "HTTPBadRequest", "['weight'] is invalid attribute for sort_keys")

    play(story)


def test_asked_addresses_are_given_once() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network, enable_dhcp=False)
        path, body = "/ports", {"network_id": network["id"]}
        port = await cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.2"}, {"subnet_id": subnet["id"]}])
        assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2", "10.0.0.3"]
        for wanted, kind, status in (
            ([{"ip_address": "10.0.0.2"}], "IpAddressAlreadyAllocated", 409),
            ([{"ip_address": "10.9.0.2"}], "InvalidIpForNetwork", 400),
            ([{"ip_address": "10.0.0.255", "subnet_id": subnet["id"]}], "InvalidIpForSubnet", 400),
            ([{"ip_address": "10.9.0.2", "subnet_id": subnet["id"]}], "InvalidIpForSubnet", 400),
            ([{"subnet_id": NOBODY}], "InvalidInput", 400),
            ([{}], "InvalidInput", 400),
            ([{"ip": "10.0.0.9"}], "HTTPBadRequest", 400),
            ([{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"}], "HTTPBadRequest", 400),
        ):
            fault = await cloud.fault("POST", path, {"port": {**body, "fixed_ips": wanted}}, "alice")
            assert fault[:2] == (status, kind), wanted
        two = await cloud.port(network, fixed_ips=[{"subnet_id": subnet["id"]}, {"subnet_id": subnet["id"]}])
        assert len({ip["ip_address"] for ip in two["fixed_ips"]}) == 2
        assert (await cloud.port(network, fixed_ips=[]))["fixed_ips"] == []
        changed = await cloud.do("PUT", f"/ports/{port['id']}", {"port": {"fixed_ips": [{"ip_address": "10.0.0.3"}]}}, "alice")
        assert [ip["ip_address"] for ip in changed["fixed_ips"]] == ["10.0.0.3"]
        assert (await cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.2"}]))["fixed_ips"]

    play(story)


def test_macs_are_unique_on_a_network() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        port = await cloud.port(network, mac_address="FA-16-3E-00-00-01")
        assert port["mac_address"] == "fa:16:3e:00:00:01"
        body = {"network_id": network["id"], "mac_address": "fa:16:3e:00:00:01"}
        status, kind, message = await cloud.fault("POST", "/ports", {"port": body}, "alice")
        assert (status, kind) == (409, "MacAddressInUse")
        assert "fa:16:3e:00:00:01 is in use" in message
        await cloud.port(await cloud.network(), mac_address="fa:16:3e:00:00:01")
        changed = await cloud.do("PUT", f"/ports/{port['id']}", {"port": {"mac_address": "fa:16:3e:00:00:02"}})
        assert changed["mac_address"] == "fa:16:3e:00:00:02"

    play(story)


def test_an_ipv6_port_configures_itself() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network, "10.0.0.0/24", enable_dhcp=False)
        await cloud.subnet(network, "fd00::/64", ipv6_address_mode="slaac", ipv6_ra_mode="slaac", enable_dhcp=False)
        port = await cloud.port(network, mac_address="fa:16:3e:12:34:56")
        assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2", "fd00::f816:3eff:fe12:3456"]

    play(story)


def test_rights_on_a_shared_network() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network("shared", "admin", shared=True)
        await cloud.subnet(network, user="admin")
        port = await cloud.port(network, "bob")
        assert (await cloud.fault("GET", f"/ports/{port['id']}", user="alice"))[:2] == (404, "PortNotFound")
        for extra in (
            {"mac_address": "fa:16:3e:00:00:01"},
            {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
            {"device_owner": "network:dhcp"},
            {"binding:host_id": "compute-1"},
        ):
            body = {"port": {"network_id": network["id"], **extra}}
            assert (await cloud.fault("POST", "/ports", body, "bob"))[:2] == (403, "PolicyNotAuthorized")
        fault = await cloud.fault("PUT", f"/networks/{network['id']}", {"network": {"shared": False}})
        assert fault[:2] == (409, "InvalidSharedSetting")
        hidden = await cloud.network("hidden")
        fault = await cloud.fault("POST", "/ports", {"port": {"network_id": hidden["id"]}}, "bob")
        assert fault[:2] == (404, "NetworkNotFound")

    play(story)


def test_port_security_groups_and_pairs_hold_together() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        group = await cloud.do("POST", "/security-groups", {"security_group": {"name": "web"}}, "alice")
        port = await cloud.port(network, security_groups=[group["id"]])
        path = f"/ports/{port['id']}"
        fault = await cloud.fault("PUT", path, {"port": {"port_security_enabled": False}}, "alice")
        assert fault[:2] == (409, "PortSecurityPortHasSecurityGroup")
        body: Any = {"port": {"port_security_enabled": False, "security_groups": []}}
        assert (await cloud.do("PUT", path, body, "alice"))["port_security_enabled"] is False
        pair = {"ip_address": "10.0.0.77"}
        fault = await cloud.fault("PUT", path, {"port": {"allowed_address_pairs": [pair]}}, "alice")
        assert fault[:2] == (409, "AddressPairAndPortSecurityRequired")
        other = await cloud.port(network, allowed_address_pairs=[pair])
        assert other["allowed_address_pairs"] == [{"mac_address": other["mac_address"], **pair}]
        body = {"port": {"network_id": network["id"], "allowed_address_pairs": [pair, pair]}}
        assert (await cloud.fault("POST", "/ports", body, "alice"))[1] == "DuplicateAddressPairInRequest"
        body = {"port": {"network_id": network["id"], "security_groups": [NOBODY]}}
        assert (await cloud.fault("POST", "/ports", body, "alice"))[:2] == (404, "SecurityGroupNotFound")
        open_port = await cloud.port(network, port_security_enabled=False)
        assert open_port["security_groups"] == []

    play(story)


def test_a_bulk_request_makes_all_or_none() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network, enable_dhcp=False)
        await cloud.do("PUT", "/quotas/p-alice", {"quota": {"port": 2}})
        item = {"network_id": network["id"]}
        assert (await cloud.fault("POST", "/ports", {"ports": [item] * 3}, "alice"))[:2] == (409, "OverQuota")
        assert await cloud.do("GET", "/ports") == []
        made = await cloud.do("POST", "/ports", {"ports": [item] * 2}, "alice")
        assert [port["fixed_ips"][0]["ip_address"] for port in made] == ["10.0.0.2", "10.0.0.3"]

    play(story)


@pytest.mark.parametrize(
    "body",
    [
        {"fixed_ips": "10.0.0.3"},
        {"fixed_ips": [{"ip_address": "fe80::1%eth0"}]},
        {"allowed_address_pairs": [{"ip_address": "fe80::%eth0/64"}]},
        {"mac_address": "x"},
        {"mac_address": "00:00:00:00:00:00"},
        {"security_groups": ["default"]},
        {"binding:vnic_type": "odd"},
        {"status": "ACTIVE"},
        {"network_id": None},
        {"admin_state_up": None},
    ],
)
def test_bad_ports_are_refused(body: Any) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        fault = await cloud.fault("POST", "/ports", {"port": {"network_id": network["id"], **body}}, "alice")
        assert fault[:2] == (400, "HTTPBadRequest")

    play(story)


def test_ten_thousand_ports_pick_their_addresses_without_looking_far() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network, "10.0.0.0/18", enable_dhcp=False)
        made = []
        for _ in range(20):
            made += await cloud.do("POST", "/ports", {"ports": [{"network_id": network["id"]}] * 500}, "alice")
        addresses = [port["fixed_ips"][0]["ip_address"] for port in made]
        assert len(set(addresses)) == len({port["mac_address"] for port in made}) == 10_000
        assert addresses[-1] == "10.0.39.17"

    play(story, Config(network_quotas={"port": -1}, max_request_body_bytes=1_000_000))
