"""The images of the tiny guest: a disk that boots, and a container's root file system."""

from __future__ import annotations

import gzip
import io
import os
from importlib.resources import files
from pathlib import Path

from drivers.guest import debian
from drivers.guest.archive import Entry, cpio, device, file, folder, link, tar
from drivers.guest.kernel import Kernel, kernel

COMMANDS = (
    "acpid cat chmod cp cut date dd df dmesg echo env false free getty grep head hexdump hostname httpd id insmod ip kill ln "
    "login ls lsmod md5sum mkdir mke2fs mount nc netstat nslookup ping ping6 poweroff printf ps reboot rm route sed sh sleep "
    "sort stat sync tail tee test timeout top touch tr traceroute true udhcpc umount uname uptime usleep vi wc wget"
)
"""What of busybox is linked by name."""
COMMAND_LINE = "console=ttyS0 quiet mitigations=off nokaslr random.trust_cpu=on"
"""Serial console; what a throw-away guest does not need costs seconds where a processor is emulated."""
LOADER = f"""serial 0 115200
default glass
prompt 0
label glass
  kernel /vmlinuz
  append initrd=/initrd {COMMAND_LINE}
"""
STATIC = Path("/bin/busybox")


def busybox() -> bytes:
    """A busybox without shared libraries: this machine's, or the package busybox-static."""
    if STATIC.exists() and b"/ld-linux" not in (data := STATIC.read_bytes())[:4096]:
        return data
    return debian.one_file(debian.package("busybox-static"), "/busybox")


def root(busybox: bytes) -> list[Entry]:
    """The files of the guest, in a virtual machine and in a container."""
    scripts = files("drivers.guest") / "root"
    script = {name: (scripts / f"{name}.sh").read_bytes() for name in ("init", "devices", "lease", "metadata", "run")}
    folders = (
        "bin", "dev", "etc", "etc/acpi", "etc/acpi/PWRF", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "var", "var/log", "var/run",
        "www", "www/cgi-bin",
    )  # fmt: skip
    return [
        *(folder(path) for path in folders),
        file("bin/busybox", busybox, 0o755),
        *(link(f"bin/{name}", "busybox") for name in COMMANDS.split()),
        device("dev/console", 5, 1),
        device("dev/null", 1, 3),
        file("init", script["init"], 0o755),
        link("sbin/init", "../init"),
        *(file(f"etc/{name}.sh", script[name], 0o755) for name in ("devices", "lease", "metadata")),
        file("etc/acpi/PWRF/00000080", b"#!/bin/sh\nkill -TERM 1\n", 0o755),
        file("etc/passwd", b"root::0:0:root:/root:/bin/sh\n"),
        file("etc/group", b"root:x:0:\n"),
        file("etc/issue", b"\nGlasscloud's tiny guest; log in as root, without a password.\n"),
        file("www/index.html", b"glasscloud guest\n"),
        file("www/cgi-bin/run", script["run"], 0o755),
    ]


def initrd(guest: list[Entry], modules: dict[str, bytes]) -> bytes:
    """The guest and its modules as the kernel's first and only file system."""
    order = "".join(f"{name}\n" for name in modules).encode()
    loaded = [folder("modules"), file("modules/order", order), *(file(f"modules/{name}", data) for name, data in modules.items())]
    return gzip.compress(cpio([*guest, *loaded]), mtime=0)


def disk(linux: Kernel, first: bytes) -> bytes:
    """A disk that a PC's firmware boots: ISO 9660 with a boot record, which is a hard disk and a CD at once."""
    from pycdlib import PyCdlib

    modules = debian.package("syslinux-common")
    content = {
        "isolinux.bin": debian.one_file(debian.package("isolinux"), "/isolinux.bin"),
        "ldlinux.c32": debian.one_file(modules, "/bios/ldlinux.c32"),
        "isolinux.cfg": LOADER.encode(),
        "vmlinuz": linux.image,
        "initrd": first,
    }
    iso, out = PyCdlib(), io.BytesIO()
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident="glasscloud")
    for name, data in content.items():
        iso.add_fp(io.BytesIO(data), len(data), f"/{name.upper() if '.' in name else name.upper() + '.'};1", rr_name=name)
    iso.add_eltorito("/ISOLINUX.BIN;1", bootcatfile="/BOOT.CAT;1", rr_bootcatname="boot.cat", boot_load_size=4, boot_info_table=True)
    iso.add_isohybrid(mbr_id=0x676C6173)
    iso.write_fp(out)
    iso.close()
    return out.getvalue()


def build_qemu(kernel_package: Path | None) -> bytes:
    """A raw disk image for QEMU and KVM on a PC. Raises LabError when a package cannot be had."""
    archive = debian.content(kernel_package) if kernel_package is not None else debian.package(debian.newest_kernel())
    linux = kernel(archive)
    return disk(linux, initrd(root(busybox()), linux.modules))


def build_lxc() -> bytes:
    """A root file system for LXC, as a compressed tar."""
    return tar(root(busybox()))


def write(path: Path, data: bytes) -> None:
    """Put an image in its place, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
