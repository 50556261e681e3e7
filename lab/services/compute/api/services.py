"""Compute's own processes, and the availability zones that their hosts make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictStr

from lab.errors import BadRequest, NotFound
from lab.rest import ADMIN, READER, Request, Response, Route, per_version
from lab.rest.body import Body
from lab.services.compute.aggregates import COMPUTE_BINARY, INTERNAL_ZONE, zones_by_host
from lab.services.compute.api.fields import Boolean, HostFqdn, is_uuid
from lab.services.compute.api.part import ComputePart
from lab.services.compute.api.times import naive
from lab.services.compute.model import ComputeService
from lab.services.compute.servicegroup import fresh

if TYPE_CHECKING:
    from lab.context import Context
    from lab.store import Transaction

Json = dict[str, Any]

_Reason = Annotated[StrictStr, Field(min_length=1, max_length=255)]


class Update21(Body):
    """Which service: by host and binary."""

    host: HostFqdn
    binary: Annotated[StrictStr, Field(min_length=1, max_length=255)]
    disabled_reason: _Reason | None = None


class Update211(Update21):
    """Whether it is declared down."""

    forced_down: Boolean | None = None


class Update253(Body):
    """The path names the service."""

    status: Literal["enabled", "disabled"] | None = None
    disabled_reason: _Reason | None = None
    forced_down: Boolean | None = None


ROUTES = (
    Route("GET", "/v2.1/os-services", "services_list", ADMIN, summary="List compute's processes"),
    Route(
        "PUT",
        "/v2.1/os-services/{service}",
        "services_update",
        ADMIN,
        200,
        per_version(((2, 1), Update21), ((2, 11), Update211), ((2, 53), Update253)),
        summary="Enable, disable or declare down",
    ),
    Route("DELETE", "/v2.1/os-services/{service}", "services_delete", ADMIN, 204, summary="Delete a service"),
    Route("GET", "/v2.1/os-availability-zone", "zones_list", READER, summary="List availability zones"),
    Route("GET", "/v2.1/os-availability-zone/detail", "zones_detail", ADMIN, summary="Zones, hosts and services"),
)


class ServicesPart(ComputePart):
    """The handlers of os-services and os-availability-zone."""

    async def services_list(self, ctx: Context, req: Request) -> Json:
        """Answer all services, or those of a host or binary."""
        self.check_query(req, ("host", "binary"), (2, 75))
        host, binary = req.arg("host"), req.arg("binary")
        services, zones = await self._services()
        return {
            "services": [
                self._service_view(service, zones, req.version)
                for service in services
                if (not host or service.host == host) and (not binary or service.binary == binary)
            ]
        }

    async def _services(self) -> tuple[list[ComputeService], dict[str, str]]:
        def read(tx: Transaction) -> tuple[list[ComputeService], dict[str, str]]:
            return [fresh(tx, service) for service in tx.all(ComputeService)], zones_by_host(tx)

        return await self.process.store.run(read)

    def _zone(self, service: ComputeService, zones: dict[str, str]) -> str:
        if service.binary != COMPUTE_BINARY:
            return INTERNAL_ZONE
        return zones.get(service.host, self.config.availability_zone)

    def _service_view(self, service: ComputeService, zones: dict[str, str], version: tuple[int, int]) -> Json:
        view: Json = {
            "id": service.uuid if version >= (2, 53) else service.id,
            "binary": service.binary,
            "host": service.host,
            "zone": self._zone(service, zones),
            "status": "disabled" if service.disabled else "enabled",
            "state": "up" if self.is_up(service) else "down",
            "updated_at": naive(service.updated_at),
            "disabled_reason": service.disabled_reason,
        }
        if version >= (2, 11):
            view["forced_down"] = service.forced_down
        return view

    async def services_update(self, ctx: Context, req: Request) -> Json:
        """Change a service: the path names it since 2.53, and named the change before."""
        if req.version < (2, 53):
            return await self._update_by_action(ctx, req)
        data = req.data
        service = await self._service(req)
        if service.binary != COMPUTE_BINARY:
            raise _only_compute(service.binary)
        if data.status == "enabled" and data.disabled_reason:
            raise BadRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
        if data.status is None and data.forced_down is None:
            raise BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
        disabled = None if data.status is None else data.status == "disabled"
        service = await self.manager.set_service(ctx, service, disabled, data.disabled_reason, data.forced_down)
        _, zones = await self._services()
        return {"service": self._service_view(service, zones, req.version)}

    async def _update_by_action(self, ctx: Context, req: Request) -> Json:
        action, data = req.params["service"], req.data
        if action not in ("enable", "disable", "disable-log-reason", "force-down"):
            raise NotFound("Unknown action")
        if action == "force-down" and req.version < (2, 11):
            raise NotFound("Unknown action")
        view: Json = {"host": data.host, "binary": data.binary}
        disabled = forced_down = reason = None
        if action == "force-down":
            forced_down = data.forced_down
            if forced_down is None:
                raise BadRequest("Missing forced_down field")
            view["forced_down"] = forced_down
        else:
            disabled = action != "enable"
            view["status"] = "disabled" if disabled else "enabled"
            if action == "disable-log-reason":
                reason = data.disabled_reason
                if reason is None:
                    raise BadRequest("Missing disabled reason field")
                view["disabled_reason"] = reason
        if data.binary != COMPUTE_BINARY:
            raise _only_compute(data.binary)
        service = await self.process.store.run(lambda tx: tx.one(ComputeService, host=data.host, binary=data.binary))
        if service is None:
            raise NotFound(f"Could not find binary {data.binary} on host {data.host}.")
        await self.manager.set_service(ctx, service, disabled, reason, forced_down)
        return {"service": view}

    async def services_delete(self, ctx: Context, req: Request) -> Response:
        """Delete a service whose host runs no servers."""
        service = await self._service(req)
        hosts = [one for one in await self.aggregates.find() if service.host in one.hosts]
        await self.manager.delete_service(ctx, service)
        if service.binary == COMPUTE_BINARY:
            for aggregate in hosts:
                await self.aggregates.remove_host(ctx, aggregate.id, service.host)
        return Response(204)

    async def _service(self, req: Request) -> ComputeService:
        wanted = req.params["service"]
        if req.version >= (2, 53) and not is_uuid(wanted):
            raise BadRequest(f"Invalid uuid {wanted}")
        if req.version < (2, 53) and not wanted.isdecimal():
            raise BadRequest(f"Invalid input received: id must be an integer: {wanted}")

        def read(tx: Transaction) -> ComputeService | None:
            if req.version >= (2, 53):
                found = tx.get(ComputeService, wanted)
            else:
                found = next((service for service in tx.all(ComputeService) if str(service.id) == wanted), None)
            return None if found is None else fresh(tx, found)

        service: ComputeService | None = await self.process.store.run(read)
        if service is None:
            raise NotFound(f"Service {wanted} not found.")
        return service

    # -- availability zones -----------------------------------------------------------------------

    async def zones_list(self, ctx: Context, req: Request) -> Json:
        """Answer the zones of compute hosts."""
        self.check_query(req)
        available, others = self._zones(*await self._services())
        return {
            "availabilityZoneInfo": [
                {"zoneName": zone, "zoneState": {"available": there}, "hosts": None}
                for there, zones in ((True, available), (False, others))
                for zone in zones
                if zone != INTERNAL_ZONE
            ]
        }

    def _zones(self, services: list[ComputeService], zones: dict[str, str]) -> tuple[list[str], list[str]]:
        enabled = sorted({self._zone(service, zones) for service in services if not service.disabled})
        disabled = sorted({self._zone(service, zones) for service in services if service.disabled})
        return enabled, [zone for zone in disabled if zone not in enabled]

    async def zones_detail(self, ctx: Context, req: Request) -> Json:
        """Answer all zones with their hosts and what runs there."""
        self.check_query(req)
        services, zones = await self._services()
        available, others = self._zones(services, zones)
        hosts: dict[str, dict[str, Json]] = {zone: {} for zone in available}
        for service in services:
            if not service.disabled:
                binaries = hosts[self._zone(service, zones)].setdefault(service.host, {})
                binaries[service.binary] = {
                    "available": self.is_up(service),
                    "active": True,
                    "updated_at": naive(service.updated_at),
                }
        return {
            "availabilityZoneInfo": [
                *({"zoneName": zone, "zoneState": {"available": True}, "hosts": hosts[zone]} for zone in available),
                *({"zoneName": zone, "zoneState": {"available": False}, "hosts": None} for zone in others),
            ]
        }


def _only_compute(binary: str) -> BadRequest:
    return BadRequest(f"Updating a {binary} service is not supported. Only nova-compute services can be updated.")
