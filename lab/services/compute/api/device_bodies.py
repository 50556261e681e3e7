"""What a create request may say of network cards, disks, files and security groups; numbers are microversions.

Source: nova/api/openstack/compute/schemas/servers.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from lab.rest.body import Body
from lab.services.compute.api.fields import Base64, Boolean, Integer, IpAddress, Name, Size, Tag, Text, Uuid


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
