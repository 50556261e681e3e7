"""The request bodies of changes of servers, one class for each microversion that changed them.

Source: nova/api/openstack/compute/schemas/servers.py; the numbers in the names are microversions.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lab.rest import per_version
from lab.rest.body import Body
from lab.services.compute.api.fields import Description, HostFqdn, Hostname, Ipv4, Ipv6, Name, ZoneName


class Update21(Body):
    """What of a server may be changed by PUT."""

    name: Name | None = None
    disk_config: Literal["AUTO", "MANUAL"] | None = Field(default=None, alias="OS-DCF:diskConfig")
    access_ip_v4: Ipv4 | None = Field(default=None, alias="accessIPv4")
    access_ip_v6: Ipv6 | None = Field(default=None, alias="accessIPv6")


class Update219(Update21):
    """The description, null removes it."""

    description: Description = None


class Update290(Update219):
    """The hostname."""

    hostname: Hostname | None = None


class Update294(Update290):
    """The hostname may be a domain name."""

    hostname: HostFqdn | None = None


class Update2104(Update294):
    """The zone that the server is pinned to, null unpins it."""

    pinned_availability_zone: ZoneName | None = None


class UpdateBody21(Body):
    """PUT /servers/{id} since 2.1."""

    server: Update21


class UpdateBody219(Body):
    """PUT /servers/{id} since 2.19."""

    server: Update219


class UpdateBody290(Body):
    """PUT /servers/{id} since 2.90."""

    server: Update290


class UpdateBody294(Body):
    """PUT /servers/{id} since 2.94."""

    server: Update294


class UpdateBody2104(Body):
    """PUT /servers/{id} since 2.104."""

    server: Update2104


UPDATE = per_version(
    ((2, 1), UpdateBody21),
    ((2, 19), UpdateBody219),
    ((2, 90), UpdateBody290),
    ((2, 94), UpdateBody294),
    ((2, 104), UpdateBody2104),
)
