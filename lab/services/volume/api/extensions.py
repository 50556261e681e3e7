"""Which of cinder's extensions are there; Horizon shows zones, services and encryption only where their extension is listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from lab.context import Context
from lab.errors import NotFound
from lab.rest import READER, Request, Route
from lab.services.volume.api.part import Json, VolumePart, both


class Extension(NamedTuple):
    """One that is really implemented; of others clients may not even ask."""

    name: str
    alias: str
    updated: str
    description: str


# Source: names, aliases and dates of cinder/api/contrib.
EXTENSIONS = (
    Extension("AdminActions", "os-admin-actions", "2012-08-25", "Set the status of volumes and snapshots, delete by force."),
    Extension("AvailabilityZones", "os-availability-zone", "2013-06-27", "The zones that volumes can be in."),
    Extension("ExtendedSnapshotAttributes", "os-extended-snapshot-attributes", "2012-06-19", "Project and progress of snapshots."),
    Extension("QuotaClasses", "os-quota-class-sets", "2012-03-12", "Limits of projects without their own."),
    Extension("Quotas", "os-quota-sets", "2011-08-08", "Limits of projects."),
    Extension("Scheduler_stats", "scheduler-stats", "2014-09-07", "What the scheduler knows of pools."),
    Extension("Services", "os-services", "2012-10-28", "Cinder's processes, on and off."),
    Extension("TypesExtraSpecs", "os-types-extra-specs", "2011-08-24", "What a volume type wants of its backend."),
    Extension("TypesManage", "os-types-manage", "2011-08-24", "Make, change and delete volume types."),
    Extension("UsedLimits", "os-used-limits", "2013-10-03", "Use beside limits."),
    Extension("VolumeActions", "os-volume-actions", "2012-05-31", "Attach, detach, extend and more."),
    Extension("VolumeEncryptionMetadata", "os-volume-encryption-metadata", "2013-07-10", "How a volume is encrypted."),
    Extension("VolumeHostAttribute", "os-vol-host-attr", "2011-11-03", "Where a volume is, for administrators."),
    Extension("VolumeImageMetadata", "os-vol-image-meta", "2012-12-07", "Of which image a volume was made."),
    Extension("VolumeMigStatusAttribute", "os-vol-mig-status-attr", "2013-08-08", "How far a migration is, for administrators."),
    Extension("VolumeTenantAttribute", "os-vol-tenant-attr", "2011-11-03", "Whose a volume is."),
    Extension("VolumeTypeAccess", "os-volume-type-access", "2014-06-26", "Who may use a private volume type."),
)


class ExtensionsPart(VolumePart):
    """The routes of extensions."""

    routes: ClassVar[Sequence[Route]] = both(
        Route("GET", "/extensions", "list_extensions", READER, summary="List extensions"),
        Route("GET", "/extensions/{alias}", "show_extension", READER, summary="Show an extension"),
    )

    async def list_extensions(self, ctx: Context, req: Request) -> Json:
        """List what is there beyond volumes, snapshots and types themselves."""
        return {"extensions": [_show(extension) for extension in EXTENSIONS]}

    async def show_extension(self, ctx: Context, req: Request) -> Json:
        """Show one by its alias."""
        for extension in EXTENSIONS:
            if extension.alias == req.params["alias"]:
                return {"extension": _show(extension)}
        raise NotFound("The resource could not be found.")


def _show(extension: Extension) -> Json:
    return {**extension._asdict(), "updated": f"{extension.updated}T00:00:00+00:00", "links": []}
