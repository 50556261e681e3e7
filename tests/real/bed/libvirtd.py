"""Debian's libvirtd in a host of the bed: its own configuration, sockets, logs and guests; nothing of the machine's own libvirt is seen.

One daemon serves QEMU and LXC. Guests outlive it, as on a real host; they end with the host.
"""

from __future__ import annotations

import contextlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from tests.real.bed.host import Host, need

START_S = 60.0
"""Probing QEMU takes 7 to 17 s when libvirt's cache is cold."""
SOCKET = "/run/libvirt/libvirt-sock"
FOLDERS = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "cache": "/var/cache/libvirt"}
KEPT_CACHE = Path(tempfile.gettempdir()) / "glasscloud-bed-libvirt-cache"
"""What libvirt found out about QEMU, kept for the next start."""

USER = {"passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin", "group": "libvirt-qemu:x:64055:"}
"""Debian's user of QEMU, as its package makes it."""
DAEMON = """
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 0
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
host_uuid = "{uuid}"
"""
QEMU = """
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
namespaces = []
remember_owner = 0
"""


class Libvirtd:
    """The daemon of one host; started by the constructor, ready when that returns."""

    def __init__(self, host: Host) -> None:
        """Skips the test with a reason where it, or its Python package, is missing."""
        pytest.importorskip("libvirt", reason="libvirt for Python is not installed; pip install glasscloud[real]")
        need("libvirtd: libvirt-daemon", "qemu-system-x86_64: qemu-system-x86", "qemu-img: qemu-utils", "virsh: libvirt-clients")
        self.host = host
        self._prepare(host.directory / "libvirt")
        self.start()

    def _prepare(self, folder: Path) -> None:
        """Private folders over Debian's; the user that Debian's QEMU driver wants to exist, where no package made it."""
        for name, place in FOLDERS.items():
            (folder / name).mkdir(parents=True)
            Path(place).mkdir(exist_ok=True)  # a place to mount on; Debian's package makes it, but not all of its parts do
            self.host.run("mount", "--bind", str(folder / name), place)
        if KEPT_CACHE.is_dir():
            shutil.copytree(KEPT_CACHE, folder / "cache", dirs_exist_ok=True)
        (folder / "etc/libvirtd.conf").write_text(DAEMON.format(uuid=uuid.uuid4()))
        (folder / "etc/qemu.conf").write_text(QEMU)
        self.log = folder / "log/libvirtd.log"
        try:
            pwd.getpwnam("libvirt-qemu")
        except KeyError:
            for name, line in USER.items():
                (folder / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
                self.host.run("mount", "--bind", str(folder / name), f"/etc/{name}")

    def start(self) -> None:
        """Start the daemon, and wait until both of its drivers answer."""
        self.process = self.host.popen("libvirtd", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_S
        while any(self.virsh("uri", driver=driver, check=False).returncode for driver in ("qemu", "lxc")):
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text()[-2000:] if self.log.exists() else ""
                raise RuntimeError(f"libvirtd of {self.host.name} does not answer (exit {self.process.poll()}): {said}")
            time.sleep(0.05)

    def _keep_cache(self) -> None:
        """Keep what was found out about QEMU, if it was asked; whole or not at all: another bed may read it now."""
        if KEPT_CACHE.exists() or not any(self.host.directory.glob("libvirt/cache/qemu/capabilities/*.xml")):
            return
        fresh = Path(tempfile.mkdtemp(dir=KEPT_CACHE.parent))
        shutil.copytree(self.host.directory / "libvirt/cache", fresh / "cache")
        with contextlib.suppress(OSError):  # another bed was first
            (fresh / "cache").rename(KEPT_CACHE)
        shutil.rmtree(fresh)

    def uri(self, driver: str = "qemu") -> str:
        """What a process of this host connects to, 'qemu' or 'lxc'."""
        return f"{driver}:///system?socket={SOCKET}"

    def virsh(self, *words: str, driver: str = "qemu", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of virsh."""
        return self.host.run("virsh", "-q", "-c", self.uri(driver), *words, check=check)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon; its guests go on."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        self.process.wait(20)

    def close(self) -> None:
        """End the daemon, and keep what it knows for the next one."""
        self.stop()
        self._keep_cache()
