"""Handlers of the catalog: regions, services, endpoints; and the limits that nobody registered."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.rest import ADMIN, TOKEN, Request, Route
from lab.services.identity.api.handlers import IdentityHandlers, fields_of
from lab.services.identity.lookups import need
from lab.services.identity.model import CatalogEndpoint, CatalogService, Region
from lab.services.identity.policy import system_reader
from lab.services.identity.schemas import (
    CreateEndpoint,
    CreateRegion,
    CreateService,
    UpdateEndpoint,
    UpdateRegion,
    UpdateService,
)


class CatalogHandlers(IdentityHandlers):
    """/v3/regions, /v3/services, /v3/endpoints, /v3/limits."""

    catalog_routes = (
        Route("GET", "/v3/regions", "list_regions", TOKEN),
        Route("POST", "/v3/regions", "create_region", ADMIN, success=201, body=CreateRegion),
        Route("GET", "/v3/regions/{region_id}", "get_region", TOKEN),
        Route("PUT", "/v3/regions/{region_id}", "create_region", ADMIN, success=201, body=CreateRegion),
        Route("PATCH", "/v3/regions/{region_id}", "update_region", ADMIN, body=UpdateRegion),
        Route("DELETE", "/v3/regions/{region_id}", "delete_region", ADMIN, success=204),
        Route("GET", "/v3/services", "list_services", system_reader),
        Route("POST", "/v3/services", "create_service", ADMIN, success=201, body=CreateService),
        Route("GET", "/v3/services/{service_id}", "get_service", system_reader),
        Route("PATCH", "/v3/services/{service_id}", "update_service", ADMIN, body=UpdateService),
        Route("DELETE", "/v3/services/{service_id}", "delete_service", ADMIN, success=204),
        Route("GET", "/v3/endpoints", "list_endpoints", system_reader),
        Route("POST", "/v3/endpoints", "create_endpoint", ADMIN, success=201, body=CreateEndpoint),
        Route("GET", "/v3/endpoints/{endpoint_id}", "get_endpoint", system_reader),
        Route("PATCH", "/v3/endpoints/{endpoint_id}", "update_endpoint", ADMIN, body=UpdateEndpoint),
        Route("DELETE", "/v3/endpoints/{endpoint_id}", "delete_endpoint", ADMIN, success=204),
        Route("GET", "/v3/limits/model", "get_limit_model", TOKEN),
        Route("GET", "/v3/limits", "list_limits", TOKEN),
        Route("GET", "/v3/registered_limits", "list_registered_limits", TOKEN),
    )

    # ------------------------------------------------------------------ regions

    async def list_regions(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Regions by their parent."""
        regions = await self.manager.read(lambda tx: tx.all(Region))
        return self.collect("regions", regions, request, ("parent_region_id",))

    async def create_region(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a region, named by the path, by the body or by chance."""
        entity = request.data.region
        values = {**fields_of(entity, Region), "id": request.params.get("region_id") or entity.id}
        return self.show("region", await self.manager.catalog.create_region(values))

    async def get_region(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One region."""
        return self.show("region", await self._find(Region, "region", request))

    async def update_region(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a region."""
        changes = fields_of(request.data.region, Region)
        return self.show("region", await self.manager.catalog.update_region(request.params["region_id"], changes))

    async def delete_region(self, ctx: Context, request: Request) -> None:
        """Remove a region."""
        await self.manager.catalog.delete_region(request.params["region_id"])

    # ------------------------------------------------------------------ services

    async def list_services(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Services by name or type."""
        services = await self.manager.read(lambda tx: tx.all(CatalogService))
        return self.collect("services", services, request, ("name", "type"))

    async def create_service(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make a service."""
        values = fields_of(request.data.service, CatalogService)
        return self.show("service", await self.manager.catalog.create_service(values))

    async def get_service(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One service."""
        return self.show("service", await self._find(CatalogService, "service", request))

    async def update_service(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change a service."""
        changes = fields_of(request.data.service, CatalogService)
        return self.show("service", await self.manager.catalog.update_service(request.params["service_id"], changes))

    async def delete_service(self, ctx: Context, request: Request) -> None:
        """Remove a service with its endpoints."""
        await self.manager.catalog.delete_service(request.params["service_id"])

    # ------------------------------------------------------------------ endpoints

    async def list_endpoints(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Endpoints by interface, service or region."""
        endpoints = await self.manager.read(lambda tx: tx.all(CatalogEndpoint))
        return self.collect("endpoints", endpoints, request, ("interface", "service_id", "region_id"))

    async def create_endpoint(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Make an endpoint."""
        values = endpoint_fields(request.data.endpoint)
        return self.show("endpoint", await self.manager.catalog.create_endpoint(values))

    async def get_endpoint(self, ctx: Context, request: Request) -> dict[str, Any]:
        """One endpoint."""
        return self.show("endpoint", await self._find(CatalogEndpoint, "endpoint", request))

    async def update_endpoint(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Change an endpoint."""
        changes = endpoint_fields(request.data.endpoint)
        return self.show("endpoint", await self.manager.catalog.update_endpoint(request.params["endpoint_id"], changes))

    async def delete_endpoint(self, ctx: Context, request: Request) -> None:
        """Remove an endpoint."""
        await self.manager.catalog.delete_endpoint(request.params["endpoint_id"])

    async def _find(self, kind: type[Any], label: str, request: Request) -> Any:
        return await self.manager.read(lambda tx: need(tx, kind, label, request.params[f"{label}_id"]))

    # ------------------------------------------------------------------ limits

    async def get_limit_model(self, ctx: Context, request: Request) -> dict[str, Any]:
        """How limits of projects relate: not at all."""
        text = "Limit enforcement and validation does not take project hierarchy into consideration."
        return {"model": {"name": "flat", "description": text}, "links": {"self": self.url(request.path)}}

    async def list_limits(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Limits: the services keep their own quotas, so there are none here."""
        return self.listing("limits", [], request)

    async def list_registered_limits(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Registered limits: none either."""
        return self.listing("registered_limits", [], request)


def endpoint_fields(entity: Any) -> dict[str, Any]:
    """A body's endpoint as fields of the record; `region` is the old name of `region_id`."""
    fields = fields_of(entity, CatalogEndpoint)
    if "region_id" not in fields and entity.region is not None:
        fields["region_id"] = entity.region
    return fields
