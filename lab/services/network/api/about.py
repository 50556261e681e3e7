"""What this neutron is: versions, resources, extensions."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from lab.context import Context
from lab.rest import PUBLIC, READER, Request, Route
from lab.services.network import query as queries
from lab.services.network.api.collection import Room
from lab.services.network.errors import ExtensionNotFound
from lab.services.network.model import Json


class Extension(NamedTuple):
    """One extension that is really implemented."""

    alias: str
    name: str
    updated: str
    description: str


EXTENSIONS = (
    Extension("agent", "agent", "2013-02-03", "Agents and their state."),
    Extension("allowed-address-pairs", "Allowed Address Pairs", "2013-07-23", "Further addresses of a port."),
    Extension("availability_zone", "Availability Zone", "2015-01-01", "Zones of agents."),
    Extension("binding", "Port Binding", "2014-02-03", "Where and how a port is plugged."),
    Extension("dhcp_agent_scheduler", "DHCP Agent Scheduler", "2013-02-07", "Networks of DHCP agents."),
    Extension("external-net", "Neutron external network", "2013-01-14", "Networks that lead outside."),
    Extension("extra_dhcp_opt", "Neutron Extra DHCP options", "2013-03-17", "DHCP options of a port."),
    Extension("ip-substring-filtering", "IP address substring filtering", "2017-11-28", "Filters by part of an address."),
    Extension("net-mtu", "Network MTU", "2015-03-25", "The MTU of a network."),
    Extension("net-mtu-writable", "Network MTU (writable)", "2017-07-12", "An MTU that can be chosen."),
    Extension("network-ip-availability", "Network IP Availability", "2015-09-24", "Addresses left on a network."),
    Extension("network_availability_zone", "Network Availability Zone", "2015-01-01", "Zones of a network."),
    Extension("pagination", "Pagination support", "2016-06-12", "Lists in pages."),
    Extension("port-security", "Port Security", "2012-07-23", "Firewall of a port on or off."),
    Extension("project-id", "project_id field enabled", "2016-09-09", "project_id beside tenant_id."),
    Extension("provider", "Provider Network", "2012-09-07", "Segments that an administrator chooses."),
    Extension("quota-check-limit", "Quota engine limit check", "2021-04-08", "Limits not below what is used."),
    Extension("quota_details", "Quota details management support", "2017-02-10", "Use beside limits."),
    Extension("quotas", "Quota management support", "2012-07-29", "Limits of projects."),
    Extension("security-group", "security-group", "2012-10-05", "Firewall rules by group."),
    Extension("service-type", "Neutron Service Type Management", "2013-01-20", "Who provides the advanced services."),
    Extension("sorting", "Sorting support", "2016-06-12", "Lists in order."),
    Extension("standard-attr-description", "standard-attr-description", "2016-02-10", "Descriptions."),
    Extension("standard-attr-revisions", "Resource revision numbers", "2016-04-11", "A number that grows with changes."),
    Extension("standard-attr-tag", "Tag support", "2017-01-01", "Tags on resources."),
    Extension("standard-attr-timestamp", "Resource timestamps", "2016-09-12", "Times of making and change."),
    Extension("stateful-security-group", "Stateful security group", "2019-11-26", "Groups with or without state."),
    Extension("subnet-service-types", "Subnet service types", "2016-03-15", "Subnets for certain device owners."),
)
ROUTER_EXTENSIONS = (Extension("router", "Neutron L3 Router", "2012-07-20", "Routers between subnets."),)
# Source: the provider of routers that are neither distributed nor highly available, in neutron's l3_router/service_providers.
ROUTING = {"service_type": "L3_ROUTER_NAT", "name": "single_node", "default": False}

RESOURCES = (
    ("network", "networks"),
    ("subnet", "subnets"),
    ("port", "ports"),
    ("security_group", "security-groups"),
    ("security_group_rule", "security-group-rules"),
    ("agent", "agents"),
    ("quota", "quotas"),
    ("extension", "extensions"),
)


class AboutRoutes(Room):
    """Discovery."""

    ROUTES: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/", "list_versions", PUBLIC),
        Route("GET", "/v2.0", "list_resources", PUBLIC),
        Route("GET", "/v2.0/extensions", "list_extensions", READER),
        Route("GET", "/v2.0/extensions/{alias}", "show_extension", READER),
        Route("GET", "/v2.0/service-providers", "list_service_providers", READER),
    )

    async def list_versions(self, ctx: Context, request: Request) -> Json:
        """Tell the versions of the API: one."""
        link = {"rel": "self", "href": self.url("/v2.0/")}
        return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}

    async def list_resources(self, ctx: Context, request: Request) -> Json:
        """Tell the collections of version 2.0."""
        return {
            "resources": [
                {"name": name, "collection": path, "links": [{"rel": "self", "href": self.url(f"/v2.0/{path}")}]}
                for name, path in RESOURCES
            ]
        }

    def _extensions(self) -> tuple[Extension, ...]:
        more = ROUTER_EXTENSIONS if self.plugin.routers.loaded else ()
        return (*EXTENSIONS, *more)

    async def list_extensions(self, ctx: Context, request: Request) -> Json:
        """List what is implemented beyond the core."""
        query = queries.read(request)
        return {"extensions": [query.pick(_show(extension)) for extension in self._extensions()]}

    async def show_extension(self, ctx: Context, request: Request) -> Json:
        """Show one extension, or answer that it is not there."""
        alias = request.params["alias"]
        for extension in self._extensions():
            if extension.alias == alias:
                return {"extension": _show(extension)}
        raise ExtensionNotFound(id=alias)

    async def list_service_providers(self, ctx: Context, request: Request) -> Json:
        """List who provides the advanced services, of which there is one: routing, by the L3 agent."""
        query = queries.read(request)
        wanted = query.filters.get("service_type", (ROUTING["service_type"],))
        there = self.plugin.routers.loaded and ROUTING["service_type"] in wanted
        return {"service_providers": [query.pick(dict(ROUTING))] if there else []}


def _show(extension: Extension) -> Json:
    return {
        "alias": extension.alias,
        "name": extension.name,
        "description": extension.description,
        "updated": f"{extension.updated}T00:00:00-00:00",
        "links": [],
    }
