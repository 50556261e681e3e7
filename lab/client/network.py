"""cloud.network: networks, subnets, ports, security groups, agents, routers."""

from __future__ import annotations

from typing import Any

from lab.client.resource import Collection, Resource
from lab.client.session import Session


class Network(Resource):
    """A network: one segment."""


class Networks(Collection[Network]):
    """cloud.network.networks"""

    service, path, key, plural, kind = "network", "/v2.0/networks", "network", "networks", Network

    async def create(
        self,
        name: str,
        *,
        network_type: str | None = None,
        physical_network: str | None = None,
        segmentation_id: int | None = None,
        **more: Any,
    ) -> Network:
        """Make a network; type and segment are the administrator's to choose."""
        return await self._create(
            {
                "name": name,
                "provider:network_type": network_type,
                "provider:physical_network": physical_network,
                "provider:segmentation_id": segmentation_id,
                **more,
            }
        )


class Subnet(Resource):
    """A range of addresses on a network."""


class Subnets(Collection[Subnet]):
    """cloud.network.subnets"""

    service, path, key, plural, kind = "network", "/v2.0/subnets", "subnet", "subnets", Subnet

    async def create(self, network_id: str, cidr: str, *, name: str = "", **more: Any) -> Subnet:
        """Make a subnet; the gateway is the first address unless given."""
        return await self._create(
            {"network_id": network_id, "cidr": cidr, "name": name, "ip_version": 6 if ":" in cidr else 4, **more}
        )


class Port(Resource):
    """A place on a network."""

    @property
    def addresses(self) -> list[str]:
        """Its fixed addresses."""
        return [ip["ip_address"] for ip in self.data["fixed_ips"]]


class Ports(Collection[Port]):
    """cloud.network.ports"""

    service, path, key, plural, kind = "network", "/v2.0/ports", "port", "ports", Port

    async def create(self, network_id: str, *, name: str = "", **more: Any) -> Port:
        """Make a port."""
        return await self._create({"network_id": network_id, "name": name, **more})


class SecurityGroup(Resource):
    """A set of rules."""


class SecurityGroups(Collection[SecurityGroup]):
    """cloud.network.security_groups"""

    service, path, key, plural, kind = (
        "network",
        "/v2.0/security-groups",
        "security_group",
        "security_groups",
        SecurityGroup,
    )

    async def create(self, name: str, description: str = "") -> SecurityGroup:
        """Make a security group with its two egress rules."""
        return await self._create({"name": name, "description": description})


class SecurityGroupRule(Resource):
    """One rule."""


class SecurityGroupRules(Collection[SecurityGroupRule]):
    """cloud.network.security_group_rules"""

    service, path, key, plural, kind = (
        "network",
        "/v2.0/security-group-rules",
        "security_group_rule",
        "security_group_rules",
        SecurityGroupRule,
    )

    async def create(
        self, security_group_id: str, *, direction: str = "ingress", protocol: str | None = None, **more: Any
    ) -> SecurityGroupRule:
        """Let something through: protocol None is any."""
        return await self._create(
            {"security_group_id": security_group_id, "direction": direction, "protocol": protocol, **more}
        )


class Agent(Resource):
    """One of neutron's agents."""

    @property
    def name(self) -> str | None:
        return f"{self.data['binary']}@{self.data['host']}"


class Agents(Collection[Agent]):
    """cloud.network.agents"""

    service, path, key, plural, kind = "network", "/v2.0/agents", "agent", "agents", Agent


class Router(Resource):
    """A router."""

    async def add_subnet(self, subnet_id: str) -> dict[str, Any]:
        """Give the router an interface on the subnet, with its gateway address."""
        session = self.collection.session
        path = f"/v2.0/routers/{self.id}/add_router_interface"
        return await session.json("network", "PUT", path, {"subnet_id": subnet_id})  # type: ignore[no-any-return]

    async def remove_subnet(self, subnet_id: str) -> None:
        """Take the interface back."""
        session = self.collection.session
        await session.send(
            "network", "PUT", f"/v2.0/routers/{self.id}/remove_router_interface", {"subnet_id": subnet_id}
        )


class Routers(Collection[Router]):
    """cloud.network.routers (with 'router' among the service plugins)"""

    service, path, key, plural, kind = "network", "/v2.0/routers", "router", "routers", Router

    async def create(self, name: str) -> Router:
        """Make a router."""
        return await self._create({"name": name})


class NetworkService:
    """cloud.network"""

    def __init__(self, session: Session) -> None:
        self.networks = Networks(session)
        self.subnets = Subnets(session)
        self.ports = Ports(session)
        self.security_groups = SecurityGroups(session)
        self.security_group_rules = SecurityGroupRules(session)
        self.agents = Agents(session)
        self.routers = Routers(session)
