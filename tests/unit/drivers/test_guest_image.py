"""The builder of the tiny guest: its archives, and what it takes out of a kernel's package."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from drivers.guest import debian, image
from drivers.guest.archive import cpio, device, file, folder, link, tar
from drivers.guest.kernel import kernel
from lab.errors import LabError

FILES = [folder("bin"), file("bin/tool", b"#!/bin/sh\n", 0o755), link("bin/other", "tool"), device("dev-null", 1, 3)]


def test_a_cpio_holds_what_was_put_in(tmp_path: Path) -> None:
    data = cpio(FILES)
    fields = [int(data[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
    assert data[:6] == b"070701"
    assert (fields[1], fields[11]) == (stat.S_IFDIR | 0o755, len("bin") + 1)
    names = [name for name in (b"bin\0", b"bin/tool\0", b"bin/other\0", b"dev-null\0", b"TRAILER!!!\0") if name in data]
    assert len(names) == 5
    assert len(data) % 4 == 0
    assert data == cpio(FILES), "the same each time"


def test_a_tar_holds_what_was_put_in_but_devices() -> None:
    data = tar(FILES)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["bin", "bin/tool", "bin/other"]
        assert archive.getmember("bin/tool").mode == 0o755
        assert archive.getmember("bin/other").linkname == "tool"
    assert data == tar(FILES)


def package(**modules: tuple[str, str]) -> bytes:
    """A kernel's package: modules by name with their ending and what they depend on."""
    out = io.BytesIO()
    content = {"./boot/vmlinuz-6.1.0-test": b"kernel"}
    for name, (ending, depends) in modules.items():
        data = b"ELF\0depends=" + depends.encode() + b"\0name=" + name.encode() + b"\0"
        content[f"./lib/modules/6.1.0-test/kernel/{name.replace('_', '-')}.{ending}"] = lzma.compress(data) if ending == "ko.xz" else data
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_modules_come_after_those_that_they_need() -> None:
    needs = {"virtio_net": ("ko", "net-failover,failover"), "net_failover": ("ko.xz", "failover"), "failover": ("ko", "")}
    found = kernel(package(**needs, other=("ko", "")))
    assert found.release == "6.1.0-test"
    assert found.image == b"kernel"
    assert list(found.modules) == ["failover.ko", "net_failover.ko", "virtio_net.ko"]
    assert found.modules["net_failover.ko"].startswith(b"ELF"), "as the kernel loads it"


def test_what_is_no_kernel_is_said(tmp_path: Path) -> None:
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    with pytest.raises(LabError, match=r"no boot/vmlinuz-…; give one named linux-image-…"):
        kernel(empty.getvalue())
    with pytest.raises(LabError, match="there is no such file"):
        debian.content(tmp_path / "none.deb")
    with pytest.raises(LabError, match="Debian or Ubuntu"):
        debian.run("no-such-tool-of-debian")


def test_the_scripts_of_the_guest_are_in_it_and_are_shell() -> None:
    entries = {entry.path: entry for entry in image.root(b"busybox")}
    for path in ("init", "etc/devices.sh", "etc/lease.sh", "etc/metadata.sh", "www/cgi-bin/run"):
        assert stat.S_IMODE(entries[path].mode) == 0o755
        checked = subprocess.run(["sh", "-n"], input=entries[path].data, capture_output=True, check=False)
        assert (path, checked.stderr) == (path, b"")
    assert entries["sbin/init"].data == b"../init"
    packed = gzip.decompress(image.initrd([], {"a.ko": b"A", "b.ko": b"B"}))
    assert b"a.ko\nb.ko\n" in packed


def test_an_image_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    image.write(tmp_path / "image", b"bytes")
    assert (tmp_path / "image").read_bytes() == b"bytes"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        image.write(tmp_path / "folder", b"bytes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "image"]
