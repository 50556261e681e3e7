"""How an agent reports its state: all of it at first, when it changed and now and then; else who it is."""

from __future__ import annotations

from collections.abc import Callable

from lab.process import Process
from lab.services.network import rpc
from lab.services.network.model import Json

FIRST_FULL = 3
"""The first reports are full: one of them may be lost. A guess."""
FULL_REPORTS = 20
"""Every so many reports an agent says all of its state, should its record have been deleted. A guess: 10 minutes."""


class StateReport:
    """What one agent reports each `agent_report_interval_s`; `configurations` is asked for at each."""

    def __init__(self, process: Process, agent: tuple[str, str, str], configurations: Callable[[], Json]) -> None:
        self._process, self._configurations = process, configurations
        self._agent_type, self._binary, self._topic = agent
        self._brief: Json = {"agent_state": {"agent_type": self._agent_type, "host": process.host}}
        self._said: Json = {}
        self._count = 0

    def start(self) -> None:
        """Report now and from now on."""
        period = self._process.config.agent_report_interval_s
        self._process.rpc.report(rpc.REPORTS, "report_state", period, self._report)

    def _report(self) -> Json:
        configurations, number = self._configurations(), self._count
        self._count += 1
        if number >= FIRST_FULL and number % FULL_REPORTS and configurations == self._said:
            return self._brief
        self._said = configurations
        return {
            "agent_state": {
                "agent_type": self._agent_type,
                "binary": self._binary,
                "topic": self._topic,
                "host": self._process.host,
                "start_flag": number == 0,
                "configurations": configurations,
            }
        }
