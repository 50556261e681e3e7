"""The factories of nova's processes: what each serves when it starts, and starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.services.compute.agent import ComputeAgent
from lab.services.compute.api import ComputeApi
from lab.services.compute.conductor import Conductor
from lab.services.compute.manager import ComputeManager
from lab.services.compute.scheduler import Scheduler

if TYPE_CHECKING:
    from lab.process import Process
    from lab.services.compute.driver import HypervisorDriver


def start_api(process: Process) -> None:
    """Start nova-api."""
    ComputeApi(process, ComputeManager(process)).start()


def start_conductor(process: Process) -> None:
    """Start nova-conductor."""
    Conductor(process).start()


def start_scheduler(process: Process) -> None:
    """Start nova-scheduler."""
    Scheduler(process).start()


def start_agent(process: Process, driver: HypervisorDriver) -> None:
    """Start nova-compute on its host."""
    ComputeAgent(process, driver).start()
