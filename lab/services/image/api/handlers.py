"""What all handlers of images share: the manager and the views."""

from __future__ import annotations

from typing import ClassVar

from lab.process import Process
from lab.rest import Api, FaultTable
from lab.rest.faults import html_style
from lab.rest.ranges import RangeNotSatisfiable
from lab.services.image.manager import ImageManager
from lab.services.image.model import ImageGone
from lab.services.image.views import ImageViews


class ImageHandlers(Api):
    """Base of the groups of handlers that `ImageApi` brings together."""

    service = "image"
    refusal: ClassVar[str] = "You are not authorized to complete {handler} action."
    faults: ClassVar[FaultTable | None] = FaultTable(html_style, {ImageGone: 410, RangeNotSatisfiable: 416})

    def __init__(self, process: Process, manager: ImageManager) -> None:
        super().__init__(process)
        self.manager = manager
        self.views = ImageViews(process.runtime)
