"""The catalog: regions, services, endpoints; and what a token shows of it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from lab.errors import BadRequest, Forbidden
from lab.process import Process
from lab.services.identity.lookups import need
from lab.services.identity.model import CatalogEndpoint, CatalogService, NameTaken, Region
from lab.services.identity.resources import merge
from lab.services.identity.tokens import TokenManager
from lab.services.identity.views import endpoint_url
from lab.store import Record, Transaction

R = TypeVar("R", bound=Record)


class CatalogManager:
    """Regions, services and endpoints: the use cases."""

    def __init__(self, process: Process, tokens: TokenManager) -> None:
        self._process, self._tokens = process, tokens

    async def create_region(self, values: dict[str, Any]) -> Region:
        """Make a region; an id that is given must be free."""
        region = Region.make(**{**values, "id": values.get("id") or self._tokens.new_id()})

        def create(tx: Transaction) -> Region:
            if tx.get(Region, region.id) is not None:
                raise NameTaken("region", region.id)
            self._check_parent(tx, region.id, region.parent_region_id)
            return tx.insert(region)

        return await self._tokens.changed(create)

    async def update_region(self, id: str, changes: dict[str, Any]) -> Region:
        """Change a region; it cannot come to lie within itself."""

        def update(tx: Transaction) -> Region:
            region = need(tx, Region, "region", id)
            self._check_parent(tx, id, changes.get("parent_region_id"))
            return tx.update(region, **merge(region.extra, changes))

        return await self._tokens.changed(update)

    async def delete_region(self, id: str) -> None:
        """Remove a region that has no endpoints and no regions with endpoints within it."""

        def delete(tx: Transaction) -> None:
            doomed = [need(tx, Region, "region", id)]
            for region in doomed:  # grows while it is walked
                if tx.find(CatalogEndpoint, region_id=region.id):
                    raise Forbidden(f"Unable to delete region {id} because it or its child regions have associated endpoints.")
                doomed += tx.find(Region, parent_region_id=region.id)
            for region in reversed(doomed):
                tx.delete(region)

        await self._tokens.changed(delete)

    @staticmethod
    def _check_parent(tx: Transaction, id: str, parent_id: str | None) -> None:
        while parent_id is not None:
            if parent_id == id:
                raise BadRequest(f"The specified parent region {parent_id} would create a circular region hierarchy.")
            parent_id = need(tx, Region, "region", parent_id).parent_region_id

    async def create_service(self, values: dict[str, Any]) -> CatalogService:
        """Make a service of the catalog."""
        service = CatalogService.make(**{"id": self._tokens.new_id(), **values})
        return await self._tokens.changed(lambda tx: tx.insert(service))

    async def update_service(self, id: str, changes: dict[str, Any]) -> CatalogService:
        """Change a service; a disabled one leaves the catalog of tokens."""

        def update(tx: Transaction) -> CatalogService:
            service = need(tx, CatalogService, "service", id)
            return tx.update(service, **merge(service.extra, changes))

        return await self._tokens.changed(update)

    async def delete_service(self, id: str) -> None:
        """Remove a service with its endpoints."""

        def delete(tx: Transaction) -> None:
            service = need(tx, CatalogService, "service", id)
            for endpoint in tx.find(CatalogEndpoint, service_id=id):
                tx.delete(endpoint)
            tx.delete(service)

        await self._tokens.changed(delete)

    async def create_endpoint(self, values: dict[str, Any]) -> CatalogEndpoint:
        """Make an endpoint of a service; a region that does not exist yet is made, as keystone does."""
        endpoint = CatalogEndpoint.make(**{"id": self._tokens.new_id(), **values})

        def create(tx: Transaction) -> CatalogEndpoint:
            self._check_endpoint(tx, endpoint)
            return tx.insert(endpoint)

        return await self._tokens.changed(create)

    async def update_endpoint(self, id: str, changes: dict[str, Any]) -> CatalogEndpoint:
        """Change an endpoint."""

        def update(tx: Transaction) -> CatalogEndpoint:
            endpoint = need(tx, CatalogEndpoint, "endpoint", id)
            endpoint = tx.update(endpoint, **merge(endpoint.extra, changes))
            self._check_endpoint(tx, endpoint)
            return endpoint

        return await self._tokens.changed(update)

    async def delete_endpoint(self, id: str) -> None:
        """Remove an endpoint."""
        await self._tokens.changed(lambda tx: tx.delete(need(tx, CatalogEndpoint, "endpoint", id)))

    @staticmethod
    def _check_endpoint(tx: Transaction, endpoint: CatalogEndpoint) -> None:
        if tx.get(CatalogService, endpoint.service_id) is None:
            raise BadRequest(f"Could not find service: {endpoint.service_id}.")
        if re.search(r"[%$]\(", endpoint_url(endpoint.url, "project", "user") or "$("):
            raise BadRequest(f"Cannot create an endpoint with an invalid URL: {endpoint.url}.")
        if endpoint.region_id and tx.get(Region, endpoint.region_id) is None:
            tx.insert(Region.make(id=endpoint.region_id))
