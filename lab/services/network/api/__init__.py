"""Neutron's REST API: the route table, assembled from one file a group of nouns."""

from __future__ import annotations

from typing import ClassVar

from lab.errors import QuotaExceeded
from lab.process import Process
from lab.rest import FaultTable, Route
from lab.rest.api import trie_of
from lab.rest.faults import network_style
from lab.services.network.api.about import AboutRoutes
from lab.services.network.api.agents import AgentRoutes
from lab.services.network.api.networks import NetworkRoutes
from lab.services.network.api.ports import PortRoutes
from lab.services.network.api.quotas import QuotaRoutes
from lab.services.network.api.routers import RouterRoutes
from lab.services.network.api.security_groups import SecurityGroupRoutes
from lab.services.network.api.subnets import SubnetRoutes
from lab.services.network.api.tags import TagRoutes
from lab.services.network.errors import RevisionNumberConstraintFailed
from lab.services.network.manager import Plugin


class NetworkApi(
    AboutRoutes,
    NetworkRoutes,
    SubnetRoutes,
    PortRoutes,
    SecurityGroupRoutes,
    AgentRoutes,
    QuotaRoutes,
    RouterRoutes,
    TagRoutes,
):
    """One neutron-api process."""

    service = "network"
    routes: ClassVar[tuple[Route, ...]] = (
        *AboutRoutes.ROUTES,
        *NetworkRoutes.ROUTES,
        *SubnetRoutes.ROUTES,
        *PortRoutes.ROUTES,
        *SecurityGroupRoutes.ROUTES,
        *AgentRoutes.ROUTES,
        *QuotaRoutes.ROUTES,
        *RouterRoutes.ROUTES,
        *TagRoutes.ROUTES,
    )
    faults = FaultTable(network_style, {QuotaExceeded: 409, RevisionNumberConstraintFailed: 412})
    ending = ".json"  # source: guess_content_type_from_ext in neutron/pecan_wsgi/app.py
    refusal = "rule:{handler} is disallowed by policy"

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.plugin = Plugin(process)
        if not self.plugin.routers.loaded:
            # Without the router plugin its paths do not exist: 404, as upstream.
            self.trie = trie_of(tuple(route for route in self.routes if route not in RouterRoutes.ROUTES))
