"""Block storage: cinder-api, cinder-scheduler and cinder-volume."""

from lab.services.volume.agent import start as start_volume
from lab.services.volume.api import start as start_api
from lab.services.volume.scheduler import start as start_scheduler

__all__ = ["start_api", "start_scheduler", "start_volume"]
