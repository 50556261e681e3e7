"""A virtual machine with Debian's kernel, for what this machine's kernel lacks: its root is this machine's, read-only, under a tmpfs.

The kernel's package is fetched by apt once and unpacked beside the tests' other products; it is never installed. It runs emulated.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.bed.host import need as need_host
from tests.real.bed.waiting import until

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "build" / "debian-kernel"
VIRTIOFSD = Path("/usr/lib/qemu/virtiofsd")
EARLY = ("virtio_pci", "overlay", "fuse", "virtiofs")
"""The modules that it takes to see its root; all others are loaded from there."""
MEMORY = "1024M"
DONE = "JOB-ENDED-WITH="

EARLY_INIT = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in $(cat /order); do insmod /modules/$module; done
mount -t tmpfs up /up; mkdir /up/upper /up/work
mount -t virtiofs -o ro root /lower
mount -t overlay -o lowerdir=/lower,upperdir=/up/upper,workdir=/up/work root /whole
mount -o move /dev /whole/dev; umount /sys; umount /proc
cp /job /whole/run-job
exec switch_root /whole /bin/bash /run-job
"""

JOB = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run; mkdir -p /run/netns
ln -sf /proc/self/fd /dev/fd; ip link set lo up
mkdir -p /lib/modules; mount -t tmpfs modules /lib/modules; mkdir /lib/modules/$(uname -r); mount --bind {modules} /lib/modules/$(uname -r)
modprobe -a {load}
cd {directory}
{command}
echo {done}$?
echo o > /proc/sysrq-trigger; sleep 10
"""


def need() -> None:
    """Skip unless this is root and all that it takes is installed."""
    need_host(
        "qemu-system-x86_64: qemu-system-x86", "busybox: busybox-static", "cpio: cpio", "apt-get: apt", "dpkg-deb: dpkg", "depmod: kmod"
    )
    if not VIRTIOFSD.exists():
        pytest.skip("virtiofsd is not installed; apt-get install qemu-system-common")


def kernel() -> Path:
    """The tree of Debian's cloud kernel."""
    tree = KEPT / "tree"
    if not tree.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        said = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True, check=False).stdout
        names = [line.split()[1] for line in said.splitlines() if line.strip().startswith("Depends: linux-image-")]
        if not names:
            pytest.skip("apt knows no linux-image-cloud-amd64: it is Debian's kernel")
        got = subprocess.run(["apt-get", "-qq", "download", names[0]], cwd=KEPT, capture_output=True, text=True, check=False)
        packages = sorted(KEPT.glob("linux-image-*.deb"))
        if not packages:
            pytest.skip(f"apt-get download {names[0]}: {got.stderr.strip()}")
        new = KEPT / "new"
        subprocess.run(["dpkg-deb", "-x", str(packages[-1]), str(new)], check=True)
        subprocess.run(["depmod", "-b", str(new), version(new)], check=True)
        new.rename(tree)
    return tree


def version(tree: Path) -> str:
    return next((tree / "lib" / "modules").iterdir()).name


def _with_needs(modules: Path, names: tuple[str, ...]) -> list[str]:
    """The files of modules, each after those that it needs."""
    lines = (line.partition(": ") for line in (modules / "modules.dep").read_text().replace(":\n", ": \n").splitlines())
    needs = {head: rest.split() for head, _, rest in lines}
    order: list[str] = []
    for name in names:
        for path in (p for p in needs if Path(p).name == f"{name}.ko"):
            order += [p for p in (*reversed(needs[path]), path) if p not in order]
    return order


def _initrd(tree: Path, job: str, target: Path) -> None:
    modules = tree / "lib" / "modules" / version(tree)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for directory in ("bin", "modules", "proc", "sys", "dev", "up", "lower", "whole"):
            (root / directory).mkdir()
        shutil.copy(shutil.which("busybox") or "/bin/busybox", root / "bin" / "busybox")
        for applet in ("sh", "mount", "umount", "insmod", "switch_root", "cat", "cp", "mkdir"):
            (root / "bin" / applet).symlink_to("busybox")
        files = _with_needs(modules, EARLY)
        for path in files:
            shutil.copy(modules / path, root / "modules" / Path(path).name)
        (root / "order").write_text("\n".join(Path(path).name for path in files))
        (root / "job").write_text(job)
        (root / "init").write_text(EARLY_INIT)
        (root / "init").chmod(0o755)
        with target.open("wb") as out:
            found = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=found, stdout=out, check=True)


@contextlib.contextmanager
def _shared_root(directory: Path) -> Iterator[Path]:
    """This machine's files as the virtual machine may read them."""
    socket = directory / "root.sock"
    options = ["-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"]
    with (directory / "virtiofsd.log").open("wb") as log:
        daemon = subprocess.Popen([str(VIRTIOFSD), f"--socket-path={socket}", *options], stdout=log, stderr=log)
    try:
        until(socket.exists, "virtiofsd")
        yield socket
    finally:
        daemon.terminate()
        daemon.wait(20)


def run_in_vm(command: list[str], load: tuple[str, ...], timeout_s: float) -> tuple[int, str]:
    """Run a command in the tests' own directory, with these kernel modules; answers its exit code and all that it printed."""
    tree = kernel()
    job = JOB.format(
        modules=tree / "lib" / "modules" / version(tree), load=" ".join(load), directory=ROOT, command=shlex.join(command), done=DONE
    )
    with tempfile.TemporaryDirectory() as name, _shared_root(Path(name)) as socket:
        initrd = Path(name) / "initrd"
        _initrd(tree, job, initrd)
        program = [
            "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", str(min(2, os.cpu_count() or 1)), "-m", MEMORY, "-serial", "stdio",
            "-object", f"memory-backend-memfd,id=mem,size={MEMORY},share=on", "-numa", "node,memdev=mem",
            "-chardev", f"socket,id=root,path={socket}", "-device", "vhost-user-fs-pci,chardev=root,tag=root",
            "-kernel", str(tree / "boot" / f"vmlinuz-{version(tree)}"), "-initrd", str(initrd),
            "-append", "console=ttyS0 quiet mitigations=off nokaslr tsc=reliable",
        ]  # fmt: skip
        done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False)
    text = done.stdout.replace("\r", "") + done.stderr
    code = text.rpartition(DONE)[2].split()[0] if DONE in text else "-1"
    return int(code), text
