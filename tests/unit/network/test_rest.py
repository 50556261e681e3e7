"""The rest of the API: versions, extensions, quotas, agents, zones, routers."""

from __future__ import annotations

from typing import Any

from lab.config import Config
from lab.context import Context
from lab.services.network.model import Agent, AgentGroup
from tests.unit.network.neutron import Neutron, play

NOBODY = "99999999-9999-4999-8999-999999999999"
ROUTED = Config(service_plugins=("router",))


def test_versions_and_extensions() -> None:
    async def story(cloud: Neutron) -> None:
        ctx = Context(request_id="req-1")
        answer = await cloud.client.rest.call(ctx, "network", "GET", "/", auth="none")
        (version,) = answer.json()["versions"]
        assert (version["id"], version["status"]) == ("v2.0", "CURRENT")
        assert version["links"] == [{"rel": "self", "href": "http://glasscloud.local/network/v2.0/"}]
        answer = await cloud.client.rest.call(ctx, "network", "GET", "/v2.0/", auth="none")
        assert "networks" in [resource["collection"] for resource in answer.json()["resources"]]
        extensions = await cloud.do("GET", "/extensions", user="alice")
        assert {"alias", "name", "description", "updated", "links"} == set(extensions[0])
        aliases = [extension["alias"] for extension in extensions]
        assert "router" not in aliases
        for alias in aliases:
            assert (await cloud.do("GET", f"/extensions/{alias}", user="alice"))["alias"] == alias
        for alias in ("external-gateway-multihoming", "Availability%20Zone"):
            status, kind, message = await cloud.fault("GET", f"/extensions/{alias}", user="alice")
            assert (status, kind) == (404, "ExtensionNotFound")
            assert message.startswith("Extension with alias ")
        assert await cloud.do("GET", "/service-providers", user="alice") == []
        assert (await cloud.call("POST", "/extensions", {}, "admin")).status == 405
        assert (await cloud.call("GET", "/nonsense")).status == 404

    play(story)


def test_quotas() -> None:
    async def story(cloud: Neutron) -> None:
        shown = await cloud.do("GET", "/quotas/p-alice", user="alice")
        assert (shown["network"], shown["port"], shown["security_group"], shown["subnetpool"]) == (100, 500, 10, -1)
        assert (await cloud.fault("GET", "/quotas/p-bob", user="alice"))[:2] == (403, "PolicyNotAuthorized")
        assert (await cloud.call("PUT", "/quotas/p-alice", {"quota": {"port": 1}}, "alice")).status == 403
        changed = await cloud.do("PUT", "/quotas/p-alice", {"quota": {"network": 3, "check_limit": True}})
        assert (changed["network"], changed["subnet"]) == (3, 100)
        await cloud.network()
        details = await cloud.do("GET", "/quotas/p-alice/details", user="alice")
        assert details["network"] == {"limit": 3, "used": 1, "reserved": 0}
        assert await cloud.do("GET", "/quotas/p-alice/details.json", user="alice") == details
        fault = await cloud.fault("PUT", "/quotas/p-alice", {"quota": {"network": 0, "check_limit": True}})
        assert fault[0] == 400
        for bad in ({"net": 1}, {"network": "x"}, {"network": -5}):
            assert (await cloud.fault("PUT", "/quotas/p-alice", {"quota": bad}))[:2] == (400, "HTTPBadRequest")
        assert [quota["project_id"] for quota in await cloud.do("GET", "/quotas")] == ["p-alice"]
        assert (await cloud.call("DELETE", "/quotas/p-alice")).status == 204
        assert (await cloud.do("GET", "/quotas/p-alice/default", user="alice"))["network"] == 100
        assert await cloud.do("GET", "/quotas") == []
        assert (await cloud.do("GET", "/quotas/tenant", user="alice"))["tenant_id"] == "p-alice"

    play(story)


def test_a_path_may_end_in_json() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        plain, ended = [await cloud.do("GET", f"/networks/{network['id']}{ending}") for ending in ("", ".json")]
        assert plain == ended
        assert await cloud.do("GET", "/networks.json") == await cloud.do("GET", "/networks") != []
        assert (await cloud.call("GET", f"/networks/{network['id']}.xml")).status == 404

    play(story)


def test_agents_and_zones() -> None:
    async def story(cloud: Neutron) -> None:
        agents = await cloud.do("GET", "/agents")
        assert [(agent["agent_type"], agent["host"], agent["alive"]) for agent in agents] == [
            ("DHCP agent", "network-1", True),
            ("Open vSwitch agent", "network-1", True),
            ("Open vSwitch agent", "compute-1", True),
            ("Open vSwitch agent", "compute-2", True),
        ]
        assert await cloud.do("GET", "/agents", user="alice") == []
        dhcp, switch = agents[0], agents[2]
        assert switch["configurations"]["bridge_mappings"] == {"physnet1": "br-physnet1"}
        path = f"/agents/{switch['id']}"
        assert (await cloud.do("PUT", path, {"agent": {"admin_state_up": False}}))["admin_state_up"] is False
        assert (await cloud.fault("PUT", path, {"agent": {"host": "x"}}))[0] == 400
        assert (await cloud.fault("DELETE", path))[:2] == (409, "AgentInUse")
        assert (await cloud.fault("GET", f"/agents/{NOBODY}"))[:2] == (404, "AgentNotFound")
        cloud.wires.kill("neutron-l2-agent@compute-1")
        await cloud.settle(110)
        assert (await cloud.call("DELETE", path)).status == 204
        zones = await cloud.do("GET", "/availability_zones", user="alice")
        assert zones == [{"name": "nova", "resource": "network", "state": "available"}]
        network = await cloud.network()
        assert network["availability_zones"] == []
        await cloud.subnet(network)
        await cloud.settle()
        assert (await cloud.do("GET", f"/networks/{network['id']}"))["availability_zones"] == ["nova"]
        networks = f"/agents/{dhcp['id']}/dhcp-networks"
        assert [n["id"] for n in await cloud.do("GET", networks)] == [network["id"]]
        assert (await cloud.fault("POST", networks, {"network_id": network["id"]}))[:2] == (409, "NetworkHostedByDhcpAgent")
        assert (await cloud.call("DELETE", f"{networks}/{network['id']}")).status == 204
        await cloud.settle()
        assert cloud.dhcp.networks == {}
        assert (await cloud.call("POST", networks, {"network_id": network["id"]})).status == 201
        await cloud.settle()
        assert list(cloud.dhcp.networks) == [network["id"]]

    play(story)


def test_agents_that_report_together_are_told_apart() -> None:
    async def story(cloud: Neutron) -> None:
        await cloud.settle(200)
        assert [agent["alive"] for agent in await cloud.do("GET", "/agents")] == [True] * 32
        groups = await cloud.wires.store.run(lambda tx: [len(group.members) for group in tx.all(AgentGroup)])
        assert sum(groups) == 32
        for number in (3, 4, 17):
            cloud.wires.kill(f"neutron-l2-agent@compute-{number}")
        await cloud.settle(120)
        dead = [agent for agent in await cloud.do("GET", "/agents") if not agent["alive"]]
        assert [agent["host"] for agent in dead] == ["compute-3", "compute-4", "compute-17"]
        assert (await cloud.call("DELETE", f"/agents/{dead[0]['id']}")).status == 204
        cloud.wires.restart("neutron-l2-agent@compute-4")
        await cloud.settle(700)
        agents = await cloud.do("GET", "/agents")
        assert [agent["host"] for agent in agents if not agent["alive"]] == ["compute-17"]
        assert len(agents) == 31
        living = next(agent for agent in agents if agent["host"] == "compute-5")
        await cloud.wires.store.run(lambda tx: [tx.delete(a) for a in tx.all(Agent) if a.id == living["id"]])
        await cloud.settle(700)
        assert "compute-5" in [agent["host"] for agent in await cloud.do("GET", "/agents") if agent["alive"]]

    play(story, hosts=30)


def test_a_router_joins_subnets() -> None:
    async def story(cloud: Neutron) -> None:
        assert "router" in [extension["alias"] for extension in await cloud.do("GET", "/extensions")]
        assert await cloud.do("GET", "/floatingips") == []
        assert [provider["service_type"] for provider in await cloud.do("GET", "/service-providers")] == ["L3_ROUTER_NAT"]
        assert await cloud.do("GET", "/service-providers?service_type=VPN") == [], "as openstacksdk's project cleanup asks"
        router = await cloud.do("POST", "/routers", {"router": {"name": "r1", "admin_state_up": True}}, "alice")
        assert (router["status"], router["external_gateway_info"], router["routes"]) == ("ACTIVE", None, [])
        path = f"/routers/{router['id']}"
        network = await cloud.network()
        one, two = await cloud.subnet(network), await cloud.subnet(await cloud.network(), "10.1.0.0/24")
        joined = (await cloud.call("PUT", f"{path}/add_router_interface", {"subnet_id": one["id"]}, "alice")).json()
        assert (joined["id"], joined["subnet_id"], joined["network_id"]) == (router["id"], one["id"], network["id"])
        port = await cloud.do("GET", f"/ports/{joined['port_id']}")
        assert (port["device_owner"], port["status"]) == ("network:router_interface", "ACTIVE")
        assert port["fixed_ips"] == [{"subnet_id": one["id"], "ip_address": "10.0.0.1"}]
        fault = await cloud.fault("DELETE", f"/ports/{port['id']}", user="alice")
        assert fault[:2] == (409, "ServicePortInUse")
        await cloud.settle()
        (interface,) = cloud.routers.interfaces.values()
        assert (interface.cidr, interface.router_id, interface.segmentation_id) == ("10.0.0.1/24", router["id"], 100)
        assert (await cloud.fault("DELETE", path, user="alice"))[:2] == (409, "RouterInUse")
        await cloud.do("PUT", f"{path}/add_router_interface", {"subnet_id": two["id"]}, "alice")
        again = {"subnet_id": one["id"]}
        assert (await cloud.fault("PUT", f"{path}/add_router_interface", again, "alice"))[0] == 400
        assert (await cloud.fault("PUT", f"{path}/add_router_interface", {}, "alice"))[0] == 400
        for subnet in (one, two):
            body: Any = {"subnet_id": subnet["id"]}
            await cloud.do("PUT", f"{path}/remove_router_interface", body, "alice")
        fault = await cloud.fault("PUT", f"{path}/remove_router_interface", again, "alice")
        assert fault[:2] == (404, "RouterInterfaceNotFoundForSubnet")
        assert (await cloud.call("DELETE", path, user="alice")).status == 204
        assert (await cloud.fault("GET", path, user="alice"))[:2] == (404, "RouterNotFound")
        await cloud.settle()
        assert cloud.routers.interfaces == {}

    play(story, ROUTED)


def test_an_l3_agent_makes_good_what_it_missed() -> None:
    async def story(cloud: Neutron) -> None:
        router = await cloud.do("POST", "/routers", {"router": {}}, "alice")
        path = f"/routers/{router['id']}"
        subnets = [await cloud.subnet(await cloud.network(), f"10.{n}.0.0/24") for n in range(3)]
        cloud.routers.broken = True
        await cloud.do("PUT", f"{path}/add_router_interface", {"subnet_id": subnets[0]["id"]}, "alice")
        await cloud.settle()
        cloud.routers.broken = False
        await cloud.settle(6)
        assert [i.cidr for i in cloud.routers.interfaces.values()] == ["10.0.0.1/24"]
        cloud.wires.kill("neutron-l3-agent@network-1")
        await cloud.do("PUT", f"{path}/add_router_interface", {"subnet_id": subnets[1]["id"]}, "alice")
        await cloud.do("PUT", f"{path}/remove_router_interface", {"subnet_id": subnets[0]["id"]}, "alice")
        cloud.wires.restart("neutron-l3-agent@network-1")
        await cloud.settle()
        assert [i.cidr for i in cloud.routers.interfaces.values()] == ["10.1.0.1/24"]
        (agent,) = await cloud.do("GET", "/agents?agent_type=L3%20agent")
        await cloud.do("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": False}})
        await cloud.settle()
        assert cloud.routers.interfaces == {}
        await cloud.do("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": True}})
        await cloud.settle()
        assert [i.cidr for i in cloud.routers.interfaces.values()] == ["10.1.0.1/24"]
        down = {"router": {"admin_state_up": False}}
        await cloud.do("PUT", path, down, "alice")
        await cloud.settle()
        assert cloud.routers.interfaces == {}

    play(story, ROUTED)


def test_a_router_has_a_gateway_on_an_external_network() -> None:
    async def story(cloud: Neutron) -> None:
        public = await cloud.network("public", "admin", **{"router:external": True})
        assert public["is_default"] is False
        await cloud.subnet(public, "203.0.113.0/24", "admin", enable_dhcp=False)
        gateway = {"external_gateway_info": {"network_id": public["id"]}}
        router = await cloud.do("POST", "/routers", {"router": gateway}, "alice")
        (fixed,) = router["external_gateway_info"]["external_fixed_ips"]
        assert fixed["ip_address"] == "203.0.113.2"
        path = f"/routers/{router['id']}"
        cleared = await cloud.do("PUT", path, {"router": {"external_gateway_info": {}}}, "alice")
        assert cleared["external_gateway_info"] is None
        assert await cloud.do("GET", f"/ports?device_id={router['id']}") == []
        private = await cloud.network()
        bad = {"router": {"external_gateway_info": {"network_id": private["id"]}}}
        assert (await cloud.fault("PUT", path, bad, "alice"))[0] == 400

    play(story, ROUTED)
