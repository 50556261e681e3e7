"""What a volume remembers of the image it was made from."""

from __future__ import annotations

from typing import Any

# The fields of an image that a volume keeps beside its free properties. Source: cinder/image/glance.py.
KEPT = ("checksum", "container_format", "disk_format", "min_disk", "min_ram", "size")
# The other fields of glance's answer are about the image's own life. Source: glance's image schema.
LIFE = (
    "id", "name", "status", "visibility", "protected", "owner", "created_at", "updated_at", "tags", "self", "file",
    "schema", "locations", "direct_url", "os_hash_algo", "os_hash_value", "os_hidden", "virtual_size", "stores",
)  # fmt: skip


def image_metadata(image: dict[str, Any]) -> dict[str, str]:
    """Return the image's description as the volume keeps and shows it: all values are texts."""
    kept = {"image_id": image["id"], "image_name": image.get("name")}
    kept |= {name: image.get(name) for name in KEPT}
    kept |= {name: value for name, value in image.items() if name not in KEPT + LIFE and isinstance(value, str)}
    return {name: str(value) for name, value in kept.items() if value is not None}
