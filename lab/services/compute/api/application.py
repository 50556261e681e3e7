"""nova-api: all nouns as one API with one route table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.process import Process
from lab.rest import Route
from lab.services.compute.api import (
    actions,
    aggregates,
    assisted_volume_snapshots,
    external_events,
    flavors,
    hypervisors,
    instance_actions,
    interfaces,
    keypairs,
    metadata,
    quotas,
    security_groups,
    server_details,
    server_groups,
    servers,
    services,
    usage,
    versions,
    volume_attachments,
)
from lab.services.compute.manager import ComputeManager


class ComputeApi(
    servers.ServersPart,
    actions.ActionsPart,
    server_details.ServerDetailsPart,
    volume_attachments.VolumeAttachmentsPart,
    interfaces.InterfacesPart,
    instance_actions.InstanceActionsPart,
    flavors.FlavorsPart,
    keypairs.KeypairsPart,
    hypervisors.HypervisorsPart,
    services.ServicesPart,
    aggregates.AggregatesPart,
    server_groups.ServerGroupsPart,
    quotas.QuotasPart,
    usage.UsagePart,
    external_events.ExternalEventsPart,
    assisted_volume_snapshots.AssistedVolumeSnapshotsPart,
    metadata.MetadataPart,
    versions.VersionsPart,
):
    """The API of compute; `ComputeApi(process, manager).start()` serves it."""

    routes: ClassVar[Sequence[Route]] = (
        *versions.ROUTES,
        *servers.ROUTES,
        *actions.ROUTES,
        *server_details.ROUTES,
        *security_groups.ROUTES,
        *volume_attachments.ROUTES,
        *interfaces.ROUTES,
        *instance_actions.ROUTES,
        *flavors.ROUTES,
        *keypairs.ROUTES,
        *hypervisors.ROUTES,
        *services.ROUTES,
        *aggregates.ROUTES,
        *server_groups.ROUTES,
        *quotas.ROUTES,
        *usage.ROUTES,
        *external_events.ROUTES,
        *assisted_volume_snapshots.ROUTES,
        *metadata.ROUTES,
    )


def start(process: Process) -> None:
    """Build nova-api on this process."""
    ComputeApi(process, ComputeManager(process)).start()
