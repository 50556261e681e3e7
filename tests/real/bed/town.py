"""A whole real cloud in the test bed: a controller, two compute hosts with a trunk between them, and a NAS.

    control 10.77.0.1    RabbitMQ, PostgreSQL, the services and the edge, each program in the bed's own namespace
    nas 10.77.0.11       nfs-ganesha
    compute-1 10.77.0.12 libvirt's QEMU, Open vSwitch; agents of compute, network and DHCP
    compute-2 10.77.0.13 libvirt's LXC, Open vSwitch; agents of compute and network
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.real.bed.ganesha import Ganesha
from tests.real.bed.host import Bed, Host, wire
from tests.real.bed.libvirtd import Libvirtd
from tests.real.bed.ovs import Ovs
from tests.real.bed.postgres import Postgres
from tests.real.bed.rabbitmq import RabbitMQ

PASSWORD = "a word for the administrator"
CONTROL = ("keystone", "glance", "placement", "neutron-api", "neutron-rpc", "cinder-api", "cinder-scheduler", "cinder-volume", "nova-api")
PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "services": ("control", CONTROL),
    "nova-conductor": ("control", ("nova-conductor",)),
    "nova-scheduler": ("control", ("nova-scheduler",)),
    "edge": ("control", ("edge",)),
    "dhcp": ("compute-1", ("neutron-dhcp-agent",)),
    "l2-1": ("compute-1", ("neutron-l2-agent",)),
    "l2-2": ("compute-2", ("neutron-l2-agent",)),
    "compute-1": ("compute-1", ("nova-compute",)),
    "compute-2": ("compute-2", ("nova-compute",)),
}
"""Program -> (its host, its processes)."""
READY_S = 90.0
CONFIG = """
[cloud]
id = "town"
url = "http://{control}:8774"
state = "{state}"
admin_password = "{password}"
service_password = "a word for the services"
[hosts.control]
address = "{control}"
roles = ["controller"]
[hosts.compute-1]
address = "{one}"
roles = ["compute", "network"]
hypervisor = {{ uri = "qemu:///system?socket=/run/libvirt/libvirt-sock", virt_type = "qemu" }}
network = {{ run_directory = "{ovs_one}" }}
[hosts.compute-2]
address = "{two}"
roles = ["compute"]
hypervisor = {{ uri = "lxc:///system?socket=/run/libvirt/libvirt-sock" }}
network = {{ run_directory = "{ovs_two}" }}
[messaging]
url = "{mq}"
[database]
url = "{db}"
[network]
driver = "openvswitch"
datapath_type = "netdev"
bridge_mappings = {{ physnet1 = "trunk" }}
[volume]
driver = "nfs"
export = "{export}"
[settings]
password_cost = 4
network_vlan_ranges = {{ physnet1 = [100, 199] }}
report_interval_s = 5
cpu_allocation_ratio = 16.0
{settings}
"""


class Town:
    """The cloud. `openstack` runs the client in it."""

    def __init__(self, directory: Path, stack: ExitStack, settings: str = "") -> None:
        """`settings`: more lines of [settings]."""
        self.directory, self.settings = directory, settings
        self.bed = bed = stack.enter_context(Bed(directory))
        self.mq = RabbitMQ(bed.address, 5672, bed.enter())
        stack.callback(self.mq.close)
        self.mq.start()
        self.db = Postgres(bed.address, 5432, bed.enter())
        stack.callback(self.db.close)
        self.db.start()
        self.nas = Ganesha(bed.host("nas"), 4096)
        stack.callback(self.nas.close)
        self.ovs: dict[str, Ovs] = {}
        self.libvirt: dict[str, Libvirtd] = {}
        for name in ("compute-1", "compute-2"):
            host = bed.host(name)
            self.ovs[name] = stack.enter_context(Ovs(host))
            self.libvirt[name] = Libvirtd(host)
            stack.callback(self.libvirt[name].close)
        wire(bed.hosts["compute-1"], "trunk", bed.hosts["compute-2"], "trunk")
        self.config = directory / "cloud.toml"
        url = self.db.create("glasscloud")
        # As for any OpenStack before its first start: else each program that is first to need a table has what makes tables in its memory.
        bed.run(sys.executable, "-m", "lab.cli.main", "db", "upgrade", "--db", url, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
        self.config.write_text(self._toml(url))
        self.programs: dict[str, subprocess.Popen[Any]] = {}
        self._begun: dict[str, int] = {}
        stack.callback(self.stop)

    def _toml(self, database: str) -> str:
        hosts = self.bed.hosts
        return CONFIG.format(
            control=self.bed.address, one=hosts["compute-1"].address, two=hosts["compute-2"].address, state=self.directory / "state",
            password=PASSWORD, mq=self.mq.url, db=database, export=self.nas.export,
            ovs_one=self.ovs["compute-1"].directory, ovs_two=self.ovs["compute-2"].directory, settings=self.settings,
        )  # fmt: skip

    # -- programs -----------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start programs, all when none is named, and wait until each says that it is up."""
        chosen = names or tuple(PROGRAMS)
        for name in chosen:
            host, processes = PROGRAMS[name]
            holder: Bed | Host = self.bed if host == "control" else self.bed.hosts[host]
            command = [sys.executable, "-m", "lab.cli.main", "service", *processes, "--config", str(self.config), "--host", host]
            command += ["--clouds", str(self.directory / "clouds.yaml")] if name == "edge" else []
            with self.log(name).open("ab") as log:
                self._begun[name] = log.tell()
                environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}
                self.programs[name] = holder.popen(*command, stdout=log, stderr=log, env=environment)
        for name in chosen:
            self.until(partial(self.is_up, name), f"{name} is up")

    def is_up(self, name: str) -> bool:
        """Whether a program has said that it is up."""
        said = self.said(name)
        return b"up:" in said or b"ready at" in said

    def log(self, name: str) -> Path:
        """What a program prints goes there."""
        return self.directory / f"{name}.log"

    def said(self, name: str) -> bytes:
        """What a program printed since it was started. Raises RuntimeError when it ended."""
        text = self.log(name).read_bytes()[self._begun[name] :]
        if self.programs[name].poll() is not None:
            raise RuntimeError(f"{name} ended with {self.programs[name].returncode}: {text[-3000:].decode()}")
        return text

    def kill(self, name: str) -> None:
        """End a program by kill -9."""
        self.programs[name].kill()
        self.programs[name].wait(10)

    def stop(self) -> None:
        """End all programs, the edge last."""
        for process in self.programs.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.programs.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def memory(self) -> tuple[float, float]:
        """Memory of all programs in MiB: as each sees it (RSS), and with what they share counted once (PSS)."""
        rolled = [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in self.programs.values()]
        kinds = ("Rss", "Pss")
        rss, pss = (sum(int(re.findall(rf"^{kind}:\s+(\d+)", text, re.MULTILINE)[0]) for text in rolled) / 1024 for kind in kinds)
        return rss, pss

    # -- asking -------------------------------------------------------------------------------

    def until(self, holds: Any, what: str, timeout: float = READY_S) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"after {timeout:g} s still not: {what}")
            time.sleep(0.2)

    def openstack(self, *words: str, check: bool = True) -> Any:
        """Run the unmodified client; what it answers as JSON, or its text when that is none."""
        environment = os.environ | {"OS_CLIENT_CONFIG_FILE": str(self.directory / "clouds.yaml"), "OS_CLOUD": "glasscloud"}
        program = str(Path(sys.executable).with_name("openstack"))
        done = self.bed.run(program, *words, check=False, timeout=180, env=environment)
        if check:
            assert done.returncode == 0, f"openstack {' '.join(words)}: {done.stderr}"
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout or done.stderr

    def make(self, *words: str) -> dict[str, Any]:
        """Run a command of the client that makes or shows something."""
        found: dict[str, Any] = self.openstack(*words, "-f", "json")
        return found

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """Run a command of the client that lists something."""
        found: list[dict[str, Any]] = self.openstack(*words, "-f", "json")
        return found

    def whole(self) -> bool:
        """Whether all agents have reported."""
        compute = [row for row in self.rows("compute", "service", "list") if row["Binary"] == "nova-compute" and row["State"] == "up"]
        agents = [row for row in self.rows("network", "agent", "list") if row["Alive"]]
        volume = [row for row in self.rows("volume", "service", "list") if row["Binary"] == "cinder-volume" and row["State"] == "up"]
        return (len(compute), len(agents), len(volume)) == (2, 3, 1)


@contextmanager
def town(directory: Path, settings: str = "") -> Iterator[Town]:
    """A running cloud whose agents have all reported."""
    with ExitStack() as stack:
        running = Town(directory, stack, settings)
        running.start()
        running.until(running.whole, "every agent has reported")
        yield running
