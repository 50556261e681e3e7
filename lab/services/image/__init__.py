"""Image (glance): templates of disks, their data, and with whom they are shared."""

from lab.services.image.api import ImageApi, start

__all__ = ["ImageApi", "start"]
