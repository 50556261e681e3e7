"""What a user asks the compute room for, once its shape is checked: plain values without REST in them."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from lab.services.compute.flavors import Flavor
from lab.services.compute.keypairs import Keypair
from lab.values import value


@value
class NetworkRequest:
    """One network card that is asked for: by network or by port."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


@value
class BlockDeviceRequest:
    """One block device that is asked for, in the words of block_device_mapping_v2."""

    source_type: Literal["image", "volume", "snapshot", "blank"]
    destination_type: Literal["local", "volume"]
    uuid: str | None = None
    boot_index: int | None = None
    volume_size: int | None = None
    volume_type: str | None = None
    device_name: str | None = None
    device_type: str | None = None
    disk_bus: str | None = None
    guest_format: str | None = None
    delete_on_termination: bool = False
    tag: str | None = None


@value
class CreateServer:
    """A checked request for one or more servers.

    `image_id` is empty when no image is referenced at the top level (a volume boot). `networks` is a
    tuple of requests, or 'auto' (get me a network) or 'none', or None when the user said nothing.
    `hostname` is None when it follows from the name. `availability_zone` may be None; a forced host
    (`zone:host:node`, administrators only, not checked by the scheduler) stands in `forced_host` and
    `forced_node`, one that the scheduler checks (since 2.74) in `requested_host` and `requested_node`.
    """

    name: str
    flavor: Flavor
    image_id: str = ""
    min_count: int = 1
    max_count: int = 1
    networks: tuple[NetworkRequest, ...] | Literal["auto", "none"] | None = None
    block_devices: tuple[BlockDeviceRequest, ...] = ()
    security_groups: tuple[str, ...] = ("default",)
    keypair: Keypair | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    user_data: str | None = None
    personality: tuple[tuple[str, bytes], ...] = ()
    config_drive: bool = False
    availability_zone: str | None = None
    forced_host: str | None = None
    forced_node: str | None = None
    requested_host: str | None = None
    requested_node: str | None = None
    hints: dict[str, Any] = field(default_factory=dict)
    admin_password: str = ""
    disk_config: Literal["AUTO", "MANUAL"] = "MANUAL"
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    description: str | None = None
    hostname: str | None = None
    tags: tuple[str, ...] = ()
    trusted_image_certificates: tuple[str, ...] | None = None
    reservation_id: str = ""
