"""The options of the libvirt driver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LibvirtOptions:
    """[hypervisor] with driver = "libvirt".

    uri: of this host's own libvirt: qemu:///system for virtual machines, lxc:/// for containers; '?socket=PATH' may follow.
    virt_type: 'kvm', 'qemu' (emulation), or 'auto': KVM if a probe that it runs proves that it works.
    machine: libvirt's machine type. cpu_mode: libvirt's CPU mode; '' is host-model for KVM and maximum for emulation.
    checksum_offload: leave it on in guests' cards; TCP through the userspace datapath of Open vSwitch needs it off.
    proof_s: how long the probe may take.
    """

    uri: str = "qemu:///system"
    virt_type: str = "auto"
    machine: str = "pc"
    cpu_mode: str = ""
    checksum_offload: bool = False
    proof_s: float = 8.0
