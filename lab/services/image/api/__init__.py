"""The API of images: routes, checks of shape, answers; one file for each group of resources."""

from __future__ import annotations

from lab.process import Process
from lab.services.image.api.data import DataHandlers, MemberHandlers, SelfHandlers
from lab.services.image.api.images import RecordHandlers
from lab.services.image.data import SCRUB_INTERVAL_S
from lab.services.image.driver import ImageStore
from lab.services.image.manager import ImageManager

__all__ = ["ImageApi", "start"]


class ImageApi(RecordHandlers, DataHandlers, MemberHandlers, SelfHandlers):
    """All of glance's API that there is."""

    routes = (
        *RecordHandlers.record_routes,
        *DataHandlers.data_routes,
        *MemberHandlers.member_routes,
        *SelfHandlers.self_routes,
    )


def start(process: Process, store: ImageStore) -> None:
    """Start glance on a store of image files: the API that listens, and the removal of what is left behind."""
    manager = ImageManager(process, process.drive("image", store))
    process.memory["image"] = manager
    ImageApi(process, manager).start()
    process.spawn(manager.data.recover(), "recover")
    process.every(SCRUB_INTERVAL_S, manager.data.scrub, "scrub")
