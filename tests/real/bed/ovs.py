"""An Open vSwitch of its own for one host of the test bed: a database and a daemon in the host's namespaces, the userspace datapath."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.real.bed.host import Holder
from tests.real.bed.host import need as need_host
from tests.real.bed.waiting import until

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


def need() -> None:
    """Skip unless Open vSwitch is installed and this is root."""
    need_host("ovsdb-server: openvswitch-switch", "ovs-vswitchd: openvswitch-switch", "ovs-ofctl: openvswitch-switch", "nft: nftables")


class Ovs:
    """One host's Open vSwitch; `directory` has its sockets."""

    def __init__(self, host: Holder) -> None:
        """Skips the test with a reason where it is not installed."""
        need()
        self.host, self.directory = host, host.directory / "ovs"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.database = self.directory / "conf.db"
        self._environment = os.environ | {f"OVS_{kind}DIR": str(self.directory) for kind in ("RUN", "DB", "LOG")}
        self._daemons: list[subprocess.Popen[Any]] = []
        if not self.database.exists():
            self.run("ovsdb-tool", "create", str(self.database), str(SCHEMA))
        socket = self.directory / "db.sock"
        self._start("ovsdb-server", str(self.database), f"--remote=punix:{socket}", f"--unixctl={self.directory}/db.ctl")
        until(socket.exists, "ovsdb-server")
        self.vsctl("--no-wait", "init")
        self.start_switch()

    def start_switch(self) -> None:
        """Start the daemon; it takes its bridges from the database."""
        self._start("ovs-vswitchd", f"unix:{self.directory}/db.sock", f"--unixctl={self.directory}/switch.ctl")
        until((self.directory / "switch.ctl").exists, "ovs-vswitchd")

    def stop_switch(self) -> None:
        """End the daemon alone."""
        daemon = self._daemons.pop()
        daemon.terminate()
        daemon.wait(20)

    def _start(self, program: str, *arguments: str) -> None:
        with (self.directory / f"{program}.log").open("ab") as log:
            self._daemons.append(self.host.popen(program, *arguments, stdout=log, stderr=log, env=self._environment))

    @property
    def pids(self) -> list[int]:
        """The daemons' processes."""
        return [daemon.pid for daemon in self._daemons]

    def run(self, *command: str) -> str:
        """Run one of Open vSwitch's programs to its end."""
        return self.host.run(*command, env=self._environment).stdout

    def vsctl(self, *arguments: str) -> str:
        """Ask or change the database."""
        return self.run("ovs-vsctl", "--timeout=10", f"--db=unix:{self.directory}/db.sock", *arguments)

    def close(self) -> None:
        """End both daemons."""
        while self._daemons:
            daemon = self._daemons.pop()
            daemon.terminate()
            daemon.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
