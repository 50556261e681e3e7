"""Which versions of the API there are, and the list of extensions that old clients read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import NotFound
from lab.rest import ADMIN, PUBLIC, READER, Request, Route
from lab.services.compute.api.part import VERSIONS, ComputePart

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

# Source: nova/api/openstack/compute/views/versions.py.
_UPDATED = {"v2.0": "2011-01-21T11:33:21Z", "v2.1": "2013-07-23T11:33:21Z"}
_NAMESPACE = "http://docs.openstack.org/compute/ext/fake_xml"
_EXTENSIONS_UPDATED = "2014-12-03T00:00:00Z"
# alias, name, description of what this cloud serves. Source: nova's static list in extension_info.py.
_EXTENSIONS = (
    ("OS-DCF", "DiskConfig", "Disk Management Extension."),
    ("OS-EXT-AZ", "ExtendedAvailabilityZone", "Extended Availability Zone support."),
    ("OS-EXT-IPS", "ExtendedIps", "Adds type parameter to the ip list."),
    ("OS-EXT-IPS-MAC", "ExtendedIpsMac", "Adds mac address parameter to the ip list."),
    ("OS-EXT-SRV-ATTR", "ExtendedServerAttributes", "Extended Server Attributes support."),
    ("OS-EXT-STS", "ExtendedStatus", "Extended Status support."),
    ("OS-FLV-DISABLED", "FlavorDisabled", "Support to show the disabled status of a flavor."),
    ("OS-FLV-EXT-DATA", "FlavorExtraData", "Provide additional data for flavors."),
    ("OS-SCH-HNT", "SchedulerHints", "Pass arbitrary key/value pairs to the scheduler."),
    ("OS-SRV-USG", "ServerUsage", "Adds launched_at and terminated_at on Servers."),
    ("os-access-ips", "AccessIPs", "Access IPs support."),
    ("os-admin-actions", "AdminActions", "Enable admin-only server actions"),
    ("os-aggregates", "Aggregates", "Admin-only aggregate administration."),
    ("os-attach-interfaces", "AttachInterfaces", "Attach interface support."),
    ("os-availability-zone", "AvailabilityZone", "Add availability_zone to the Create Server API."),
    ("os-block-device-mapping-v2-boot", "BlockDeviceMappingV2Boot", "Allow boot with the new BDM data format."),
    ("os-config-drive", "ConfigDrive", "Config Drive Extension."),
    ("os-console-output", "ConsoleOutput", "Console log output support, with tailing ability."),
    ("os-extended-volumes", "ExtendedVolumes", "Extended Volumes support."),
    ("os-flavor-access", "FlavorAccess", "Flavor access support."),
    ("os-flavor-extra-specs", "FlavorExtraSpecs", "Flavors extra specs support."),
    ("os-flavor-manage", "FlavorManage", "Flavor create/delete API support."),
    ("os-hypervisors", "Hypervisors", "Admin-only hypervisor administration."),
    ("os-instance-actions", "InstanceActions", "View a log of actions and events taken on an instance."),
    ("os-keypairs", "Keypairs", "Keypair Support."),
    ("os-lock-server", "LockServer", "Enable lock/unlock server actions."),
    ("os-migrations", "Migrations", "Provide data on migrations."),
    ("os-multiple-create", "MultipleCreate", "Allow multiple create in the Create Server v2.1 API."),
    ("os-personality", "Personality", "Personality support."),
    ("os-quota-class-sets", "QuotaClasses", "Quota classes management support."),
    ("os-quota-sets", "Quotas", "Quotas management support."),
    ("os-security-groups", "SecurityGroups", "Security group support."),
    ("os-server-diagnostics", "ServerDiagnostics", "Allow Admins to view server diagnostics through server action."),
    ("os-server-external-events", "ServerExternalEvents", "Server External Event Triggers."),
    ("os-server-groups", "ServerGroups", "Server group support."),
    ("os-server-password", "ServerPassword", "Server password support."),
    ("os-server-start-stop", "ServerStartStop", "Start/Stop instance compute API support."),
    ("os-services", "Services", "Services support."),
    ("os-simple-tenant-usage", "SimpleTenantUsage", "Simple tenant usage extension."),
    ("os-used-limits", "UsedLimits", "Provide data on limited resource that are being used."),
    ("os-user-data", "UserData", "Add user_data to the Create Server API."),
    ("os-volumes", "Volumes", "Volumes support."),
)

ROUTES = (
    Route("GET", "/", "versions_list", PUBLIC, summary="Versions of the API"),
    Route("GET", "/v2", "versions_v2", PUBLIC, summary="Version 2.0"),
    Route("GET", "/v2.1", "versions_v21", PUBLIC, summary="Version 2.1 and its microversions"),
    Route("GET", "/v2.1/extensions", "extensions_list", READER, summary="List extensions"),
    Route("GET", "/v2.1/extensions/{alias}", "extensions_show", READER, summary="Show an extension"),
    Route("GET", "/v2.1/os-migrations", "migrations_list", ADMIN, summary="List migrations"),
)


class VersionsPart(ComputePart):
    """The handlers of discovery, extensions and what else is a list of its own."""

    async def versions_list(self, ctx: Context, req: Request) -> Json:
        """Answer all versions, the oldest first as upstream."""
        return {"versions": [self._version("v2.0"), self._version("v2.1")]}

    async def versions_v2(self, ctx: Context, req: Request) -> Json:
        """Answer version 2.0, which lives on as 2.1 without microversions."""
        return {"version": self._detailed("v2.0", "2")}

    async def versions_v21(self, ctx: Context, req: Request) -> Json:
        """Answer version 2.1 with the range of microversions."""
        return {"version": self._detailed("v2.1", "2.1")}

    def _version(self, name: str) -> Json:
        current = name == "v2.1"
        low, high = (".".join(map(str, version)) for version in (VERSIONS.low, VERSIONS.high))
        path = "/v2.1/" if current else "/v2/"
        return {
            "id": name,
            "status": "CURRENT" if current else "SUPPORTED",
            "version": high if current else "",
            "min_version": low if current else "",
            "updated": _UPDATED[name],
            "links": [{"rel": "self", "href": f"{self.root}{path}"}],
        }

    def _detailed(self, name: str, number: str) -> Json:
        view = self._version(name)
        view["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
        media = f"application/vnd.openstack.compute+json;version={number}"
        view["media-types"] = [{"base": "application/json", "type": media}]
        return view

    async def extensions_list(self, ctx: Context, req: Request) -> Json:
        """Answer all extensions."""
        self.check_query(req)
        return {"extensions": [_extension(*extension) for extension in _EXTENSIONS]}

    async def extensions_show(self, ctx: Context, req: Request) -> Json:
        """Answer one extension."""
        for extension in _EXTENSIONS:
            if extension[0] == req.params["alias"]:
                return {"extension": _extension(*extension)}
        raise NotFound("The resource could not be found.")

    async def migrations_list(self, ctx: Context, req: Request) -> Json:
        """Answer the migrations; servers here do not move yet."""
        return {"migrations": []}


def _extension(alias: str, name: str, description: str) -> Json:
    return {
        "alias": alias,
        "name": name,
        "description": description,
        "namespace": _NAMESPACE,
        "updated": _EXTENSIONS_UPDATED,
        "links": [],
    }
