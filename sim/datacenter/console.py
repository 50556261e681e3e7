"""The serial console of a guest, written when somebody looks: its text follows from when it was switched on."""

from __future__ import annotations

from sim.datacenter.guest import Boot, Guest

SECOND = 1_000_000_000


def text(guest: Guest, now_ns: int) -> str:
    """Return all that the guest has printed."""
    lines = (line for boot in guest.boots for line in _boot(guest, boot, min(now_ns, boot.off_ns or now_ns)))
    return "".join(line + "\n" for line in lines)


def tail(whole: str, lines: int | None) -> str:
    """Return the last lines of a text; None is all, as nova reads it."""
    if lines is None or lines < 0:
        return whole
    kept = whole.splitlines(keepends=True)[-lines:] if lines else []
    return "".join(kept)


def _boot(guest: Guest, boot: Boot, until_ns: int) -> list[str]:
    spec = guest.spec
    span = boot.network_ns - boot.on_ns

    def early(permille: int) -> int:
        return boot.on_ns + span * permille // 1000

    said: list[tuple[int, str]] = [
        (early(0), _stamp(0, f"Linux version 6.6.0-glass (simulated) on {spec.vcpus} vCPU, {spec.memory_mib} MiB")),
        (early(20), _stamp(span * 20 // 1000, "Command line: root=LABEL=glass-rootfs ro console=tty1 console=ttyS0")),
        (early(150), _stamp(span * 150 // 1000, f"Memory: {spec.memory_mib * 1024}K available")),
        (early(300), _stamp(span * 300 // 1000, f"smp: Brought up 1 node, {spec.vcpus} CPUs")),
    ]
    for index, disk in enumerate(guest.disks.values()):
        what = f"virtio_blk virtio{index}: [{disk.device.rpartition('/')[2]}] {disk.size_gib} GiB"
        said.append((early(450), _stamp(span * 450 // 1000, what)))
    for index, vif in enumerate(guest.vifs.values()):
        said.append((early(600), _stamp(span * 600 // 1000, f"virtio_net eth{index}: {vif.nic.mac_address}")))
    said.append((early(800), _stamp(span * 800 // 1000, "EXT4-fs (vda1): mounted filesystem, resized to the disk")))
    if guest.vifs:
        said.append((boot.network_ns, "Starting network: udhcpc: started"))
    said.extend((t, f"udhcpc: {line}") for t, line in boot.dhcp)
    if not guest.vifs:
        said.append((boot.network_ns, "Starting network: no network card found"))
    said.append((boot.login_ns, "Starting ssh server: OK"))
    said.append((boot.login_ns, ""))
    said.append((boot.login_ns, f"{guest.name} login: "))
    lines = [line for t, line in sorted(said, key=lambda item: item[0]) if t <= until_ns]
    if boot.end:
        lines.append(boot.end)
    return lines


def _stamp(since_ns: int, line: str) -> str:
    return f"[{since_ns / SECOND:12.6f}] {line}"
