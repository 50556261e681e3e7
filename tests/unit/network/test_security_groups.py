"""Security groups and rules through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.network.neutron import Neutron, play


def test_every_project_has_a_default_group_with_four_rules() -> None:
    async def story(cloud: Neutron) -> None:
        (group,) = await cloud.do("GET", "/security-groups", user="alice")
        assert (group["name"], group["project_id"], group["stateful"]) == ("default", "p-alice", True)
        rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]}
        assert rules == {
            ("egress", "IPv4", None),
            ("egress", "IPv6", None),
            ("ingress", "IPv4", group["id"]),
            ("ingress", "IPv6", group["id"]),
        }
        assert [g["id"] for g in await cloud.do("GET", "/security-groups?name=default", user="alice")] == [group["id"]]
        path = f"/security-groups/{group['id']}"
        assert (await cloud.fault("DELETE", path, user="alice"))[:2] == (409, "SecurityGroupCannotRemoveDefault")
        body: Any = {"security_group": {"name": "mine"}}
        assert (await cloud.fault("PUT", path, body, "alice"))[:2] == (409, "SecurityGroupCannotUpdateDefault")
        body = {"security_group": {"name": "default"}}
        fault = await cloud.fault("POST", "/security-groups", body, "alice")
        assert fault[:2] == (409, "SecurityGroupDefaultAlreadyExists")
        assert (await cloud.fault("GET", path, user="bob"))[:2] == (404, "SecurityGroupNotFound")
        fields = await cloud.do("GET", f"/security-groups?id={group['id']}&fields=id&fields=name", user="alice")
        assert fields == [{"id": group["id"], "name": "default"}]

    play(story)


def test_a_group_in_use_stays() -> None:
    async def story(cloud: Neutron) -> None:
        group = await cloud.do("POST", "/security-groups", {"security_group": {"name": "web"}}, "alice")
        assert len(group["security_group_rules"]) == 2
        network = await cloud.network()
        port = await cloud.port(network, security_groups=[group["id"]])
        path = f"/security-groups/{group['id']}"
        fault = await cloud.fault("DELETE", path, user="alice")
        assert fault == (409, "SecurityGroupInUse", f"Security Group {group['id']} in use.")
        await cloud.call("DELETE", f"/ports/{port['id']}", user="alice")
        other = await cloud.do("POST", "/security-groups", {"security_group": {"name": "db"}}, "alice")
        rule = {"security_group_id": other["id"], "direction": "ingress", "remote_group_id": group["id"]}
        made = await cloud.do("POST", "/security-group-rules", {"security_group_rule": rule}, "alice")
        assert (await cloud.fault("DELETE", path, user="alice"))[0] == 409
        await cloud.call("DELETE", f"/security-group-rules/{made['id']}", user="alice")
        assert (await cloud.call("DELETE", path, user="alice")).status == 204
        assert await cloud.do("GET", f"/security-group-rules?security_group_id={group['id']}") == []

    play(story)


def test_the_rule_that_the_openstack_client_makes() -> None:
    async def story(cloud: Neutron) -> None:
        (group,) = await cloud.do("GET", "/security-groups", user="alice")
        rule = {
            "remote_ip_prefix": "0.0.0.0/0",
            "ethertype": "IPv4",
            "security_group_id": group["id"],
            "direction": "ingress",
            "port_range_min": 22,
            "port_range_max": 22,
            "protocol": "tcp",
        }
        made = await cloud.do("POST", "/security-group-rules", {"security_group_rule": rule}, "alice")
        assert {name: made[name] for name in rule} == rule
        assert made["normalized_cidr"] == "0.0.0.0/0"
        status, kind, message = await cloud.fault(
            "POST", "/security-group-rules", {"security_group_rule": {**rule, "protocol": "6"}}, "alice"
        )
        assert (status, kind) == (409, "SecurityGroupRuleExists")
        assert message == f"Security group rule already exists. Rule id is {made['id']}."
        changed = await cloud.do("PUT", f"/security-group-rules/{made['id']}", {"security_group_rule": {"description": "ssh"}}, "alice")
        assert changed["description"] == "ssh"
        assert (await cloud.fault("GET", f"/security-group-rules/{made['id']}", user="bob"))[0] == 404

    play(story)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 5}, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 9}, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 70000}, "SecurityGroupInvalidPortValue"),
        ({"port_range_min": 1, "port_range_max": 2}, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "icmp", "port_range_min": 300}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 3}, "SecurityGroupMissingIcmpType"),
        ({"protocol": "odd"}, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": 300}, "SecurityGroupRuleInvalidProtocol"),
        ({"remote_ip_prefix": "fd00::/64"}, "SecurityGroupRuleParameterConflict"),
        ({"protocol": "ipv6-icmp"}, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"protocol": "44", "ethertype": "IPv4"}, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "10.0.0.0/99"}, "HTTPBadRequest"),
        ({"direction": "up"}, "HTTPBadRequest"),
        ({"ethertype": "IPX"}, "HTTPBadRequest"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rule: dict[str, Any], kind: str) -> None:
    async def story(cloud: Neutron) -> None:
        (group,) = await cloud.do("GET", "/security-groups", user="alice")
        body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **rule}}
        status, found, _ = await cloud.fault("POST", "/security-group-rules", body, "alice")
        assert (status, found) == (400, kind)

    play(story)


def test_remote_group_or_prefix_but_not_both() -> None:
    async def story(cloud: Neutron) -> None:
        (group,) = await cloud.do("GET", "/security-groups", user="alice")
        rule = {"security_group_id": group["id"], "direction": "ingress", "remote_group_id": group["id"]}
        body = {"security_group_rule": {**rule, "protocol": "tcp", "remote_ip_prefix": "10.0.0.0/8"}}
        fault = await cloud.fault("POST", "/security-group-rules", body, "alice")
        assert fault[:2] == (400, "SecurityGroupRemoteGroupAndRemoteIpPrefix")

    play(story)


def test_quotas_of_groups_and_rules() -> None:
    async def story(cloud: Neutron) -> None:
        (group,) = await cloud.do("GET", "/security-groups", user="alice")
        await cloud.do("PUT", "/quotas/p-alice", {"quota": {"security_group": 1, "security_group_rule": 4}})
        body: Any = {"security_group": {"name": "web"}}
        assert (await cloud.fault("POST", "/security-groups", body, "alice"))[:2] == (409, "OverQuota")
        body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", "protocol": "icmp"}}
        fault = await cloud.fault("POST", "/security-group-rules", body, "alice")
        assert fault == (409, "OverQuota", "Quota exceeded for resources: ['security_group_rule'].")

    play(story)
