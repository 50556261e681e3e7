"""A NAS of the test bed: an NFS server in user space (nfs-ganesha) on one of its hosts, with one export of a size of its own."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.real.bed.host import Host, need

EXPORT = "/srv/export"
CONFIG = """
NFS_CORE_PARAM {{ Protocols = 3, 4; NFS_Port = 2049; MNT_Port = 20048; Enable_NLM = false; Enable_RQUOTA = false; }}
NFSv4 {{ Graceless = true; Only_Numeric_Owners = true; RecoveryBackend = fs; RecoveryRoot = {directory}/recovery; }}
EXPORT {{
    Export_Id = 1; Path = {export}; Pseudo = {export}; Access_Type = RW; Squash = No_root_squash; SecType = sys;
    Protocols = 3, 4; Transports = TCP; FSAL {{ Name = VFS; }}
}}
LOG {{ Default_Log_Level = EVENT; }}
"""
READY_S = 30.0


class Ganesha:
    """The server. `address` and `export` ('HOST:/srv/export') are what clients need; `files` shows the export from here."""

    def __init__(self, host: Host, size_mib: int = 512) -> None:
        need("ganesha.nfsd: nfs-ganesha nfs-ganesha-vfs", "rpcbind: rpcbind", "nfs-ls: libnfs-utils")
        self.host, self.address = host, host.address
        self.export = f"{host.address}:{EXPORT}"
        self._running: list[subprocess.Popen[Any]] = []
        directory = host.directory / "nas"
        (directory / "recovery").mkdir(parents=True, exist_ok=True)
        self._config, self._log = directory / "ganesha.conf", directory / "ganesha.log"
        self._config.write_text(CONFIG.format(directory=directory, export=EXPORT))
        # It asks for its domain at the start; nobody must be waited for.
        (directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        host.run("mount", "--bind", str(directory / "resolv.conf"), "/etc/resolv.conf")
        # The root of a host's file system is everybody's; what is exported is mounted where only this host sees it.
        host.run("sh", "-c", "mkdir -p /run/ganesha /run/rpcbind /run/nas")
        host.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/srv")
        host.run("mkdir", EXPORT)
        host.run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", EXPORT)
        self._start()

    def _start(self) -> None:
        self._daemon("rpcbind", "-f", "-w")
        self._until("rpcinfo", "-p")
        self._daemon("ganesha.nfsd", "-F", "-f", str(self._config), "-L", str(self._log), "-p", "/run/ganesha/pid")
        self._until("nfs-ls", f"nfs://{self.address}{EXPORT}")

    def _daemon(self, *command: str) -> None:
        with self._log.open("a") as log:
            self._running.append(self.host.popen(*command, stdout=log, stderr=log))

    def _until(self, *command: str) -> None:
        """Wait until the command succeeds."""
        until = time.monotonic() + READY_S
        while self.host.run(*command, check=False).returncode != 0:
            if time.monotonic() > until or any(process.poll() is not None for process in self._running):
                told = self._log.read_text()[-2000:]
                self.close()
                raise RuntimeError(f"the NAS did not come up: {' '.join(command)} still fails; {told}")
            time.sleep(0.05)

    @property
    def files(self) -> Path:
        """The exported directory, seen from here."""
        return self.host.path(EXPORT)

    def stop(self) -> None:
        """Have the NAS lose its power; its files stay."""
        for process in self._running:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(10)
        self._running = []

    def start(self) -> None:
        """Give it power again."""
        if not self._running:
            self._start()

    close = stop
