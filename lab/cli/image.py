"""`glasscloud image`: images for a real cloud without the internet."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.demo import Lang, native

BUILT = {
    "en": "{path}: {mib:.1f} MiB in {s:.1f} s. To have it in the cloud:",
    "ko": "{path}: {mib:.1f} MiB, {s:.1f}초. 클라우드에 올리려면:",
}
app = typer.Typer(no_args_is_help=True, add_completion=False)


class Kind(StrEnum):
    """For which hypervisor an image is."""

    QEMU = "qemu"
    LXC = "lxc"
    BOTH = "both"


NAMES = {Kind.QEMU: "glasscloud-guest.img", Kind.LXC: "glasscloud-guest.tar.gz"}


@app.callback()
def image() -> None:
    """Images for a real cloud."""


@app.command()
def build(
    kind: Annotated[Kind, typer.Option(help="A disk that boots (for QEMU and KVM), a root file system for LXC, or both.")] = Kind.BOTH,
    out: Annotated[Path, typer.Option(help="The folder to put them in.", file_okay=False)] = Path(),
    kernel: Annotated[
        Path | None, typer.Option(help="A kernel's .deb (linux-image-…); fetched by apt-get download otherwise.", dir_okay=False)
    ] = None,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)] = None,
) -> None:
    """Build the tiny guest of Debian's kernel and busybox: DHCP, metadata, user data, a console that says what it sees."""
    from drivers.guest.image import build_lxc, build_qemu, write

    out.mkdir(parents=True, exist_ok=True)
    for each in (Kind.QEMU, Kind.LXC) if kind is Kind.BOTH else (kind,):
        began, path = time.monotonic(), out / NAMES[each]
        data = build_lxc() if each is Kind.LXC else build_qemu(kernel)
        write(path, data)
        told = BUILT[(lang or native()).value]
        typer.echo(told.format(path=path, mib=len(data) / 1024**2, s=time.monotonic() - began))
        typer.echo(
            f"    openstack image create glasscloud-{each} --file {path} --disk-format raw --container-format bare "
            f"--property img_hv_type={each} --public"
        )
