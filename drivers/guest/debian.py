"""What is taken from Debian's packages: a kernel, busybox, a boot loader. Nothing is installed."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from lab.errors import LabError


def run(*command: str, cwd: Path | None = None) -> bytes:
    """Run one of Debian's tools. Raises LabError with its words, or that it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, cwd=cwd)
    except FileNotFoundError:
        raise LabError(
            f"{command[0]} is not there: a tiny guest is built from Debian's packages, on Debian or Ubuntu",
            ko=f"{command[0]}이(가) 없습니다. 작은 게스트는 Debian이나 Ubuntu에서 Debian 패키지로 만듭니다",
        ) from None
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(
            f"{' '.join(command)} failed: {words}; try apt-get update",
            ko=f"{' '.join(command)}: 실패했습니다({words}). apt-get update를 실행해 보십시오",
        )
    return done.stdout


def newest_kernel() -> str:
    """The package of the newest small kernel, made for virtual machines: what linux-image-cloud-amd64 stands for."""
    lines = run("apt-cache", "depends", "linux-image-cloud-amd64").decode().splitlines()
    names = [line.split()[-1] for line in lines if "Depends: linux-image-" in line]
    if not names:
        raise LabError(
            "apt knows no package linux-image-cloud-amd64; run apt-get update, or give a kernel's .deb by --kernel",
            ko="apt에 linux-image-cloud-amd64 패키지가 없습니다. apt-get update를 실행하거나 --kernel로 커널의 .deb를 주십시오",
        )
    return names[0]


def package(name: str) -> bytes:
    """The files of a package, as a tar. Raises LabError when apt cannot get it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # apt downloads as a user of its own
        run("apt-get", "download", "-q", name, cwd=Path(folder))
        return content(next(Path(folder).glob("*.deb")))


def content(path: Path) -> bytes:
    """The files of a .deb, as a tar. Raises LabError when it is none."""
    if not path.is_file():
        raise LabError(
            f"{path}: there is no such file; give the .deb of a kernel, as apt-get download brings it",
            ko=f"{path}: 그런 파일이 없습니다. apt-get download로 받은 커널의 .deb를 주십시오",
        )
    return run("dpkg-deb", "--fsys-tarfile", str(path))


def one_file(archive: bytes, ending: str) -> bytes:
    """The bytes of the one file whose path ends so. Raises LabError when there is none."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(ending):
                found = tar.extractfile(member)
                assert found is not None
                return found.read()
    raise LabError(f"the package has no {ending}; is it the right one?", ko=f"패키지에 {ending}이(가) 없습니다. 맞는 패키지입니까?")
