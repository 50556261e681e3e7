"""One host with all that a whole cloud needs, and the commands of glasscloud on it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.real.bed.host import Bed, Host
from tests.real.bed.libvirtd import SOCKET, Libvirtd
from tests.real.bed.ovs import Ovs

GIVEN = {
    "cloud": '[cloud]\nid = "lab"\nhost = "one"\nadmin_password = "a"\nservice_password = "b"\nurl = "http://127.0.0.1:8774"',
    "state": "{state}",
    "hosts": '[hosts.one]\naddress = "127.0.0.1"',
    "hypervisor": '[hypervisor]\nuri = "lxc:///system?socket={socket}"',
    "network": '[network]\nrun_directory = "{ovs}"\ndatapath_type = "netdev"',
    "volume": "",
    "messaging": "",
    "database": "",
    "settings": "",
}
"""The configuration of one whole cloud on one host; a test changes some of its tables."""


class Machine:
    """One host that has all that a cloud needs."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.bed = stack.enter_context(Bed(directory / "bed"))
        self.host: Host = self.bed.host("one")
        self.ovs = stack.enter_context(Ovs(self.host))
        self.libvirtd = Libvirtd(self.host)
        stack.callback(self.libvirtd.close)

    def config(self, **tables: str) -> Path:
        """A configuration with some of its tables changed."""
        texts = {**GIVEN, "state": f'state = "{self.directory / "state"}"', **tables}
        text = "\n".join(texts.values()).replace("{socket}", SOCKET).replace("{ovs}", str(self.ovs.directory))
        path = self.directory / "cloud.toml"
        path.write_text(text)
        return path

    def command(self, *words: str, config: Path) -> list[str]:
        """A command of glasscloud."""
        clouds = ["--clouds", str(self.directory / "clouds.yaml")] if words[0] == "up" or "edge" in words else []
        return [sys.executable, "-m", "lab.cli.main", *words, "--config", str(config), *clouds]

    def told(self, *words: str, config: Path, through: tuple[str, ...] = ()) -> str:
        """The one line with which the command ended."""
        done = self.host.run(*through, *self.command(*words, config=config), check=False, timeout=60, env=environment())
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        assert done.stderr.startswith("glasscloud: ")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()

    def things(self) -> tuple[str, ...]:
        """Devices, addresses, namespaces, bridges, tables and guests."""
        links = self.host.run("ip", "-o", "link").stdout
        asked = (("ip", "-o", "address"), ("ip", "netns"), ("nft", "list", "tables"))
        bridges = self.ovs.vsctl("list-br")
        return (re.sub(r" state \w+| mode \w+", "", links), *(self.host.run(*each).stdout for each in asked), bridges)


def environment() -> dict[str, str]:
    """For a program of ours."""
    return os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}


@contextmanager
def small_disk(machine: Machine, name: str, size: str) -> Iterator[Path]:
    """A file system of that size, mounted where the host sees it."""
    folder = machine.directory / name
    folder.mkdir()
    machine.host.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        machine.host.run("umount", "-l", str(folder))
