"""The request bodies of new servers, one class for each microversion that changed them.

Source: nova/api/openstack/compute/schemas/servers.py; the numbers in the names are microversions.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictStr, field_validator

from lab.rest import per_version
from lab.rest.body import Body
from lab.services.compute.api.device_bodies import (
    BlockDevice242,
    BlockDevice267,
    BlockDeviceV2,
    File,
    LegacyBlockDevice,
    Network,
    Network237,
    Network242,
    SecurityGroupName,
    TaggedNetwork,
)
from lab.services.compute.api.fields import (
    Base64,
    Boolean,
    Description,
    HostFqdn,
    Hostname,
    Ipv4,
    Ipv6,
    Metadata,
    Name,
    Positive,
    Reference,
    Tag,
    Uuid,
    is_uuid,
)

# Source: nova/objects/instance.py, MAX_TAG_COUNT.
TAGS_MAX = 50
# Source: nova's schema of user_data: base64 text of a MySQL TEXT column.
USER_DATA_MAX = 65_535
CERTIFICATES_MAX = 50


def _unique(values: list[str] | None) -> list[str] | None:
    if values is not None and len(dict.fromkeys(values)) != len(values):
        raise ValueError(f"{values!r} has non-unique elements")
    return values


def _check_near(hints: dict[str, Any]) -> None:
    """Refuse an address that SimpleCIDRAffinityFilter could not read."""
    near, size = hints.get("build_near_host_ip"), hints.get("cidr", "/24")
    if near is None:
        return
    try:
        ip_network(f"{near}{size}", strict=False)
    except ValueError:
        text = f"build_near_host_ip {near!r} with cidr {size!r} is no network; give an address, and a size such as '/24'"
        raise ValueError(text) from None


class ServerCore(Body):
    """What a create request may say in every microversion."""

    name: Name
    flavor_ref: Reference = Field(alias="flavorRef")
    image_ref: Literal[""] | Uuid | None = Field(default=None, alias="imageRef")
    admin_password: StrictStr | None = Field(default=None, alias="adminPass")
    metadata: Metadata = Field(default_factory=dict)
    disk_config: Literal["AUTO", "MANUAL"] | None = Field(default=None, alias="OS-DCF:diskConfig")
    access_ip_v4: Ipv4 | None = Field(default=None, alias="accessIPv4")
    access_ip_v6: Ipv6 | None = Field(default=None, alias="accessIPv6")
    availability_zone: Name | None = None
    block_device_mapping: tuple[LegacyBlockDevice, ...] = ()
    block_device_mapping_v2: tuple[BlockDeviceV2, ...] = ()
    config_drive: Boolean | None = None
    key_name: Name | None = None
    min_count: Positive | None = None
    max_count: Positive | None = None
    return_reservation_id: Boolean = False
    security_groups: tuple[SecurityGroupName, ...] | None = None
    user_data: Annotated[Base64, Field(max_length=USER_DATA_MAX)] | None = None


class Server21(ServerCore):
    """Files may be put into the guest, networks need no uuid format."""

    networks: tuple[Network, ...] | None = None
    personality: tuple[File, ...] = ()


class Server219(Server21):
    """A description."""

    description: Description = None


class Server232(Server219):
    """Device tags, of networks and disks."""

    networks: tuple[TaggedNetwork, ...] | None = None
    block_device_mapping_v2: tuple[BlockDevice242, ...] = ()


class Server233(Server219):
    """The tags of disks were lost, by a bug that became the interface."""

    networks: tuple[TaggedNetwork, ...] | None = None


class Server237(Server219):
    """Networks must be said: a list, or auto, or none."""

    networks: tuple[Network237, ...] | Literal["none", "auto"]  # type: ignore[assignment]


class Server242(Server237):
    """The device tags are back."""

    networks: tuple[Network242, ...] | Literal["none", "auto"]
    block_device_mapping_v2: tuple[BlockDevice242, ...] = ()


class Server252(Server242):
    """Tags of the server."""

    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX)] = ()


class Server257(ServerCore):
    """No more files."""

    description: Description = None
    networks: tuple[Network242, ...] | Literal["none", "auto"]
    block_device_mapping_v2: tuple[BlockDevice242, ...] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX)] = ()


class Server263(Server257):
    """Trusted certificates."""

    trusted_image_certificates: Annotated[
        list[Annotated[StrictStr, Field(min_length=1)]] | None,
        Field(min_length=1, max_length=CERTIFICATES_MAX),
        AfterValidator(_unique),
    ] = None


class Server267(Server263):
    """The type of a new volume."""

    block_device_mapping_v2: tuple[BlockDevice267, ...] = ()


class Server274(Server267):
    """A requested host that the scheduler still checks."""

    host: HostFqdn | None = None
    hypervisor_hostname: HostFqdn | None = None


class Server290(Server274):
    """A hostname of the user's choice."""

    hostname: Hostname | None = None


class Server294(Server290):
    """The hostname may be a domain name."""

    hostname: HostFqdn | None = None


class Create(Body):
    """POST /servers: the server and, beside it, hints for the scheduler."""

    server: ServerCore
    hints: dict[str, Any] | None = Field(default=None, alias="os:scheduler_hints")
    old_hints: dict[str, Any] | None = Field(default=None, alias="OS-SCH-HNT:scheduler_hints")

    @field_validator("hints", "old_hints")
    @classmethod
    def _check_hints(cls, hints: dict[str, Any] | None) -> dict[str, Any] | None:
        for name in ("group", "same_host", "different_host"):
            value = (hints or {}).get(name, [])
            servers = value if isinstance(value, list) else [value]
            if not all(isinstance(one, str) and is_uuid(one) for one in servers):
                raise ValueError(f"{value!r} is not valid under any of the given schemas")
        _check_near(hints or {})
        return hints


# Plain subclasses: making them is a third of the cost of a generic class at every start of the process.
class Create21(Create):
    """POST /servers since 2.1."""

    server: Server21


class Create219(Create):
    """POST /servers since 2.19."""

    server: Server219


class Create232(Create):
    """POST /servers since 2.32."""

    server: Server232


class Create233(Create):
    """POST /servers since 2.33."""

    server: Server233


class Create237(Create):
    """POST /servers since 2.37."""

    server: Server237


class Create242(Create):
    """POST /servers since 2.42."""

    server: Server242


class Create252(Create):
    """POST /servers since 2.52."""

    server: Server252


class Create257(Create):
    """POST /servers since 2.57."""

    server: Server257


class Create263(Create):
    """POST /servers since 2.63."""

    server: Server263


class Create267(Create):
    """POST /servers since 2.67."""

    server: Server267


class Create274(Create):
    """POST /servers since 2.74."""

    server: Server274


class Create290(Create):
    """POST /servers since 2.90."""

    server: Server290


class Create294(Create):
    """POST /servers since 2.94."""

    server: Server294


CREATE = per_version(
    ((2, 1), Create21),
    ((2, 19), Create219),
    ((2, 32), Create232),
    ((2, 33), Create233),
    ((2, 37), Create237),
    ((2, 42), Create242),
    ((2, 52), Create252),
    ((2, 57), Create257),
    ((2, 63), Create263),
    ((2, 67), Create267),
    ((2, 74), Create274),
    ((2, 90), Create290),
    ((2, 94), Create294),
)
