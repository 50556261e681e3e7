"""Small layouts of real clouds, and a world that only knows who its hosts are."""

from __future__ import annotations

from drivers.site import Site
from drivers.world import RealWorld

TWO_HOSTS = {
    "hosts": {
        "controller-1": {"address": "10.0.0.1", "roles": ["controller", "network", "storage"]},
        "compute-1": {"address": "10.0.0.2", "roles": ["compute"]},
    },
}


class Town(RealWorld):
    """A real world without wires."""

    def __init__(self, site: Site) -> None:
        self.site = site
