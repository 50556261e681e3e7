"""The request bodies of servers, one class for each microversion that changed them.

Source: nova/api/openstack/compute/schemas/servers.py; the numbers in the names are microversions.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, StrictStr, field_validator

from lab.rest import Body, per_version
from lab.services.compute.api.fields import (
    Base64,
    Boolean,
    Description,
    HostFqdn,
    Hostname,
    Integer,
    IpAddress,
    Ipv4,
    Ipv6,
    Metadata,
    Name,
    Positive,
    Reference,
    Size,
    Tag,
    Text,
    Uuid,
    ZoneName,
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


class Network(Body):
    """A network card: by network, by port, or both said wrongly (the use case refuses that)."""

    uuid: StrictStr | None = None
    port: Uuid | None = None
    fixed_ip: IpAddress | None = None


class TaggedNetwork(Network):
    """A network card with a device tag."""

    tag: Tag | None = None


class Network237(Body):
    """A network card whose network is a uuid."""

    uuid: Uuid | None = None
    port: Uuid | None = None
    fixed_ip: IpAddress | None = None


class Network242(Network237):
    """A network card with a device tag, again."""

    tag: Tag | None = None


class LegacyBlockDevice(Body):
    """A disk in the words of the first block_device_mapping."""

    virtual_name: Text | None = None
    volume_id: Uuid | None = None
    snapshot_id: Uuid | None = None
    volume_size: Size | None = None
    device_name: Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._/-]*$")] | None = None
    delete_on_termination: Boolean = False
    no_device: Any = None
    connection_info: StrictStr | None = None


class BlockDeviceV2(LegacyBlockDevice):
    """A disk in the words of block_device_mapping_v2."""

    source_type: Literal["volume", "image", "snapshot", "blank"] | None = None
    uuid: Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._-]*$")] | None = None
    image_id: Uuid | None = None
    destination_type: Literal["local", "volume"] | None = None
    guest_format: Text | None = None
    device_type: Text | None = None
    disk_bus: Text | None = None
    boot_index: Integer | None = None


class BlockDevice242(BlockDeviceV2):
    """A disk with a device tag."""

    tag: Tag | None = None


class BlockDevice267(BlockDevice242):
    """A disk whose new volume has a type."""

    volume_type: Text | None = None


class File(Body):
    """A file to put into the guest."""

    path: StrictStr
    contents: Base64


class SecurityGroupName(Body):
    """A security group by name or id."""

    name: Name


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


S = TypeVar("S", bound=ServerCore)


class Create(Body, Generic[S]):
    """POST /servers: the server and, beside it, hints for the scheduler."""

    server: S
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
        return hints


CREATE = per_version(
    ((2, 1), Create[Server21]),
    ((2, 19), Create[Server219]),
    ((2, 32), Create[Server232]),
    ((2, 33), Create[Server233]),
    ((2, 37), Create[Server237]),
    ((2, 42), Create[Server242]),
    ((2, 52), Create[Server252]),
    ((2, 57), Create[Server257]),
    ((2, 63), Create[Server263]),
    ((2, 67), Create[Server267]),
    ((2, 74), Create[Server274]),
    ((2, 90), Create[Server290]),
    ((2, 94), Create[Server294]),
)


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


U = TypeVar("U", bound=Update21)


class Update(Body, Generic[U]):
    """PUT /servers/{id}."""

    server: U


UPDATE = per_version(
    ((2, 1), Update[Update21]),
    ((2, 19), Update[Update219]),
    ((2, 90), Update[Update290]),
    ((2, 94), Update[Update294]),
    ((2, 104), Update[Update2104]),
)
